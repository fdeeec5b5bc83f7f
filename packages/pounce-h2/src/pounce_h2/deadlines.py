"""By when what has to have happened on one connection.

Decides which exchange or stream is late, and until when nothing need be looked at: while streams
are open all of them are looked at about once a second, and no request has a timer.
RFC 9113 sections 6.8 and 10.5.
"""

from collections.abc import Iterable
from math import inf
from typing import TYPE_CHECKING, Final, NamedTuple

from pounce.protocol.limits import Limits

if TYPE_CHECKING:
    from pounce_h2.engine import Engine
    from pounce_h2.exchange import H2Exchange
    from pounce_h2.stream import Stream

LOOK: Final = 1.0
"""Seconds between two looks at the streams."""
LINGER: Final = 2.0
"""Seconds in which an upload that was answered may end."""
PARTING: Final = 1.0
"""Seconds that a client has to take note of a farewell."""


class Mark(NamedTuple):
    """How far a stream and its connection were, and until when they are to have gone on."""

    due: float
    sent: int
    sent_by_all: int


class Deadlines:
    """One connection's.

    Args:
        limits: of the listener.
        engine: its streams are looked at.
        now: monotonic time in seconds.
    """

    __slots__ = (
        "_engine",
        "_head_due",
        "_idle_due",
        "_last",
        "_limits",
        "_lingering",
        "_look_at",
        "_marks",
        "_outbound",
        "_parting_due",
        "_streams",
        "next",
    )

    def __init__(self, limits: Limits, engine: Engine, now: float) -> None:
        self._limits = limits
        self._engine = engine
        self._streams = engine.streams
        self._outbound = engine.outbound
        timeout = limits.head_timeout
        self._head_due = inf if timeout is None else now + timeout
        self._idle_due = inf
        self._parting_due = inf
        self._look_at = inf
        self._last = 0
        self._lingering: dict[int, float] = {}
        """By when streams whose uploads were answered are to end."""
        self._marks: dict[int, Mark] = {}
        """Of streams that wait for the client."""
        self.next = self._head_due
        """When to look again."""

    def settle(self, now: float) -> float:
        """At the end of a turn: when to look again. Hot path."""
        engine = self._engine
        limits = self._limits
        if engine.unfinished or not engine.ready:
            if self._head_due == inf and limits.head_timeout is not None:
                self._head_due = now + limits.head_timeout
        else:
            self._head_due = inf
        if self._streams:
            self._idle_due = inf
            if self._look_at == inf:
                self._look_at = now + LOOK
            return min(self._look_at, self._head_due, self._parting_due)
        self._look_at = inf
        # A ping is no request: it does not keep the connection.
        if self._idle_due == inf or self._last != engine.last:
            self._last = engine.last
            timeout = limits.keep_alive_timeout
            self._idle_due = inf if timeout is None else now + timeout
        return min(self._idle_due, self._head_due, self._parting_due)

    def part(self, now: float) -> None:
        """A farewell was said."""
        self._parting_due = now + PARTING

    def is_over(self, now: float) -> bool:
        """Whether the client has been idle for too long, or has had its farewell."""
        if now >= self._parting_due:
            self._parting_due = inf
            return True
        return now >= self._idle_due and not self._streams

    def head_is_late(self, now: float) -> bool:
        """Whether the preface, a header block or a frame took too long."""
        return now >= self._head_due

    def late(self, now: float) -> Iterable[tuple[H2Exchange, int, str]]:
        """Each exchange that is late, with the status for it and the reason."""
        self._look_at = inf
        limits = self._limits
        for stream in list(self._streams.values()):
            exchange = stream.exchange
            if exchange is None or exchange.over or stream.tunnels:
                continue
            if (
                limits.request_timeout is not None
                and now >= exchange.began + limits.request_timeout
            ):
                yield exchange, 503, "request-timeout"
            elif limits.body_timeout is not None and self._body_is_late(stream, exchange, now):
                yield exchange, 408, "body-timeout"

    def _body_is_late(self, stream: Stream, exchange: H2Exchange, now: float) -> bool:
        """Whether a body has not advanced as it should have, in a whole window of time."""
        limits = self._limits
        timeout = limits.body_timeout or 0.0
        if not exchange.wants_body:
            # What the application does not take is not held against the client.
            exchange.body_due = inf
            return False
        if now < exchange.body_due < inf:
            return False
        progress = self._engine.progress(stream)
        if exchange.body_due < inf and not self._outbound.blocked:
            advanced = progress - exchange.body_mark
            if advanced < limits.body_rate * timeout:
                return True
        exchange.body_mark = progress
        exchange.body_due = now + timeout
        return False

    def lingering(self, now: float) -> Iterable[Stream]:
        """Each stream whose upload was answered, and has not ended since."""
        due, self._lingering = self._lingering, {}
        for number, stream in list(self._streams.items()):
            if stream.lingers:
                if now >= due.get(number, inf):
                    yield stream
                else:
                    self._lingering[number] = due.get(number, now + LINGER)

    def stalled(self, now: float) -> Iterable[Stream]:
        """Each stream whose client does not open its window, or does not end its half."""
        limits = self._limits
        if limits.write_timeout is None:
            return
        least = limits.write_rate * limits.write_timeout
        outbound = self._outbound
        marks, self._marks = self._marks, {}
        for number, stream in list(self._streams.items()):
            # What the kernel or a more urgent sibling keeps back is not held against the client.
            shut = number in outbound.shut
            if not (shut or stream.local_ended or (stream.outbox and outbound.window <= 0)):
                continue
            mark = marks.get(number)
            if mark is not None and now >= mark.due:
                gone_on = outbound.data_sent - mark.sent_by_all
                if shut or stream.local_ended:
                    gone_on = stream.sent - mark.sent
                if gone_on < least and not outbound.blocked:
                    yield stream
                    continue
                mark = None
            due = now + limits.write_timeout
            self._marks[number] = mark or Mark(due, stream.sent, outbound.data_sent)
