"""Asks the kernel which descriptors are ready; level-triggered, one bit mask on every system.

Decides how a mask is told to epoll or to the `selectors` module; never reads, writes or
closes a descriptor. `watch` may be called from another thread where `shared` says so.
"""

import select
import selectors
from errno import ENOENT
from typing import Final, Protocol

READ: Final = 1
"""Bytes, an end of stream or a connection are there to take (EPOLLIN)."""
WRITE: Final = 4
"""The kernel takes bytes again (EPOLLOUT)."""
BROKEN: Final = 8 | 16
"""Reset, or closed both ways (EPOLLERR, EPOLLHUP). Told even for a mask of 0."""

BATCH: Final = 256
"""Events taken from the kernel at once. More would keep the application's callbacks waiting."""


class Poller(Protocol):
    """What a worker needs of the kernel's readiness interface."""

    shared: bool
    """Whether `watch` from another thread reaches a `poll` that is already waiting."""

    def watch(self, fd: int, mask: int, /) -> None:
        """Starts to watch a descriptor."""
        ...

    def change(self, fd: int, mask: int, /) -> None:
        """Changes what is watched for; a mask of 0 leaves `BROKEN` alone."""
        ...

    def forget(self, fd: int, /) -> None:
        """Stops watching. Call it before the descriptor is closed."""
        ...

    def poll(self, timeout: float | None) -> list[tuple[int, int]]:
        """Waits up to `timeout` seconds (None: without end) and returns ready descriptors."""
        ...

    def fileno(self) -> int:
        """A descriptor that is readable when `poll` would return something."""
        ...

    def close(self) -> None:
        """Gives the kernel's object back."""
        ...


class EpollPoller:
    """Linux's epoll. Each call is one system call; the kernel does the locking."""

    __slots__ = ("_epoll", "_poll", "change", "fileno", "forget", "watch")

    shared = True

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._poll = self._epoll.poll
        self.watch = self._epoll.register
        self.change = self._epoll.modify
        self.forget = self._epoll.unregister
        self.fileno = self._epoll.fileno

    def poll(self, timeout: float | None) -> list[tuple[int, int]]:
        return self._poll(-1 if timeout is None else timeout, BATCH)

    def close(self) -> None:
        self._epoll.close()


class PortablePoller:
    """kqueue, poll or select, through the standard library's `selectors`."""

    __slots__ = ("_masks", "_selector")

    shared = False

    def __init__(self, selector: selectors.BaseSelector | None = None) -> None:
        self._selector = selector or selectors.DefaultSelector()
        self._masks: dict[int, int] = {}

    def watch(self, fd: int, mask: int) -> None:
        if fd in self._masks:
            raise FileExistsError(f"descriptor {fd} is watched already")
        self._apply(fd, 0, mask)
        self._masks[fd] = mask

    def change(self, fd: int, mask: int) -> None:
        self._apply(fd, self._known(fd), mask)
        self._masks[fd] = mask

    def forget(self, fd: int) -> None:
        self._apply(fd, self._known(fd), 0)
        del self._masks[fd]

    def _known(self, fd: int) -> int:
        if fd not in self._masks:
            raise FileNotFoundError(ENOENT, f"descriptor {fd} is not watched")
        return self._masks[fd]

    def _apply(self, fd: int, before: int, after: int) -> None:
        """`selectors` knows no registration that waits for nothing, so a mask of 0 is none."""
        events = (selectors.EVENT_READ if after & READ else 0) | (
            selectors.EVENT_WRITE if after & WRITE else 0
        )
        if not before and events:
            self._selector.register(fd, events)
        elif before and events:
            self._selector.modify(fd, events)
        elif before:
            self._selector.unregister(fd)

    def poll(self, timeout: float | None) -> list[tuple[int, int]]:
        return [
            (
                key.fd,
                (READ if events & selectors.EVENT_READ else 0)
                | (WRITE if events & selectors.EVENT_WRITE else 0),
            )
            for key, events in self._selector.select(timeout)
        ]

    def fileno(self) -> int:
        fileno = getattr(self._selector, "fileno", None)
        if fileno is None:
            raise OSError("this system's selector is not itself a descriptor")
        return int(fileno())

    def close(self) -> None:
        self._selector.close()


def make_poller() -> Poller:
    """The best poller that this system has."""
    return EpollPoller() if hasattr(select, "epoll") else PortablePoller()
