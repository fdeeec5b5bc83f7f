"""One HTTP/2 request and its response, between its stream and the application.

Decides when the head leaves (with the first of the body, or when the application first waits), how
a response is told to be complete or not, and when the client may send more of its body. Sans-I/O.
RFC 9113 sections 8.1 and 8.5; RFC 8441 section 5; RFC 9110 sections 6.5, 8.6, 10.1.1 and 15.2.
Hot path: `start`, `write`, `finish`; benchmark: integration/bench.
"""

import os
from collections.abc import Callable
from math import inf
from typing import TYPE_CHECKING, Final

from pounce.protocol.errors import ClientDisconnected, ResponseError
from pounce.protocol.exchange import END, GONE, WAIT, BodyState, RawHeaders
from pounce.protocol.response import mismatch
from pounce_h2.answer import Answer, encode_field, encode_status
from pounce_h2.frame import FRAME_SIZE, ErrorCode
from pounce_h2.request import Request
from pounce_h2.stream import FileRange, Stream

if TYPE_CHECKING:
    from pounce_h2.handler import H2Handler

_CONTINUE: Final = encode_status(100)
# Left of the body: not counted, because nothing was promised.
_UNCOUNTED: Final = -1


class H2Exchange:
    """See `pounce.protocol.exchange.Exchange` for what each method promises."""

    __slots__ = (
        "_answer",
        "_expects_continue",
        "_handler",
        "_head_held",
        "_left",
        "_trailers",
        "began",
        "bodiless",
        "body_due",
        "body_mark",
        "body_read",
        "body_sent",
        "cancel",
        "disconnected",
        "draining",
        "eager",
        "gone",
        "head",
        "holds",
        "on_change",
        "over",
        "returned",
        "status",
        "stream",
        "wants_body",
    )

    def __init__(self, handler: H2Handler, stream: Stream, head: Request, now: float) -> None:
        self.head = head
        self.stream = stream
        self.began = now
        self._handler = handler
        self._answer: Answer | None = None
        self._expects_continue = head.expects_continue
        self._head_held = False
        self._left = _UNCOUNTED
        self._trailers = False
        self.bodiless = False
        """Whether no byte of a body leaves, whatever the application sends (HEAD, 204, 304)."""
        self.status = 0
        self.body_sent = 0
        self.holds = False
        self.eager = True
        """Whether the application has not waited yet, so that its caller is on the stack."""
        self.body_read = False
        self.gone = False
        self.disconnected = False
        self.over = False
        self.draining = False
        self.returned = False
        """Whether the application's call has ended."""
        self.wants_body = False
        """Whether the application waits for body bytes; the client's clock runs then."""
        self.body_due = inf
        """By when the body has to have advanced beyond `body_mark`; the handler's to set."""
        self.body_mark = 0
        self.on_change: Callable[[], None] | None = None
        self.cancel: Callable[[], None] | None = None

    @property
    def flushed(self) -> bool:
        return self.stream.outbox is None

    # The request's body

    def read(self) -> bytes | BodyState:
        if self.gone or self.over:
            return GONE
        stream = self.stream
        inbox = stream.inbox
        if inbox is None:
            if stream.remote_ended:
                self.body_read = True
                self.wants_body = False
                return END
            self._ask_for_body()
            return WAIT
        data = bytes(inbox[0]) if len(inbox) == 1 else b"".join(inbox)
        stream.inbox = None
        stream.unread = 0
        self.wants_body = self._expects_continue = False
        # The end of a tunnel is told by itself.
        self.body_read = stream.remote_ended and not stream.tunnels
        self._handler.body_taken(stream, len(data))
        return data

    def _ask_for_body(self) -> None:
        if self._expects_continue and self.answerable:
            self._expects_continue = False
            self._send_head(_CONTINUE)
        if not self.wants_body:
            self.wants_body = True
            self._handler.body_wanted()

    # The response

    def start(self, status: int, headers: RawHeaders, *, trailers: bool = False) -> None:
        """Hot path."""
        if self.gone or self.over:
            raise ClientDisconnected
        if self.status:
            raise ResponseError("the response was started already")
        answer = self._handler.answers.answer(status, headers)
        self._answer = answer
        self.status = status = answer.status
        self._trailers = trailers
        self.bodiless = status == 204 or status == 304 or self.head.method == "HEAD"
        if answer.content_length is not None and not self.bodiless:
            self._left = answer.content_length
        self._head_held = True
        if not self.eager:
            self._handler.hold_head(self)

    def write(self, data: bytes, *, more: bool) -> bool:
        """Hot path."""
        if self.gone or self.over:
            raise ClientDisconnected
        stream = self.stream
        handler = self._handler
        outbound = handler.outbound
        self._count(len(data), more=more)
        end = not more and (stream.remote_ended or self.may_end())
        if self._head_held:
            block = self._block(None if more else len(data))
            self._head_held = False
            if self.bodiless:
                data = b""
            if not end and not more:
                outbound.hold(stream, block, data)
            elif self.bodiless:
                outbound.send_head(stream, block, end=end)
            elif more or not outbound.respond(stream, block, data):
                outbound.send_head(stream, block)
                outbound.send(stream, data, end=end)
        elif not self.bodiless:
            outbound.send(stream, data, end=end)
        elif end:
            outbound.send(stream, b"", end=True)
        if not more:
            self._end()
        handler.output()
        if stream.outbox is None:
            return True
        return self._push()

    def write_parts(self, head: bytes, data: bytes, *, more: bool) -> bool:
        """Hot path."""
        if len(data) <= FRAME_SIZE:
            return self.write(head + data, more=more)
        # It is cut into several frames anyway; what is ready leaves together.
        self.write(head, more=True)
        return self.write(data, more=more)

    def write_trailers(self, headers: RawHeaders) -> bool:
        if self.gone or self.over:
            raise ClientDisconnected
        handler = self._handler
        block = handler.answers.trailers(headers)
        self._count(0, more=False)
        self._release_head()
        if self.bodiless or not block:
            handler.outbound.send(self.stream, b"", end=True)
        else:
            handler.outbound.send_trailers(self.stream, block)
        self._end()
        handler.output()
        return self.stream.outbox is None

    def send_file(self, file: int, count: int, *, more: bool = False) -> bool:
        if self.gone or self.over:
            raise ClientDisconnected
        self._count(count, more=more)
        outbound = self._handler.outbound
        stream = self.stream
        if self._head_held:
            self._send_head(self._block(None if more else count))
            self._head_held = False
        end = not more and self.may_end()
        if not self.bodiless:
            stretch = FileRange(file, os.lseek(file, 0, os.SEEK_CUR), count)
            outbound.send_file(stream, stretch, end=end)
        elif end:
            outbound.send(stream, b"", end=True)
        if not more:
            self._end()
        return self._push()

    def inform(self, status: int, headers: RawHeaders) -> None:
        if self.gone or self.over:
            raise ClientDisconnected
        if self.answerable:
            self._send_head(self._handler.answers.interim(status, headers))

    def accept(self, headers: RawHeaders) -> None:
        if self.gone or self.over:
            raise ClientDisconnected
        assert self.head.upgrade is not None, "nobody offered to change protocols"
        if self.status:
            raise ResponseError("the response was started already")
        block = self._handler.answers.tunnel(headers)
        self.status = 200
        self.stream.tunnels = True
        # Its pieces are messages: they share with other streams.
        self.stream.turn = self.stream.turn or 1
        self._send_head(block)

    def _push(self) -> bool:
        """Has what waits leave at once, as far as it can: the caller would wait for it."""
        self._handler.push()
        return self.stream.outbox is None

    def _send_head(self, block: bytes) -> None:
        self._handler.outbound.send_head(self.stream, block)
        self._handler.output()

    def _count(self, size: int, *, more: bool) -> None:
        """Holds the application to the length that it promised. Hot path."""
        left = self._left
        if left >= 0:
            if size > left or (size < left and not more):
                given = self.body_sent + size
                raise ResponseError(mismatch(self.body_sent + left, given))
            self._left = left - size
        if not self.bodiless:
            self.body_sent += size

    def _block(self, length: int | None) -> bytes:
        """The head as a block. Hot path."""
        answer = self._answer
        assert answer is not None
        block = answer.block
        if (
            length is not None
            and answer.content_length is None
            and answer.status not in (204, 304)
            and not self._trailers
            # No bytes to a HEAD say nothing of what a GET would get (RFC 9110 section 8.6).
            and (length or not self.bodiless)
        ):
            block += encode_field(b"content-length", b"%d" % length)
        return block + self._handler.answers.date if answer.dated else block

    def may_end(self) -> bool:
        """Whether the stream may end now: no upload is on its way that could be waited for."""
        if self.head.upgrade is not None or self._expects_continue:
            return True
        return self._handler.may_end(self.stream)

    def _end(self) -> None:
        self.over = self.disconnected = True
        self._handler.response_over(self)

    # The application's state

    def suspended(self) -> None:
        self.eager = False
        self.release_head()

    def release_head(self) -> None:
        """Sends a head that is held back: the application waits before it sends a body."""
        if not self.holds and not self.gone and not self.over:
            self._release_head()

    def _release_head(self) -> None:
        if self._head_held:
            self._head_held = False
            self._send_head(self._block(None))

    def refuse(self, status: int) -> None:
        self._handler.answer(self, status)
        self._return()

    def finish(self, error: BaseException | None) -> None:
        self.cancel = None
        self._return()
        if self.over or self.gone:
            self.over = self.disconnected = True
            return
        # The application broke off; the ASGI layer has said so in the log.
        if self.answerable:
            self._handler.answer(self, 500)
        else:
            self._handler.cut_off(self, ErrorCode.INTERNAL_ERROR)

    def _return(self) -> None:
        if not self.returned:
            self.returned = True
            self._handler.returned()

    @property
    def answerable(self) -> bool:
        """Whether nothing of a response has left, so that the server may answer itself."""
        return not self.status or self._head_held

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
