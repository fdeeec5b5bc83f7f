"""A server as its user has it: a process of its own, started by a command, ended by a signal.

It is asked for nothing but its lines, its port and its exit status; whatever it logs that no test
has announced is a fault.
"""

import contextlib
import os
import re
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from signal import SIGABRT, SIGTERM, Signals
from types import TracebackType
from typing import IO, Self

ROOT = Path(__file__).parents[2]

START = 100.0
"""Seconds for a start, on a machine that is busy with other tests."""
END = 60.0
"""Seconds for an end that has nothing to wait for, on such a machine."""

FAULTS = re.compile(
    r"Traceback|Exception ignored|never retrieved|never awaited|Warning: |a fault in the server"
    r"| died|outlived|do not end"
)


class Lines:
    """The lines of a stream, read as they come."""

    def __init__(self, stream: IO[str]) -> None:
        self.lines: list[str] = []
        self.ended = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._read, args=(stream,), daemon=True)
        self._thread.start()

    def _read(self, stream: IO[str]) -> None:
        with stream:
            for line in stream:
                with self._changed:
                    self.lines.append(line)
                    self._changed.notify_all()
        with self._changed:
            self.ended = True
            self._changed.notify_all()

    @property
    def text(self) -> str:
        with self._changed:
            return "".join(self.lines)

    def records(self, start: int) -> list[str]:
        """The whole records from a line on, each of a line and of those that are set in below it.

        A record comes line by line: the last one counts when the next has begun, or the stream has
        ended.
        """
        records: list[str] = []
        with self._changed:
            for line in self.lines[start:]:
                if records and line[0].isspace():
                    records[-1] += line
                else:
                    records.append(line)
            return records if self.ended else records[:-1]

    def find(self, pattern: str, timeout: float = START) -> re.Match[str] | None:
        """Waits for a line in which the pattern is found; None if the stream ends without."""
        seen = 0

        def found() -> re.Match[str] | bool | None:
            nonlocal seen
            while seen < len(self.lines):
                seen += 1
                if match := re.search(pattern, self.lines[seen - 1]):
                    return match
            return self.ended

        with self._changed:
            match = self._changed.wait_for(found, timeout)
        if not match:
            raise AssertionError(f"no line with {pattern!r} within {timeout:g} s:\n{self.text}")
        return None if match is True else match

    def join(self) -> None:
        self._thread.join(END)


class Served:
    """A server, from the start of its process; a `with` statement waits until it serves, and ends
    it gracefully.

    Args:
        app: the import string; without a colon, an application of `integration.apps`.
        flags: of the command line.
        port: None when the flags say where to listen.
        env: what is added to the environment.
        cwd: where the application is imported from.
        pass_fds: descriptors that it inherits.
    """

    def __init__(
        self,
        app: str,
        *flags: str,
        port: int | None = 0,
        env: dict[str, str] | None = None,
        cwd: Path = ROOT,
        pass_fds: Sequence[int] = (),
    ) -> None:
        if ":" not in app:
            app = f"integration.apps.{app}:app"
        address = () if port is None else ("--port", str(port))
        self.process = subprocess.Popen(
            [sys.executable, "-m", "pounce", app, "--app-dir", str(cwd), *address, *flags],
            cwd=cwd,
            # A warning is an error there too; where a server hangs is told by its threads' stacks.
            env={"PYTHONWARNINGS": "error"}
            | os.environ
            | {"PYTHONFAULTHANDLER": "1"}
            | (env or {}),
            pass_fds=pass_fds,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="backslashreplace",
        )
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        self.access = Lines(self.process.stdout)
        self.log = Lines(self.process.stderr)
        self.urls: list[str] = []
        self._announced: list[str] = []
        self._checked = 0
        self._signalled = False
        self._waited = False

    def await_start(self) -> Self:
        if self.log.find(r"worker (thread|process).*, pid \d+$") is None:
            raise AssertionError(f"exit status {self.wait()}:\n{self.log.text}")
        first = self.log.find(r"pounce \S+ serves (.*)")
        assert first is not None
        self.urls = re.split(r", | and ", first[1])
        return self

    @property
    def address(self) -> tuple[str, int]:
        """Host and port of the first listener."""
        host, _, port = self.urls[0].partition("://")[2].rpartition(":")
        return host.strip("[]"), int(port)

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def pids(self) -> list[int]:
        """Its process, and those that it has started."""
        return [self.pid, *children(self.pid)]

    @property
    def memory(self) -> int:
        """Resident bytes, of all its processes."""
        return sum(_status(pid, "VmRSS") for pid in self.pids)

    @property
    def peak(self) -> int:
        """The most resident bytes that its processes had since the last `forget_peak`."""
        return sum(_status(pid, "VmHWM") for pid in self.pids)

    def forget_peak(self) -> None:
        for pid in self.pids:
            # proc(5): 5 resets the peak resident set size.
            Path(f"/proc/{pid}/clear_refs").write_text("5")

    @property
    def descriptors(self) -> list[int]:
        """The numbers of the descriptors that its own process has open."""
        return [int(each.name) for each in Path(f"/proc/{self.pid}/fd").iterdir()]

    @property
    def cpu(self) -> float:
        """Seconds of processor time that all its processes have used."""
        return sum(map(_ticks, self.pids)) / os.sysconf("SC_CLK_TCK")

    def announce(self, *texts: str) -> None:
        """Says that log records with one of these in them are no fault."""
        self._announced += texts

    def faults(self) -> list[str]:
        """Whole records of the log that nobody has announced, since the last look."""
        records = self.log.records(self._checked)
        self._checked += sum(record.count("\n") for record in records)
        return [
            record
            for record in records
            if FAULTS.search(record) and not any(each in record for each in self._announced)
        ]

    def signal(self, number: Signals) -> None:
        self._signalled = True
        self.process.send_signal(number)

    def wait(self, timeout: float = END) -> int:
        """The exit status."""
        self._waited = True
        try:
            status = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.process.send_signal(SIGABRT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(END)
            self.process.kill()
            self.log.join()
            raise AssertionError(
                f"the server did not end within {timeout:g} s:\n{self.log.text}"
            ) from None
        self.log.join()
        self.access.join()
        return status

    def stop(self, number: Signals = SIGTERM, timeout: float = END) -> None:
        """Ends it by a signal, unless it had one before; that has to be graceful."""
        if not self._signalled:
            self.signal(number)
        status = self.wait(timeout)
        assert status == 0, f"exit status {status}:\n{self.log.text}"
        self.check()

    def check(self) -> None:
        """Fails if the log has a fault that nobody has announced."""
        if faults := self.faults():
            raise AssertionError("in the log of the server:\n" + "\n".join(faults))

    def __enter__(self) -> Self:
        try:
            return self.await_start()
        except BaseException:
            self.process.kill()
            self.wait()
            raise

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if kind is None and not self._waited:
            self.stop()
        elif not self._waited:
            self.process.kill()
            self.wait()


def children(pid: int) -> list[int]:
    """The processes that a process has started."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        # A thread may end meanwhile; what it started is then another one's.
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            found += [int(child) for child in (task / "children").read_text().split()]
    return found


def _ticks(pid: int) -> int:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def _status(pid: int, field: str) -> int:
    match = re.search(rf"{field}:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert match is not None
    return int(match[1]) * 1024
