"""Frames as bytes: what the bits of a head mean, and the heads of frames that a server sends.

Decides how a length is written; never keeps anything. RFC 6455 section 5.2.
Hot path; benchmark: integration/bench/ws_echo.py.
"""

from typing import Final

CONTINUATION: Final = 0x0
TEXT: Final = 0x1
BINARY: Final = 0x2
CLOSE: Final = 0x8
PING: Final = 0x9
PONG: Final = 0xA

FIN: Final = 0x80
RSV1: Final = 0x40
"""Of a message's first frame: it is compressed (RFC 7692 section 6)."""
RSV23: Final = 0x30
MASKED: Final = 0x80

MOST_CONTROL: Final = 125
"""Bytes of a control frame's payload (RFC 6455 section 5.5)."""

_HEADS: Final = {
    first: tuple(bytes((first, length)) for length in range(126))
    for first in (
        FIN | TEXT,
        FIN | BINARY,
        FIN | RSV1 | TEXT,
        FIN | RSV1 | BINARY,
        FIN | CLOSE,
        FIN | PING,
        FIN | PONG,
    )
}


def head(first: int, size: int) -> bytes:
    """The head of a frame without a mask: a server's.

    Args:
        first: the first byte, with its FIN bit.
        size: bytes of what it carries.
    """
    if size < 126:
        return _HEADS[first][size]
    if size < 65_536:
        return b"%c\x7e%b" % (first, size.to_bytes(2))
    return b"%c\x7f%b" % (first, size.to_bytes(8))
