"""permessage-deflate: what is agreed on, and the compression itself (RFC 7692).

Decides which offer is taken and on what terms, and that a message is cut off where it exceeds its
limit while it is inflated, and not after. Never sees a frame. What is needed for a direction is
made when its first compressed message comes: an idle connection costs nothing.
"""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from pounce_ws.extensions import Extension

NAME: Final = b"permessage-deflate"
TAIL: Final = b"\x00\x00\xff\xff"
"""What the sender takes off the end of a message, and the receiver puts back (section 7.2)."""
WORTH: Final = 64
"""Bytes from which a message is compressed: less would save nothing that a packet shows."""
LEVEL: Final = 6
STEP: Final = 65_536
"""Bytes that are inflated at once, so that a message is not in memory twice."""

_PARAMETERS: Final = frozenset(
    (
        b"server_no_context_takeover",
        b"client_no_context_takeover",
        b"server_max_window_bits",
        b"client_max_window_bits",
    )
)
_BITS: Final = {b"%d" % bits: bits for bits in range(8, 16)}


class TooLarge(Exception):
    """More comes out of a message than there is room for."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What both sides have agreed on.

    Attributes:
        server_bits: the window of what the server compresses, 9 to 15.
        client_bits: the window of what the client compresses, 8 to 15.
        server_takeover: whether the server keeps its history between messages.
        client_takeover: whether the client does.
        answer: the extension as the answer to the handshake names it.
    """

    server_bits: int
    client_bits: int
    server_takeover: bool
    client_takeover: bool
    answer: bytes


def agree(offers: list[Extension], bits: int, *, takeover: bool) -> Terms | None:
    """Takes the first offer that can be kept (RFC 7692 section 5.1), None without one.

    Args:
        offers: the extensions that the client offers, the most wanted first.
        bits: the largest window that the server wants either way, 9 to 15.
        takeover: whether histories may be kept between messages.
    """
    for name, parameters in offers:
        if name == NAME:
            terms = _terms(parameters, bits, takeover)
            if terms is not None:
                return terms
    return None


def _terms(parameters: list[tuple[bytes, bytes | None]], bits: int, takeover: bool) -> Terms | None:
    """The terms for one offer; None to decline it: a parameter that is not known, comes twice or
    has a value that it cannot have (section 7.1)."""
    asked = dict(parameters)
    if len(asked) < len(parameters) or not asked.keys() <= _PARAMETERS:
        return None
    for name in (b"server_no_context_takeover", b"client_no_context_takeover"):
        if asked.get(name) is not None:
            return None
    server_bits, client_bits = bits, 15
    answer = NAME
    server_takeover = takeover and b"server_no_context_takeover" not in asked
    client_takeover = takeover and b"client_no_context_takeover" not in asked
    if not server_takeover:
        answer += b"; server_no_context_takeover"
    if not client_takeover:
        answer += b"; client_no_context_takeover"
    if b"server_max_window_bits" in asked:
        most = _BITS.get(asked[b"server_max_window_bits"] or b"")
        # zlib cannot compress with a window of 8 bits.
        if most is None or most < 9:
            return None
        server_bits = min(bits, most)
    if server_bits < 15:
        answer += b"; server_max_window_bits=%d" % server_bits
    if b"client_max_window_bits" in asked:
        hint = asked[b"client_max_window_bits"]
        most = 15 if hint is None else _BITS.get(hint)
        if most is None:
            return None
        client_bits = min(bits, most)
        if client_bits < 15:
            answer += b"; client_max_window_bits=%d" % client_bits
    return Terms(server_bits, client_bits, server_takeover, client_takeover, answer)


class Inflater:
    """Decompresses what a client sends, message by message."""

    __slots__ = ("_bits", "_ended", "_takeover", "_zlib")

    def __init__(self, terms: Terms) -> None:
        # A window larger than the client's reads it as well.
        self._bits = -max(9, terms.client_bits)
        self._takeover = terms.client_takeover
        self._zlib: zlib._Decompress | None = None  # pyright: ignore[reportPrivateUsage] - it has no other
        self._ended = False

    def feed(self, data: bytes | bytearray, room: int) -> Iterator[bytes]:
        """Takes a piece of a message, and gives what comes out of it, a step at a time.

        Args:
            data: the piece, as it came.
            room: how many bytes may come out of it.

        Raises:
            TooLarge: there is more than `room` in it; one step more was inflated at the most.
            zlib.error: it is no deflate stream.
        """
        while True:
            if self._zlib is None:
                self._zlib = zlib.decompressobj(self._bits)
            out = self._zlib.decompress(data, STEP)
            room -= len(out)
            if room < 0:
                raise TooLarge
            yield out
            if self._zlib.eof:
                # The sender ended its stream, as it may once a message (section 7.2.3.5). With
                # each end a decompressor has to be made, so that more ends would be an attack.
                if self._ended:
                    raise zlib.error("a second final block")
                self._ended = True
                data = self._zlib.unused_data
                self._zlib = None
            elif len(out) < STEP:
                return
            else:
                data = self._zlib.unconsumed_tail

    def end(self, room: int) -> Iterator[bytes]:
        """Takes note that the message is complete; gives and raises as `feed`."""
        yield from self.feed(TAIL, room)
        self._ended = False
        if not self._takeover:
            self._zlib = None


class Deflater:
    """Compresses what the server sends, message by message."""

    __slots__ = ("_bits", "_takeover", "_zlib")

    def __init__(self, terms: Terms) -> None:
        self._bits = terms.server_bits
        self._takeover = terms.server_takeover
        self._zlib: zlib._Compress | None = None  # pyright: ignore[reportPrivateUsage] - it has no other

    def compress(self, data: bytes) -> bytes:
        """A whole message, compressed."""
        compressor = self._zlib
        if compressor is None:
            # zlib takes 2^(bits+2) bytes for the window and 2^(level+9) for its tables: as many.
            compressor = zlib.compressobj(LEVEL, zlib.DEFLATED, -self._bits, self._bits - 7)
            if self._takeover:
                self._zlib = compressor
        out = compressor.compress(data) + compressor.flush(zlib.Z_SYNC_FLUSH)
        return out[: -len(TAIL)]
