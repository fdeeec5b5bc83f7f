"""Header blocks as clients send them (RFC 7541): fields out of bytes.

Decides how large a block may become while it is decoded, and which blocks need not be decoded
again: clients say the same again and again, and a block that changes nothing in the table of the
connection means the same until another one does.
Hot path: `request`; benchmark: integration/bench.
"""

from typing import Final

from pounce.protocol.limits import Limits
from pounce.protocol.memory import keep
from pounce_h2.decoder import PER_FIELD, Decoder, Words
from pounce_h2.fault import ConnectionFault
from pounce_h2.frame import ErrorCode
from pounce_h2.request import Fields, Pair, Request, check_trailers, read_request

REMEMBERED: Final = 64
"""Blocks of one connection that are remembered, of up to `REMEMBERED_BYTES`."""
REMEMBERED_BYTES: Final = 512


def announced_size(limits: Limits) -> int:
    """What SETTINGS_MAX_HEADER_LIST_SIZE says: whatever is within the limits is smaller."""
    return limits.header_bytes + limits.request_line + PER_FIELD * (limits.header_count + 5)


class BlockReader:
    """The decoder of one connection, with what it remembers.

    Args:
        limits: of the listener. A block that says twice of what was announced ends the connection,
            since from there on nobody knows what is in the table.
        protocols: the tokens that an extended CONNECT may name.
        words: of the worker, see `pounce_h2.decoder`.
        plain: of the worker, see `read_request`.
    """

    __slots__ = ("_decoder", "_known", "_limits", "_plain", "_protocols")

    def __init__(
        self, limits: Limits, protocols: frozenset[bytes], words: Words, plain: set[Pair]
    ) -> None:
        self._limits = limits
        self._plain = plain
        self._protocols = protocols
        self._decoder = Decoder(2 * announced_size(limits), words)
        self._known: dict[tuple[bytes, bool], Request] = {}

    def request(self, block: bytes, ended: bool) -> Request:
        """Returns the head that a block makes. Hot path.

        Args:
            block: the whole block.
            ended: whether no body follows.

        Raises:
            StreamFault, ProtocolError: see `read_request`. The block was decoded all the same.
            ConnectionFault: it can't be decoded.
        """
        known = self._known.get((block, ended))
        if known is not None:
            return known.again()
        fields = self.decode(block)
        request = read_request(fields, self._limits, self._protocols, self._plain, ended=ended)
        if len(block) <= REMEMBERED_BYTES and not self._decoder.changed:
            keep(self._known, (block, ended), request, REMEMBERED)
            return request.again()
        return request

    def trailers(self, block: bytes) -> None:
        """Checks a block that ends a body.

        Raises:
            StreamFault: it is malformed.
            ConnectionFault: it can't be decoded.
        """
        check_trailers(self.decode(block))

    def decode(self, block: bytes) -> Fields:
        """Returns the fields.

        Raises:
            ConnectionFault: it can't be decoded, or says too much.
        """
        fields = self._decoder.decode(block)
        if self._decoder.changed:
            # What they refer to may be something else now.
            self._known.clear()
        return fields


class Pieces:
    """A header block that comes in several frames (RFC 9113 section 6.10).

    Args:
        number: its stream.
        ended: whether the stream ends with it.
        most_bytes, most_frames: what it may be.
    """

    __slots__ = ("_left", "_left_frames", "_pieces", "ended", "number")

    def __init__(self, number: int, ended: bool, most_bytes: int, most_frames: int) -> None:
        self.number = number
        self.ended = ended
        self._left = most_bytes
        self._left_frames = most_frames
        self._pieces: list[bytes] = []

    def add(self, piece: bytes) -> None:
        """Raises:
        ConnectionFault: it is too long, or in too many frames.
        """
        self._pieces.append(piece)
        self._left -= len(piece)
        self._left_frames -= 1
        if self._left < 0 or self._left_frames < 0:
            raise ConnectionFault(ErrorCode.ENHANCE_YOUR_CALM, "continuation-flood")

    def whole(self) -> bytes:
        return b"".join(self._pieces)
