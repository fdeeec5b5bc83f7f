"""How urgent a response is to its client (RFC 9218).

Decides what a `priority` field or a PRIORITY_UPDATE says; what cannot be read says nothing, which
is how the RFC wants it. Never decides what is sent next: that is `outbound`'s affair.
"""

from typing import Final, NamedTuple


class Priority(NamedTuple):
    """Attributes:
    urgency: 0 to 7; the lower, the sooner.
    incremental: whether the client can use pieces of it, so that it may share with others.
    """

    urgency: int
    incremental: bool


DEFAULT: Final = Priority(3, False)
UNSAID: Final = Priority(3, True)
"""Of a client that has named none yet. It may know nothing of priorities, and read several
responses at once: an endless one of them is not to keep the others back."""


def parse_priority(value: bytes) -> Priority:
    """Reads the two parameters out of a dictionary of RFC 8941; the last of each counts."""
    urgency, incremental = DEFAULT
    for member in value.split(b","):
        # A member's own parameters follow a semicolon: none has a meaning here.
        key, _, said = member.partition(b";")[0].strip(b" \t").partition(b"=")
        if key == b"u" and len(said) == 1 and b"0" <= said <= b"7":
            urgency = int(said)
        elif key == b"i" and said in (b"", b"?1", b"?0"):
            incremental = said != b"?0"
    return Priority(urgency, incremental)
