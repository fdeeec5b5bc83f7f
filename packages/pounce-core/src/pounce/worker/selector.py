"""The selector on which a stock asyncio loop runs while the worker serves inside it.

asyncio calls `select` once a turn. Here that polls the kernel and lets the worker serve its
own sockets on the spot; only descriptors that the application registered go back to asyncio.
So a request pays for no transport, stream, `Handle` or `call_soon`. The selector is asyncio's
public extension point; nothing private is touched.
"""

import contextlib
import selectors
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from pounce.worker.poller import BROKEN, READ, WRITE, Poller

if TYPE_CHECKING:
    from _typeshed import FileDescriptorLike

type Turn = Callable[[float | None], list[tuple[int, int]]]
"""Polls for up to so many seconds, serves, and returns the events that are not the server's."""


class WorkerSelector(selectors.BaseSelector):
    """A selector for the application's descriptors, driving a worker's turn from `select`.

    Args:
        poller: the worker's poller, which watches the application's descriptors too.
        turn: what polls and serves; the worker's `turn`.
        forget: what stops watching a descriptor that is nobody's; the worker's `forget_stranger`.
    """

    def __init__(
        self, poller: Poller, turn: Turn, forget: Callable[[int], None] | None = None
    ) -> None:
        self._forget = forget or self._unwatch
        self._poller = poller
        self._turn = turn
        self._keys: dict[int, selectors.SelectorKey] = {}

    def register(
        self, fileobj: FileDescriptorLike, events: int, data: Any = None
    ) -> selectors.SelectorKey:
        fd = _descriptor(fileobj)
        if fd in self._keys:
            raise KeyError(f"{fileobj!r} (FD {fd}) is already registered")
        self._poller.watch(fd, _mask(events))
        key = self._keys[fd] = selectors.SelectorKey(fileobj, fd, events, data)
        return key

    def unregister(self, fileobj: FileDescriptorLike) -> selectors.SelectorKey:
        key = self._keys.pop(self._lookup(fileobj))
        try:
            self._poller.forget(key.fd)
        except OSError:
            # The application closed the descriptor first; the kernel has forgotten it already.
            pass
        return key

    def modify(
        self, fileobj: FileDescriptorLike, events: int, data: Any = None
    ) -> selectors.SelectorKey:
        key = self._keys[self._lookup(fileobj)]
        if events != key.events:
            self._poller.change(key.fd, _mask(events))
        key = self._keys[key.fd] = key._replace(events=events, data=data)
        return key

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Hot path: integration/bench. One call a turn of the loop."""
        events = self._turn(timeout)
        if not events:
            return []
        ready: list[tuple[selectors.SelectorKey, int]] = []
        for fd, mask in events:
            key = self._keys.get(fd)
            if key is None:
                # Nobody's: a connection that was moved while it was handed over. Level-triggered,
                # it would be reported for ever.
                self._forget(fd)
            else:
                # A broken descriptor counts as both, as in the standard library: whoever waits
                # finds out by trying.
                readable = selectors.EVENT_READ if mask & (READ | BROKEN) else 0
                writable = selectors.EVENT_WRITE if mask & (WRITE | BROKEN) else 0
                ready.append((key, (readable | writable) & key.events))
        return ready

    def _unwatch(self, fd: int) -> None:
        with contextlib.suppress(OSError):
            self._poller.forget(fd)

    def get_map(self) -> Mapping[FileDescriptorLike, selectors.SelectorKey]:
        return _KeyMap(self._keys, self.get_key)

    def get_key(self, fileobj: FileDescriptorLike) -> selectors.SelectorKey:
        return self._keys[self._lookup(fileobj)]

    def close(self) -> None:
        self._keys.clear()
        self._poller.close()

    def _lookup(self, fileobj: FileDescriptorLike) -> int:
        """The descriptor of a registered object, found also after the object was closed."""
        try:
            fd = _descriptor(fileobj)
        except ValueError:
            fd = next((key.fd for key in self._keys.values() if key.fileobj is fileobj), -1)
        if fd not in self._keys:
            raise KeyError(f"{fileobj!r} is not registered")
        return fd


class _KeyMap(Mapping["FileDescriptorLike", selectors.SelectorKey]):
    """The registered keys, looked up by file object or descriptor."""

    def __init__(
        self,
        keys: dict[int, selectors.SelectorKey],
        find: Callable[[FileDescriptorLike], selectors.SelectorKey],
    ) -> None:
        self._keys = keys
        self._find = find

    def __len__(self) -> int:
        return len(self._keys)

    def __getitem__(self, fileobj: FileDescriptorLike) -> selectors.SelectorKey:
        return self._find(fileobj)

    def __iter__(self) -> Iterator[int]:
        return iter(self._keys)


def _descriptor(fileobj: FileDescriptorLike) -> int:
    try:
        fd = fileobj if isinstance(fileobj, int) else int(fileobj.fileno())
    except AttributeError, TypeError, ValueError:
        raise ValueError(f"Invalid file object: {fileobj!r}") from None
    if fd < 0:
        raise ValueError(f"Invalid file descriptor: {fd}")
    return fd


def _mask(events: int) -> int:
    if not events or events & ~(selectors.EVENT_READ | selectors.EVENT_WRITE):
        raise ValueError(f"Invalid events: {events!r}")
    return (READ if events & selectors.EVENT_READ else 0) | (
        WRITE if events & selectors.EVENT_WRITE else 0
    )
