"""What all connections of a worker go by: the limits and settings as numbers, and our SETTINGS.

Decides what a client is told of us, and what can be worked out once (RFC 9113 section 6.5).
"""

from typing import Final

from pounce.protocol.limits import Limits
from pounce_h2 import frame
from pounce_h2.block import announced_size
from pounce_h2.decoder import Words
from pounce_h2.request import Pair
from pounce_h2.settings import Settings

_PIECES: Final = 8
"""CONTINUATION frames of a block that would fit into one; large blocks may have more."""


class Rules:
    """Made once a worker, and never changed, but for what it remembers.

    Args:
        limits: of the listener.
        settings: of HTTP/2.
        protocols: the tokens that an extended CONNECT may name.

    Attributes:
        block_size: bytes of a header block as it is sent; its fields are hardly ever fewer.
        pieces: frames of a header block.
        greeting: our SETTINGS, and the window of the connection.
        words, plain: what the worker remembers of blocks and fields.
    """

    __slots__ = (
        "block_size",
        "connection_window",
        "greeting",
        "limits",
        "patience",
        "pieces",
        "plain",
        "protocols",
        "stream_window",
        "streams",
        "words",
    )

    def __init__(self, limits: Limits, settings: Settings, protocols: frozenset[bytes]) -> None:
        self.limits = limits
        self.protocols = protocols
        self.streams = settings.max_streams
        self.stream_window = settings.stream_window
        self.connection_window = settings.connection_window
        self.patience = settings.patience
        self.words: Words = {}
        self.plain: set[Pair] = set()
        self.block_size = announced_size(limits)
        self.pieces = _PIECES + 2 * (self.block_size // frame.FRAME_SIZE)
        values = [
            (frame.MAX_CONCURRENT_STREAMS, self.streams),
            (frame.INITIAL_WINDOW_SIZE, self.stream_window),
            (frame.MAX_HEADER_LIST_SIZE, announced_size(limits)),
            (frame.NO_RFC7540_PRIORITIES, 1),
        ]
        if protocols:
            values.append((frame.ENABLE_CONNECT_PROTOCOL, 1))
        self.greeting = frame.settings(values)
        wider = self.connection_window - frame.FIRST_WINDOW
        if wider:
            self.greeting += frame.window_update(0, wider)
