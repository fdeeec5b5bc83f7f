"""Decoders of a request body: by length, chunked, and that of a tunnel, which has no end.

Decide where a body ends and what its bytes are; never how it is buffered, and never what is done
with extensions and trailers, which are checked and dropped. RFC 9112 sections 6 and 7.

Each byte is looked at a fixed number of times, however it arrives: a line that is cut off is kept
and never searched again. What is kept is bounded by the limits; body bytes are never kept.
"""

import re
from typing import Final, Protocol

from pounce.http1.fields import parse_field
from pounce.protocol.errors import ProtocolError

# Bytes of chunk extensions in a whole body. Nobody means anything by them; a body whose every
# byte carries some is an attack.
EXTENSION_BYTES: Final = 4096

_SIZE_DIGITS: Final = 16

_TOKEN: Final = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]++"
_EXTENSIONS: Final = re.compile(
    rb"(?:[ \t]*+;[ \t]*+" + _TOKEN + rb"(?:[ \t]*+=[ \t]*+(?:" + _TOKEN + rb"|"
    rb'"(?:[\t !#-\[\]-~\x80-\xff]|\\[\t -~\x80-\xff])*+"))?)++'
)

# A trailer must not carry what decides the framing or the routing (RFC 9110 section 6.5.1).
_FORBIDDEN_TRAILERS: Final = frozenset((b"content-length", b"host", b"transfer-encoding"))


# What a chunked decoder expects next.
_SIZE: Final = 0
_DATA: Final = 1
_CR: Final = 2
_LF: Final = 3
_TRAILERS: Final = 4


class BodyDecoder(Protocol):
    """What the reader asks of a decoder."""

    done: bool
    """Whether the body is complete."""
    left: int
    """Bytes that are known to be still to come: of the body, or of its current chunk."""

    def decode(self, data: bytes | bytearray, position: int) -> tuple[bytes, int]:
        """Takes what is at hand from `position` on, all of it unless the body ends before.

        Returns:
            The body bytes in it, and the position up to which it was taken.

        Raises:
            ProtocolError: 400, 413 or 431; the decoder is of no use afterwards.
        """
        ...


class LengthDecoder:
    """A body of as many bytes as `Content-Length` says, at least one."""

    __slots__ = ("done", "left")

    def __init__(self, length: int) -> None:
        self.left = length
        self.done = False

    def decode(self, data: bytes | bytearray, position: int) -> tuple[bytes, int]:
        stop = min(position + self.left, len(data))
        self.left -= stop - position
        self.done = not self.left
        # A slice of all of a bytes object is that object: a whole feed is handed on uncopied.
        piece = data[position:stop]
        return (piece if isinstance(piece, bytes) else bytes(piece)), stop


class TunnelDecoder:
    """What follows a change of protocols: bytes, as they come."""

    __slots__ = ("done", "left")

    def __init__(self) -> None:
        self.left = 0
        self.done = False

    def decode(self, data: bytes | bytearray, position: int) -> tuple[bytes, int]:
        piece = data[position:]
        return (piece if isinstance(piece, bytes) else bytes(piece)), len(data)


class ChunkedDecoder:
    """A body in chunks.

    Args:
        limit: bytes of the whole body at most, or None.
        trailer_count: trailer fields at most.
        trailer_bytes: bytes of trailer fields at most.
    """

    __slots__ = (
        "_extensions",
        "_limit",
        "_line",
        "_step",
        "_total",
        "_trailer_bytes",
        "_trailer_count",
        "done",
        "left",
    )

    def __init__(self, limit: int | None, trailer_count: int, trailer_bytes: int) -> None:
        self._limit = limit
        self._trailer_count = trailer_count
        self._trailer_bytes = trailer_bytes
        self._total = 0
        self._extensions = EXTENSION_BYTES
        self.left = 0
        self._line = bytearray()
        self._step = _SIZE
        self.done = False

    def decode(self, data: bytes | bytearray, position: int) -> tuple[bytes, int]:
        pieces: list[bytes | bytearray] = []
        size = len(data)
        while position < size and not self.done:
            step = self._step
            if step == _DATA:
                stop = position + self.left
                if stop > size:
                    pieces.append(data[position:])
                    self.left = stop - size
                    position = size
                    break
                pieces.append(data[position:stop])
                self.left = 0
                position = stop
                # The usual case at once: a CRLF, all of it at hand.
                if data[position : position + 2] == b"\r\n":
                    position += 2
                    self._step = _SIZE
                else:
                    self._step = _CR
            elif step in (_CR, _LF):
                if data[position] != (0x0D if step == _CR else 0x0A):
                    raise ProtocolError(400, "chunk-end")
                position += 1
                self._step = _LF if step == _CR else _SIZE
            else:
                position = self._take_line(data, position)
        # One piece that is bytes comes through the join as it is.
        return b"".join(pieces), position

    def _take_line(self, data: bytes | bytearray, position: int) -> int:
        """Takes a line, or the part of one that is at hand, and acts on a whole one."""
        kept = self._line
        if self._step == _SIZE:
            room = _SIZE_DIGITS + self._extensions + 2 - len(kept)
        else:
            room = self._trailer_bytes + 2 - len(kept)
        newline = data.find(b"\n", position, position + room)
        if newline < 0:
            if len(data) - position >= room:
                if self._step == _SIZE:
                    raise ProtocolError(400, "chunk-line-too-long")
                raise ProtocolError(431, "trailers-too-large")
            kept += data[position:]
            return len(data)
        if kept:
            kept += data[position : newline + 1]
            line = bytes(kept)
            kept.clear()
        else:
            line = bytes(data[position : newline + 1])
        if line[-2:] != b"\r\n":
            raise ProtocolError(400, "bare-cr-or-lf")
        if self._step == _SIZE:
            self._take_size(line[:-2])
        elif line == b"\r\n":
            self.done = True
        else:
            self._take_trailer(line)
        return newline + 1

    def _take_size(self, line: bytes) -> None:
        digits, semicolon, _ = line.partition(b";")
        if semicolon:
            extensions = line[len(digits) :]
            self._extensions -= len(extensions)
            if self._extensions < 0:
                raise ProtocolError(400, "chunk-extensions-too-long")
            if not _EXTENSIONS.fullmatch(extensions):
                raise ProtocolError(400, "chunk-extension")
        # int() would take signs, spaces, underscores and 0x as well.
        if not 1 <= len(digits) <= _SIZE_DIGITS or digits.translate(
            None, b"0123456789ABCDEFabcdef"
        ):
            raise ProtocolError(400, "chunk-size")
        size = int(digits, 16)
        self._total += size
        if self._limit is not None and self._total > self._limit:
            raise ProtocolError(413, "body-too-large")
        self.left = size
        self._step = _DATA if size else _TRAILERS

    def _take_trailer(self, line: bytes) -> None:
        self._trailer_count -= 1
        self._trailer_bytes -= len(line)
        if self._trailer_count < 0 or self._trailer_bytes < 0:
            raise ProtocolError(431, "trailers-too-large")
        name, _ = parse_field(line[:-2])
        if name in _FORBIDDEN_TRAILERS:
            raise ProtocolError(400, "trailer-forbidden")
