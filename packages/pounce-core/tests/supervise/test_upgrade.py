"""Handing the sockets over to a new server: what it inherits, and what comes of the old one."""

import os
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pounce.config.config import Config
from pounce.protocol.errors import BindError
from pounce.supervise import upgrade as module
from pounce.supervise.listeners import Listener, open_listeners
from pounce.supervise.upgrade import VARIABLE, Inheritance, Upgrade, command, inherit_listeners

PATIENCE = 60.0

TAKE_OVER = """
from pounce.supervise.upgrade import Inheritance, inherit_listeners
inheritance = Inheritance()
assert inheritance
listeners = inherit_listeners(inheritance.listeners)
"""


@pytest.fixture
def listener() -> Iterator[Listener]:
    [made] = open_listeners(Config("module:app", port=0))
    yield made
    made.close()


class Attempt:
    """An upgrade to a program, and what came of it."""

    def __init__(self, *listeners: Listener) -> None:
        self.outcomes: list[str] = []
        self.upgrade = Upgrade(
            listeners,
            lambda: self.outcomes.append("succeeded"),
            lambda: self.outcomes.append("failed"),
        )

    def run(self) -> list[str]:
        """Waits for the new program's end as well."""
        self.upgrade.start()
        for thread in threading.enumerate():
            if thread.name == "pounce-heir":
                thread.join(PATIENCE)
                assert not thread.is_alive()
        return self.outcomes


type Becomes = Callable[[str], None]


@pytest.fixture
def becomes(monkeypatch: pytest.MonkeyPatch) -> Becomes:
    """Says what program the new server is."""

    def become(program: str) -> None:
        monkeypatch.setattr(module, "command", lambda: [sys.executable, "-c", program])

    return become


# The old server


def test_a_successor_that_serves_is_given_way_to(becomes: Becomes) -> None:
    becomes(TAKE_OVER + "inheritance.take_over()")
    assert Attempt().run() == ["succeeded"]


@pytest.mark.parametrize(
    "end", ["raise SystemExit(3)", "import os; os.write(inheritance._ready, b'rea')"]
)
def test_a_successor_that_ends_before_it_serves_changes_nothing(
    becomes: Becomes, caplog: pytest.LogCaptureFixture, end: str
) -> None:
    becomes(TAKE_OVER + end)
    assert Attempt().run() == ["failed"]
    assert "the old server goes on" in caplog.text


def test_a_successor_that_cannot_be_started_changes_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "command", lambda: [str(tmp_path / "nothing")])
    before = len(list(Path("/dev/fd").iterdir()))
    assert Attempt().run() == ["failed"]
    assert "the upgrade could not be started" in caplog.text
    assert len(list(Path("/dev/fd").iterdir())) == before


def test_an_upgrade_leaves_no_descriptor(becomes: Becomes, listener: Listener) -> None:
    becomes(TAKE_OVER + "inheritance.take_over()")
    before = len(list(Path("/dev/fd").iterdir()))
    assert Attempt(listener).run() == ["succeeded"]
    assert len(list(Path("/dev/fd").iterdir())) == before


def test_a_successor_has_the_sockets_with_who_waits_there(
    becomes: Becomes, listener: Listener
) -> None:
    becomes(
        TAKE_OVER
        + "sock, _ = listeners[0].socket.accept(); sock.sendall(listeners[0].url.encode())\n"
        + "inheritance.take_over()"
    )
    with socket.create_connection(listener.socket.getsockname(), PATIENCE) as client:
        assert Attempt(listener).run() == ["succeeded"]
        assert client.recv(100) == listener.url.encode()


def test_a_successor_may_speak_to_the_service_manager(
    becomes: Becomes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The variable that says whose business the watchdog is names the old process."""
    monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()))
    monkeypatch.setenv("WATCHDOG_USEC", "1000000")
    becomes(
        TAKE_OVER
        + "import os; assert 'WATCHDOG_PID' not in os.environ\n"
        + "assert os.environ['WATCHDOG_USEC'] == '1000000'; inheritance.take_over()"
    )
    assert Attempt().run() == ["succeeded"]


# The new server


def test_a_process_that_replaces_none_inherits_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    inheritance = Inheritance()
    inheritance.take_over()
    assert not inheritance
    assert inheritance.listeners == ()


@pytest.mark.parametrize(
    "text",
    ["", "no json", "[]", "{}", '{"listeners": [{}], "ready": 1}', '{"listeners": 1, "ready": 1}'],
)
def test_what_has_no_sense_is_refused_in_a_sentence(
    monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setenv(VARIABLE, text)
    with pytest.raises(BindError, match=f"{VARIABLE} is pounce's own"):
        Inheritance()


@pytest.fixture
def ready(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """What the old process reads, with the other end given to this one."""
    read, write = os.pipe()
    monkeypatch.setenv(VARIABLE, f'{{"listeners": [], "ready": {write}}}')
    yield read
    os.close(read)


def test_what_was_inherited_is_not_inherited_once_more(ready: int) -> None:
    inheritance = Inheritance()
    assert VARIABLE not in os.environ
    inheritance.take_over()


def test_the_old_process_is_told_once(ready: int) -> None:
    inheritance = Inheritance()
    for _ in range(2):
        inheritance.take_over()
    with os.fdopen(os.dup(ready), "rb") as pipe:
        assert pipe.read() == b"ready"


def test_an_old_process_that_has_gone_is_no_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    read, write = os.pipe()
    os.close(read)
    monkeypatch.setenv(VARIABLE, f'{{"listeners": [], "ready": {write}}}')
    Inheritance().take_over()


def test_a_socket_that_is_not_there_is_told_in_a_sentence(listener: Listener) -> None:
    described = listener.describe()
    listener.close()
    with pytest.raises(BindError):
        inherit_listeners([described])


def test_a_socket_file_is_removed_by_who_took_it_over(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    [old] = open_listeners(Config("module:app", uds=str(path)))
    [new] = inherit_listeners([old.describe()])
    old.leave_file()
    old.socket.detach()
    old.close()
    before = path.exists()
    new.close()
    assert (before, path.exists()) == (True, False)


# The program


def test_a_program_is_called_by_its_name_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """At the same place may be a new version, for another interpreter."""
    program = tmp_path / "pounce"
    program.touch(0o755)
    monkeypatch.setattr(sys, "argv", [str(program), "module:app", "--port", "0"])
    assert command() == [str(program), "module:app", "--port", "0"]


@pytest.mark.parametrize("mode", [0o644, 0o755])
def test_a_module_is_run_by_the_interpreter_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, mode: int
) -> None:
    program = tmp_path / "__main__.py"
    program.touch(mode)
    monkeypatch.setattr(sys, "argv", [str(program), "module:app"])
    monkeypatch.setattr(sys, "orig_argv", ["python", "-W", "error", "-m", "pounce", "module:app"])
    assert command() == [sys.executable, "-W", "error", "-m", "pounce", "module:app"]
