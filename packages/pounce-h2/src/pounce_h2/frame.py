"""Frames as they are on the wire: their types, flags and error codes, and those that we write.

Decides how a frame looks; never whether one may be sent. RFC 9113 sections 4, 6 and 7; RFC 8441
section 3; RFC 9218 sections 2.1 and 7.1. Hot path: `HEADER`; benchmark: integration/bench.
"""

from collections.abc import Iterable
from enum import IntEnum
from struct import Struct
from typing import Final

PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

DATA: Final = 0x0
HEADERS: Final = 0x1
PRIORITY: Final = 0x2
RST_STREAM: Final = 0x3
SETTINGS: Final = 0x4
PUSH_PROMISE: Final = 0x5
PING: Final = 0x6
GOAWAY: Final = 0x7
WINDOW_UPDATE: Final = 0x8
CONTINUATION: Final = 0x9
PRIORITY_UPDATE: Final = 0x10

END_STREAM: Final = 0x1
ACK: Final = 0x1
END_HEADERS: Final = 0x4
PADDED: Final = 0x8
WITH_PRIORITY: Final = 0x20

HEADER_TABLE_SIZE: Final = 0x1
ENABLE_PUSH: Final = 0x2
MAX_CONCURRENT_STREAMS: Final = 0x3
INITIAL_WINDOW_SIZE: Final = 0x4
MAX_FRAME_SIZE: Final = 0x5
MAX_HEADER_LIST_SIZE: Final = 0x6
ENABLE_CONNECT_PROTOCOL: Final = 0x8
NO_RFC7540_PRIORITIES: Final = 0x9

FRAME_SIZE: Final = 16_384
"""The largest payload that we take and send: what every peer has to take."""
FIRST_WINDOW: Final = 65_535
"""Of each stream and of the connection, before anybody says something else."""
LARGEST: Final = 0x7FFF_FFFF
"""The largest window and stream number."""

HEADER: Final = Struct(">IBI")
"""Length and type as one word, `length << 8 | type`; flags; stream."""
_SETTING: Final = Struct(">HI")
_WORD: Final = Struct(">I")
_TWO_WORDS: Final = Struct(">II")

read_word = _WORD.unpack_from


class ErrorCode(IntEnum):
    """RFC 9113 section 7."""

    NO_ERROR = 0x0
    PROTOCOL_ERROR = 0x1
    INTERNAL_ERROR = 0x2
    FLOW_CONTROL_ERROR = 0x3
    SETTINGS_TIMEOUT = 0x4
    STREAM_CLOSED = 0x5
    FRAME_SIZE_ERROR = 0x6
    REFUSED_STREAM = 0x7
    CANCEL = 0x8
    COMPRESSION_ERROR = 0x9
    CONNECT_ERROR = 0xA
    ENHANCE_YOUR_CALM = 0xB
    INADEQUATE_SECURITY = 0xC
    HTTP_1_1_REQUIRED = 0xD


def frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return HEADER.pack(len(payload) << 8 | kind, flags, stream) + payload


def settings(values: Iterable[tuple[int, int]]) -> bytes:
    return frame(SETTINGS, 0, 0, b"".join(_SETTING.pack(*value) for value in values))


def read_settings(payload: bytes) -> Iterable[tuple[int, int]]:
    return _SETTING.iter_unpack(payload)


SETTINGS_ACK: Final = HEADER.pack(SETTINGS, ACK, 0)


def rst_stream(stream: int, code: int) -> bytes:
    return HEADER.pack(4 << 8 | RST_STREAM, 0, stream) + _WORD.pack(code)


def window_update(stream: int, increment: int) -> bytes:
    return HEADER.pack(4 << 8 | WINDOW_UPDATE, 0, stream) + _WORD.pack(increment)


def ping(payload: bytes, *, ack: bool = False) -> bytes:
    return frame(PING, ACK if ack else 0, 0, payload)


def goaway(last: int, code: int) -> bytes:
    return HEADER.pack(8 << 8 | GOAWAY, 0, 0) + _TWO_WORDS.pack(last, code)


def headers(stream: int, block: bytes, *, end: bool) -> bytes:
    """A header block, with as many CONTINUATION frames as it takes."""
    flags = END_STREAM if end else 0
    if len(block) <= FRAME_SIZE:
        return HEADER.pack(len(block) << 8 | HEADERS, flags | END_HEADERS, stream) + block
    pieces = [block[at : at + FRAME_SIZE] for at in range(0, len(block), FRAME_SIZE)]
    frames = [frame(HEADERS, flags, stream, pieces[0])]
    frames += [frame(CONTINUATION, 0, stream, piece) for piece in pieces[1:-1]]
    frames.append(frame(CONTINUATION, END_HEADERS, stream, pieces[-1]))
    return b"".join(frames)
