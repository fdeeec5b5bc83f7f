"""Opens the file of an `http.response.pathsend` (ASGI extensions).

Decides what may be sent as a file; never sends it.
"""

import os
import stat
from pathlib import Path
from typing import BinaryIO, cast

from pounce.protocol.errors import ResponseError


def open_path(path: object) -> tuple[BinaryIO, int]:
    """Opens a regular file for reading; may block on the disk.

    Args:
        path: an absolute path, as the application gave it.

    Returns:
        the open file, which the caller closes, and its size in bytes.

    Raises:
        ResponseError: not a path, not absolute, or not a regular file.
        OSError: it cannot be opened.
    """
    if isinstance(path, os.PathLike):
        path = os.fspath(cast("os.PathLike[str]", path))
    if not isinstance(path, str) or not Path(path).is_absolute():
        raise ResponseError(f"the path of 'http.response.pathsend' is absolute, unlike {path!r}")
    # Opening a pipe would wait for its writer, but for O_NONBLOCK.
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
    try:
        descriptor = os.open(path, flags)
    except ValueError:
        # A NUL, or a character that no file name can have here.
        raise ResponseError(f"{path!r} is not the path of a file") from None
    status = os.fstat(descriptor)
    # Before `fdopen`, which fails on a directory and leaves the descriptor open.
    if not stat.S_ISREG(status.st_mode):
        os.close(descriptor)
        raise ResponseError(f"{path!r} is not a regular file")
    return os.fdopen(descriptor, "rb"), status.st_size
