"""The mask that a client lays over what it sends, and how it is taken off. RFC 6455 section 5.3.

Decides who does it: C where it is there, which a dependency brings (`websockets`, whose extension
keeps the GIL off), else Python. Never looks at a frame. Hot path; benchmark:
integration/bench/ws_echo.py.
"""

from typing import Final

LANES: Final = 700
"""Bytes from which four strided translations cost less than one exclusive or of large numbers."""
VIEW: Final = 8_192
"""Bytes from which a view of a stretch costs less than a copy of it."""

_TABLES: Final = tuple(bytes(byte ^ key for byte in range(256)) for key in range(256))


def mask_plainly(data: bytes, start: int, end: int, key: bytes) -> bytes | bytearray:
    """As `mask`, without anything but Python.

    There is no exclusive or of bytes in Python. Numbers have one, but turning bytes into a number
    and back looks at each byte twice; `translate` does it in one look, a quarter of them at a time.
    """
    size = end - start
    if size < LANES:
        keys = int.from_bytes((key * ((size >> 2) + 1))[:size], "little")
        return (int.from_bytes(data[start:end], "little") ^ keys).to_bytes(size, "little")
    laid = bytearray(memoryview(data)[start:end])
    for lane in range(4):
        # From one bytearray to the same: of any other kind, the lane would be copied once more.
        laid[lane::4] = laid[lane::4].translate(_TABLES[key[lane]])
    return laid


try:
    from websockets.speedups import apply_mask
except ImportError:
    # Not built for this interpreter.
    mask = mask_plainly
else:

    def mask(data: bytes, start: int, end: int, key: bytes) -> bytes | bytearray:
        """Lays a mask over a stretch of data, or takes it off: that is the same.

        Args:
            data: from `start` to `end` it is looked at.
            start: where the stretch begins, and the mask with it.
            end: where it ends.
            key: the mask, four bytes.
        """
        if end - start < VIEW:
            return apply_mask(data[start:end], key)
        return apply_mask(memoryview(data)[start:end], key)
