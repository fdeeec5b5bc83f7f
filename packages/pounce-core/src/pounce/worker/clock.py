"""What a worker does about once a second, beside its connections.

Decides when the next time is. Never wakes a worker by itself, and never lets one look spoil the
others. Belongs to its worker's thread.
"""

import logging
from email.utils import formatdate
from time import time
from typing import Final

from pounce.protocol.roles import Look, Second

logger = logging.getLogger("pounce.worker")

TICK: Final = 1.0
"""Seconds between two sweeps over the deadlines, and the grain of every deadline."""


class Clock:
    """The ticks of one worker.

    Args:
        now: monotonic time in seconds.
    """

    def __init__(self, now: float) -> None:
        self.due = now
        """Monotonic time of the next tick."""
        self._seconds: list[Second] = []
        self._looks: list[Look] = []

    def every_second(self, second: Second) -> None:
        """Calls `second` with the `date` line now, and at each tick."""
        self._seconds.append(second)
        second(_date_line())

    def every_tick(self, look: Look) -> None:
        """Calls `look` with the time at each tick."""
        self._looks.append(look)

    def tick(self, now: float) -> None:
        """It is time."""
        self.due = now + TICK
        if self._seconds:
            line = _date_line()
            for second in self._seconds:
                second(line)
        for look in self._looks:
            try:
                look(now)
            except Exception as fault:
                logger.error("what a protocol does each second failed", exc_info=fault)


def _date_line() -> bytes:
    return b"date: %b\r\n" % formatdate(time(), usegmt=True).encode()
