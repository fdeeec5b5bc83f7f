"""`pounce APP` hands its configuration to the server, and the server's status back."""

import sys
from types import ModuleType
from typing import Any

import pytest

from pounce.cli import serve


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The configurations of the servers that ran; each ended with status 7."""
    configs: list[Any] = []

    class Program:
        def __init__(self, config: Any, *_: Any, **__: Any) -> None:
            configs.append(config)

        def run(self) -> int:
            return 7

    module = ModuleType("pounce.supervise.program")
    module.Program = Program  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "pounce.supervise.program", module)
    return configs


def test_the_server_gets_the_configuration(served: list[Any]) -> None:
    serve.run(["a:b", "--port", "81"])
    assert [(config.app, config.port) for config in served] == [("a:b", 81)]


@pytest.mark.usefixtures("served")
def test_the_status_is_the_servers() -> None:
    assert serve.run(["a:b"]) == 7


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    from pounce.cli.main import COMMANDS

    with pytest.raises(SystemExit):
        serve.run(["--help"])
    text = capsys.readouterr().out
    assert all(f"\n  {command}" in text for command in COMMANDS)


@pytest.mark.usefixtures("outsider")
def test_help_names_what_is_installed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        serve.run(["--help"])
    assert "\n  greet                       Greets.\n" in capsys.readouterr().out
