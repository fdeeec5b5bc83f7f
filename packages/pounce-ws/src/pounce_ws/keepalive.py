"""Whether a client is still there, and goes on: its pings and its deadlines, as plain numbers.

Decides by the time, which it is told about once a second, what is due; never sends anything.
No connection has a timer.
"""

from dataclasses import dataclass
from math import inf
from typing import Literal, Self

from pounce.protocol.limits import Limits
from pounce_ws.settings import Settings

type Due = Literal["ping", "silent", "slow"]
"""To ask for a sign of life; no sign of life came in time; a frame does not go on."""


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds that things may take; infinity for any time.

    Attributes:
        handshake: from the request to the application's answer.
        interval: from a sign of life to the ping that asks for the next.
        timeout: from a ping to the next sign of life.
        close: from our close frame to the client's.
        frame: the window in which a frame that has begun must advance by `advance` bytes.
        advance: bytes.
    """

    handshake: float
    interval: float
    timeout: float
    close: float
    frame: float
    advance: float

    @classmethod
    def of(cls, settings: Settings, limits: Limits) -> Self:
        """From the settings; a frame has to come as fast as the body of a request."""
        window = limits.body_timeout
        return cls(
            handshake=_or_ever(settings.handshake_timeout),
            interval=_or_ever(settings.ping_interval),
            timeout=_or_ever(settings.ping_timeout),
            close=settings.close_timeout,
            frame=_or_ever(window),
            advance=0 if window is None else limits.body_rate * window,
        )


def _or_ever(seconds: float | None) -> float:
    return inf if seconds is None else seconds


class Keepalive:
    """The clock of one open connection.

    Any bytes are a sign of life, and not a pong alone: a client in the midst of a large frame
    cannot answer before its end. That a frame has to go on is a rule of its own.
    """

    __slots__ = ("_due", "_frame_due", "_frame_mark", "_mark", "_pinged", "_times")

    def __init__(self, times: Times) -> None:
        self._times = times
        self._pinged = False
        self._due = -inf
        self._mark = 0
        self._frame_due = inf
        self._frame_mark = 0

    def tick(self, now: float, received: int, *, midway: bool, paused: bool) -> Due | None:
        """Says what is due.

        Args:
            now: monotonic time in seconds.
            received: bytes that came so far.
            midway: whether a frame has begun and is not complete.
            paused: whether nothing is read, so that no sign of life could be seen.
        """
        times = self._times
        if paused or self._due == -inf:
            self._due = now + times.interval
            self._mark = received
            self._pinged = False
        if not midway or paused:
            self._frame_due = inf
        elif self._frame_due == inf:
            self._frame_due = now + times.frame
            self._frame_mark = received
        elif now >= self._frame_due:
            if received - self._frame_mark < times.advance:
                return "slow"
            self._frame_due = now + times.frame
            self._frame_mark = received
        if received != self._mark:
            self._mark = received
            self._due = now + times.interval
            self._pinged = False
        elif now >= self._due:
            if self._pinged:
                return "silent"
            self._pinged = True
            self._due = now + times.timeout
            return "ping"
        return None
