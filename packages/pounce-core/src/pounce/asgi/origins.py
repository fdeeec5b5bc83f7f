"""What an error came of: the errors before it, and those that it is a group of.

Decides the order and the bound; an application's errors may form cycles, or nest without end.
"""

from collections.abc import Iterator
from typing import Final, cast

MOST: Final = 100
"""Errors to look at: a chain of them has no end that could be relied on."""


def origins(error: BaseException) -> Iterator[BaseException]:
    """An error, what it came of, and what it is a group of: each once, and `MOST` at most."""
    waiting = [error]
    seen: set[int] = set()
    while waiting and len(seen) < MOST:
        each = waiting.pop()
        if id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        if isinstance(each, BaseExceptionGroup):
            waiting += cast("BaseExceptionGroup[BaseException]", each).exceptions
        waiting += [origin for origin in (each.__context__, each.__cause__) if origin is not None]
