"""What belongs to a service: PID file, privileges and the service manager."""

import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pounce.protocol.errors import ApplicationLoadError, StartupError
from pounce.supervise import program as module
from pounce.supervise import systemd
from pounce.supervise.listeners import Listener
from pounce.supervise.pid_file import PidFile
from pounce.supervise.privileges import Identity
from pounce.testing.application import hello
from pounce.testing.waiting import until

if TYPE_CHECKING:
    from tests.supervise.conftest import MakeRig


def tell(number: int) -> None:
    os.kill(os.getpid(), number)


def end() -> None:
    tell(signal.SIGTERM)


# The PID file


def test_its_number_is_to_be_found_while_it_serves(rig: MakeRig, tmp_path: Path) -> None:
    path = tmp_path / "pounce.pid"
    found: list[str] = []

    def act() -> None:
        until(path.exists)
        found.append(path.read_text())
        end()

    rig(pid_file=str(path)).run(act)
    assert found == [f"{os.getpid()}\n"]
    assert not path.exists()


def test_the_file_of_a_server_that_runs_is_found_before_the_start(
    rig: MakeRig, tmp_path: Path
) -> None:
    path = tmp_path / "pounce.pid"
    path.write_text("no number")
    made = rig("nowhere:app", pid_file=str(path))
    with pytest.raises(StartupError, match="is no PID file"):
        made.program.run()
    assert path.read_text() == "no number"


def test_a_start_that_fails_leaves_no_file(rig: MakeRig, tmp_path: Path) -> None:
    path = tmp_path / "pounce.pid"
    with pytest.raises(ApplicationLoadError):
        rig("nowhere:app", pid_file=str(path)).program.run()
    assert not path.exists()


def test_a_file_that_cannot_be_removed_is_told_of_while_there_is_a_log(
    rig: MakeRig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "pounce.pid"

    def refuse(file: Path, *, missing_ok: bool = False) -> None:
        raise PermissionError(13, "Permission denied")

    def act() -> None:
        until(path.exists)
        monkeypatch.setattr(Path, "unlink", refuse)
        end()

    assert rig(pid_file=str(path), access_log=False).run(act) == 0
    assert f"warning  the PID file {path} is left empty" in capfd.readouterr().err


# Privileges


def test_it_is_somebody_else_before_it_runs_the_application(
    rig: MakeRig, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """But after the sockets were opened and the PID file was written."""
    steps: list[str] = []
    identity = Identity(os.getuid(), os.getgid(), None)
    path = tmp_path / "pounce.pid"

    def give_to(listener: Listener, user: int, group: int) -> None:
        steps.append(f"listening {listener.socket.fileno() >= 0}")

    def write(_file: PidFile, user: int, group: int) -> None:
        steps.append("written")

    def factory() -> Any:
        steps.append("imported")
        return hello

    monkeypatch.setattr(module, "find_identity", lambda *_: identity)
    monkeypatch.setattr(module, "drop_privileges", lambda _: steps.append("dropped"))
    monkeypatch.setattr(Listener, "give_to", give_to)
    monkeypatch.setattr(PidFile, "write", write)
    rig(factory, factory=True, pid_file=str(path)).run(end)
    assert steps == ["listening True", "written", "dropped", "imported"]


# The service manager


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the service manager was told."""
    states: list[str] = []

    def note(state: str) -> bool:
        states.append(state.split("\n", maxsplit=1)[0])
        return True

    monkeypatch.setattr(systemd, "notify", note)
    return states


def test_the_service_manager_knows_when_it_serves_and_when_it_ends(
    rig: MakeRig, heard: list[str]
) -> None:
    rig().run(end, when=lambda: "READY=1" in heard)
    assert heard == [f"MAINPID={os.getpid()}", "READY=1", "STOPPING=1"]


def test_the_service_manager_knows_of_a_reload(rig: MakeRig, heard: list[str]) -> None:
    def act() -> None:
        tell(signal.SIGHUP)
        until(lambda: heard.count("READY=1") == 2)
        end()

    rig().run(act, when=lambda: "READY=1" in heard)
    assert heard[1:] == ["READY=1", "RELOADING=1", "READY=1", "STOPPING=1"]


def test_the_service_manager_is_not_told_of_a_start_that_fails(
    rig: MakeRig, heard: list[str]
) -> None:
    with pytest.raises(ApplicationLoadError):
        rig("nowhere:app").program.run()
    assert heard == []


def test_the_service_manager_hears_that_it_is_alive(
    rig: MakeRig, heard: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", "20000")
    rig().run(end, when=lambda: heard.count("WATCHDOG=1") > 2)
    assert heard.count("WATCHDOG=1") > 2
