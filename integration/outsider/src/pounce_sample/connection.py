"""Speaks the line protocol over one channel: a preface, a greeting, then lines and their answers.

Decides where a line ends, in which order lines are answered, and when the connection ends.
Sans-I/O: bytes and the time are arguments, output goes to the channel.
"""

from math import inf
from typing import Final

from pounce.protocol.errors import ClientDisconnected
from pounce.protocol.roles import Channel, Farewell, WorkerServices
from pounce_sample.exchange import LineExchange
from pounce_sample.plugin import PREFACE
from pounce_sample.settings import LineSettings

HIGH_WATER: Final = 65_536
"""Bytes read ahead; above it the client is slowed by TCP."""
FIRST_LINE: Final = 1.0
"""Seconds that a new client has for its first line when its worker ends: it may be on its way."""
GOOD_BYE: Final = b"bye\n"


class LineWorker:
    """The protocol's part of a worker, made once on its thread; makes the handlers."""

    def __init__(self, services: WorkerServices, settings: LineSettings) -> None:
        self.limits = services.limits
        self.completed = services.completed
        self.greeting = settings.greeting.encode() + b"\n"
        self.longest = settings.longest
        self.path = settings.path.encode()

    def __call__(self, channel: Channel, now: float, served: int) -> LineConnection:
        return LineConnection(channel, self, now)


class LineConnection:
    """See `pounce.protocol.roles.Handler` for what each method promises."""

    def __init__(self, channel: Channel, worker: LineWorker, now: float) -> None:
        self._channel = channel
        self._worker = worker
        self._held = b""
        self._greeted = False
        self._exchange: LineExchange | None = None
        self._leaving: LineExchange | None = None
        """Whose output the kernel has not taken yet."""
        self._paused = False
        self._eof = False
        self._asked = False
        self._ended = False
        self._farewell: Farewell | None = None
        self._line_due = inf
        self._await_line(now)

    # From the channel

    def received(self, data: bytes, now: float) -> None:
        self._held += data
        if self._exchange is None and self._leaving is None:
            self._next(now)
        elif len(self._held) > HIGH_WATER and not self._paused:
            self._paused = True
            self._channel.pause_reading()

    def received_eof(self, now: float) -> None:
        self._eof = True
        if self._exchange is not None:
            self._exchange.half_closed()
        elif self._leaving is None:
            self._next(now)

    def flushed(self, now: float) -> None:
        exchange, self._leaving = self._leaving, None
        if exchange is not None:
            exchange.left()
        if self._exchange is None:
            self._channel.schedule()

    def turn(self, now: float) -> None:
        if self._exchange is None and self._leaving is None:
            self._next(now)

    def expired(self, now: float) -> None:
        if self._exchange is not None:
            self._channel.refused("request-timeout")
            self._channel.abort()
        elif self._held:
            self._refuse(b"408 a line takes too long\n", "line-timeout")
        elif self._farewell is not None:
            self._say_good_bye()
        else:
            self._close()

    def drain(self, now: float, farewell: Farewell) -> None:
        self._farewell = farewell
        if self._exchange is not None:
            if farewell != "fade":
                self._exchange.draining = True
                self._exchange.changed()
        elif farewell in ("close", "move") and not self._held and self._leaving is None:
            if self._asked:
                self._say_good_bye()
            else:
                self._channel.deadline = now + FIRST_LINE

    def release(self) -> None:
        """The preface was used up: without it, nobody would know the protocol again."""

    def disconnect(self) -> None:
        if self._exchange is not None:
            self._exchange.half_closed()

    def lost(self) -> None:
        self._ended = True
        exchanges, self._exchange, self._leaving = (self._exchange, self._leaving), None, None
        self._report(exchanges[0])
        for exchange in exchanges:
            if exchange is not None:
                exchange.lose()

    # Lines

    def _next(self, now: float) -> None:
        """Takes the next line, if it is whole: one a turn, so that nobody is starved."""
        if self._ended:
            return
        if self._paused:
            self._paused = False
            self._channel.resume_reading()
        if not self._greeted and not self._greet():
            if self._eof:
                self._close()
            return
        line, newline, rest = self._held.partition(b"\n")
        if len(line) > self._worker.longest:
            self._refuse(b"413 the line is too long\n", "line-too-long")
        elif newline:
            self._held = rest
            self._asked = True
            self._line_due = inf
            timeout = self._worker.limits.request_timeout
            self._channel.deadline = inf if timeout is None else now + timeout
            line = line.removesuffix(b"\r")
            self._exchange = LineExchange(self, self._worker.path, line, now)
            self._channel.start(self._exchange)
        elif self._eof:
            self._close()
        else:
            self._await_line(now)

    def _greet(self) -> bool:
        """Looks for the preface. True when it has come, and was answered."""
        if self._held.startswith(PREFACE):
            self._held = self._held.removeprefix(PREFACE)
            self._greeted = self._write_last(self._worker.greeting)
            return self._greeted
        if not PREFACE.startswith(self._held):
            self._refuse(b"400 these are no lines\n", "line-preface")
        return False

    def _await_line(self, now: float) -> None:
        limits = self._worker.limits
        if self._greeted and not self._held:
            self._line_due = inf
            idle = limits.keep_alive_timeout
            self._channel.deadline = inf if idle is None else now + idle
            return
        # Of the whole line: bytes that drip give no more time.
        if self._line_due == inf and limits.head_timeout is not None:
            self._line_due = now + limits.head_timeout
        self._channel.deadline = self._line_due

    # From the exchange

    def write(self, data: bytes) -> bool:
        done = self._channel.write(data)
        if not done:
            self._leaving = self._exchange
        return done

    def answered(self, exchange: LineExchange) -> None:
        """The answer is complete; the application may still run."""
        self._report(exchange)
        self._exchange = None
        exchange.changed()
        self._channel.deadline = inf
        if self._farewell is not None:
            self._say_good_bye()
        elif self._leaving is None:
            self._channel.schedule()

    def break_off(self) -> None:
        """Ends the connection in the middle of an answer."""
        self._report(self._exchange)
        self._exchange = None
        self._channel.abort()

    # Ends

    def _report(self, exchange: LineExchange | None) -> None:
        if exchange is not None and self._worker.completed is not None:
            self._worker.completed(exchange, self._channel.peer)

    def _refuse(self, answer: bytes, reason: str) -> None:
        self._channel.refused(reason)
        if self._write_last(answer):
            self._close(linger=True)

    def _say_good_bye(self) -> None:
        if self._write_last(GOOD_BYE):
            self._close()

    def _write_last(self, data: bytes) -> bool:
        """Writes what is no answer of the application's. False when the client has gone."""
        try:
            self._channel.write(data)
        except ClientDisconnected:
            return False
        return True

    def _close(self, *, linger: bool = False) -> None:
        self._ended = True
        self._channel.close(linger=linger)
