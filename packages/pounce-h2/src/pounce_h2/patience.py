"""How often a client may do what costs the server more than the client.

Decides when a client is told to calm down (RFC 9113 section 10.5): each kind of such frame has the
same allowance in ten seconds, and each request that was answered adds one to it, so that honest
clients that do much may also cancel and ping much. Never counts what a limit of its own bounds.
"""

from typing import Final

from pounce_h2.fault import ConnectionFault
from pounce_h2.frame import ErrorCode

SPAN: Final = 10.0
"""Seconds after which all is forgotten."""


class Patience:
    """One connection's."""

    __slots__ = ("_allowance", "_counts", "_until", "_useful_before", "useful")

    def __init__(self, allowance: int, now: float) -> None:
        self._allowance = allowance
        self._counts: dict[str, int] = {}
        self._until = now + SPAN
        self._useful_before = 0
        self.useful = 0
        """Requests answered in all; counted by whoever answers them."""

    def look(self, now: float) -> None:
        """Forgets what is long ago. Hot path."""
        if now >= self._until:
            self._until = now + SPAN
            self._counts.clear()
            self._useful_before = self.useful

    def spend(self, kind: str) -> None:
        """Counts a frame of a kind.

        Raises:
            ConnectionFault: ENHANCE_YOUR_CALM, for the kind.
        """
        count = self._counts[kind] = self._counts.get(kind, 0) + 1
        if count > self._allowance + self.useful - self._useful_before:
            raise ConnectionFault(ErrorCode.ENHANCE_YOUR_CALM, kind)
