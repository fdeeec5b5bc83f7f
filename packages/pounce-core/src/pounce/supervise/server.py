"""The server: its listeners, its workers, its start and its end. The door for embedding.

Decides the order of start and end, and what a new generation is made of. Never serves a
connection itself, and never touches a signal; `pounce.supervise.program` does that.
"""

import asyncio
import contextlib
import logging
import os
import platform
import sys
import threading
from collections.abc import Callable, Sequence
from functools import partial
from importlib.metadata import version
from typing import Any, Final, Self, overload

from pounce.asgi.application import load_application
from pounce.asgi.fresh import import_fresh
from pounce.config.changes import changes
from pounce.config.config import Config
from pounce.config.machine import gil_enabled
from pounce.observe.banner import banner
from pounce.protocol.errors import ConfigError, PounceError, StartupError
from pounce.registry.catalogue import installed_settings
from pounce.registry.discovery import discover
from pounce.registry.selection import Selection
from pounce.supervise.applications import Applications
from pounce.supervise.crew import Crew, Front, Member
from pounce.supervise.guest import Guest
from pounce.supervise.listeners import Listener, ListenerDescription, open_listeners
from pounce.supervise.policy import Policy
from pounce.supervise.process import ProcessCrew, ProcessFront
from pounce.supervise.recipe import Recipe, door_of
from pounce.supervise.server_logs import ServerLogs
from pounce.supervise.supervisor import Supervisor
from pounce.supervise.thread import WorkerThread
from pounce.supervise.threads import ThreadCrew, ThreadFront
from pounce.supervise.upgrade import inherit_listeners
from pounce.supervise.watchdog import Watchdog

logger = logging.getLogger("pounce")

LOOK: Final = 60.0
"""Seconds between two looks at what no worker of this process looks after."""
_ONCE = "a Server is started once: make a new one"


class Server:
    """One server, to be started once.

    Args:
        app: an application, its import string, or a whole `Config`.
        settings: fields of `Config`, when `app` is not one.

    Raises:
        ConfigError: a setting is wrong.

    It may be started, waited for and stopped from any thread:

        with Server("app:app", port=0) as server:
            print(server.addresses)
    """

    @overload
    def __init__(self, app: Config, /) -> None: ...
    @overload
    def __init__(self, app: str | Callable[..., Any], /, **settings: Any) -> None: ...
    def __init__(self, app: Config | str | Callable[..., Any], /, **settings: Any) -> None:
        if isinstance(app, Config):
            if settings:
                raise ConfigError("give Server a Config or settings: Config.replace() changes one")
            self.config = app
        else:
            self.config = installed_settings().make({"app": app, **settings})
        self.reread: Callable[[], Config] | None = None
        """Reads the configuration again at a reload; None keeps the one that there is."""
        self.inherited: tuple[ListenerDescription, ...] = ()
        """Sockets that listen already, handed down by a server that this one replaces."""
        self.before_import: Callable[[tuple[Listener, ...]], None] | None = None
        """Called between opening the listeners and importing the application."""
        self.notice: Callable[[str], None] | None = None
        """Told of "reloading", "reloaded" (whatever came of it) and "stopping"."""
        self._listeners: tuple[Listener, ...] = ()
        self._supervisor: Supervisor | None = None
        self._watchdog: Watchdog | None = None
        self._guest: Guest | None = None
        self._logs: ServerLogs | None = None
        self._told: Recipe | None = None
        """What the workers are made of where they are other processes: this one speaks for them."""
        self._greeting: list[str] = []
        self._stop_asked = False
        self._guest_done = threading.Event()
        # Guards start and clean-up, which several threads may ask for.
        self._lock = threading.Lock()

    @property
    def addresses(self) -> tuple[str, ...]:
        """Where it listens, as one would type it: `"http://127.0.0.1:8000"`."""
        return tuple(listener.url for listener in self._listeners)

    @property
    def listeners(self) -> tuple[Listener, ...]:
        """Its listening sockets."""
        return self._listeners

    @property
    def ready(self) -> bool:
        """Whether it serves and is not about to end: what a readiness probe wants to know."""
        return self._supervisor is not None and self._supervisor.ready

    @property
    def supervisor(self) -> Supervisor | None:
        """What watches over its workers, once it was started with workers of its own."""
        return self._supervisor

    # From any thread

    def start(self) -> None:
        """Starts the server; returns when it serves.

        Raises:
            PounceError: it cannot: an address is taken, the application does not import or
                start. Nothing is left running then.
        """
        self.launch().settled.wait()
        self.see_settled()

    def launch(self) -> Supervisor:
        """The first half of `start`: returns when the workers are being started.

        Returns:
            what starts them; when it has `settled`, `see_settled` is the other half.

        Raises:
            PounceError: see `start`.
        """
        with self._lock:
            if self._supervisor is not None or self._guest is not None:
                raise StartupError(_ONCE)
            supervisor = self._supervisor = self._prepare()
        supervisor.start()
        if self._stop_asked:
            supervisor.stop()
        return supervisor

    def see_settled(self) -> None:
        """The second half of `start`.

        Raises:
            PounceError: see `start`.
        """
        supervisor = self._supervisor
        assert supervisor is not None
        if supervisor.error is not None:
            supervisor.done.wait()
            self._clean_up()
            raise supervisor.error
        if supervisor.ready:
            self._greet()

    def stop(self) -> None:
        """Asks for a graceful end and returns at once; see `wait`.

        A server that has not been started yet ends as soon as it is.
        """
        # Said before the look, and looked at after the start: one of the two sees the other.
        self._stop_asked = True
        if self._supervisor is not None:
            self._supervisor.stop()
        elif self._guest is not None:
            self._guest.end()

    def reload(self) -> None:
        """Asks for a new generation: the application imported afresh, no request lost.

        Returns at once. If the new code does not start, the log says why and the old goes on.
        A server on a loop of somebody else's has nothing to reload.
        """
        if self._supervisor is not None:
            self._supervisor.reload()

    def scale(self, by: int) -> None:
        """Asks for so many workers more, or fewer; one is left at least. Returns at once."""
        if self._supervisor is not None:
            self._supervisor.scale(by)

    def reopen_logs(self) -> None:
        """Opens log files again, after they were moved away. Workers in processes do too."""
        if self._logs is not None:
            self._logs.reopen()
        if self._supervisor is not None:
            self._supervisor.reopen_logs()

    def wait(self, timeout: float | None = None) -> bool:
        """Waits until the server has ended.

        Args:
            timeout: seconds, or None without end.

        Returns:
            whether it has ended.

        Raises:
            StartupError: it ended because its workers could not be kept alive.
        """
        supervisor = self._supervisor
        if supervisor is None:
            return self._guest is None or self._guest_done.wait(timeout)
        if not supervisor.done.wait(timeout):
            return False
        self._clean_up()
        if supervisor.error is not None:
            raise supervisor.error
        return True

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self.wait()

    # On an event loop

    async def serve(self) -> None:
        """Serves until `stop` is called or the task is cancelled, without blocking the loop.

        A lone thread worker serves on the running loop itself, so that the application shares
        it with its caller; several workers have threads or processes of their own.

        Raises:
            PounceError: see `start` and `wait`.
        """
        if self.config.worker_kind() == "thread" and self.config.worker_count() == 1:
            await self._serve_here()
            return
        starting = asyncio.ensure_future(asyncio.to_thread(self.start))
        try:
            await asyncio.shield(starting)
            await asyncio.to_thread(self.wait)
        except asyncio.CancelledError:
            with contextlib.suppress(PounceError):
                await starting
            self.stop()
            await asyncio.to_thread(self.wait)
            raise

    async def _serve_here(self) -> None:
        with self._lock:
            if self._supervisor is not None or self._guest is not None:
                raise StartupError(_ONCE)
            self._open()
            try:
                app = load_application(self.config)
                recipe = Recipe(self.config, schemes=self._schemes())
                doors = [door_of(listener) for listener in self._listeners]
                assert self._logs is not None
                guest = self._guest = Guest(recipe, app, doors, self._logs.access_log)
            except BaseException:
                self._close()
                raise
        if self._stop_asked:
            guest.end()
        try:
            await guest.run(self._greet)
        finally:
            self._clean_up()
            self._guest_done.set()

    # Start and end

    def _prepare(self) -> Supervisor:
        self._open()
        try:
            config = self.config
            crew = self._crew(config, Applications)
            front: Front
            if config.worker_kind() == "thread":
                front = ThreadFront(self._listeners, config.limit_connections)
            else:
                front = ProcessFront(self._listeners)
            supervisor = Supervisor(
                crew, self._next_crew, front, config.worker_count(), policy_of(config)
            )
            supervisor.notice = self.notice
            if config.worker_kind() == "process":
                supervisor.repeat(LOOK, self._look_after)
        except BaseException:
            self._close()
            raise
        if config.worker_kind() == "thread":
            self._watchdog = Watchdog(lambda: _threads(supervisor.everyone()), config.timeout_stall)
            self._watchdog.start()
        return supervisor

    def _open(self) -> None:
        """Opens logs and listeners."""
        selection = Selection(discover(), self.config)
        self._logs = ServerLogs(self.config)
        try:
            if self.inherited:
                self._listeners = inherit_listeners(self.inherited)
            else:
                self._listeners = open_listeners(self.config, selection.scheme)
            # Made now: once clients come, there may be no descriptor left to look something up.
            config = self.config
            self._greeting = _greeting(
                self.addresses, config.worker_kind(), config.worker_count(), selection.names
            )
            if self.before_import is not None:
                self.before_import(self._listeners)
        except BaseException:
            self._close()
            raise

    def _crew(self, config: Config, load: Callable[[Config], Applications]) -> Crew:
        """What makes the workers of a generation; imports the application that threads share."""
        assert self._logs is not None
        if config.worker_kind() == "process":
            # What is wrong with it is told here, once, and not by each child.
            self._told = Recipe(config, schemes=self._schemes())
            return ProcessCrew(config, self._listeners, config.worker_count())
        recipe = Recipe(config, schemes=self._schemes())
        return ThreadCrew(recipe, load(config), self._logs.access_log)

    def _look_after(self) -> None:
        """Tells what has become odd meanwhile, where the workers are in other processes."""
        if self._told is not None:
            self._told.look_after()

    def _schemes(self) -> set[str]:
        """What its sockets carry: what a reload or an upgrade leaves as it is."""
        return {listener.scheme for listener in self._listeners}

    def _next_crew(self) -> Crew:
        """The crew of a new generation. On a thread of the supervisor's."""
        config = self.config
        if self.reread is not None:
            config, restart = changes(config, self.reread(), installed_settings())
            if restart:
                logger.warning("these settings change with the next start: %s", ", ".join(restart))
        crew = self._crew(config, partial(import_fresh, load=Applications))
        assert self._supervisor is not None
        more = config.worker_count() - self.config.worker_count()
        self._supervisor.set_policy(policy_of(config), more)
        self.config = config
        return crew

    def _greet(self) -> None:
        for line in self._greeting:
            logger.info("%s", line)

    def _clean_up(self) -> None:
        """Closes what the server opened; once, whoever comes first."""
        with self._lock:
            self._close()

    def _close(self) -> None:
        watchdog, self._watchdog = self._watchdog, None
        if watchdog is not None:
            watchdog.stop()
        logs, self._logs = self._logs, None
        if logs is not None:
            for listener in self._listeners:
                listener.close()
            logs.close()


def policy_of(config: Config) -> Policy:
    """The rules for its workers that a configuration has."""
    restarts = config.limit_restarts
    return Policy(
        grace=config.timeout_graceful_shutdown,
        drain_delay=config.timeout_drain_delay,
        restarts=sys.maxsize if restarts is None else restarts,
        age=config.limit_max_age,
        memory=config.limit_max_memory,
    )


def _threads(members: Sequence[Member]) -> list[WorkerThread]:
    return [member for member in members if isinstance(member, WorkerThread)]


def _greeting(addresses: tuple[str, ...], kind: str, count: int, protocols: list[str]) -> list[str]:
    build = platform.python_version() + ("t" if "t" in sys.abiflags else "")
    return banner(
        version=version("bengal-pounce"),
        addresses=addresses,
        workers=count,
        kind="threads" if kind == "thread" else "processes",
        interpreter=f"{platform.python_implementation()} {build}",
        gil=gil_enabled(),
        protocols=protocols,
        pid=os.getpid(),
        terminal=sys.stderr.isatty(),
    )
