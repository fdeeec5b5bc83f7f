"""One HTTP/1.1 request and its response, between the connection's handler and the application.

Decides when the head leaves (with the first of the body, or when the application first waits),
what a failed application's client sees, and how body bytes flow. Framing is `reader`'s and
`response`'s. Sans-I/O: it writes to a channel and knows no socket, loop or clock.
Hot path: `start`, `write`, `finish`; benchmark: integration/bench.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from pounce.http1.request import Request
from pounce.http1.response import Response
from pounce.protocol.errors import ClientDisconnected, ProtocolError
from pounce.protocol.exchange import END, GONE, WAIT, BodyState, RawHeaders

if TYPE_CHECKING:
    from pounce.http1.handler import Http1Handler

CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
JOIN: Final = 16_384
"""Up to this many bytes of body, one joined piece costs less than a vector."""
DISCARD: Final = 262_144
"""Bytes of an unread body that are thrown away to keep the connection; beyond, it is closed."""


class Http1Exchange:
    """See `pounce.protocol.exchange.Exchange` for what each method promises."""

    __slots__ = (
        "_channel",
        "_expects_continue",
        "_handler",
        "_head_held",
        "_reader",
        "began",
        "body_read",
        "cancel",
        "disconnected",
        "draining",
        "eager",
        "gone",
        "head",
        "holds",
        "on_change",
        "over",
        "pending",
        "response",
        "tunnels",
        "wants_body",
    )

    def __init__(
        self, handler: Http1Handler, request: Request, response: Response, now: float
    ) -> None:
        self.head = request
        self.response = response
        self.began = now
        self._handler = handler
        self._channel = handler.channel
        self._reader = handler.reader
        self._expects_continue = request.framing.expect_continue
        self._head_held = False
        self.holds = False
        self.eager = True
        """Whether the application has not waited yet, so that its caller is on the stack."""
        self.body_read = False
        self.gone = False
        self.disconnected = False
        self.over = False
        self.draining = False
        self.pending = False
        """Whether output of this exchange is still on its way to the kernel."""
        self.tunnels = False
        """Whether the protocol was changed: bytes go through as they are, both ways."""
        self.wants_body = False
        """Whether the application waits for body bytes; the client's clock runs then."""
        self.on_change: Callable[[], None] | None = None
        self.cancel: Callable[[], None] | None = None

    @property
    def flushed(self) -> bool:
        return not self.pending

    @property
    def status(self) -> int:
        return self.response.status

    @property
    def body_sent(self) -> int:
        return self.response.body_sent

    # The request's body

    def read(self) -> bytes | BodyState:
        if self.gone or self.over:
            return GONE
        reader = self._reader
        try:
            data = reader.read()
        except ProtocolError as error:
            self._handler.refuse_exchange(self, error.status, error.reason)
            return GONE
        if data is WAIT:
            try:
                if not self.tunnels:
                    self._ask_for_body()
            except ClientDisconnected:
                self.lose()
                return GONE
        elif data is GONE:
            self._handler.refuse_exchange(self, 400, "body-incomplete")
        else:
            self.wants_body = self._expects_continue = False
            self.body_read = reader.done or data is END
            if self.body_read and reader.at_eof:
                # It ended before the last of this was read.
                self.disconnected = True
            self._handler.body_taken()
        return data

    def _ask_for_body(self) -> None:
        if self._expects_continue and self.answerable:
            self._expects_continue = False
            self._write(CONTINUE)
        if not self.wants_body:
            self.wants_body = True
            self._handler.body_wanted()

    # The response

    def start(self, status: int, headers: RawHeaders, *, trailers: bool = False) -> None:
        if self.gone or self.over:
            raise ClientDisconnected
        self.response.start(status, headers, trailers=trailers)
        self._head_held = True
        if not self.eager:
            self._channel.schedule()

    def accept(self, headers: RawHeaders) -> None:
        if self.gone or self.over:
            raise ClientDisconnected
        assert self.head.upgrade is not None, "nobody offered to change protocols"
        head = self.response.switch(self.head.upgrade, headers)
        self._handler.change_protocols()
        self.tunnels = True
        self._write(head)

    def write(self, data: bytes, *, more: bool) -> bool:
        if self.gone or self.over:
            raise ClientDisconnected
        if self.tunnels:
            return self._write_through(data, more=more)
        response = self.response
        size = len(data)
        head = self._make_head(None if more else size) if self._head_held else b""
        prefix, suffix = response.frame(size, more=more)
        self._head_held = False
        if response.bodiless:
            data = b""
        if size <= JOIN:
            done = self._write(head + prefix + data + suffix)
        else:
            done = self._channel.write_parts(head + prefix, data, suffix)
            if not done:
                self._hold_on()
        if not more:
            self._end()
        return done

    def _write_through(self, data: bytes, *, more: bool) -> bool:
        """Bytes of the protocol that it was changed to. Hot path."""
        self.response.body_sent += len(data)
        done = self._write(data)
        if not more:
            self._end()
        return done

    def write_parts(self, head: bytes, data: bytes, *, more: bool) -> bool:
        """Hot path."""
        if len(data) <= JOIN or not self.tunnels:
            return self.write(head + data, more=more)
        if self.gone or self.over:
            raise ClientDisconnected
        self.response.body_sent += len(head) + len(data)
        done = self._channel.write_parts(head, data, b"")
        if not done:
            self._hold_on()
        if not more:
            self._end()
        return done

    def write_trailers(self, headers: RawHeaders) -> bool:
        if self.gone or self.over:
            raise ClientDisconnected
        head = self._make_head(None) if self._head_held else b""
        tail = self.response.trailers(headers)
        self._head_held = False
        done = self._write(head + tail)
        self._end()
        return done

    def inform(self, status: int, headers: RawHeaders) -> None:
        if self.gone or self.over:
            raise ClientDisconnected
        if not self.response.started or self._head_held:
            self._write(self.response.inform(status, headers))

    def send_file(self, file: int, count: int, *, more: bool = False) -> bool:
        if self.gone or self.over:
            raise ClientDisconnected
        response = self.response
        head = self._make_head(None if more else count) if self._head_held else b""
        prefix, suffix = response.frame(count, more=more)
        self._head_held = False
        done = self._write(head + prefix)
        if count and not response.bodiless:
            done = self._channel.send_file(file, count)
        if suffix:
            done = self._channel.write(suffix)
        if not done:
            self._hold_on()
        if not more:
            self._end()
        return done

    def _write(self, piece: bytes) -> bool:
        """Writes what may be nothing. Hot path."""
        if not piece:
            return not self.pending
        if self._channel.write(piece):
            return True
        self._hold_on()
        return False

    def _hold_on(self) -> None:
        self.pending = True
        self._handler.flushing = self

    def _make_head(self, length: int | None) -> bytes:
        """The head as bytes; whether the connection ends with it is decided now."""
        reader = self._reader
        # A client that was not told to go on may send its body or not (RFC 9110 section
        # 10.1.1): what follows on this connection could be either.
        unclear = not reader.done and (self._expects_continue or reader.remaining > DISCARD)
        return self.response.head(length, close=unclear or self._handler.closes)

    def _end(self) -> None:
        self.over = self.disconnected = True
        self._handler.cycle_over(self)

    # The application's state

    def suspended(self) -> None:
        self.eager = False
        self.release_head()

    def release_head(self) -> None:
        """Sends a head that is held back: the application waits before it sends a body."""
        if self._head_held and not self.holds and not self.gone:
            head = self._make_head(None)
            self._head_held = False
            try:
                self._write(head)
            except ClientDisconnected:
                self.lose()

    def refuse(self, status: int) -> None:
        self.over = self.disconnected = True
        self._handler.answer(self, status)

    def finish(self, error: BaseException | None) -> None:
        self.cancel = None
        if self.over or self.gone:
            self.over = self.disconnected = True
            return
        # The application broke off; the ASGI layer has said so in the log.
        self.over = self.disconnected = True
        if self.answerable:
            self._handler.answer(self, 500)
        else:
            self._handler.cut_off(self)

    @property
    def answerable(self) -> bool:
        """Whether nothing of a response has left, so that the server may answer itself."""
        return not self.response.started or self._head_held

    # What the handler reports

    def changed(self) -> None:
        """Body bytes arrived, output left, or the client went: wakes who waits."""
        if self.on_change is not None:
            self.on_change()

    def half_closed(self) -> None:
        """The client sends no more. It may still read, so that writing is still tried."""
        self.disconnected = True
        self.changed()

    def lose(self) -> None:
        """The client went, or what it sent can never be complete."""
        if not self.gone:
            self.gone = self.disconnected = True
            self.changed()
