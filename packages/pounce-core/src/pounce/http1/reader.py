"""The requests of one connection, from the bytes that the client sends.

Decides where a head ends and what is held until it does; hands heads to the parser and bodies to
a decoder. Never answers, never waits and never looks at a clock. RFC 9112 sections 2.2 and 9.3.

A recv mostly brings one whole head and nothing else: the bytes object is kept as given and parsed
where it is. Only when more arrives before the first was used up is it copied, once, into a
bytearray, which grows and shrinks at its ends; so each byte is copied a fixed number of times.
"""

from typing import Final

from pounce.http1.body import BodyDecoder, ChunkedDecoder, LengthDecoder, TunnelDecoder
from pounce.http1.framing import Framing
from pounce.http1.head import HeadParser
from pounce.http1.request import Request
from pounce.http1.target import glimpse
from pounce.protocol.errors import ProtocolError
from pounce.protocol.exchange import END, GONE, WAIT, BodyState, RequestHead, unknown_head
from pounce.protocol.fields import is_token
from pounce.protocol.limits import Limits

# Empty lines before a request line that are overlooked (RFC 9112 section 2.2): some clients send
# one after a body.
_BLANKS: Final = 2


class RequestReader:
    """Reads requests, one after the other: a head, then its body, then the next head.

    Attributes:
        done: whether the current body is complete, also before the first head; False after an
            error.
        at_eof: whether the client will send no more.
        tunnels: whether what comes belongs to another protocol.
    """

    __slots__ = (
        "_blanks",
        "_body",
        "_body_limit",
        "_data",
        "_error",
        "_header_bytes",
        "_header_count",
        "_heads",
        "_line_end",
        "_line_limit",
        "_position",
        "_refused",
        "_scanned",
        "at_eof",
        "done",
        "tunnels",
    )

    def __init__(self, limits: Limits, heads: HeadParser) -> None:
        self._heads = heads
        # Copied: touching the limits, which another thread made, costs more than an own number.
        self._line_limit = limits.request_line
        self._header_bytes = limits.header_bytes
        self._header_count = limits.header_count
        self._body_limit = limits.body
        self._body: BodyDecoder | None = None
        self._data: bytes | bytearray = b""
        self._position = 0  # what is before it was used up; always 0 in a bytearray
        self._scanned = 0  # no end of a head begins before it
        self._line_end = -1  # where the request line of an unfinished head ends, if known
        self._blanks = 0
        self._error: tuple[int, str] | None = None
        self._refused: RequestHead | None = None
        self.done = True
        self.at_eof = False
        self.tunnels = False

    @property
    def buffered(self) -> int:
        """Bytes that are held and not yet used up."""
        return len(self._data) - self._position

    @property
    def remaining(self) -> int:
        """Bytes of the current body that are known to be still to come or to be read."""
        return 0 if self._body is None else self._body.left

    @property
    def started(self) -> bool:
        """Whether bytes of the next head are there, once `next_head` has answered None."""
        return self.done and bool(self._data)

    def feed(self, data: bytes) -> None:
        """Takes bytes from the client."""
        if not self._data:
            self._data = data
        elif isinstance(self._data, bytearray):
            self._data += data
        else:
            position = self._position
            self._data = bytearray(memoryview(self._data)[position:])
            self._data += data
            self._position = 0
            self._scanned -= position
            if self._line_end >= 0:
                self._line_end -= position

    def feed_eof(self) -> None:
        """Takes note that nothing more will come."""
        self.at_eof = True

    def rest(self) -> bytes:
        """Gives away what is held, for whoever takes the connection over."""
        data = bytes(self._data[self._position :])
        self._drop_all()
        return data

    def next_head(self) -> Request | None:
        """Returns the next request, or None while its head is incomplete.

        Raises:
            ProtocolError: 400, 413, 414, 417, 431, 501 or 505; each further call says the same.
        """
        if not self.done:
            self._check()
            raise RuntimeError("the body of the request before was not read to its end")
        data = self._data
        start = self._position
        if not start and isinstance(data, bytes):
            request = self._heads.recall(data)
            if request is not None:
                self._data = b""
                self._blanks = 0
                return request
        end = data.find(b"\r\n\r\n", self._scanned)
        request = None
        try:
            if end < 0:
                return self._unfinished()
            line_end = data.find(b"\r\n", start)
            if line_end == start:
                return self._after_blank()
            if line_end - start > self._line_limit:
                raise ProtocolError(414, "request-line-too-long")
            if end - line_end > self._header_bytes:
                raise ProtocolError(431, "header-bytes")
            if isinstance(data, bytes):
                request = self._heads.parse(data, start, line_end, end, self._header_count)
                if end + 4 == len(data):
                    self._data = b""
                    self._position = self._scanned = 0
                else:
                    self._position = self._scanned = end + 4
            else:
                head = bytes(data[: end + 4])
                request = self._heads.parse(head, 0, line_end, end, self._header_count)
                self._drop(end + 4)
            if request.framing.has_body:
                self._begin(request.framing)
        except ProtocolError as error:
            if self._refused is None:
                self._refused = request or self._glimpse(data, start)
            self._fail(error)
            raise
        self._line_end = -1
        self._blanks = 0
        return request

    def glimpse(self) -> RequestHead:
        """What is known of a head that was refused, or has not come whole; for a log."""
        if self._refused is not None:
            return self._refused
        return self._glimpse(self._data, self._position) if self.done else unknown_head()

    def _glimpse(self, data: bytes | bytearray, start: int) -> RequestHead:
        most = start + self._line_limit
        end = data.find(b"\r\n", start, most)
        return glimpse(bytes(data[start : end if end >= 0 else most]))

    def read(self) -> bytes | BodyState:
        """Returns the next bytes of the current body, or `END`, `WAIT`, or `GONE` if the client
        ended before the body did.

        Raises:
            ProtocolError: 400, 413 or 431; each further call says the same.
        """
        body = self._body
        if body is None:
            self._check()
            return END
        if not self._data:
            return self._nothing()
        try:
            piece, position = body.decode(self._data, self._position)
        except ProtocolError as error:
            self._fail(error)
            raise
        self._drop(position)
        if body.done:
            self.done = True
            self._body = None
        if piece:
            return piece
        return END if self.done else self._nothing()

    def _nothing(self) -> BodyState:
        """What is to be said where no bytes are. Only a tunnel may end where the client does."""
        if not self.at_eof:
            return WAIT
        return END if self.tunnels else GONE

    def change_protocols(self) -> None:
        """What comes from now on, and what is held by now, belongs to another protocol. Between two
        requests only."""
        self._body = TunnelDecoder()
        self.tunnels = True
        self.done = False

    def skip(self) -> bool:
        """Drops what is at hand of the current body. True when the body is through.

        Raises:
            ProtocolError: as `read` does.
        """
        while True:
            piece = self.read()
            if isinstance(piece, BodyState):
                return piece is END

    def _begin(self, framing: Framing) -> None:
        length = framing.content_length
        if length is None:
            self._body = ChunkedDecoder(self._body_limit, self._header_count, self._header_bytes)
        elif self._body_limit is not None and length > self._body_limit:
            raise ProtocolError(413, "body-too-large")
        else:
            self._body = LengthDecoder(length)
        self.done = False

    def _after_blank(self) -> Request | None:
        """Overlooks an empty line before the request line, and goes on."""
        self._blanks += 1
        if self._blanks > _BLANKS:
            raise ProtocolError(400, "empty-lines")
        self._drop(self._position + 2)
        return self.next_head()

    def _unfinished(self) -> Request | None:
        """Refuses a head that no further byte can make good, and remembers how far it was
        searched."""
        data = self._data
        if not data:
            return None
        start = self._position
        if data.startswith(b"\r\n", start):
            return self._after_blank()
        if data[start] != 0x0D and not is_token(bytes(data[start : start + 1])):
            # No method begins so: another protocol, as when TLS comes to a plain port.
            raise ProtocolError(400, "request-line")
        if self._line_end < 0:
            self._line_end = data.find(b"\r\n", self._scanned)
        if self._line_end < 0:
            # The last byte may be the first half of the line's end.
            if len(data) - start - data.endswith(b"\r") > self._line_limit:
                raise ProtocolError(414, "request-line-too-long")
        elif self._line_end - start > self._line_limit:
            raise ProtocolError(414, "request-line-too-long")
        # What has come of the empty line that ends the head does not count.
        elif len(data) - self._line_end - 3 > self._header_bytes:
            raise ProtocolError(431, "header-bytes")
        self._refuse_bare_newline(data, self._scanned)
        self._scanned = max(start, len(data) - 3)
        return None

    def _refuse_bare_newline(self, data: bytes | bytearray, position: int) -> None:
        """Refuses a LF without its CR at once: a head whose lines end so never ends for us."""
        while True:
            position = data.find(b"\n", position)
            if position < 0:
                return
            if position == self._position or data[position - 1] != 0x0D:
                raise ProtocolError(400, "bare-cr-or-lf")
            position += 1

    def _drop(self, position: int) -> None:
        """Forgets what is before `position`."""
        if position == len(self._data):
            self._drop_all()
        elif isinstance(self._data, bytearray):
            del self._data[:position]
            self._scanned = 0
        else:
            self._position = self._scanned = position

    def _drop_all(self) -> None:
        self._data = b""
        self._position = self._scanned = 0

    def _check(self) -> None:
        if self._error is not None:
            raise ProtocolError(*self._error)

    def _fail(self, error: ProtocolError) -> None:
        self._error = (error.status, error.reason)
        self.done = False
        self._body = None
        self._drop_all()
