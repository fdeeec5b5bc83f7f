"""Takes what workers have to tell to one thread that may wait for a slow reader: they never do.

Decides when that thread sleeps, wakes and gives up what has no room; never what is written or how.
A `Lane` is bounded and belongs to one producer; the `Writer` empties all lanes. Shared between the
two are the lane's deque, whose methods are atomic, its `asleep`, and the writer's bell.
"""

import threading
import weakref
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Final

# Between two batches. Long enough that a busy worker never pays for waking the writer, short
# enough that a person who watches does not notice.
PAUSE: Final = 0.05
# One consumer's call takes this many at most, so that a full lane does not become one huge batch.
BATCH: Final = 1_024


class Lane[T]:
    """One producer's bounded way to the writer. Made on the producer's thread, used on it only.

    Attributes:
        asleep: whether the writer sleeps and must be woken; set by the writer.
        dropped: how many items found no room, since the lane was made.
    """

    __slots__ = ("__weakref__", "_bell", "_limit", "_queue", "asleep", "dropped")

    def __init__(self, queue: deque[T], limit: int, bell: Bell) -> None:
        self._queue = queue
        self._limit = limit
        self._bell = bell
        self.asleep = True
        self.dropped = 0

    def put(self, item: T) -> None:
        """Hands an item over, or drops and counts it when the lane is full. Never waits."""
        queue = self._queue
        if len(queue) >= self._limit:
            self.dropped += 1
            return
        queue.append(item)
        if self.asleep:
            self.asleep = False
            self._bell.ring()


class Bell:
    """Wakes one sleeper. A ring that nobody waits for is kept, and rings add up to one."""

    __slots__ = ("_lock",)

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lock.acquire()

    def ring(self) -> None:
        try:
            self._lock.release()
        except RuntimeError:
            pass  # it has rung already

    def wait(self, timeout: float = -1) -> None:
        """Waits for a ring, for `timeout` seconds at most; without end when negative."""
        self._lock.acquire(timeout=timeout)


class Writer[T]:
    """A daemon thread that hands batches to a consumer, and sleeps when there is nothing to hand.

    The thread starts with the first lane, so that a process may fork before. A consumer that
    blocks stops nothing but the thread. The consumer is called on the thread, and nowhere else.

    Args:
        name: the thread's name.
        consume: takes a batch of items, in order for each lane; returns how many were lost.
        report: takes how many items were lost since the last report, once some get through
            again.
        limit: items that one lane holds.
    """

    def __init__(
        self,
        name: str,
        consume: Callable[[list[T]], int],
        report: Callable[[int], object],
        limit: int,
    ) -> None:
        self._name = name
        self._consume = consume
        self._report = report
        self._limit = limit
        self._bell = Bell()
        self._lock = threading.Lock()  # guards _lanes and _thread
        self._lanes: list[_Known[T]] = []
        self._thread: threading.Thread | None = None
        self._closing = False
        self._lost = 0

    def lane(self) -> Lane[T]:
        """Makes a lane. Call it on the thread that will use it, and after any fork."""
        queue: deque[T] = deque()
        lane = Lane(queue, self._limit, self._bell)
        with self._lock:
            self._lanes.append(_Known(lane, queue))
            if self._thread is None and not self._closing:
                self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
                self._thread.start()
        return lane

    def close(self, timeout: float) -> bool:
        """Lets the thread write what is there and end; waits for it `timeout` seconds at most.

        Returns:
            Whether everything was written. If not, the thread is left behind: it is a daemon.
        """
        with self._lock:
            self._closing = True
            thread = self._thread
        self._bell.ring()
        if thread is None:
            return True
        thread.join(timeout)
        return not thread.is_alive()

    def _run(self) -> None:
        while True:
            closing = self._closing  # read before the look: what was put before close is written
            if self._empty_lanes():
                if not closing:
                    self._bell.wait(PAUSE)
                continue
            if closing:
                return
            for known in self._known():
                if (lane := known.lane()) is not None:
                    lane.asleep = True
                    del lane  # or the producer's lane would live as long as this sleeps
            # A producer that has not seen `asleep` put its item where this look finds it: both
            # take the lock of the deque, so one of the two came first.
            if not self._empty_lanes():
                self._bell.wait()

    def _known(self) -> list[_Known[T]]:
        with self._lock:
            return list(self._lanes)

    def _empty_lanes(self) -> int:
        """Hands on what the lanes hold now; returns how many items that was."""
        moved = failed = 0
        for known in self._known():
            # Not what is put meanwhile, or a busy producer would starve the others.
            left = max(len(known.queue), 1)
            while left > 0 and (batch := _take(known.queue, min(left, BATCH))):
                left -= len(batch)
                moved += len(batch)
                failed += self._hand_on(batch)
            lane = known.lane()
            if lane is not None:
                self._lost += lane.dropped - known.dropped
                known.dropped = lane.dropped
            elif not known.queue:
                with self._lock:
                    self._lanes.remove(known)
        if moved and not failed and self._lost:
            with suppress(Exception):
                self._report(self._lost)
            self._lost = 0
        self._lost += failed
        return moved

    def _hand_on(self, batch: list[T]) -> int:
        """Returns how many items were lost."""
        try:
            return self._consume(batch)
        except Exception:  # noqa: BLE001 - one item that cannot be written must not end the log
            return len(batch)


class _Known[T]:
    """What the writer knows of a lane."""

    __slots__ = ("dropped", "lane", "queue")

    def __init__(self, lane: Lane[T], queue: deque[T]) -> None:
        # Weak, because the lane is its producer's: its queue goes after it, once it is empty.
        self.lane = weakref.ref(lane)
        self.queue = queue
        self.dropped = 0


def _take[T](queue: deque[T], count: int) -> list[T]:
    batch: list[T] = []
    try:
        for _ in range(count):
            batch.append(queue.popleft())  # noqa: PERF401 - popleft ends it, and keeps the rest
    except IndexError:
        pass
    return batch
