"""The PID file: what is replaced, what is refused, what is removed."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pounce.protocol.errors import StartupError
from pounce.supervise.pid_file import PidFile

MODULE = "pounce.supervise.pid_file"

SERVER = """
import sys
from pounce.supervise.pid_file import PidFile
file = PidFile(sys.argv[1])
file.write()
print("written", flush=True)
sys.stdin.read()
file.remove()
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "pounce.pid"


@pytest.fixture
def file(path: Path) -> Iterator[PidFile]:
    """This process's, written."""
    file = PidFile(str(path))
    file.write()
    yield file
    file.remove()


@contextmanager
def another(path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that has written the file, and keeps it until its end."""
    with subprocess.Popen(
        [sys.executable, "-c", SERVER, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "written\n"
        yield process


def dead() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def written(path: Path, predecessor: int | None = None) -> int:
    """What a file that is written and removed again has in it."""
    file = PidFile(str(path), predecessor)
    file.write()
    try:
        return int(path.read_text())
    finally:
        file.remove()


@pytest.mark.usefixtures("file")
def test_has_the_number_on_a_line(path: Path) -> None:
    assert path.read_text() == f"{os.getpid()}\n"


@pytest.mark.usefixtures("file")
def test_can_be_read_by_all(path: Path) -> None:
    assert path.stat().st_mode & 0o444 == 0o444


@pytest.mark.usefixtures("file")
def test_leaves_nothing_beside_it(path: Path) -> None:
    assert list(path.parent.iterdir()) == [path]


def test_is_removed(path: Path, file: PidFile) -> None:
    file.remove()
    assert not path.exists()


def test_is_removed_from_another_folder(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(path.parent)
    file = PidFile(path.name)
    file.write()
    monkeypatch.chdir("/")
    file.remove()
    assert not path.exists()


def test_removing_twice_is_no_error(file: PidFile, caplog: pytest.LogCaptureFixture) -> None:
    file.remove()
    file.remove()
    assert caplog.messages == []


def test_what_was_not_written_is_not_removed(path: Path) -> None:
    path.write_text("")
    PidFile(str(path)).remove()
    assert path.exists()


def test_anothers_file_is_not_removed(path: Path, file: PidFile) -> None:
    path.unlink()
    path.write_text("1")
    file.remove()
    assert path.read_text() == "1"


def test_a_file_that_is_gone_is_no_error(path: Path, file: PidFile) -> None:
    path.unlink()
    file.remove()


def test_a_fork_does_not_remove_it(
    path: Path, file: PidFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as fork:
        fork.setattr(os, "getpid", lambda: -1)
        file.remove()
    assert path.exists()


def test_is_emptied_where_it_cannot_be_removed(
    path: Path, file: PidFile, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as folder:
        folder.setattr(Path, "unlink", refuse)
        file.remove()
    assert path.read_text() == ""
    [said] = caplog.messages
    assert said.startswith(f"the PID file {path} is left empty, since it cannot be removed (Perm")
    assert written(path) == os.getpid()


# What is there


@pytest.mark.parametrize("text", ["", "0", "\n"])
def test_an_empty_file_is_replaced(path: Path, text: str) -> None:
    path.write_text(text)
    assert written(path) == os.getpid()


def test_that_of_a_dead_process_is_replaced(path: Path) -> None:
    path.write_text(str(dead()))
    assert written(path) == os.getpid()


def test_a_number_beyond_all_is_replaced(path: Path) -> None:
    path.write_text("9" * 19)
    assert written(path) == os.getpid()


def test_a_number_that_another_program_has_by_now_is_replaced(path: Path) -> None:
    path.write_text("1")
    assert written(path) == os.getpid()


def test_its_own_number_from_an_earlier_life_is_replaced(path: Path) -> None:
    path.write_text(str(os.getpid()))
    assert written(path) == os.getpid()


def test_that_of_a_server_that_lives_is_refused(path: Path) -> None:
    with (
        another(path) as server,
        pytest.raises(StartupError, match=rf"that of a pounce that runs as process {server.pid}:"),
    ):
        PidFile(str(path)).write()


def test_it_is_refused_before_the_start(path: Path) -> None:
    with another(path), pytest.raises(StartupError, match="that of a pounce"):
        PidFile(str(path)).check()


def test_a_refusal_leaves_it(path: Path) -> None:
    with another(path) as server:
        with pytest.raises(StartupError):
            PidFile(str(path)).write()
        assert path.read_text() == f"{server.pid}\n"


def test_that_of_a_server_that_was_killed_is_replaced(path: Path) -> None:
    with another(path) as server:
        server.kill()
        server.wait()
    assert written(path) == os.getpid()


def test_that_of_the_predecessor_is_replaced(path: Path) -> None:
    with another(path) as server:
        assert written(path, predecessor=server.pid) == os.getpid()


def test_the_predecessor_leaves_its_successors(path: Path) -> None:
    with another(path) as server:
        file = PidFile(str(path), server.pid)
        file.write()
        server.communicate("")
        assert path.read_text() == f"{os.getpid()}\n"
    file.remove()


@pytest.mark.usefixtures("file")
def test_a_second_server_of_this_process_is_refused(path: Path) -> None:
    with pytest.raises(StartupError, match="that of a pounce"):
        PidFile(str(path)).check()


@pytest.mark.parametrize("text", ["[Service]\n", "12 34", "9" * 50, "-1"])
def test_another_file_is_refused(path: Path, text: str) -> None:
    path.write_text(text)
    with pytest.raises(StartupError, match="exists and is no PID file: remove it"):
        PidFile(str(path)).check()


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StartupError, match="cannot be written: Is a directory; choose another"):
        PidFile(str(tmp_path)).check()


def test_a_folder_that_is_missing(path: Path) -> None:
    with pytest.raises(StartupError, match=rf"^there is no folder {path.parent}/x for the PID"):
        PidFile(str(path.parent / "x" / "y")).check()


def test_a_folder_that_is_not_to_be_written_to(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(StartupError, match="cannot be written: Permission denied; choose"):
        PidFile(str(path)).check()


# Where files cannot be locked


@pytest.fixture
def no_locks(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(f"{MODULE}.fcntl.flock", refuse)


@pytest.mark.usefixtures("no_locks")
def test_without_locks_a_process_that_lives_is_refused(path: Path) -> None:
    path.write_text("1")
    with pytest.raises(StartupError, match="runs as process 1:"):
        PidFile(str(path)).check()


@pytest.mark.usefixtures("no_locks")
def test_without_locks_its_own_number_is_replaced(path: Path) -> None:
    path.write_text(str(os.getpid()))
    assert written(path) == os.getpid()


@pytest.mark.usefixtures("no_locks")
def test_without_locks_that_of_a_dead_process_is_replaced(path: Path) -> None:
    path.write_text(str(dead()))
    assert written(path) == os.getpid()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_is_given_to_the_user(path: Path) -> None:
    file = PidFile(str(path))
    file.write(12345, 54321)
    assert (path.stat().st_uid, path.stat().st_gid) == (12345, 54321)
    file.remove()
