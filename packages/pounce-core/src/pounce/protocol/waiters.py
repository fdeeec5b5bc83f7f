"""Tasks of an application's that wait until something changes.

Decides who is woken: each that waits, once, and then it looks for itself. Never knows what changed.
Belongs to its worker's thread. Hot path; benchmark: integration/bench.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop, Future


class Waiters:
    """Those of one call. Several tasks may wait at a time.

    Args:
        loop: tells the loop that they run on.
    """

    __slots__ = ("_futures", "_loop")

    def __init__(self, loop: Callable[[], AbstractEventLoop]) -> None:
        self._loop = loop
        self._futures: list[Future[None]] = []

    async def wait(self) -> None:
        """Waits until something changed."""
        future: Future[None] = self._loop().create_future()
        self._futures.append(future)
        try:
            await future
        except BaseException:
            # It was cancelled. Who polls would leave one more behind each time.
            if future in self._futures:
                self._futures.remove(future)
            raise

    def wake(self) -> None:
        """Something changed."""
        futures = self._futures
        if futures:
            self._futures = []
            for future in futures:
                if not future.done():
                    future.set_result(None)
