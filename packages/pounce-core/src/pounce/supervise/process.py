"""A worker in a process of its own, as the parent sees it: started afresh, never forked.

Decides how the child learns what to do, and what its words mean. The child inherits the listening
sockets and one end of a socket pair; when the parent is gone, however, that pair ends, and the
child with it. One thread a child reads what it says and waits for its exit.
"""

import contextlib
import json
import logging
import pickle
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

from pounce.config.config import Config
from pounce.protocol.errors import ConfigError, StartupError
from pounce.supervise.crew import Member, Report
from pounce.supervise.interpreter import interpreter
from pounce.supervise.listeners import Listener, ListenerDescription
from pounce.supervise.memory import resident_bytes

logger = logging.getLogger("pounce.supervise")


@dataclass(frozen=True, slots=True)
class Order:
    """What a child is told at its start; pickled over the socket pair.

    Attributes:
        name: how logs call it.
        config: the server's settings.
        listeners: the listening sockets that it inherits.
        path: the parent's module search path.
        shares: among how many workers the server's connections are divided.
    """

    name: str
    config: Config
    listeners: tuple[ListenerDescription, ...]
    path: tuple[str, ...]
    shares: int


class WorkerProcess:
    """One worker process.

    Args:
        order: what it is told.
        report: told of `"ready"`, `"worn"` and `"ended"`, on this worker's own thread.
    """

    def __init__(self, order: Order, report: Report) -> None:
        self.name = order.name
        self.ready = False
        self.since = inf
        self.lifetime: float | None = None
        self.remains = False
        self._order = order
        self._report = report
        self._failure: str | None = None
        self._asked_to_end = False
        self._serves = False
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._thread = threading.Thread(target=self._watch, name=f"pounce-{self.name}", daemon=True)

    @property
    def pid(self) -> int | None:
        """The child's process number, once it was started."""
        return self._process.pid if self._process is not None else None

    def start(self) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            inherited = [theirs.fileno(), *(each.descriptor for each in self._order.listeners)]
            module = ("-P", "-m", "pounce.supervise.child")
            command = [*interpreter(), *module, str(theirs.fileno())]
            try:
                self._process = subprocess.Popen(
                    command, pass_fds=inherited, stdin=subprocess.DEVNULL
                )
            except BaseException:
                ours.close()
                raise
        self._control = ours
        data = pickle.dumps(self._order)
        self._say(len(data).to_bytes(8) + data)
        self._thread.start()

    def memory(self) -> int | None:
        return resident_bytes(self.pid) if self.pid is not None else None

    def serve(self) -> None:
        """Has it accept connections; once."""
        if not self._serves:
            self._serves = True
            self._say(b"serve\n")

    def fade(self) -> None:
        self._say(b"fade\n")

    def retire(self, heirs: Sequence[Member]) -> None:
        """Its idle connections cannot move to another process; see `Life.retire`."""
        self._asked_to_end = True
        self._say(b"retire\n")

    def end(self) -> None:
        self._asked_to_end = True
        self._say(b"end\n")

    def hurry(self) -> None:
        self._asked_to_end = True
        self._say(b"hurry\n")

    def join(self, timeout: float | None) -> bool:
        if self._process is None:
            return True
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout)
        return self._process.poll() is not None

    def reopen_logs(self) -> None:
        self._say(b"reopen\n")

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def _say(self, words: bytes) -> None:
        # A child that has gone hears nothing; its end is reported by `_watch`.
        with contextlib.suppress(OSError):
            if self._control is not None:
                self._control.sendall(words)

    def _watch(self) -> None:
        """Reads what the child says, until it has gone."""
        assert self._control is not None
        assert self._process is not None
        with self._control.makefile("rb") as words, contextlib.suppress(OSError):
            for line in words:
                what, _, detail = line.decode().rstrip("\n").partition(" ")
                if what == "ready":
                    self.ready = True
                    self._report(self, "ready", None)
                elif what == "worn":
                    self._report(self, "worn", None)
                elif what == "failed":
                    self._failure = detail
                elif what == "stalled":
                    logger.warning("%s", json.loads(detail))
        status = self._process.wait()
        self._control.close()
        self._report(self, "ended", self._fate(status))

    def _fate(self, status: int) -> BaseException | None:
        """What a child's end means."""
        if self._failure is not None:
            return StartupError(self._failure)
        if status == 0:
            return None
        how = f"exit status {status}" if status > 0 else _signal_name(-status)
        if self._asked_to_end:
            logger.warning("%s (pid %d) ended with %s", self.name, self.pid, how)
            return None
        return StartupError(f"{self.name} (pid {self.pid}) died: {how}")


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


class ProcessCrew:
    """Makes the process workers of one generation; see `pounce.supervise.crew.Crew`.

    Args:
        config: the server's settings; the application is named in them by an import string.
        listeners: where the server listens; every child accepts from each.
        shares: how many workers there are to be.

    Raises:
        ConfigError: something in the settings cannot be told to another process.
    """

    def __init__(self, config: Config, listeners: Sequence[Listener], shares: int) -> None:
        try:
            pickle.dumps(config)
        except (pickle.PicklingError, TypeError, AttributeError) as error:
            raise ConfigError(
                "something in the settings cannot be pickled, as process workers need it"
                f" ({str(error).partition('\n')[0]}): give log_config by the names of what it"
                ' uses, or set worker_type to "thread"'
            ) from None
        self._config = config
        self._listeners = tuple(listener.describe() for listener in listeners)
        self._shares = shares

    def make(self, name: str, report: Report) -> Member:
        order = Order(name, self._config, self._listeners, tuple(sys.path), self._shares)
        return WorkerProcess(order, report)

    def memory(self) -> int | None:
        return None


class ProcessFront:
    """Every child accepts by itself; the kernel wakes one of them for each connection.

    Args:
        listeners: where the server listens.
    """

    def __init__(self, listeners: Sequence[Listener]) -> None:
        self._listeners = listeners

    def serve(self, members: Sequence[Member]) -> None:
        """A child accepts from now until it is asked to end."""
        for member in members:
            if isinstance(member, WorkerProcess):
                member.serve()

    def stop(self) -> None:
        """Each child closes its own copies when it is asked to end; these are the last."""
        for listener in self._listeners:
            listener.socket.close()
