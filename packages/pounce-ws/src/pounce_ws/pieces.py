"""A message that comes in pieces, until it is whole.

Decides how pieces are kept so that neither many small ones nor a large whole take much more memory
than the message has: a buffer that grows would be copied again and again, and its old places stay
with the process for a while. Never looks into a piece.
"""

from collections.abc import Callable, Iterable
from typing import Final

SMALL: Final = 4_096
"""Below this size, a piece is kept only until there are some to be joined."""
SOME: Final = 256
"""Small pieces that are joined into one."""


class Pieces[T: (str, bytes)]:
    """What came of one message.

    Args:
        join: makes one of several.
    """

    __slots__ = ("_join", "_kept", "_small")

    def __init__(self, join: Callable[[Iterable[T]], T]) -> None:
        self._join: Callable[[Iterable[T]], T] = join
        self._kept: list[T] = []
        self._small: list[T] = []

    def add(self, piece: T) -> None:
        """Takes the next piece."""
        if len(piece) < SMALL:
            self._small.append(piece)
            if len(self._small) == SOME:
                self._gather()
        else:
            self._gather()
            self._kept.append(piece)

    def take(self) -> T:
        """Gives the whole away, and is empty."""
        self._gather()
        kept, self._kept = self._kept, []
        return kept[0] if len(kept) == 1 else self._join(kept)

    def _gather(self) -> None:
        if self._small:
            self._kept.append(self._join(self._small))
            self._small = []
