"""A worker as a guest: on an event loop that somebody else runs.

Decides how the worker gets its turns there: its poller is itself a descriptor that the loop
watches. Works on any asyncio loop that can watch one. Never starts a thread or a loop.
"""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial

from pounce.observe.access_log import AccessLog
from pounce.protocol.asgi import Application
from pounce.supervise.recipe import Recipe, log_to
from pounce.worker.clock import TICK
from pounce.worker.door import Door
from pounce.worker.life import Life
from pounce.worker.poller import make_poller
from pounce.worker.worker import Worker


class Guest:
    """One worker on the running loop; made there.

    Args:
        recipe: what the worker is made of.
        app: the application.
        doors: where it accepts.
        access_log: where requests are logged, or None.

    Raises:
        OSError: this system's poller is not a descriptor that a loop can watch.
    """

    def __init__(
        self,
        recipe: Recipe,
        app: Application,
        doors: Sequence[Door],
        access_log: AccessLog | None,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._poller = make_poller()
        self._worker = Worker("worker-1", recipe.worker_settings(accepts=True), self._poller)
        if access_log is not None:
            self._worker.completed = log_to(access_log.sink(), recipe.proxies)
        self._life = Life(self._worker, app, recipe.life_settings(), recipe.speak)
        self._doors = doors
        self._woken = False
        self._tick: asyncio.TimerHandle | None = None

    async def run(self, started: Callable[[], None]) -> None:
        """Serves until `end`, or until its task is cancelled; drains either way.

        Raises:
            StartupError: the application did not start.
        """
        self._loop.add_reader(self._poller.fileno(), self._turn)
        self._sweep()
        try:
            await self._life.run(partial(self._begin, started), self._wake)
        finally:
            if self._tick is not None:
                self._tick.cancel()
            self._loop.remove_reader(self._poller.fileno())
            self._poller.close()

    def _begin(self, started: Callable[[], None]) -> None:
        for door in self._doors:
            self._worker.open_door(door)
        started()

    def end(self) -> None:
        """Asks for a graceful end. From any thread."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._life.end)

    def _turn(self) -> None:
        self._woken = False
        for fd, _ in self._worker.turn(0):
            # Nobody's: a connection that was moved while it was handed over.
            self._worker.forget_stranger(fd)

    def _wake(self) -> None:
        if not self._woken:
            self._woken = True
            self._loop.call_soon(self._turn)

    def _sweep(self) -> None:
        """The loop does not know the worker's deadlines: it is woken for them."""
        self._tick = self._loop.call_later(TICK, self._sweep)
        self._turn()
