"""`pounce check`: imports as a server would, and opens nothing."""

import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pounce.cli import check
from pounce.protocol.errors import ApplicationLoadError, ConfigError


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", sys.path[:])
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    Path("checked.py").write_text("async def app(scope, receive, send): ...\n")
    yield
    sys.modules.pop("checked", None)


def test_says_that_all_is_good(capsys: pytest.CaptureFixture[str]) -> None:
    check.run(["checked:app", "--port", "81"])
    assert capsys.readouterr().out == "checked:app is good, and would be served on 127.0.0.1:81\n"


def test_ends_well() -> None:
    assert check.run(["checked:app"]) == 0


def test_opens_no_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket, "socket", refuse)
    assert check.run(["checked:app"]) == 0


def test_an_application_that_is_missing() -> None:
    with pytest.raises(ApplicationLoadError, match='did you mean "app"'):
        check.run(["checked:ap"])


def test_a_setting_that_is_wrong() -> None:
    with pytest.raises(ConfigError, match="--port must be"):
        check.run(["checked:app", "--port", "x"])
