"""The protocol of one connection after its handshake, sans-I/O: bytes in, events and bytes out.

Decides what a client may send: frames, fragments, control frames between them, UTF-8, sizes
(RFC 6455 sections 5 to 8, RFC 7692). Never answers by itself, and never knows a time.
Hot path: `next`, `message`; benchmark: integration/bench/ws_echo.py.

What is kept of a message that is not complete is bounded by its limit, however it is cut into
frames; what is kept of a frame that is not complete, beside that, by the head and the payload of a
control frame. Nothing is allocated by a length that a client has only announced.
"""

import codecs
import zlib
from typing import Any, Final

from pounce_ws.closing import (
    BAD_DATA,
    POLICY,
    PROTOCOL_ERROR,
    TOO_BIG,
    Closed,
    Failed,
    payload_of,
    read_payload,
)
from pounce_ws.deflate import WORTH, Deflater, Inflater, Terms, TooLarge
from pounce_ws.frames import (
    BINARY,
    CLOSE,
    CONTINUATION,
    FIN,
    MASKED,
    MOST_CONTROL,
    PING,
    PONG,
    RSV1,
    RSV23,
    TEXT,
    head,
)
from pounce_ws.mask import mask
from pounce_ws.pieces import Pieces

AT_ONCE: Final = 64
"""Steps after which `next` comes back from a message in very many fragments."""
EMPTY_FRAGMENTS: Final = 128
"""Fragments of one message that carry nothing. They cost us time and their sender next to none."""

_WHOLE_TEXT: Final = FIN | TEXT
_WHOLE_BINARY: Final = FIN | BINARY
_WHOLE: Final = frozenset((_WHOLE_TEXT, _WHOLE_BINARY))
_UTF8: Final = codecs.getincrementaldecoder("utf-8")
_NONE: Final = 0


class Ping:
    """The client asks for a sign of life, which is to carry the same payload."""

    __slots__ = ("payload",)

    def __init__(self, payload: bytes) -> None:
        self.payload = payload


class Pong:
    """A sign of life."""

    __slots__ = ()


class More:
    """A message came in so many fragments that others should have their turn; `next` goes on."""

    __slots__ = ()


type Event = str | bytes | Ping | Pong | More | Closed
"""A message of text or of bytes, a control frame, a breath, or the end: `Closed` by the client, or
`Failed` by what it did. After the end there is no event."""

PONG_CAME: Final = Pong()
MORE: Final = More()


class Connection:
    """One connection, as its server sees it.

    Args:
        limit: bytes of the largest message.
        terms: of the compression, None for none.
    """

    __slots__ = (
        "_at",
        "_compressed",
        "_data",
        "_deflater",
        "_empty",
        "_end",
        "_final",
        "_inflater",
        "_key",
        "_left",
        "_limit",
        "_opcode",
        "_pieces",
        "_raw",
        "_size",
        "_utf8",
    )

    def __init__(self, limit: int, terms: Terms | None) -> None:
        self._limit = limit
        self._inflater = None if terms is None else Inflater(terms)
        self._deflater = None if terms is None else Deflater(terms)
        self._data = b""
        self._at = 0
        self._end = False
        # Of the data frame that is under way.
        self._left = _NONE
        self._key = b""
        self._final = False
        # Of the message that is under way.
        self._opcode = _NONE
        self._compressed = False
        self._pieces: Pieces[Any] | None = None
        self._size = 0
        self._raw = 0
        self._empty = 0
        self._utf8: codecs.IncrementalDecoder | None = None

    @property
    def midway(self) -> bool:
        """Whether a frame has begun and is not complete."""
        return bool(self._left) or self._at < len(self._data)

    # What came

    def feed(self, data: bytes) -> None:
        """Takes what the client sent. Is to be called when `next` has nothing more to give."""
        if self._at < len(self._data):
            data = self._data[self._at :] + data
        self._data = data
        self._at = 0

    def next(self) -> Event | None:
        """Returns the next event, or None where more bytes are needed. Hot path."""
        data, at = self._data, self._at
        size = len(data)
        # A whole message in a short frame, at hand as a whole: nearly every one.
        if size - at > 5 and not self._opcode:
            first, length = data[at], data[at + 1] - MASKED
            end = at + 6 + length
            if (
                first in _WHOLE
                and 0 <= length <= MOST_CONTROL
                and end <= size
                and length <= self._limit
                and not self._end
            ):
                self._at = end
                payload = mask(data, at + 6, end, data[at + 2 : at + 6])
                if first == _WHOLE_BINARY:
                    return bytes(payload)
                try:
                    return payload.decode()
                except UnicodeDecodeError:
                    return self._fail(BAD_DATA, "text is not UTF-8")
        for _ in range(AT_ONCE):
            if self._end or self._at >= size:
                return None
            event = self._take() if self._left else self._begin()
            if event is not None:
                return event
            if not self._left and self._at == at:
                return None  # not even the head of a frame
            at = self._at
        return MORE

    def _begin(self) -> Event | None:
        """Reads the head of a frame, and what follows if that is a control frame."""
        data, at = self._data, self._at
        size = len(data) - at
        first = data[at]
        opcode = first & 0x0F
        fault = self._fault(first, opcode)
        if fault:
            return self._fail(PROTOCOL_ERROR, fault)
        if size < 2:
            return None
        second = data[at + 1]
        if second < MASKED:
            return self._fail(PROTOCOL_ERROR, "a frame of a client has no mask")
        length = second - MASKED
        if opcode >= CLOSE:
            return self._control(opcode, length)
        start = at + 2
        if length > 125:
            width = 2 if length == 126 else 8
            if size < 2 + width:
                return None
            start += width
            length = int.from_bytes(data[at + 2 : start])
            if length < (126 if width == 2 else 65_536) or length >> 63:
                return self._fail(PROTOCOL_ERROR, "a length is not written in the shortest way")
        if length > self._most_left(first):
            return self._fail(TOO_BIG, "the message is too large")
        if size < start - at + 4:
            return None
        self._key = data[start : start + 4]
        self._at = start + 4
        self._left = length
        self._final = bool(first & FIN)
        if opcode:
            self._opcode = opcode
            self._compressed = bool(first & RSV1)
        self._raw += length
        if length:
            return None
        if not self._final:
            self._empty += 1
            if self._empty > EMPTY_FRAGMENTS:
                return self._fail(POLICY, "too many empty fragments")
        return self._finish() if self._final else None

    def _fault(self, first: int, opcode: int) -> str:
        """Which rule the first byte of a frame breaks, empty if none."""
        if opcode not in {CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG}:
            return "a frame of an unknown kind"
        if first & RSV23 or (
            first & RSV1 and (self._inflater is None or opcode not in {TEXT, BINARY})
        ):
            return "a reserved bit is set"
        if opcode >= CLOSE:
            return "" if first & FIN else "a control frame in fragments"
        if opcode == CONTINUATION:
            return "" if self._opcode else "a continuation of nothing"
        return "a message within a message" if self._opcode else ""

    def _most_left(self, first: int) -> int:
        """How long a frame may be with which the message goes on.

        Compression makes what it cannot shrink larger, by less than a sixty-fourth and a bit.
        """
        limit = self._limit
        if self._compressed if self._opcode else first & RSV1:
            limit += (limit >> 6) + 64
        return limit - self._raw

    def _control(self, opcode: int, length: int) -> Event | None:
        if length > MOST_CONTROL:
            return self._fail(PROTOCOL_ERROR, "a control frame is too long")
        data, start = self._data, self._at + 6
        end = start + length
        if len(data) < end:
            return None
        payload = bytes(mask(data, start, end, data[start - 4 : start]))
        self._at = end
        if opcode == PING:
            return Ping(payload)
        if opcode == PONG:
            return PONG_CAME
        self._end = True
        return read_payload(payload)

    def _take(self) -> Event | None:
        """Takes what is at hand of the payload of a data frame."""
        data, at = self._data, self._at
        count = min(len(data) - at, self._left)
        piece = mask(data, at, at + count, self._key)
        self._at = at + count
        self._left -= count
        turn = count & 3
        if turn:
            self._key = self._key[turn:] + self._key[:turn]
        whole = self._final and not self._left
        if whole and self._raw == count and not self._compressed:
            return self._deliver(piece)
        failed = self._inflate(piece) if self._compressed else self._keep(piece)
        if failed is not None:
            return failed
        return self._finish() if whole else None

    def _inflate(self, piece: bytes | bytearray | None) -> Failed | None:
        """Adds a piece of the message after inflating it; None is the end of the message."""
        inflater = self._inflater
        assert inflater is not None
        room = self._limit - self._size
        try:
            for out in inflater.end(room) if piece is None else inflater.feed(piece, room):
                failed = self._keep(out)
                if failed is not None:
                    return failed
        except TooLarge:
            return self._fail(TOO_BIG, "the message is too large")
        except zlib.error:
            return self._fail(BAD_DATA, "a message cannot be decompressed")
        return None

    def _keep(self, piece: bytes | bytearray) -> Failed | None:
        """Adds to the message that is under way; text is looked at as it comes."""
        self._size += len(piece)
        if self._opcode == BINARY:
            if self._pieces is None:
                self._pieces = Pieces[Any](b"".join)
            self._pieces.add(piece)
            return None
        if self._pieces is None or self._utf8 is None:
            self._pieces = Pieces[Any]("".join)
            self._utf8 = _UTF8()
        try:
            self._pieces.add(self._utf8.decode(piece))
        except UnicodeDecodeError:
            return self._fail(BAD_DATA, "text is not UTF-8")
        return None

    def _finish(self) -> Event:
        """The message under way is complete."""
        if self._compressed:
            failed = self._inflate(None)
            if failed is not None:
                return failed
        pieces, utf8 = self._pieces, self._utf8
        if pieces is None:
            return self._deliver(b"")
        if utf8 is not None:
            try:
                utf8.decode(b"", final=True)
            except UnicodeDecodeError:
                return self._fail(BAD_DATA, "text is not UTF-8")
        self._forget()
        message: str | bytes | bytearray = pieces.take()
        return bytes(message) if isinstance(message, bytearray) else message

    def _deliver(self, message: bytes | bytearray) -> Event:
        """The message under way is complete, and was at hand as a whole."""
        opcode = self._opcode
        self._forget()
        if opcode == BINARY:
            return bytes(message)
        try:
            return message.decode()
        except UnicodeDecodeError:
            return self._fail(BAD_DATA, "text is not UTF-8")

    def _forget(self) -> None:
        """No message is under way."""
        self._opcode = _NONE
        self._compressed = False
        self._pieces = self._utf8 = None
        self._size = self._raw = self._empty = 0

    def _fail(self, code: int, reason: str) -> Failed:
        self._end = True
        self._forget()
        return Failed(code, reason)

    # What goes out

    def message(self, message: str | bytes) -> tuple[bytes, bytes]:
        """The head and the payload of a message's frame. Hot path.

        Two, because joining them would copy the whole message.

        Raises:
            UnicodeEncodeError: it is no text that has an encoding: surrogates.
        """
        if isinstance(message, str):
            first, payload = _WHOLE_TEXT, message.encode()
        else:
            first, payload = _WHOLE_BINARY, message
        if self._deflater is not None and len(payload) >= WORTH:
            first |= RSV1
            payload = self._deflater.compress(payload)
        return head(first, len(payload)), payload

    def ping(self) -> bytes:
        return head(FIN | PING, 0)

    def pong(self, payload: bytes) -> bytes:
        return head(FIN | PONG, len(payload)) + payload

    def close(self, closed: Closed) -> bytes:
        """The close frame.

        Raises:
            ValueError: as `closing.payload_of`.
        """
        payload = payload_of(closed)
        return head(FIN | CLOSE, len(payload)) + payload
