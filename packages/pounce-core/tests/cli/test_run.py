"""`pounce.run(...)`: the server from a program."""

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from pounce.cli.run import run
from pounce.protocol.errors import BindError


class Served:
    """Stands for the server: keeps its configurations, and ends as it is told."""

    def __init__(self) -> None:
        self.configs: list[Any] = []
        self.outcome: int | BaseException = 0

    def __call__(self, config: Any) -> Served:
        self.configs.append(config)
        return self

    def run(self) -> int:
        if isinstance(self.outcome, BaseException):
            raise self.outcome
        return self.outcome


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Served:
    server = Served()
    module = ModuleType("pounce.supervise.program")
    module.Program = server  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "pounce.supervise.program", module)
    return server


async def application(scope: Any, receive: Any, send: Any) -> None: ...


def status_of(*arguments: Any, **settings: Any) -> object:
    with pytest.raises(SystemExit) as caught:
        run(*arguments, **settings)
    return caught.value.code


def test_serves_an_application(served: Served) -> None:
    run(application, port=81)
    assert [(config.app, config.port) for config in served.configs] == [(application, 81)]


def test_returns_after_a_good_end(served: Served) -> None:
    run(application)
    assert len(served.configs) == 1


def test_ends_the_process_with_the_servers_status(served: Served) -> None:
    served.outcome = 4
    assert status_of(application) == 4


def test_the_environment_counts(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POUNCE_PORT", "82")
    run(application)
    assert served.configs[0].port == 82


def test_an_argument_counts_more(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POUNCE_PORT", "82")
    run(application, port=83)
    assert served.configs[0].port == 83


def test_no_file_is_read(served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("pounce.toml").write_text("port = 84\n")
    run(application)
    assert served.configs[0].port == 8000


def test_what_uvicorn_takes_can_stay(served: Served) -> None:
    run(application, reload=False, loop="auto", ssl_keyfile=None)
    assert len(served.configs) == 1


@pytest.mark.usefixtures("served")
def test_an_unknown_setting_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert status_of(application, prot=1) == 2
    assert capsys.readouterr().err == ('pounce: there is no setting "prot", did you mean "port"?\n')


def test_a_failed_start_is_said(served: Served, capsys: pytest.CaptureFixture[str]) -> None:
    served.outcome = BindError("in use")
    assert status_of(application) == 3
    assert capsys.readouterr().err == "pounce: in use\n"


def test_an_interrupt_before_the_server_runs_is_quiet(
    served: Served, capsys: pytest.CaptureFixture[str]
) -> None:
    served.outcome = KeyboardInterrupt()
    assert status_of(application) == 130
    assert capsys.readouterr().err == ""
