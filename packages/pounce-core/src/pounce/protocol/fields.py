"""The grammar of names and values, as every protocol holds to it.

Decides which bytes a token, a field value and an authority may have; never repairs one, and never
judges what a field means. RFC 9110 sections 5.1, 5.5, 5.6.2 and 7.2; RFC 3986 section 3.2.

The rules for bytes are tables for `bytes.translate`, which costs a third of what deleting the
allowed bytes costs, and a fifth of a regular expression.
"""

import re
from typing import Final

_TCHAR: Final = b"!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_CONTROLS: Final = bytes(set(range(0x20)) - {0x09}) + b"\x7f"

# host [ ":" port ] of RFC 3986 section 3.2, without user information. No quantifier can take what
# its neighbour could, so that a match is linear.
_AUTHORITY: Final = re.compile(
    rb"(?:\[[0-9A-Fa-f:.]{2,45}\]|(?:[A-Za-z0-9._~!$&'()*+,;=-]|%[0-9A-Fa-f]{2})++)(?::[0-9]{0,5})?"
)

# More digits than these no body has; int() of a long run of digits is not linear either.
_LENGTH_DIGITS: Final = 18


def _changed(byte: int) -> int:
    """Another byte than `byte`: by it a table says that `byte` is not allowed."""
    return 0 if byte else 1


# To lower case; NUL for what is in no token.
LOWER: Final = bytes(byte if byte in _TCHAR else 0 for byte in range(256)).lower()

# Each byte that a field value may hold stays as it is: visible ones, SP, HTAB, and from 0x80 on.
VALUE: Final = bytes(_changed(byte) if byte in _CONTROLS else byte for byte in range(256))


def is_token(data: bytes) -> bool:
    """Whether `data` is a token: one or more tchar (RFC 9110 section 5.6.2)."""
    return bool(data) and b"\0" not in data.translate(LOWER)


def is_authority(value: bytes) -> bool:
    """Whether `value` is a host with or without a port, and nothing else."""
    return _AUTHORITY.fullmatch(value) is not None


def members(value: bytes) -> list[bytes]:
    """The members of a comma-separated list of case-insensitive words (RFC 9110 section 5.6.1)."""
    found = [member.strip(b" \t") for member in value.lower().split(b",")]
    return [member for member in found if member]


def parse_length(digits: bytes) -> int | None:
    """The number that a `content-length` says; None if it is none (RFC 9110 section 8.6)."""
    # bytes.isdigit() is true of ASCII digits only; int() would take signs, spaces and underscores.
    if not digits.isdigit() or len(digits) > _LENGTH_DIGITS:
        return None
    return int(digits)
