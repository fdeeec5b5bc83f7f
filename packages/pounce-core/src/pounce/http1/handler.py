"""Speaks HTTP/1.1 over one channel: reads heads, starts exchanges in order, keeps alive or closes.

Decides the order of requests on a connection, its deadlines, and what a refused client is
answered (RFC 9112 section 9). Sans-I/O: bytes and the time are arguments, output goes to the
channel. Hot path: `received`, `_next`, `cycle_over`; benchmark: integration/bench.
"""

from math import inf
from typing import TYPE_CHECKING, Final

from pounce.http1.exchange import DISCARD, Http1Exchange
from pounce.http1.reader import RequestReader
from pounce.http1.refusal import error_response
from pounce.http1.response import Response
from pounce.protocol.errors import ClientDisconnected, ProtocolError
from pounce.protocol.exchange import Refusal

if TYPE_CHECKING:
    from pounce.http1.worker import Http1Worker
    from pounce.protocol.roles import Channel, Farewell

PIPELINE: Final = 16
"""Requests of one connection served at a turn, so that a pipelining client starves nobody."""
FIRST_REQUEST: Final = 1.0
"""Seconds that a new connection has for its first request when its worker ends."""
HIGH_WATER: Final = 73_728
"""Bytes read ahead of the application; above it the client is slowed by TCP. No less than a channel
reads at once: slowing it down and letting it go on again are two system calls."""


class Http1Handler:
    """See `pounce.protocol.roles.Handler` for what each method promises."""

    __slots__ = (
        "_body_due",
        "_body_mark",
        "_body_received",
        "_body_slowed",
        "_completed",
        "_discarded",
        "_discarding",
        "_eof",
        "_exchange",
        "_farewell",
        "_finished",
        "_head_due",
        "_idle",
        "_limits",
        "_paused",
        "_request_due",
        "_requests",
        "_worker",
        "channel",
        "closes",
        "flushing",
        "reader",
    )

    def __init__(self, channel: Channel, worker: Http1Worker, now: float, served: int) -> None:
        self.channel = channel
        self.reader = RequestReader(worker.limits, worker.heads)
        self.flushing: Http1Exchange | None = None
        """The exchange whose output the kernel has not taken yet."""
        self._worker = worker
        self._limits = worker.limits
        self._completed = worker.completed
        self._exchange: Http1Exchange | None = None
        self._requests = served
        self._idle = True
        """Whether nothing is under way. Changed under the worker's turn lock only, so that what
        another thread reads under that lock is the truth."""
        self._finished = False
        """Whether the channel is closed or being closed: nothing more is read."""
        self._farewell: Farewell | None = None
        self.closes = False
        """Whether the response whose head is made next is the connection's last."""
        self._eof = False
        self._paused = False
        self._discarding = False
        self._discarded = 0
        self._head_due = inf
        self._request_due = inf
        self._body_due = inf
        self._body_received = 0
        self._body_mark = 0
        self._body_slowed = False
        self._await_head(now)

    # From the channel

    def received(self, data: bytes, now: float) -> None:
        """Hot path."""
        reader = self.reader
        reader.feed(data)
        exchange = self._exchange
        if exchange is None:
            if not self._finished and self.flushing is None:
                self._next(now)
            # An unfinished head has a limit of its own.
            if reader.buffered > HIGH_WATER and not self._idle:
                self._pause()
            return
        self._body_received += len(data)
        if reader.buffered > HIGH_WATER:
            self._pause()
        exchange.changed()

    def received_eof(self, now: float) -> None:
        self._eof = True
        reader = self.reader
        reader.feed_eof()
        exchange = self._exchange
        if exchange is None:
            # What was received whole is answered all the same.
            if self.flushing is None and not self._finished:
                self._next(now)
        elif reader.done or exchange.body_read:
            exchange.half_closed()
        else:
            exchange.changed()

    def flushed(self, now: float) -> None:
        exchange, self.flushing = self.flushing, None
        if exchange is not None:
            exchange.pending = False
            exchange.changed()
        if self._exchange is None and not self._finished:
            self.channel.schedule()

    def turn(self, now: float) -> None:
        exchange = self._exchange
        if exchange is None:
            if not self._finished and self.flushing is None:
                self._next(now)
            return
        exchange.release_head()
        if exchange.wants_body and self._body_due == inf:
            self._open_body_window(now)

    def expired(self, now: float) -> None:
        exchange = self._exchange
        if exchange is None:
            if self.reader.started and not self._discarding:
                self._refuse(408, "head-timeout", now)
            else:
                self._close(linger=self._discarding)
        elif now >= self._request_due:
            self.refuse_exchange(exchange, 503, "request-timeout")
        elif now < self._body_due:
            self._set_exchange_deadline()
        elif self._body_slowed or not exchange.wants_body or self._body_advanced():
            self._open_body_window(now)
        else:
            self.refuse_exchange(exchange, 408, "body-timeout")

    def drain(self, now: float, farewell: Farewell) -> None:
        self._farewell = farewell
        if farewell != "move":
            self.closes = True
        exchange = self._exchange
        if self._idle:
            self._leave(now)
        elif exchange is not None and farewell != "fade":
            exchange.draining = True
            exchange.changed()

    def release(self) -> tuple[bytes, int] | None:
        if not self._idle:
            return None
        self._idle = False
        self._finished = True
        return self.reader.rest(), self._requests

    def _leave(self, now: float) -> bool:
        """Nothing is under way, and the worker drains. Returns whether that is settled."""
        if self._farewell == "move":
            if not self.channel.hand_on():
                self._close()
            return True
        if self._farewell != "close" or self.reader.started:
            return False
        if self._requests:
            self._close()
        else:
            # The first request of a new connection may be on the wire, and nobody sends it again
            # elsewhere by himself.
            self.channel.deadline = now + FIRST_REQUEST
        return True

    def disconnect(self) -> None:
        if self._exchange is not None:
            self._exchange.half_closed()

    def lost(self) -> None:
        self._finished = True
        self._idle = False
        if self._exchange is not None and self._completed is not None:
            self._completed(self._exchange, self.channel.peer)
        for exchange in (self._exchange, self.flushing):
            if exchange is not None:
                exchange.lose()
        self._exchange = self.flushing = None

    # Requests, one after the other

    def _next(self, now: float) -> None:
        """Starts the requests that are at hand, in order. Hot path."""
        reader = self.reader
        if self._paused and (self._discarding or reader.buffered <= HIGH_WATER):
            self._resume()
        if self._discarding and not self._discard(now):
            return
        for _ in range(PIPELINE):
            try:
                request = reader.next_head()
            except ProtocolError as error:
                self._refuse(error.status, error.reason, now)
                return
            if request is None:
                self._await_head(now)
                return
            self._requests += 1
            self._idle = False
            self._head_due = inf
            limits = self._limits
            most = limits.keep_alive_requests
            if most is not None and self._requests >= most:
                self.closes = True
            timeout = limits.request_timeout
            self.channel.deadline = self._request_due = inf if timeout is None else now + timeout
            exchange = Http1Exchange(self, request, Response(request, self._worker.defaults), now)
            self._exchange = exchange
            self.channel.start(exchange)
            if not exchange.over or self._finished or self.flushing is not None:
                # It is still running, or its output is: `cycle_over` or `flushed` goes on.
                return
            if self._discarding and not self._discard(now):
                return
        self.channel.schedule()

    def _await_head(self, now: float) -> None:
        """No whole head is at hand: sets the deadline for it, or closes if none will come."""
        limits = self._limits
        self._idle = True
        if self._paused:
            self._resume()
        if self._eof:
            self._close()
        elif self._farewell is not None and self._leave(now):
            return
        elif self.reader.started or not self._requests:
            if self._head_due == inf and limits.head_timeout is not None:
                self._head_due = now + limits.head_timeout
            self.channel.deadline = self._head_due
        else:
            idle = limits.keep_alive_timeout
            self.channel.deadline = inf if idle is None else now + idle

    def cycle_over(self, exchange: Http1Exchange) -> None:
        """The response is complete; the application may still run. Hot path."""
        if self._completed is not None:
            self._completed(exchange, self.channel.peer)
        self._exchange = None
        exchange.changed()
        reader = self.reader
        self.channel.deadline = self._request_due = self._body_due = inf
        if not reader.done:
            self._discarding = True
            self._discarded = 0
        if not exchange.response.keep_alive:
            # A client that did not ask for the close may have its next request on the way.
            self._close(linger=not reader.done or exchange.head.framing.keep_alive)
            return
        if self._paused and not exchange.pending and reader.buffered <= HIGH_WATER:
            self._resume()
        if not exchange.eager and not exchange.pending:
            # The application's call is on the stack: what follows has its own turn.
            self.channel.schedule()

    def _discard(self, now: float) -> bool:
        """Throws away the body that nobody read. True when it is through."""
        reader = self.reader
        before = reader.buffered
        try:
            through = reader.skip()
        except ProtocolError as error:
            self._refuse(error.status, error.reason, now)
            return False
        self._discarded += before - reader.buffered
        if through:
            self._discarding = False
            self._body_due = inf
            return True
        if self._eof or self._discarded > DISCARD:
            self._close(linger=True)
        elif self._body_due == inf and self._limits.body_timeout is not None:
            self.channel.deadline = self._body_due = now + self._limits.body_timeout
        return False

    def change_protocols(self) -> None:
        """The exchange goes on as a tunnel: its limits are those of what it carries."""
        self.reader.change_protocols()
        self.channel.deadline = self._request_due = self._body_due = inf

    # The body of the request that runs

    def body_wanted(self) -> None:
        """The application waits for body bytes that are not there."""
        if self._paused:
            self._resume()
        if self._body_due == inf:
            self.channel.schedule()

    def body_taken(self) -> None:
        """The application took body bytes."""
        reader = self.reader
        if self._paused and reader.buffered <= HIGH_WATER:
            self._resume()
        if reader.done and self._body_due != inf:
            self._body_due = inf
            self._set_exchange_deadline()

    def _pause(self) -> None:
        if not self._paused:
            self._paused = self._body_slowed = True
            self.channel.pause_reading()

    def _resume(self) -> None:
        self._paused = False
        self.channel.resume_reading()

    def _open_body_window(self, now: float) -> None:
        """Within the next `body_timeout` seconds the body has to advance.

        A window in which the client was slowed by us is not held against it.
        """
        timeout = self._limits.body_timeout
        if timeout is None:
            return
        self._body_mark = self._body_received
        self._body_slowed = self._paused
        self._body_due = now + timeout
        self._set_exchange_deadline()

    def _body_advanced(self) -> bool:
        least = self._limits.body_rate * (self._limits.body_timeout or 0.0)
        return self._body_received - self._body_mark >= least

    def _set_exchange_deadline(self) -> None:
        self.channel.deadline = min(self._request_due, self._body_due)

    # Refusals and ends

    def _refuse(self, status: int, reason: str, now: float) -> None:
        """Answers a client whose request never became an exchange, and closes."""
        self.channel.refused(reason)
        if self._completed is not None:
            self._completed(Refusal(self.reader.glimpse(), status, now), self.channel.peer)
        self._send_error(status, head_only=False)

    def refuse_exchange(self, exchange: Http1Exchange, status: int, reason: str) -> None:
        """Ends an exchange that broke a rule or a limit on the way."""
        self.channel.refused(reason)
        cancel = exchange.cancel
        if exchange.answerable:
            self.answer(exchange, status)
        else:
            self.channel.abort()
        exchange.lose()
        if cancel is not None and reason == "request-timeout":
            cancel()

    def answer(self, exchange: Http1Exchange, status: int) -> None:
        """Answers in the application's place, and closes."""
        exchange.response.status = status
        if self._completed is not None:
            self._completed(exchange, self.channel.peer)
        self._exchange = None
        self._send_error(status, head_only=exchange.head.method == "HEAD")

    def cut_off(self, exchange: Http1Exchange) -> None:
        """Ends a response half-way, so that its client can tell.

        With a length or chunks a plain close tells, and loses nothing that was sent; where the
        close is what ends the body, only a reset tells (RFC 9112 section 8).
        """
        if self._completed is not None:
            self._completed(exchange, self.channel.peer)
        self._exchange = None
        if exchange.response.ends_by_close:
            self.channel.abort()
        else:
            # In a tunnel the client may be sending, and a reset would take what it was sent along.
            self._close(linger=exchange.tunnels)

    def _send_error(self, status: int, *, head_only: bool) -> None:
        try:
            self.channel.write(error_response(status, self._worker.defaults, head_only=head_only))
        except ClientDisconnected:
            return
        self._close(linger=True)

    def _close(self, *, linger: bool = False) -> None:
        self._idle = False
        self._finished = True
        self.channel.close(linger=linger)
