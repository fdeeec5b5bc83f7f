"""What managers of services see of a server: its PID file, what it says of itself, the sockets that
it is passed.
"""

import os
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from signal import SIGHUP, SIGKILL, SIGTERM

import pytest

from integration.tests.changing import Changing, version, version_of
from integration.tests.client import Client
from integration.tests.processes import Manager, refused, started_by, until, until_there
from integration.tests.serving import Served

KINDS = ("thread", "process")


@pytest.fixture
def code(tmp_path: Path) -> Changing:
    return Changing(tmp_path)


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    manager = Manager(tmp_path / "notify")
    yield manager
    manager.close()


@pytest.mark.parametrize("kind", KINDS)
def test_a_manager_is_told(kind: str, code: Changing, manager: Manager) -> None:
    flags = ("--workers=2", f"--worker-type={kind}")
    with Served("served:app", *flags, cwd=code.folder, env=manager.env) as served:
        manager.wait("READY=1")
        assert all("READY" not in each for each in manager.heard[:-1])
        with Client.to(served.address) as client:
            assert client.get("/").status == 200
        served.process.send_signal(SIGHUP)
        assert re.search(r"^MONOTONIC_USEC=\d+$", manager.wait("RELOADING=1"), re.MULTILINE)
        manager.wait("READY=1")
        # A reload that fails is over, too.
        served.announce("the new code does not start")
        code.file.write_text("import (")
        served.process.send_signal(SIGHUP)
        manager.wait("RELOADING=1")
        manager.wait("READY=1")
        served.signal(SIGTERM)
        manager.wait("STOPPING=1")
        assert served.wait() == 0


def test_signs_of_life(code: Changing, manager: Manager) -> None:
    env = manager.env | {"WATCHDOG_USEC": "200000"}
    with Served("served:app", cwd=code.folder, env=env):
        for _ in range(3):
            manager.wait("WATCHDOG=1")


def test_a_server_that_does_not_start_says_nothing(code: Changing, manager: Manager) -> None:
    code.file.write_text("raise RuntimeError('no database')")
    served = Served("served:app", cwd=code.folder, env=manager.env)
    assert served.wait() == 3
    with pytest.raises(TimeoutError):
        manager.wait("READY=1", 0.1)


@pytest.mark.parametrize("kind", KINDS)
def test_a_socket_that_is_passed(
    kind: str, code: Changing, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who connects before the server has started, or after its end, is served in the end."""
    with socket.create_server(("127.0.0.1", 0)) as passed:
        address = passed.getsockname()
        script = (
            f"os.dup2({passed.fileno()}, 3)\n"
            "os.environ |= {'LISTEN_PID': str(os.getpid()), 'LISTEN_FDS': '1'}\n"
            "os.execv(command[0], command)"
        )
        started_by(code.folder / "python", script, monkeypatch)
        for number in (1, 2):
            code.file.write_text(code.source(number) + "\n" * number)
            with Client.to(address) as early:
                early.ask("/")
                flags = ("--workers=2", f"--worker-type={kind}")
                with Served(
                    "served:app", *flags, port=None, cwd=code.folder, pass_fds=[passed.fileno()]
                ) as served:
                    assert served.address == address
                    assert version_of(early.response().body) == version(number)


def test_the_pid_file(code: Changing) -> None:
    """Workers that are processes, and might keep the lock of a parent that was killed."""
    path = code.folder / "pid"
    flags = ("--worker-type=process", f"--pid-file={path}")
    with Served("served:app", *flags, cwd=code.folder) as served:
        # It is there once the server serves, which the log says first.
        until_there(path)
        assert path.read_text() == f"{served.pid}\n"
        status, log = refused("served:app", "--port=0", *flags, cwd=code.folder)
        assert status == 3
        assert f"a pounce that runs as process {served.pid}" in log
        assert path.read_text() == f"{served.pid}\n"
    assert not path.exists()

    # One that is killed leaves it, and the next takes its place.
    with Served("served:app", *flags, cwd=code.folder) as served:
        until_there(path)
        os.kill(served.pid, SIGKILL)
        served.wait()
    assert path.exists()
    with Served("served:app", *flags, cwd=code.folder) as served:
        until(lambda: path.read_text() == f"{served.pid}\n", path.read_text)
    assert not path.exists()


def test_a_file_that_is_no_pid_file_is_left_alone(code: Changing) -> None:
    path = code.folder / "precious"
    path.write_text("a letter")
    status, log = refused("served:app", "--port=0", f"--pid-file={path}", cwd=code.folder)
    assert status == 3
    assert "is no PID file" in log
    assert path.read_text() == "a letter"
