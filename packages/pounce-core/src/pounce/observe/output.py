"""Where lines of a log go: a file descriptor, or a stream that has none.

Decides how lines are put together for one write, so that each stays whole beside what other
processes write, and whether they may have colours. It never raises for a reader that went or a disk
that is full, and never changes a descriptor's flags: a terminal or a pipe is shared with other
processes. So a write may block, and belongs on a thread that may wait.
"""

import errno
import os
import select
from collections.abc import Iterable
from typing import IO, Any, Final

type Target = int | IO[Any] | None

# So many bytes reach a pipe in one piece, on Linux; elsewhere it may be fewer. It is also what a
# GIL build writes before it lets another thread run.
WHOLE: Final = max(select.PIPE_BUF, 4_096)
# The one behind the descriptor is gone for good, unlike with a disk that is full.
_GONE: Final = frozenset({errno.EPIPE, errno.EBADF, errno.ECONNRESET})

RESET: Final = "\x1b[0m"
DIM: Final = "\x1b[2m"
BOLD: Final = "\x1b[1m"
RED: Final = "\x1b[31m"
GREEN: Final = "\x1b[32m"
YELLOW: Final = "\x1b[33m"
CYAN: Final = "\x1b[36m"


def colors_wanted(target: Target, asked: bool | None = None) -> bool:
    """Whether to use colours: as asked, else on a terminal that NO_COLOR or TERM=dumb allow it."""
    if asked is not None:
        return asked
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    return is_terminal(target)


def is_terminal(target: Target) -> bool:
    """Whether a person watches."""
    descriptor = _descriptor(target)
    return descriptor is not None and os.isatty(descriptor)


class LineOutput:
    """Writes lines to a descriptor, or to a text stream that has none; to nowhere when None.

    Args:
        target: a descriptor; or a stream, whose descriptor is used if it has one. Neither is
            ever closed here. None, as `sys.stdout` is in a process without one, takes nothing.
    """

    def __init__(self, target: Target) -> None:
        self._descriptor = _descriptor(target)
        self._stream = None if self._descriptor is not None or isinstance(target, int) else target
        if self._descriptor is not None and target is not None and not isinstance(target, int):
            target.flush()  # what the stream holds was written before
        self.gone = self._descriptor is None and self._stream is None

    def write(self, lines: Iterable[str]) -> int:
        """Writes lines, given without their line feed. May block.

        Returns:
            How many were lost because the target is gone, full or broken.
        """
        lost = 0
        parts: list[bytes] = []
        size = 0
        for line in lines:
            data = line.encode("utf-8", "backslashreplace") + b"\n"
            if size + len(data) > WHOLE and parts:
                lost += self._write(parts)
                parts, size = [], 0
            parts.append(data)
            size += len(data)
        if parts:
            lost += self._write(parts)
        return lost

    def _write(self, parts: list[bytes]) -> int:
        """Writes some whole lines; returns how many were lost."""
        if self.gone:
            return len(parts)
        try:
            if self._descriptor is not None:
                _write_all(self._descriptor, b"".join(parts))
            elif self._stream is not None:
                self._stream.write(b"".join(parts).decode())
                self._stream.flush()
        except OSError as error:
            self.gone = error.errno in _GONE
            return len(parts)
        except ValueError:  # a stream that somebody closed
            self.gone = True
            return len(parts)
        return 0


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        try:
            view = view[os.write(descriptor, view) :]
        except BlockingIOError:
            # Another process made it non-blocking; for all that share it, so it stays as it is.
            waiting = select.poll()
            waiting.register(descriptor, select.POLLOUT)
            waiting.poll()


def _descriptor(target: Target) -> int | None:
    if target is None or isinstance(target, int):
        return target
    try:
        return target.fileno()
    except OSError, ValueError, AttributeError:
        return None
