"""Fields out of header blocks, and the table by which a client abbreviates them (RFC 7541).

Decides what a block says, how large that may become while it is found out, and whether the block
has changed the table; never judges a field. Huffman's code is left to hpack, whose decoder is what
this one is compared with in the tests: it takes several times as long.
Hot path: `decode`; benchmark: integration/bench.
"""

from collections import deque
from typing import Final

from hpack import HPACKDecodingError
from hpack.huffman_table import decode_huffman
from hpack.table import HeaderTable

from pounce.protocol.memory import keep
from pounce_h2.fault import ConnectionFault
from pounce_h2.frame import ErrorCode

type Pair = tuple[bytes, bytes]
type Words = dict[bytes, bytes]
"""What strings in Huffman's code mean: a worker remembers some. See `remember`."""

STATIC: Final[tuple[Pair, ...]] = ((b"", b""), *HeaderTable.STATIC_TABLE)
"""By index, which begins with 1 (RFC 7541 appendix A)."""
FIRST: Final = len(STATIC)
"""The index of the newest entry of the client's table."""
CAPACITY: Final = 4096
"""Bytes of the client's table at most: what holds before anybody says something else."""
PER_FIELD: Final = 32
"""What an entry counts beside its name and value (RFC 7541 section 4.1)."""
_WORDS, _WORD_BYTES = 2048, 128
"""How many strings a worker remembers, of up to how many bytes."""


class Decoder:
    """The decoder of one connection.

    Args:
        most: bytes that the fields of a block may come to, each with `PER_FIELD`. Beyond, the
            connection has to end: nobody knows any more what is in the table.
        words: of the worker.
    """

    __slots__ = ("_capacity", "_entries", "_most", "_size", "_words", "changed")

    def __init__(self, most: int, words: Words) -> None:
        self._most = most
        self._words = words
        self._entries: deque[Pair] = deque()
        """The client's table, the newest first."""
        self._size = 0
        self._capacity = CAPACITY
        self.changed = False
        """Whether the last block has changed the table."""

    def decode(self, block: bytes) -> list[Pair]:
        """Returns the fields of a block. Hot path.

        Raises:
            ConnectionFault: it is none, or says too much.
        """
        try:
            return self._decode(block)
        except IndexError, HPACKDecodingError:
            # An index that nothing has, a block that is cut off, or padding that is none.
            raise _broken() from None

    def _decode(self, block: bytes) -> list[Pair]:
        """Hot path."""
        self.changed = False
        fields: list[Pair] = []
        left = self._most
        at, end = 0, len(block)
        while at < end:
            first = block[at]
            at += 1
            if first >= 0x80:
                index = first & 0x7F
                if index == 0x7F:
                    index, at = _integer(block, at, 0x7F)
                if not index:
                    raise _broken()
                field = STATIC[index] if index < FIRST else self._entries[index - FIRST]
            elif 0x20 <= first < 0x40:
                # Before the fields only (RFC 7541 section 4.2).
                if fields:
                    raise _broken()
                at = self._resize(block, at, first)
                continue
            else:
                mask = 0x3F if first >= 0x40 else 0x0F
                index = first & mask
                if index == mask:
                    index, at = _integer(block, at, mask)
                if index:
                    name = (STATIC[index] if index < FIRST else self._entries[index - FIRST])[0]
                else:
                    name, at = self._string(block, at)
                value, at = self._string(block, at)
                field = name, value
                if first >= 0x40:
                    self._add(field)
            left -= len(field[0]) + len(field[1]) + PER_FIELD
            if left < 0:
                raise ConnectionFault(ErrorCode.ENHANCE_YOUR_CALM, "header-bomb")
            fields.append(field)
        return fields

    def _string(self, block: bytes, at: int) -> tuple[bytes, int]:
        """A string, and where it ends (RFC 7541 section 5.2). Hot path."""
        first = block[at]
        at += 1
        size = first & 0x7F
        if size == 0x7F:
            size, at = _integer(block, at, 0x7F)
        stop = at + size
        if stop > len(block):
            raise _broken()
        data = block[at:stop]
        if first < 0x80:
            return data, stop
        word = self._words.get(data)
        return self._spell(data) if word is None else word, stop

    def _spell(self, data: bytes) -> bytes:
        word: bytes = decode_huffman(data)
        if len(data) <= _WORD_BYTES:
            keep(self._words, data, word, _WORDS)
        return word

    def _add(self, field: Pair) -> None:
        self.changed = True
        self._size += len(field[0]) + len(field[1]) + PER_FIELD
        self._entries.appendleft(field)
        self._evict()

    def _resize(self, block: bytes, at: int, first: int) -> int:
        self.changed = True
        capacity = first & 0x1F
        if capacity == 0x1F:
            capacity, at = _integer(block, at, 0x1F)
        if capacity > CAPACITY:
            raise _broken()
        self._capacity = capacity
        self._evict()
        return at

    def _evict(self) -> None:
        """Drops the oldest until the rest fits; what is larger than the table empties it."""
        entries = self._entries
        while self._size > self._capacity:
            name, value = entries.pop()
            self._size -= len(name) + len(value) + PER_FIELD


def _integer(block: bytes, at: int, number: int) -> tuple[int, int]:
    """What goes on after a full prefix (RFC 7541 section 5.1): four bytes, which is more than any
    block can mean."""
    for shift in (0, 7, 14, 21):
        byte = block[at]
        at += 1
        number += (byte & 0x7F) << shift
        if byte < 0x80:
            return number, at
    raise _broken()


def _broken() -> ConnectionFault:
    return ConnectionFault(ErrorCode.COMPRESSION_ERROR, "compression")
