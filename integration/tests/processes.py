"""Processes that a test has not started itself, and servers that something else starts."""

import contextlib
import os
import socket
import sys
import time
from collections.abc import Callable, Generator
from pathlib import Path
from signal import SIGCONT, SIGKILL, SIGSTOP

import pytest

from integration.tests.serving import START, Served


class Watched:
    """Processes that are to end, each known by its number and the time of its start."""

    def __init__(self, *pids: int) -> None:
        # One that has ended by now is none to wait for.
        self._starts = {pid: start for pid in pids if (start := _start(pid)) is not None}

    def left(self, timeout: float) -> list[int]:
        """Waits for their end; returns which still live when so many seconds are over."""
        deadline = time.monotonic() + timeout
        while True:
            # Looked at before: a pause after the look makes nothing of it out of date.
            over = time.monotonic() >= deadline
            left = [pid for pid, start in self._starts.items() if _start(pid) == start]
            if over or not left:
                return left
            time.sleep(0.01)

    def kill(self) -> None:
        """Ends those that are left, so that a test that fails leaves none."""
        for pid in self.left(0):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, SIGKILL)


def _start(pid: int) -> str | None:
    """When a process was started, in the system's own count; None if it has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except FileNotFoundError, ProcessLookupError:
        return None
    return None if fields[0] in "ZX" else fields[19]


class Manager:
    """A service manager, to which a server says how it is (sd_notify)."""

    def __init__(self, path: Path) -> None:
        self.env = {"NOTIFY_SOCKET": str(path)}
        self.heard: list[str] = []
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))

    def wait(self, text: str, timeout: float = START) -> str:
        """Waits for a message with a text; returns it. Earlier ones are kept in `heard`."""
        deadline = time.monotonic() + timeout
        while True:
            self._socket.settimeout(max(0.001, deadline - time.monotonic()))
            self.heard.append(self._socket.recv(4096).decode())
            if text in self.heard[-1]:
                return self.heard[-1]

    def close(self) -> None:
        self._socket.close()


def started_by(launcher: Path, script: str, patch: pytest.MonkeyPatch) -> None:
    """Has every `Served` from now on started by a script, which finds the `command` to run."""
    python = sys.executable
    launcher.write_text(
        f"#!{python} -I\nimport os, sys\ncommand = [{python!r}, *sys.argv[1:]]\n{script}\n"
    )
    launcher.chmod(0o755)
    patch.setattr("sys.executable", str(launcher))


def count(served: Served, text: str) -> int:
    """How many lines of its log have a text."""
    return sum(text in line for line in served.log.lines)


def until_counted(served: Served, text: str, times: int) -> None:
    """Waits until so many lines of its log have a text."""
    until(lambda: count(served, text) >= times, lambda: served.log.text)


def until_there(path: Path) -> None:
    """Waits until there is such a file."""
    until(path.exists, lambda: path)


def until(there: Callable[[], bool], told: Callable[[], object]) -> None:
    """Waits until something is so; tells of what there is when it does not come to that."""
    deadline = time.monotonic() + START
    while not there():
        assert time.monotonic() < deadline, told()
        time.sleep(0.005)


@contextlib.contextmanager
def paused(pid: int) -> Generator[None]:
    """Has a process stand still for a `with` statement: all that comes then comes at once."""
    os.kill(pid, SIGSTOP)
    try:
        until(lambda: _state(pid) == "T", lambda: f"process {pid} does not stop")
        yield
    finally:
        os.kill(pid, SIGCONT)


def _state(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def refused(app: str, *flags: str, cwd: Path) -> tuple[int, str]:
    """Exit status and log of a server that cannot start."""
    served = Served(app, *flags, cwd=cwd)
    return served.wait(START), served.log.text
