"""The thread that accepts for several thread workers and hands each connection to one of them.

Decides which worker gets a connection: the one with the fewest, in turn among equals. Registers
the socket with that worker's poller, so that nothing is woken in vain. Never reads a byte.
`targets` is replaced whole by the supervisor; reading it is one atomic step.
"""

import logging
import os
import threading
from collections.abc import Sequence
from functools import partial
from time import monotonic, sleep
from typing import Final

from pounce.worker.arrival import Arrival, hand_over
from pounce.worker.door import BATCH, QUIET, Door
from pounce.worker.poller import READ, Poller, make_poller
from pounce.worker.worker import Worker

logger = logging.getLogger("pounce.listen")

RECHECK: Final = 0.02
"""Seconds between two looks whether a connection has ended, while the server is full."""
TICK: Final = 1.0


class Acceptor:
    """Accepts until `stop`.

    Args:
        doors: the listening sockets; this thread owns them from now on.
        most: open connections of the whole server, or None for no limit.
    """

    def __init__(self, doors: Sequence[Door], most: int | None) -> None:
        self.targets: tuple[Worker, ...] = ()
        self._doors = {door.fileno(): door for door in doors}
        self._most = most
        self._next = 0
        self._quiet_until = 0.0
        self._wake_read, self._wake_write = os.pipe()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="pounce-acceptor", daemon=True)

    def start(self) -> None:
        """Starts to accept; `targets` is to hold a worker by now."""
        self._thread.start()

    def stop(self) -> None:
        """Takes who is in the queue, closes the listening sockets, and returns then."""
        self._stopping = True
        os.write(self._wake_write, b"x")
        self._thread.join()
        os.close(self._wake_read)
        os.close(self._wake_write)

    def _run(self) -> None:
        poller = make_poller()
        poller.watch(self._wake_read, READ)
        for door in self._doors.values():
            door.watch(poller)
        full = False
        try:
            while not self._stopping:
                shut = any(door.shut for door in self._doors.values())
                events = poller.poll(RECHECK if full else TICK if shut else None)
                now = monotonic()
                room = self._room()
                if full != (room <= 0):
                    full = not full
                    self._fill(full, poller)
                for fd, _ in events:
                    if fd in self._doors and room > 0:
                        room -= self._accept(self._doors[fd], poller, now, min(room, BATCH))
                if shut and not full:
                    for door in self._doors.values():
                        door.resume(poller, now)
            self._take_the_rest(poller)
        finally:
            poller.close()

    def _take_the_rest(self, poller: Poller) -> None:
        for door in self._doors.values():
            door.unwatch(poller)
            door.empty(partial(self._accept, door, poller, monotonic(), BATCH))

    def _room(self) -> int:
        if not self.targets:
            return 0
        if self._most is None:
            return BATCH * len(self._doors)
        return self._most - sum(worker.connections for worker in self.targets)

    def _fill(self, full: bool, poller: Poller) -> None:
        now = monotonic()
        if full and self.targets and now >= self._quiet_until:
            self._quiet_until = now + QUIET
            logger.warning("all %d connections are taken; further ones wait", self._most)
        for door in self._doors.values():
            if full:
                door.unwatch(poller)
            elif not door.shut:
                door.watch(poller)

    def _accept(self, door: Door, poller: Poller, now: float, most: int) -> int:
        taken = door.accept(poller, now, most) if self.targets else []
        for fd, address in taken:
            hand_over(self._in_turn(), fd, Arrival(address, door))
        return len(taken)

    def _in_turn(self) -> list[Worker]:
        """The targets, beginning with another one each time, so that equals take turns."""
        while not (targets := self.targets):
            # All have died at this moment; their successors are on their way.
            if self._stopping:
                return []
            sleep(RECHECK)
        start = self._next = (self._next + 1) % len(targets)
        return [*targets[start:], *targets[:start]]
