"""Speaks HTTP/2 over one channel: drives the engine, starts exchanges, writes what is ready.

Decides when output leaves (all of a turn in one write), when reading pauses, and how a connection
ends; what takes too long is `deadlines`' to find. Sans-I/O: bytes and the time are arguments,
output goes to the channel. RFC 9113 sections 5.4, 6.8 and 9.1.
Hot path: `received`, `requested`; benchmark: integration/bench.
"""

from typing import TYPE_CHECKING, Final

from pounce.protocol.errors import ClientDisconnected, ProtocolError
from pounce.protocol.exchange import Refusal, RequestHead, unknown_head
from pounce.protocol.response import refusal
from pounce_h2.connection import Connection
from pounce_h2.deadlines import Deadlines
from pounce_h2.exchange import H2Exchange
from pounce_h2.fault import ConnectionFault
from pounce_h2.frame import ErrorCode
from pounce_h2.request import Request

if TYPE_CHECKING:
    from pounce.protocol.roles import Channel, Farewell
    from pounce_h2.engine import Engine
    from pounce_h2.stream import Stream
    from pounce_h2.worker import H2Worker

BATCHES: Final = 8
"""Pieces that are given to the socket at a turn, so that a fast reader does not keep the worker."""
MOST_UNSENT: Final = 65_536
"""Bytes of frames that wait for the kernel; beyond, a client that reads nothing is not read."""


class H2Handler:
    """See `pounce.protocol.roles.Handler` for what each method promises."""

    __slots__ = (
        "_completed",
        "_deadlines",
        "_engine",
        "_eof",
        "_farewell",
        "_finished",
        "_held",
        "_inside",
        "_limits",
        "_now",
        "_paused",
        "_requests",
        "_scheduled",
        "answers",
        "channel",
        "outbound",
        "running",
    )

    def __init__(self, channel: Channel, worker: H2Worker, now: float) -> None:
        self.channel = channel
        self.answers = worker.answers
        self._limits = worker.limits
        self._completed = worker.completed
        self._engine: Engine = Connection(self, worker.rules, now)
        self._deadlines = Deadlines(worker.limits, self._engine, now)
        self.outbound = self._engine.outbound
        self.running = 0
        """Calls of the application that have not returned."""
        self._now = now
        self._requests = 0
        self._farewell: Farewell | None = None
        self._eof = False
        self._paused = False
        self._finished = False
        """Whether the channel is closed or being closed: nothing more is read."""
        self._inside = False
        """Whether a turn is under way, at whose end output leaves."""
        self._scheduled = False
        self._held: list[H2Exchange] = []
        """Exchanges whose application may wait with the head given and nothing of the body."""
        channel.deadline = self._deadlines.next

    # From the channel

    def received(self, data: bytes, now: float) -> None:
        """Hot path."""
        if self._finished:
            return
        self._now = now
        self._inside = True
        try:
            self._engine.receive(data, now)
        except ConnectionFault as fault:
            self._fail(fault)
        self._inside = False
        self._settle(now)

    def received_eof(self, now: float) -> None:
        self._eof = True
        self._now = now
        if not self._engine.behind:
            self._half_close()
        self._settle(now)

    def flushed(self, now: float) -> None:
        self.outbound.blocked = False
        self._now = now
        self._settle(now)

    def turn(self, now: float) -> None:
        self._scheduled = False
        if self._finished:
            return
        self._now = now
        if self._held:
            held, self._held = self._held, []
            for exchange in held:
                exchange.release_head()
        if self._engine.behind and not self.outbound.blocked:
            self._proceed(now)
        self._settle(now)

    def expired(self, now: float) -> None:
        self._now = now
        deadlines = self._deadlines
        if self._engine.streams:
            for exchange, status, reason in deadlines.late(now):
                self.give_up(exchange, status, reason)
            for stream in deadlines.lingering(now):
                self._engine.end(stream)
            for stream in deadlines.stalled(now):
                self.channel.refused("write-timeout")
                self._engine.reset(stream, ErrorCode.CANCEL)
        if deadlines.head_is_late(now):
            self._fail(ConnectionFault(ErrorCode.ENHANCE_YOUR_CALM, "head-timeout"))
        elif deadlines.is_over(now) and not self._engine.parting:
            self._engine.last_word()
        self._settle(now)

    def drain(self, now: float, farewell: Farewell) -> None:
        self._now = now
        if self._farewell is None:
            self._say_farewell(now)
        self._farewell = farewell
        if farewell != "fade":
            for exchange in self._exchanges():
                exchange.draining = True
                exchange.changed()
        self._settle(now)

    def release(self) -> tuple[bytes, int] | None:
        """What the two sides know of the connection cannot be moved."""
        return None

    def disconnect(self) -> None:
        for exchange in self._exchanges():
            exchange.half_closed()

    def lost(self) -> None:
        self._finished = True
        self._forsake()

    def _proceed(self, now: float) -> None:
        self._inside = True
        try:
            self._engine.proceed(now)
        except ConnectionFault as fault:
            self._fail(fault)
        self._inside = False
        if self._eof and not self._engine.behind:
            self._half_close()

    def _half_close(self) -> None:
        """All that the client ever sends has been looked at."""
        for stream in list(self._engine.streams.values()):
            exchange = stream.exchange
            if exchange is None:
                # A tunnel whose other half we have ended.
                self._engine.reset(stream, ErrorCode.CANCEL)
            elif stream.remote_ended:
                exchange.half_closed()
            else:
                self.give_up(exchange, 400, "body-incomplete")

    # The ends of turns

    def output(self) -> None:
        """There is something to send: by the end of this turn, or in one of its own. Hot path."""
        if not self._inside and not self._scheduled:
            self._scheduled = True
            self.channel.schedule()

    def hold_head(self, exchange: H2Exchange) -> None:
        self._held.append(exchange)
        self.output()

    def push(self) -> None:
        """Sends what is ready now."""
        if not self.outbound.blocked and not self._finished:
            self._flush()

    def _settle(self, now: float) -> None:
        """Sends what is ready, and looks at what the connection waits for now. Hot path."""
        if self._finished:
            return
        outbound = self.outbound
        if not outbound.blocked and (outbound.frames or outbound.waiting):
            self._flush()
        self._look_ahead(now)

    def _look_ahead(self, now: float) -> None:
        """What the connection waits for from now on. Hot path."""
        if self._finished:
            return
        outbound = self.outbound
        engine = self._engine
        if engine.behind or outbound.size > MOST_UNSENT:
            self._pause()
        elif self._paused:
            self._paused = False
            self.channel.resume_reading()
        if not engine.streams and not engine.behind and (engine.parting or self._eof):
            self._close()
            return
        self.channel.deadline = self._deadlines.settle(now)

    def _pause(self) -> None:
        if not self._paused:
            self._paused = True
            self.channel.pause_reading()
        if self._engine.behind and not self.outbound.blocked:
            self.output()

    def _flush(self) -> None:
        """Hot path."""
        outbound = self.outbound
        try:
            for _ in range(BATCHES):
                if outbound.waiting:
                    outbound.pump()
                if not outbound.frames:
                    return
                if not self.channel.write(outbound.take()):
                    outbound.blocked = True
                    return
        except ClientDisconnected:
            # The channel says so by `lost`.
            return
        if not self._scheduled:
            self._scheduled = True
            self.channel.schedule()

    # From the engine

    def requested(self, stream: Stream, head: Request) -> None:
        """Hot path."""
        if self._finished:
            # The client was lost while an earlier request of this very piece was answered.
            return
        limits = self._limits
        if limits.body is not None and stream.expected > limits.body:
            self.faulty(stream, ProtocolError(413, "body-too-large"), head)
            return
        self.running += 1
        self._requests += 1
        if self._requests == limits.keep_alive_requests and self._farewell is None:
            self._farewell = "patient"
            self._say_farewell(self._now)
        exchange = stream.exchange = H2Exchange(self, stream, head, self._now)
        if self._farewell is not None and self._farewell != "fade":
            exchange.draining = True
        self.channel.start(exchange)

    def faulty(self, stream: Stream, error: ProtocolError, head: RequestHead | None = None) -> None:
        """Answers without a body: whether the method was HEAD may not be known."""
        self.channel.refused(error.reason)
        if self._completed is not None:
            known = head or unknown_head(version="2")
            self._completed(Refusal(known, error.status, self._now), self.channel.peer)
        answer = self.answers.answer(error.status, [(b"content-length", b"0")])
        self.outbound.send_head(stream, answer.block + self.answers.date, end=True)

    def arrived(self, stream: Stream) -> None:
        exchange = stream.exchange
        if exchange is None:
            return
        most = self._limits.body
        if most is not None and stream.received > most and not stream.tunnels:
            self.give_up(exchange, 413, "body-too-large")
        else:
            exchange.changed()

    def ended_early(self, stream: Stream) -> None:
        exchange = stream.exchange
        if exchange is not None:
            self._lose(exchange)

    def refused(self, reason: str) -> None:
        self.channel.refused(reason)

    # From the exchanges

    def may_end(self, stream: Stream) -> bool:
        """Whether a response that is complete may end its stream now."""
        return self._engine.may_end(stream)

    def body_wanted(self) -> None:
        """The application waits for body bytes: the sweep sees to it that they come."""

    def body_taken(self, stream: Stream, count: int) -> None:
        """The application took body bytes."""
        self._engine.returned(stream, count)
        if self.outbound.frames:
            self.output()

    def response_over(self, exchange: H2Exchange) -> None:
        """The response is complete; the application may still run. Hot path."""
        if self._completed is not None:
            self._completed(exchange, self.channel.peer)
        if exchange.on_change is not None:
            exchange.on_change()

    def returned(self) -> None:
        """A call of the application has ended. Hot path."""
        self.running -= 1

    def answer(self, exchange: H2Exchange, status: int, *, at_once: bool = False) -> None:
        """Answers in the application's place.

        Args:
            at_once: also in the middle of an upload.
        """
        exchange.status = status
        exchange.over = exchange.disconnected = True
        fields, body = refusal(status)
        head = self.answers.answer(status, fields)
        block = head.block + self.answers.date if head.dated else head.block
        stream = exchange.stream
        end = at_once or exchange.may_end()
        if exchange.head.method == "HEAD":
            body = b""
        if not end:
            self.outbound.hold(stream, block, body)
        elif not body:
            self.outbound.send_head(stream, block, end=True)
        elif not self.outbound.respond(stream, block, body):
            self.outbound.send_head(stream, block)
            self.outbound.send(stream, body, end=True)
        exchange.body_sent = len(body)
        self.response_over(exchange)
        self.output()

    def cut_off(self, exchange: H2Exchange, code: ErrorCode) -> None:
        """Ends a response half-way, so that its client can tell."""
        self._engine.reset(exchange.stream, code)
        exchange.over = exchange.disconnected = True
        self.output()

    def give_up(self, exchange: H2Exchange, status: int, reason: str) -> None:
        """Ends an exchange that broke a rule or a limit on the way."""
        self.channel.refused(reason)
        cancel = exchange.cancel
        if exchange.answerable:
            self.answer(exchange, status, at_once=True)
        elif exchange.over:
            self._engine.reset(exchange.stream, ErrorCode.NO_ERROR)
        else:
            self.cut_off(exchange, ErrorCode.CANCEL)
        exchange.lose()
        if cancel is not None and reason == "request-timeout":
            cancel()

    def _exchanges(self) -> list[H2Exchange]:
        """Those whose stream is not over."""
        streams = self._engine.streams.values()
        return [stream.exchange for stream in streams if stream.exchange is not None]

    def _lose(self, exchange: H2Exchange) -> None:
        if not exchange.over and self._completed is not None:
            self._completed(exchange, self.channel.peer)
        exchange.lose()

    # The end

    def _say_farewell(self, now: float) -> None:
        """The client may have requests on the way, and is not to lose them."""
        if not self._finished:
            self._engine.farewell()
            self._deadlines.part(now)

    def _fail(self, fault: ConnectionFault) -> None:
        """The connection is of no use any more; the client is told why."""
        if self._finished:
            return
        self.channel.refused(fault.reason)
        self._engine.goaway(fault.code)
        self._close()
        self._forsake()

    def _close(self) -> None:
        """Sends what is ready and closes; what the client still sends is thrown away."""
        self._finished = True
        frames = self.outbound.take()
        if frames:
            try:
                self.channel.write(frames)
            except ClientDisconnected:
                return
        self.channel.close(linger=not self._eof)

    def _forsake(self) -> None:
        """No stream goes on."""
        streams = self._engine.streams
        while streams:
            _, stream = streams.popitem()
            exchange = stream.exchange
            self.outbound.forget(stream)
            stream.exchange = None
            if exchange is not None:
                self._lose(exchange)
