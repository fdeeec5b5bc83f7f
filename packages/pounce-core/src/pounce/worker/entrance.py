"""The listening sockets from which a worker accepts itself: open, paused, full, or closed for good.

Decides when they are watched. Never decides what becomes of an accepted connection. Belongs to
its worker's thread.
"""

import logging
from collections.abc import Callable
from functools import partial
from typing import Any

from pounce.worker.door import BATCH, QUIET, Door
from pounce.worker.poller import Poller

logger = logging.getLogger("pounce.worker")


class Entrance:
    """The doors of one worker.

    Args:
        name: the worker's, for the log.
        poller: the worker's.
        most: how many connections the worker has at most, or None.
        connections: how many it has now.
        take: is given each accepted descriptor, its address, and its door.
    """

    def __init__(
        self,
        name: str,
        poller: Poller,
        most: int | None,
        connections: Callable[[], int],
        take: Callable[[int, Any, Door], None],
    ) -> None:
        self.doors: dict[int, Door] = {}
        self.shut = False
        """Whether a door pauses, so that somebody has to look after it."""
        self.full = False
        self._quiet_until = 0.0
        self._name = name
        self._poller = poller
        self._most = most
        self._connections = connections
        self._take = take

    def open(self, door: Door) -> None:
        """Accepts from a door from now on."""
        self.doors[door.fileno()] = door
        door.watch(self._poller)

    def close(self, *, for_good: bool = False) -> None:
        """Accepts no more.

        Args:
            for_good: the server ends: takes who is in the queue, and closes the sockets, so that
                nobody else waits in vain.
        """
        doors = list(self.doors.values())
        for door in doors:
            door.unwatch(self._poller)
        self.doors.clear()
        if for_good:
            for door in doors:
                door.empty(partial(self.accept, door, 0.0))

    def accept(self, door: Door, now: float) -> int:
        """Takes some of who waits. Returns how many."""
        room = BATCH if self._most is None else min(BATCH, self._most - self._connections())
        taken = door.accept(self._poller, now, room)
        for fd, address in taken:
            self._take(fd, address, door)
        self.shut |= door.shut
        if self._most is not None and self._connections() >= self._most:
            self.full = True
            if now >= self._quiet_until:
                self._quiet_until = now + QUIET
                logger.warning(
                    "%s has its %d connections; further ones wait", self._name, self._most
                )
            for every in self.doors.values():
                every.unwatch(self._poller)
        return len(taken)

    def make_room(self) -> None:
        """A connection has gone: if that was the one too many, there is room again."""
        if self.full:
            self.full = False
            for door in self.doors.values():
                if not door.shut:
                    door.watch(self._poller)

    def look(self, now: float) -> None:
        """Opens the doors again whose pause is over."""
        if self.shut and not self.full:
            self.shut = False
            for door in self.doors.values():
                self.shut |= not door.resume(self._poller, now)
