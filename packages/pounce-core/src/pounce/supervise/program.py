"""The server as a program: signals, PID file, privileges, the service manager, file watching.

Decides what each signal means and what the exit status is. Runs on the main thread, which only
waits; what a signal asks for is posted to the supervisor.
"""

import logging
import os
import signal
import socket
import threading
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic
from types import FrameType
from typing import Self

from pounce.config.config import Config
from pounce.supervise import systemd
from pounce.supervise.ending import end_soon
from pounce.supervise.listeners import Listener
from pounce.supervise.pid_file import PidFile
from pounce.supervise.privileges import Identity, drop_privileges, find_identity
from pounce.supervise.server import Server
from pounce.supervise.stop_signals import KNOWN, StopSignals
from pounce.supervise.supervisor import Supervisor
from pounce.supervise.upgrade import Inheritance, Upgrade
from pounce.supervise.watch import Watcher

logger = logging.getLogger("pounce")


class Program:
    """Runs one server until a signal ends it. On the main thread.

    Args:
        config: its settings.
        reread: reads them again, for a reload; None keeps them.
        exits: nothing is to be done in this process afterwards: it ends even if a function of the
            application, in an executor say, does not return.
    """

    def __init__(
        self,
        config: Config,
        reread: Callable[[], Config] | None = None,
        *,
        exits: bool = False,
    ) -> None:
        self._exits = exits
        self._upgrading = threading.Lock()
        self._config = config
        self._server = Server(config)
        self._server.reread = reread
        self._server.notice = self._note
        self._server.before_import = self._become_user
        self._inheritance = Inheritance()
        self._server.inherited = self._inheritance.listeners
        self._identity: Identity | None = None
        self._pid_file: PidFile | None = None
        self._watcher: Watcher | None = None
        self._ends = StopSignals()

    def run(self) -> int:
        """Serves.

        Returns:
            the exit status: 0 after a graceful end, also of a start that SIGTERM broke off; 128
            and the signal's number when a second signal cut it short.

        Raises:
            PounceError: the server cannot start, or its workers cannot be kept alive.
            KeyboardInterrupt: SIGINT came while the application was imported.
        """
        config = self._config
        self._identity = find_identity(config.user, config.group)
        if config.pid_file is not None:
            predecessor = os.getppid() if self._inheritance else None
            self._pid_file = PidFile(config.pid_file, predecessor)
            self._pid_file.check()
        with _Bell() as bell, _handlers(self._on_signal):
            try:
                supervisor = self._start(bell)
                bell.wait(supervisor.done.is_set)
                stuck = supervisor.stuck
                remains = bool(supervisor.remains)
                # As long as there is a log in which to say that it cannot be removed.
                self._remove_pid_file()
                self._server.wait()
            except KeyboardInterrupt:
                if self._ends.first != signal.SIGTERM:
                    raise
                # Who asks for the end means that of a start too: it ended as asked.
                stuck, remains = (), False
            finally:
                self._stop_watching()
                self._remove_pid_file()
        status = 0 if self._ends.last is None else 128 + self._ends.last
        if stuck:
            logger.warning("%s did not end", ", ".join(stuck))
            status = status or 1
        if self._exits:
            end_soon(status, now=bool(stuck) or remains)
        return status

    def _start(self, bell: _Bell) -> Supervisor:
        supervisor = self._server.launch()
        supervisor.on_news = bell.ring
        # Not `settled.wait()`: see `_Bell`. A start may take without end.
        bell.wait(supervisor.settled.is_set)
        if supervisor.error is not None:
            bell.wait(supervisor.done.is_set)
        self._server.see_settled()
        if self._ends.first is not None or not self._server.ready:
            # A signal came first; the application may have swallowed what it raised.
            self._server.stop()
            return supervisor
        if self._pid_file is not None and self._identity is None:
            self._pid_file.write()
        interval = systemd.watchdog_interval()
        if interval is not None:
            supervisor.repeat(interval, systemd.alive)
        self._inheritance.take_over()
        systemd.main_pid(os.getpid())
        systemd.ready()
        if self._config.reload:
            self._watch()
        return supervisor

    def _become_user(self, listeners: tuple[Listener, ...]) -> None:
        """The sockets are open, and no code of the application has run."""
        identity = self._identity
        if identity is None:
            return
        for listener in listeners:
            listener.give_to(identity.user, identity.group)
        if self._pid_file is not None:
            # Its folder may be one that only root writes to.
            self._pid_file.write(identity.user, identity.group)
        drop_privileges(identity)

    # Signals

    def _on_signal(self, number: int) -> None:
        if number in (signal.SIGINT, signal.SIGTERM):
            self._end(number)
        elif number == signal.SIGHUP:
            self._server.reload()
        elif number == signal.SIGTTIN:
            self._server.scale(1)
        elif number == signal.SIGTTOU:
            self._server.scale(-1)
        elif number == signal.SIGUSR1:
            self._server.reopen_logs()
        elif number == signal.SIGUSR2:
            # Starting a process takes its time, and a signal handler should not.
            threading.Thread(target=self._upgrade, name="pounce-upgrade", daemon=True).start()

    def _end(self, number: int) -> None:
        demand = self._ends.take(number, monotonic())
        if demand is None:
            return
        supervisor = self._server.supervisor
        if supervisor is None:
            raise KeyboardInterrupt
        if demand == "gracefully":
            self._server.stop()
        else:
            supervisor.hurry()

    def _upgrade(self) -> None:
        if not self._upgrading.acquire(blocking=False):
            logger.info("an upgrade is under way")
            return
        Upgrade(self._server.listeners, self._give_way, self._upgrading.release).start()

    def _give_way(self) -> None:
        supervisor = self._server.supervisor
        assert supervisor is not None
        for listener in self._server.listeners:
            listener.leave_file()
        supervisor.succeed()

    # What happens to the server

    def _note(self, what: str) -> None:
        if what == "reloading":
            systemd.reloading()
        elif what == "reloaded":
            systemd.ready()
        elif what == "stopping":
            systemd.stopping()

    # Files

    def _remove_pid_file(self) -> None:
        if self._pid_file is not None:
            self._pid_file.remove()

    def _watch(self) -> None:
        config = self._config
        folders = [Path(folder) for folder in config.reload_dirs or (config.app_dir,)]
        self._watcher = Watcher(
            folders,
            config.reload_includes,
            config.reload_excludes,
            config.reload_delay,
            self._files_changed,
        )
        self._watcher.start()
        logger.info("watching %s for changes", ", ".join(str(folder) for folder in folders))

    def _files_changed(self, paths: Sequence[Path]) -> None:
        names = [str(path) for path in paths]
        logger.info("%s changed: reloading", ", ".join(names[:3]) or "something")
        self._server.reload()

    def _stop_watching(self) -> None:
        watcher, self._watcher = self._watcher, None
        if watcher is not None:
            watcher.stop()


class _Bell:
    """Lets the main thread sleep until a signal or somebody rings.

    A signal that comes just before a thread blocks on a lock is handled only when the lock is
    released; here the system itself writes a byte for each signal, so that none can be missed.
    """

    def __init__(self) -> None:
        self._read, self._write = socket.socketpair()
        self._before = -1

    def __enter__(self) -> Self:
        self._write.setblocking(False)
        self._before = signal.set_wakeup_fd(self._write.fileno(), warn_on_full_buffer=False)
        return self

    def __exit__(self, *_: object) -> None:
        signal.set_wakeup_fd(self._before)
        self._read.close()
        self._write.close()

    def ring(self) -> None:
        """Wakes the sleeper; from any thread."""
        with suppress(OSError):
            self._write.send(b"!")

    def wait(self, done: Callable[[], bool]) -> None:
        """Sleeps until `done` says so; signal handlers run meanwhile."""
        while not done():
            self._read.recv(64)


@contextmanager
def _handlers(act: Callable[[int], None]) -> Generator[None]:
    """Calls `act` with each signal that a server knows, on the main thread."""

    def handle(number: int, _frame: FrameType | None) -> None:
        act(number)

    before = {number: signal.signal(number, handle) for number in KNOWN}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
