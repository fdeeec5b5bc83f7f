"""One response: its head as bytes, and the frame around its body.

Decides how the end of the body is told (a length, chunks, or the close of the connection), whether
the connection goes on, and what of a response must not have a body; keeps the application to the
length that it promised. Never holds body bytes and never writes.
RFC 9112 sections 6, 7.1 and 9.3; RFC 9110 sections 6.4.1, 6.5, 8.6 and 15.2.
"""

from typing import Final, cast

from pounce.http1.answer import Answer, Line, Pair, ResponseDefaults, status_line
from pounce.http1.request import Request
from pounce.protocol.errors import ResponseError
from pounce.protocol.exchange import RawHeaders
from pounce.protocol.response import NOT_PAIRS, check_interim, mismatch, whole_number

__all__ = ["Response", "ResponseDefaults"]

# Left of the body: not counted, because nothing was promised or nothing goes out.
_UNCOUNTED: Final = -1


class Response:
    """The response to one request. `start`, then `head` once, then `frame` for each piece.

    Attributes:
        status: what the application answered; 0 before `start`.
        started: whether the application gave a head.
        ended: whether the body, and the trailers if there are any, are complete.
        keep_alive: whether the connection goes on after it; final once `head` was called.
        bodiless: whether body bytes must not go on the wire (HEAD, 204, 304); `frame` still
            checks and counts, and the caller sends nothing.
        ends_by_close: whether the body ends where the connection does; final after `head`.
        body_sent: bytes of body on the wire, without framing.
    """

    __slots__ = (
        "_answer",
        "_chunked",
        "_defaults",
        "_left",
        "_request",
        "_trailers",
        "bodiless",
        "body_sent",
        "ended",
        "ends_by_close",
        "keep_alive",
        "started",
        "status",
    )

    _answer: Answer
    bodiless: bool

    def __init__(self, request: Request, defaults: ResponseDefaults) -> None:
        self._request = request
        self._defaults = defaults
        self._chunked = False
        self._left = _UNCOUNTED
        self._trailers = False
        self.status = 0
        self.started = False
        self.ended = False
        self.keep_alive = False
        self.bodiless = False
        self.ends_by_close = False
        self.body_sent = 0

    def start(self, status: int, headers: RawHeaders, *, trailers: bool = False) -> None:
        """Takes the response head from the application.

        Raises:
            ResponseError: a second start, or a status or field that no response may carry.
        """
        if self.started:
            raise ResponseError("the response was started already")
        self._answer = answer = self._defaults.answer(status, headers)
        self.started = True
        self.status = status = answer.status
        self._trailers = trailers
        self.bodiless = status == 204 or status == 304 or self._request.method == "HEAD"

    def head(self, length: int | None, *, close: bool) -> bytes:
        """Returns the head as bytes and settles the framing.

        Args:
            length: how long the whole body is if it is known by now, else None.
            close: whether the connection is to end with this response.

        Raises:
            ResponseError: the whole body is at hand and has not the length that was promised.
        """
        answer = self._answer
        promised = answer.content_length
        framing = self._request.framing
        self.keep_alive = framing.keep_alive and not close and not answer.close
        # Hot path: all is in the answer but the date.
        if promised is not None:
            if not self.bodiless:
                if length is not None and length != promised:
                    raise ResponseError(mismatch(promised, length))
                self._left = promised
            wire = answer.wire
        else:
            wire = answer.wire + self._frame_line(length)
        if not self.keep_alive or answer.upgrade or self._request.version == "1.0":
            wire += self._connection_line(answer.upgrade)
        return wire + (self._defaults.ending if answer.dated else b"\r\n")

    def frame(self, size: int, *, more: bool) -> tuple[bytes, bytes]:
        """Returns what goes before and after `size` bytes of the body.

        Raises:
            ResponseError: more or fewer bytes than were promised. The connection has to be
                closed then: what is on the wire cannot be completed.
        """
        if self.ended:
            raise ResponseError("the response is complete already")
        left = self._left
        if left >= 0:
            left -= size
            if left < 0 or (left and not more):
                self.keep_alive = False
                raise ResponseError(mismatch(self.body_sent + self._left, self.body_sent + size))
            self._left = left
            self.body_sent += size
            if not more:
                self.ended = not self._trailers
            return b"", b""
        if not more:
            self.ended = not self._trailers
        if self.bodiless:
            return b"", b""
        self.body_sent += size
        if not self._chunked:
            return b"", b""
        # A chunk of size 0 would end the body.
        prefix = b"%x\r\n" % size if size else b""
        suffix = b"\r\n" if size else b""
        return prefix, suffix if more or self._trailers else suffix + b"0\r\n\r\n"

    def trailers(self, headers: RawHeaders) -> bytes:
        """Returns what ends the response. The fields go out in chunks to a client that asked for
        them, and nowhere else (RFC 9110 section 6.5.1).

        Raises:
            ResponseError: a field that no message may carry, or one that frames the message.
        """
        lines = self._lines(headers, _NOT_IN_TRAILERS)
        wire = b"".join(line for _, line in lines)
        # It says whether less than was promised has come.
        self.frame(0, more=False)
        self.ended = True
        if self.bodiless or not self._chunked:
            return b""
        if self._request.accepts_trailers:
            return b"0\r\n%b\r\n" % wire
        return b"0\r\n\r\n"

    def inform(self, status: int, headers: RawHeaders) -> bytes:
        """Returns an interim response; nothing for an HTTP/1.0 client, which knows none.

        Raises:
            ResponseError: a status that is not interim, or a field that none may carry.
        """
        status = whole_number(status)
        check_interim(status)
        lines = self._lines(headers, _NOT_IN_INTERIM)
        if self._request.version == "1.0":
            return b""
        return b"%b%b\r\n" % (status_line(status), b"".join(line for _, line in lines))

    def switch(self, protocol: bytes, headers: RawHeaders) -> bytes:
        """Returns the head by which the protocol changes (RFC 9110 sections 7.8 and 15.2.2).

        Raises:
            ResponseError: a second start, or a field that no such head may carry.
        """
        if self.started:
            raise ResponseError("the response was started already")
        lines = self._lines(headers, _NOT_IN_SWITCH)
        self.started = True
        self.status = 101
        return b"%bupgrade: %b\r\nconnection: upgrade\r\n%b%b" % (
            status_line(101),
            protocol,
            b"".join(line for _, line in lines),
            self._defaults.additions([name for name, _ in lines]),
        )

    def _lines(self, headers: RawHeaders, forbidden: frozenset[bytes]) -> list[Line]:
        try:
            pairs = cast("list[Pair]", list(map(tuple, headers)))
            entries = self._defaults.lines(pairs)
        except TypeError:
            raise ResponseError(NOT_PAIRS) from None
        for name, _ in entries:
            if name in forbidden:
                raise ResponseError(f"{name.decode()} has no place here: it frames a message")
        return entries

    def _frame_line(self, length: int | None) -> bytes:
        """Settles the framing where the application promised no length."""
        status = self.status
        if status == 204 or status == 304:
            return b""
        modern = self._request.version != "1.0"
        wants_chunks = self._trailers and modern and self._request.accepts_trailers
        if self.bodiless:
            # No bytes to a HEAD say nothing of what a GET would get (RFC 9110 section 8.6).
            return b"" if not length or wants_chunks else b"content-length: %d\r\n" % length
        if length is not None and not wants_chunks:
            self._left = length
            return b"content-length: %d\r\n" % length
        if modern:
            self._chunked = True
            return b"transfer-encoding: chunked\r\n"
        self.ends_by_close = True
        self.keep_alive = False
        return b""

    def _connection_line(self, upgrade: bool) -> bytes:
        options: list[bytes] = []
        if not self.keep_alive:
            options.append(b"close")
        elif self._request.version == "1.0":
            options.append(b"keep-alive")
        if upgrade:
            options.append(b"upgrade")
        return b"connection: %b\r\n" % b", ".join(options) if options else b""


_NOT_IN_TRAILERS: Final = frozenset(
    (b"connection", b"content-length", b"trailer", b"transfer-encoding")
)
_NOT_IN_INTERIM: Final = frozenset((b"content-length", b"transfer-encoding"))
_NOT_IN_SWITCH: Final = _NOT_IN_INTERIM | {b"connection", b"upgrade"}
