"""A worker's life on its loop: the application's start, serving, the drain, the application's end.

Decides the order of these and how long the end may take; the same on a thread, in a process
and as a guest on a loop of somebody else's.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pounce.asgi.lifespan import Lifespan, Mode
from pounce.asgi.scope import ScopeBuilder
from pounce.guard.proxies import TrustedProxies
from pounce.protocol.asgi import Application
from pounce.protocol.errors import StartupError
from pounce.worker.protocols import Protocols
from pounce.worker.worker import Worker

logger = logging.getLogger("pounce.worker")

PATIENCE = 5.0
"""Seconds in which an idle connection may make its last request, when its worker is replaced."""
LAST_WORDS = 0.7
"""Seconds after the grace for calls to take note of a disconnect, and again of a cancellation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LifeSettings:
    """What a worker's life needs of the configuration.

    Attributes:
        lifespan: see `Lifespan`.
        root_path: where the application is mounted.
        proxies: whose forwarding fields are believed, or None.
        startup_timeout: seconds for the application's start; None for no limit.
        grace: seconds for what is under way when the end is asked for; None for no limit.
    """

    lifespan: Mode
    root_path: str
    proxies: TrustedProxies | None
    startup_timeout: float | None
    grace: float | None


class Life:
    """Runs one worker from start to end. Made on the worker's thread.

    Args:
        worker: the worker.
        app: the application.
        settings: see `LifeSettings`.
        speak: makes what the worker speaks, on its thread.
    """

    def __init__(
        self,
        worker: Worker,
        app: Application,
        settings: LifeSettings,
        speak: Callable[[Worker], Protocols],
    ) -> None:
        self._worker = worker
        self._app = app
        self._settings = settings
        self._speak = speak
        self._end = asyncio.Event()
        self._hurry = asyncio.Event()
        self._heirs: Sequence[Worker] = ()
        self._patient = False
        self._for_good = False

    # On the worker's own thread; elsewhere by `call_soon_threadsafe`

    def fade(self) -> None:
        """Tells clients from now on, with each response, that their connection ends."""
        self._worker.fade()

    def retire(self, heirs: Sequence[Worker] = ()) -> None:
        """Asks for the end of this worker in a server that goes on.

        Idle connections go to the heirs. Without any, they stay for a while, so that a client
        that is about to use one is told, instead of finding it closed.
        """
        self._heirs = heirs
        self._patient = not heirs
        self._end.set()

    def end(self) -> None:
        """Asks for the end, of the server too."""
        self._for_good = True
        self._end.set()

    def hurry(self) -> None:
        """Asks for the end without grace: what is under way is cut off."""
        self.end()
        self._hurry.set()

    async def run(
        self, started: Callable[[], None], wake: Callable[[], object] | None = None
    ) -> None:
        """Lives.

        Args:
            started: called when the worker serves.
            wake: see `Worker.prepare`.

        Raises:
            StartupError: the application did not start.
        """
        lifespan = Lifespan(self._app, self._settings.lifespan)
        try:
            if not await self._start_application(lifespan):
                return
            worker = self._worker
            scopes = ScopeBuilder(
                self._settings.root_path,
                lifespan.state if lifespan.supported else None,
                self._settings.proxies,
            )
            worker.prepare(asyncio.get_running_loop(), self._app, scopes, wake)
            worker.speak(self._speak(worker))
            started()
            try:
                await self._end.wait()
            finally:
                await self._drain()
        finally:
            await self._end_application(lifespan)

    async def _start_application(self, lifespan: Lifespan) -> bool:
        """Returns False when the end was asked for before the application had started."""
        limit = self._settings.startup_timeout
        startup = asyncio.ensure_future(lifespan.startup())
        end = asyncio.ensure_future(self._end.wait())
        try:
            await asyncio.wait((startup, end), timeout=limit, return_when=asyncio.FIRST_COMPLETED)
            if startup.done():
                startup.result()
                return True
            lifespan.cancel()
            if end.done():
                return False
            raise StartupError(
                f"the application did not start within {limit:g} seconds: mend its start or raise"
                " --timeout-startup"
            )
        finally:
            startup.cancel()
            end.cancel()

    async def _drain(self) -> None:
        worker = self._worker
        idle = asyncio.Event()
        worker.drain(idle.set, self._heirs, patient=self._patient, for_good=self._for_good)
        if self._patient:
            asyncio.get_running_loop().call_later(PATIENCE, worker.close_idle)
        if await self._within(self._settings.grace, idle):
            return
        if not self._hurry.is_set():
            logger.warning(
                "%s: %d connections and %d requests outlived the %g seconds of grace; cutting off",
                worker.name,
                worker.connections,
                len(worker.calls),
                self._settings.grace,
            )
        # Each step leaves some time to end better than the next one would have it end.
        for step in (worker.disconnect, worker.calls.cancel, worker.abort):
            step()
            if await self._wait(idle, LAST_WORDS):
                return
        logger.warning(
            "%s: %d requests do not end even when cancelled", worker.name, len(worker.calls)
        )

    async def _end_application(self, lifespan: Lifespan) -> None:
        done = asyncio.Event()
        shutdown = asyncio.ensure_future(lifespan.shutdown())
        shutdown.add_done_callback(lambda _: done.set())
        if not await self._within(self._settings.grace, done):
            if not self._hurry.is_set():
                logger.warning("%s: the application takes too long to shut down", self._worker.name)
            lifespan.cancel()
            shutdown.cancel()

    async def _within(self, limit: float | None, event: asyncio.Event) -> bool:
        """Waits for an event as long as there is time and no hurry."""
        waits = [asyncio.ensure_future(event.wait()), asyncio.ensure_future(self._hurry.wait())]
        await asyncio.wait(waits, timeout=limit, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
        return event.is_set()

    @staticmethod
    async def _wait(event: asyncio.Event, limit: float) -> bool:
        try:
            async with asyncio.timeout(limit):
                await event.wait()
        except TimeoutError:
            return False
        return True
