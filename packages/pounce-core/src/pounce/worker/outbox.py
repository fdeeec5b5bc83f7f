"""What a channel has yet to send: pieces in order, memory or a stretch of a file.

Decides how the pieces leave, and how much has; never watches the socket, never closes it.
"""

import os
import socket
from collections import deque
from typing import Final

from pounce.protocol.roles import Stream

VECTOR: Final = 64
"""Pieces handed to one `sendmsg`; far below any system's IOV_MAX."""
FILE_SLICE: Final = 1 << 20
"""Bytes of a file sent at a turn, so that one fast reader does not hold the worker."""
FILE_PIECE: Final = 1 << 18
"""The same where the bytes have to be read into memory, for a transport."""
JOIN: Final = 16_384
"""Up to this size, pieces are joined for a transport: it makes a record of each."""


class FileRange:
    """A stretch of an open file, by a descriptor of its own.

    Whoever asked for it may be cancelled and close theirs while this is still on its way; the
    number would then be that of some other file.
    """

    __slots__ = ("count", "file", "offset")

    def __init__(self, file: int, offset: int, count: int) -> None:
        self.file = os.dup(file)
        self.offset = offset
        self.count = count

    def close(self) -> None:
        os.close(self.file)


class Outbox:
    """The unsent output of one socket.

    Args:
        sock: non-blocking.
        stream: the hold that a transport has on it, through which everything goes then.
    """

    __slots__ = ("_pieces", "_socket", "_stream", "sent")

    def __init__(self, sock: socket.socket, stream: Stream | None = None) -> None:
        self._socket = sock
        self._stream = stream
        self._pieces: deque[memoryview | FileRange] = deque()
        self.sent = 0
        """Bytes that the kernel has taken from this outbox in all."""

    def __bool__(self) -> bool:
        return bool(self._pieces)

    def add(self, data: bytes | memoryview) -> None:
        if data:
            self._pieces.append(memoryview(data))

    def add_file(self, file: int, offset: int, count: int) -> None:
        if count:
            self._pieces.append(FileRange(file, offset, count))

    def clear(self) -> None:
        for piece in self._pieces:
            if isinstance(piece, FileRange):
                piece.close()
        self._pieces.clear()

    def flush(self) -> bool:
        """Sends until all has left, the kernel takes no more, or a slice of a file is through.

        Returns:
            True when nothing is left.

        Raises:
            OSError: the client is gone, or a file became shorter than was promised.
        """
        pieces = self._pieces
        while pieces:
            first = pieces[0]
            try:
                if isinstance(first, FileRange):
                    self._send_file(first)
                    return not pieces
                if self._stream is None:
                    self._send_memory()
                else:
                    self._send_through(self._stream)
            except BlockingIOError:
                return False
        return True

    def _send_memory(self) -> None:
        pieces = self._pieces
        vector: list[memoryview] = []
        for piece in pieces:
            if isinstance(piece, FileRange) or len(vector) == VECTOR:
                break
            vector.append(piece)
        count = self._socket.sendmsg(vector)
        self.sent += count
        while count:
            piece = vector.pop(0)
            pieces.popleft()
            if count < len(piece):
                pieces.appendleft(piece[count:])
                return
            count -= len(piece)

    def _send_through(self, stream: Stream) -> None:
        """Sends memory through a transport, which takes one piece at a time."""
        pieces = self._pieces
        first = pieces[0]
        assert isinstance(first, memoryview)
        if len(first) < JOIN and len(pieces) > 1:
            joined: list[memoryview] = []
            size = 0
            while pieces and size < JOIN and isinstance(pieces[0], memoryview):
                joined.append(pieces[0])
                size += len(pieces[0])
                pieces.popleft()
            # In the place of its parts: what does not leave now is asked for again as it is.
            first = memoryview(b"".join(joined))
            pieces.appendleft(first)
        count = stream.send(first)
        self.sent += count
        if count < len(first):
            pieces[0] = first[count:]
            raise BlockingIOError
        pieces.popleft()

    def _send_file(self, stretch: FileRange) -> None:
        count = min(stretch.count, FILE_SLICE)
        if self._stream is None:
            count = os.sendfile(self._socket.fileno(), stretch.file, stretch.offset, count)
        else:
            data = os.pread(stretch.file, min(count, FILE_PIECE), stretch.offset)
            count = self._stream.send(data) if data else 0
        if not count:
            raise OSError("the file is shorter than its response promised")
        self.sent += count
        stretch.offset += count
        stretch.count -= count
        if not stretch.count:
            self._pieces.popleft()
            stretch.close()
