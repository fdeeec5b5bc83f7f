"""What the supervisor has to do: what others posted, and what is due by the clock.

Decides the order: what is due comes first. Posting is safe from any thread and from a signal
handler; everything else is the supervisor's thread's.
"""

import heapq
from collections.abc import Callable
from functools import partial
from itertools import count
from queue import Empty, SimpleQueue

type Step = Callable[[], object]


class Agenda:
    """Steps to take, now and later.

    Args:
        clock: monotonic time in seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._posted: SimpleQueue[Step] = SimpleQueue()
        self._timed: list[tuple[float, int, Step]] = []
        self._order = count()

    @property
    def has_timers(self) -> bool:
        """Whether something is to be done later."""
        return bool(self._timed)

    def post(self, step: Step) -> None:
        """Has something done as soon as possible. From any thread."""
        self._posted.put(step)

    def after(self, seconds: float, step: Step) -> None:
        """Has something done after so many seconds."""
        heapq.heappush(self._timed, (self._clock() + seconds, next(self._order), step))

    def every(self, seconds: float, step: Step) -> None:
        """Has something done now, and every so many seconds."""
        step()
        self.after(seconds, partial(self.every, seconds, step))

    def next(self, deadline: float | None) -> Step | None:
        """Waits for the next step. None when the deadline has come first."""
        while True:
            now = self._clock()
            if deadline is not None and now >= deadline:
                return None
            if self._timed and self._timed[0][0] <= now:
                return heapq.heappop(self._timed)[2]
            until = [time for time, _, _ in self._timed[:1]]
            if deadline is not None:
                until.append(deadline)
            try:
                return self._posted.get(timeout=min(until) - now if until else None)
            except Empty:
                continue
