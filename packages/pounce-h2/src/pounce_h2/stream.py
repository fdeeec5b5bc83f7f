"""One stream: its two halves, its windows, and what waits in them.

Decides nothing; the connection moves the client's half, `outbound` ours. RFC 9113 section 5.
"""

import os
from collections import deque
from typing import TYPE_CHECKING, Final

from pounce_h2.priority import Priority

if TYPE_CHECKING:
    from pounce_h2.exchange import H2Exchange


SMALL: Final = 1024
"""Pieces of a body below this share an object: one each would take many times what it holds."""


class FileRange:
    """A stretch of an open file, by a descriptor of its own: the caller may close theirs."""

    __slots__ = ("_file", "_offset", "size")

    def __init__(self, file: int, offset: int, size: int) -> None:
        self._file = os.dup(file)
        self._offset = offset
        self.size = size

    def take(self, size: int) -> bytes:
        """The next bytes.

        Raises:
            OSError: the file is shorter than was said.
        """
        data = os.pread(self._file, size, self._offset)
        if len(data) < size:
            raise OSError("the file is shorter than its response promised")
        self._offset += size
        self.size -= size
        return data

    def close(self) -> None:
        os.close(self._file)


class MemoryRange:
    """A stretch of bytes."""

    __slots__ = ("_data", "_offset", "size")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._offset = 0
        self.size = len(data)

    def take(self, size: int) -> bytes:
        offset = self._offset
        self._offset = offset + size
        self.size -= size
        return self._data[offset : self._offset]

    def close(self) -> None:
        """Nothing is held."""


class Outbox:
    """What of a response waits for its turn or for a window, and how that has gone on.

    Attributes:
        size: bytes of body.
        ends: whether the stream ends with them.
        trailers: the block by which it ends, or empty.
    """

    __slots__ = ("ends", "ranges", "size", "trailers")

    def __init__(self) -> None:
        self.ranges: deque[MemoryRange | FileRange] = deque()
        self.size = 0
        self.ends = False
        self.trailers = b""

    def add(self, stretch: MemoryRange | FileRange) -> None:
        if stretch.size:
            self.ranges.append(stretch)
            self.size += stretch.size
        else:
            stretch.close()

    def take(self, size: int) -> bytes:
        """The next `size` bytes, of those that are there."""
        self.size -= size
        pieces: list[bytes] = []
        while size:
            first = self.ranges[0]
            piece = first.take(min(size, first.size))
            pieces.append(piece)
            size -= len(piece)
            if not first.size:
                self.ranges.popleft().close()
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def clear(self) -> None:
        while self.ranges:
            self.ranges.popleft().close()
        self.size = 0


class Stream:
    """Made for each request. Attributes:

    number: odd.
    exchange: what the stream serves; None where the server itself has answered, and at the end.
    remote_ended, local_ended: whether the client's, and our, half is over.
    lingers: whether the response is complete, and its end is said when the client's half ends.
    held: the head of such a response, which waits in the outbox as a whole; or empty.
    tunnels: whether the halves end independently of each other.
    receive_window: bytes that the client may send.
    unread: bytes that have come and wait for the application.
    inbox: those bytes.
    returned: bytes that were read and not yet given back to the window.
    received: bytes of body that came in all.
    expected: bytes of body that the client declared; -1 if it did not.
    send_window: bytes that we may send; may be negative.
    sent: bytes of body that left.
    outbox: what waits to leave; None if nothing does.
    turn: when it last had a turn among streams that share; 0 if it does not share.
    """

    __slots__ = (
        "exchange",
        "expected",
        "held",
        "inbox",
        "lingers",
        "local_ended",
        "number",
        "outbox",
        "receive_window",
        "received",
        "remote_ended",
        "returned",
        "send_window",
        "sent",
        "tunnels",
        "turn",
        "unread",
        "urgency",
    )

    def __init__(
        self,
        number: int,
        ended: bool,
        receive_window: int,
        send_window: int,
        expected: int,
        priority: Priority,
    ) -> None:
        self.number = number
        self.exchange: H2Exchange | None = None
        self.remote_ended = ended
        self.local_ended = False
        self.lingers = False
        self.held = b""
        self.tunnels = False
        self.receive_window = receive_window
        self.unread = 0
        self.inbox: list[bytes | bytearray] | None = None
        self.returned = 0
        self.received = 0
        self.expected = expected
        self.send_window = send_window
        self.sent = 0
        self.outbox: Outbox | None = None
        self.urgency = priority.urgency
        self.turn = 1 if priority.incremental else 0

    def keep(self, piece: bytes) -> None:
        """Has a piece of the body wait for the application."""
        inbox = self.inbox
        if inbox is None:
            self.inbox = [piece]
        elif len(piece) >= SMALL:
            inbox.append(piece)
        elif isinstance(inbox[-1], bytearray):
            inbox[-1] += piece
        else:
            inbox.append(bytearray(piece))

    def prioritize(self, priority: Priority) -> None:
        self.urgency, incremental = priority
        self.turn = (self.turn or 1) if incremental else 0

    @property
    def rank(self) -> tuple[int, ...]:
        """The lowest leaves first (RFC 9218 section 10): by urgency; then those that do not share,
        the oldest first; then those that share, in turn."""
        return self.urgency, self.turn, self.number

    def discard(self) -> None:
        """Throws away what waits, both ways; that something waited can still be told."""
        self.inbox = None
        self.unread = 0
        if self.outbox is not None:
            self.outbox.clear()
