"""Finds thread workers whose application does not return to the loop; relieves and reports them.

Decides when a worker counts as stalled, where its idle connections go, and what is said about
it. Never ends a worker: a thread cannot be ended from outside. One thread a process.
"""

import logging
import sys
import threading
import traceback
from collections.abc import Callable, Sequence
from time import monotonic
from types import FrameType
from typing import Final

from pounce.supervise.thread import WorkerThread
from pounce.worker.arrival import hand_over

logger = logging.getLogger("pounce.worker")

ATTENTIVE: Final = 0.02
"""Seconds between two looks while there are connections; a stall is found within `STALL` more."""
RELAXED: Final = 0.25
"""The same while there are none."""


class Watchdog:
    """Watches until `stop`.

    Args:
        members: the workers to watch, as they are at each look.
        patience: seconds after which a stall is reported, once, with its stack; None for never.
        report: what is done with a report; by default it is logged.
    """

    def __init__(
        self,
        members: Callable[[], Sequence[WorkerThread]],
        patience: float | None,
        report: Callable[[str], None] | None = None,
    ) -> None:
        self._members = members
        self._patience = patience
        self._report = report or _log
        self._reported: dict[str, float] = {}
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="pounce-watchdog", daemon=True)

    def start(self) -> None:
        """Starts to watch."""
        self._thread.start()

    def stop(self) -> None:
        """Watches no more."""
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        interval = RELAXED
        while not self._stopping.wait(interval):
            members = self._members()
            interval = ATTENTIVE if self.look(members, monotonic()) else RELAXED

    def look(self, members: Sequence[WorkerThread], now: float) -> bool:
        """Looks once. Returns whether there is a connection anywhere."""
        some = False
        for member in members:
            worker = member.worker
            if worker is None:
                continue
            some = some or worker.connections > 0
            if worker.is_stalled(now):
                self._relieve(member, members, now)
                self._tell(member, now)
        return some

    def _relieve(self, stalled: WorkerThread, members: Sequence[WorkerThread], now: float) -> None:
        """Gives what a stalled worker cannot serve to those that can."""
        assert stalled.worker is not None
        others = [
            member.worker
            for member in members
            if member.worker is not None
            and not member.worker.draining
            and not member.worker.is_stalled(now)
        ]
        if others:
            for fd, arrival in stalled.worker.give_up_idle():
                hand_over(others, fd, arrival)

    def _tell(self, member: WorkerThread, now: float) -> None:
        worker = member.worker
        since = worker.busy_since if worker is not None else None
        if self._patience is None or since is None or now - since < self._patience:
            return
        if self._reported.get(member.name) != since:
            self._reported[member.name] = since
            self._report(_describe(member, now - since))


def _log(text: str) -> None:
    logger.warning("%s", text)


def _describe(member: WorkerThread, seconds: float) -> str:
    # The one way to another thread's stack.
    frames = sys._current_frames()  # pyright: ignore[reportPrivateUsage]
    frame = frames.get(member.ident or 0)
    stack = "".join(traceback.format_list(_of_application(frame))) if frame is not None else ""
    return (
        f"{member.name} has not returned to its loop for {seconds:.1f} seconds; the requests that"
        f" it has begun wait for this code, which should not block:\n{stack.rstrip()}"
    )


def _of_application(frame: FrameType) -> list[traceback.FrameSummary]:
    """The stack without what is below the application: the loop and the server."""
    stack = traceback.extract_stack(frame)
    below = [
        number
        for number, each in enumerate(stack)
        if each.filename.endswith(("pounce/asgi/http.py", "asyncio/events.py"))
    ]
    return list(stack[below[-1] + 1 :]) if below and below[-1] + 1 < len(stack) else list(stack)
