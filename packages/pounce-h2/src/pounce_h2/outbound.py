"""What a connection has to say: frames that are ready, and bodies that wait for their turn.

Decides which body goes on next and how much of it, by the windows that the client opened and by the
priorities that it named; gathers all that is ready into one piece for the socket. Never reads.
RFC 9113 sections 5.2 and 6.9; RFC 9218 section 10.
Hot path: `respond`, `send`; benchmark: integration/bench.
"""

from collections.abc import Callable
from typing import Final

from pounce_h2.frame import (
    DATA,
    END_HEADERS,
    END_STREAM,
    FIRST_WINDOW,
    FRAME_SIZE,
    HEADER,
    HEADERS,
    headers,
)
from pounce_h2.stream import FileRange, MemoryRange, Outbox, Stream

BATCH: Final = 131_072
"""Bytes that are gathered before they are given to the socket."""

assert DATA == 0


class Outbound:
    """One connection's.

    Args:
        ended: called when all of a stream's response is among the frames.
        failed: called when what a stream is to send cannot be had.
    """

    __slots__ = (
        "_ended",
        "_failed",
        "_turns",
        "blocked",
        "data_sent",
        "first_window",
        "frames",
        "pieces",
        "prefix",
        "shut",
        "size",
        "waiting",
        "window",
    )

    def __init__(self, ended: Callable[[Stream], None], failed: Callable[[Stream], None]) -> None:
        self._ended = ended
        self._failed = failed
        self._turns = 1
        self.frames: list[bytes] = []
        self.size = 0
        """Bytes of the frames."""
        self.blocked = False
        """Whether the kernel has yet to take what it was given."""
        self.window = FIRST_WINDOW
        self.first_window = FIRST_WINDOW
        """The client's choice for each new stream."""
        self.prefix = b""
        """What the next header block begins with: the size of a table that we do not use."""
        self.data_sent = 0
        """Bytes of bodies in all."""
        self.pieces = 0
        """Pieces of bodies that left as the application gave them, or the rests of such; without
        those that are whole responses."""
        self.waiting: dict[int, Stream] = {}
        """Streams that could go on if it were their turn."""
        self.shut: dict[int, Stream] = {}
        """Streams whose own window is closed."""

    def add(self, piece: bytes) -> None:
        self.frames.append(piece)
        self.size += len(piece)

    def take(self) -> bytes:
        """All that is ready. Hot path."""
        piece = b"".join(self.frames)
        self.frames.clear()
        self.size = 0
        return piece

    # Heads

    def respond(self, stream: Stream, block: bytes, data: bytes) -> bool:
        """A whole response, if it can leave as it is. Hot path."""
        size = len(data)
        if (
            self.waiting
            or self.blocked
            or size > FRAME_SIZE
            or size > stream.send_window
            or size > self.window
            or self.size > BATCH
            or self.prefix
            or len(block) > FRAME_SIZE
        ):
            return False
        number = stream.number
        head = HEADER.pack(len(block) << 8 | HEADERS, END_HEADERS, number)
        body = HEADER.pack(size << 8, END_STREAM, number)
        piece = b"%b%b%b%b" % (head, block, body, data)
        self.frames.append(piece)
        self.size += len(piece)
        self.window -= size
        self.data_sent += size
        self._ended(stream)
        return True

    def send_head(self, stream: Stream, block: bytes, *, end: bool = False) -> None:
        """A final head, an interim one, or the trailers if nothing waits before them."""
        self.add(headers(stream.number, self.prefix + block, end=end))
        self.prefix = b""
        if end:
            self._ended(stream)

    # Bodies

    def send(self, stream: Stream, data: bytes, *, end: bool) -> None:
        """Bytes of a body; they wait in the stream's outbox if they cannot leave. Hot path."""
        size = len(data)
        if not (
            self.waiting
            or self.blocked
            or stream.outbox is not None
            or size > FRAME_SIZE
            or size > stream.send_window
            or size > self.window
            or self.size > BATCH
        ):
            if size or end:
                self.pieces += 1
                self._frame(stream, data, end=end)
            return
        outbox = self._outbox(stream)
        outbox.add(MemoryRange(data))
        outbox.ends = end
        self._await(stream)

    def hold(self, stream: Stream, block: bytes, data: bytes) -> None:
        """A whole response that is not to leave before the stream's end is said."""
        stream.held = block
        outbox = self._outbox(stream)
        outbox.add(MemoryRange(data))

    def send_file(self, stream: Stream, stretch: FileRange, *, end: bool) -> None:
        outbox = self._outbox(stream)
        outbox.add(stretch)
        outbox.ends = end
        self._await(stream)

    def send_trailers(self, stream: Stream, block: bytes) -> None:
        """The block by which the stream ends, after what waits."""
        if stream.outbox is None:
            self.send_head(stream, block, end=True)
        else:
            stream.outbox.trailers = block
            stream.outbox.ends = True

    def pump(self) -> None:
        """Frames what waits, the most urgent first, until enough is ready or nothing can go on."""
        waiting = self.waiting
        while waiting and self.size < BATCH:
            stream = min(waiting.values(), key=_rank) if len(waiting) > 1 else _only(waiting)
            outbox = stream.outbox
            assert outbox is not None
            if self.window <= 0 and outbox.size:
                # Only what has no bytes left can go on: an end.
                ends = [each for each in waiting.values() if each.outbox and not each.outbox.size]
                if not ends:
                    return
                stream = min(ends, key=_rank)
                outbox = stream.outbox
                assert outbox is not None
            # An end without bytes needs no window, be the stream's below zero.
            size = min(outbox.size, FRAME_SIZE, max(stream.send_window, 0), self.window)
            if stream.turn:
                self._turns += 1
                stream.turn = self._turns
            if size <= 0 < outbox.size:
                del waiting[stream.number]
                self.shut[stream.number] = stream
                continue
            self._go_on(stream, outbox, size)

    def _go_on(self, stream: Stream, outbox: Outbox, size: int) -> None:
        through = size == outbox.size
        try:
            data = outbox.take(size) if size else b""
        except OSError:
            self.forget(stream)
            self._failed(stream)
            return
        exchange = stream.exchange
        end = through and outbox.ends
        if through:
            del self.waiting[stream.number]
            stream.outbox = None
            self.pieces += 1
        if end and outbox.trailers:
            if data:
                self._frame(stream, data, end=False)
            self.send_head(stream, outbox.trailers, end=True)
        elif data or end:
            self._frame(stream, data, end=end)
        if through and exchange is not None:
            exchange.changed()

    def _frame(self, stream: Stream, data: bytes, *, end: bool) -> None:
        size = len(data)
        self.frames.append(HEADER.pack(size << 8, END_STREAM if end else 0, stream.number))
        self.frames.append(data)
        self.size += size + 9
        self.window -= size
        self.data_sent += size
        stream.send_window -= size
        stream.sent += size
        if end:
            self._ended(stream)

    def _outbox(self, stream: Stream) -> Outbox:
        if stream.outbox is None:
            stream.outbox = Outbox()
        return stream.outbox

    def _await(self, stream: Stream) -> None:
        if stream.number not in self.shut:
            self.waiting[stream.number] = stream

    # Windows

    def reopen(self, stream: Stream) -> None:
        """The stream's window has changed."""
        if stream.number in self.shut and stream.send_window > 0:
            del self.shut[stream.number]
            self.waiting[stream.number] = stream

    def forget(self, stream: Stream) -> None:
        """The stream is over, whatever waits."""
        self.waiting.pop(stream.number, None)
        self.shut.pop(stream.number, None)
        stream.discard()


def _rank(stream: Stream) -> tuple[int, ...]:
    return stream.rank


def _only(waiting: dict[int, Stream]) -> Stream:
    for stream in waiting.values():
        return stream
    raise KeyError
