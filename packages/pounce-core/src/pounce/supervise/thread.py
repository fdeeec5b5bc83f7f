"""A worker on a thread of its own: makes its loop, lives its life there, closes the loop.

Decides what happens to what the application left on the loop. Never decides when to end;
that is the supervisor's. Everything but `_run` and what it calls may be used from any thread.
"""

import asyncio
import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from math import inf
from time import monotonic
from typing import Any, overload

from pounce.observe.access_log import AccessLog
from pounce.protocol.asgi import Application
from pounce.protocol.errors import PounceError
from pounce.supervise.crew import Member, Report
from pounce.supervise.recipe import Recipe, log_to
from pounce.worker.door import Door
from pounce.worker.life import Life
from pounce.worker.poller import make_poller
from pounce.worker.selector import WorkerSelector
from pounce.worker.worker import Worker

logger = logging.getLogger("pounce.worker")

STOPPED = "Event loop stopped before"
"""How asyncio begins to say that somebody called `loop.stop()`."""
EXECUTOR_WAIT = 5.0
"""Seconds for functions that the application runs in the loop's executor to end."""


class WorkerThread:
    """One worker thread; see `pounce.supervise.crew.Member`.

    Args:
        name: how logs call it.
        recipe: what the worker is made of.
        make_app: gives the application; called on the worker's thread.
        accepts: whether it is to accept connections itself; see `accept_from`.
        access_log: where its requests are logged, or None.
        report: told what becomes of it, on the worker's thread.
    """

    def __init__(
        self,
        name: str,
        recipe: Recipe,
        make_app: Callable[[], Application],
        *,
        accepts: bool,
        access_log: AccessLog | None,
        report: Report,
    ) -> None:
        self.name = name
        self.worker: Worker | None = None
        """The worker, once it serves."""
        self.ready = False
        self.since = inf
        self.lifetime: float | None = None
        # Tasks that did not end even when cancelled. Destroying one would throw an exception into
        # it, which it swallows as it swallowed the cancellation, and runs on without a loop.
        self._kept: set[asyncio.Task[Any]] = set()
        self._recipe = recipe
        self._make_app = make_app
        self._accepts = accepts
        self._access_log = access_log
        self._report = report
        # Guards the hand-over of loop and life between the worker's thread, which makes them,
        # and others, which want something of a life that may not have begun.
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._life: Life | None = None
        self._asked: list[Callable[[Life], None]] = []
        # A daemon: a call that never returns must not keep the process from ending.
        self._thread = threading.Thread(target=self._run, name=f"pounce-{name}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def join(self, timeout: float | None) -> bool:
        self._thread.join(timeout)
        return not self._thread.is_alive()

    @property
    def remains(self) -> bool:
        return bool(self._kept)

    @property
    def ident(self) -> int | None:
        """The thread's identity, for finding its stack."""
        return self._thread.ident

    def busy_for(self, now: float) -> float:
        """Seconds for which the worker has not returned to its loop."""
        since = self.worker.busy_since if self.worker is not None else None
        return 0.0 if since is None else now - since

    def memory(self) -> int | None:
        return None

    def accept_from(self, doors: Sequence[Door]) -> None:
        """Has the worker accept from these itself, or from none."""
        self._ask(partial(_open_doors, worker=self.worker, doors=tuple(doors)))

    def fade(self) -> None:
        self._ask(Life.fade)

    def retire(self, heirs: Sequence[Member]) -> None:
        self._ask(partial(_retire, heirs=_Workers(heirs)))

    def end(self) -> None:
        self._ask(Life.end)

    def hurry(self) -> None:
        self._ask(Life.hurry)

    def reopen_logs(self) -> None:
        """It has none of its own."""

    def kill(self) -> None:
        """A thread cannot be ended from outside."""

    def _ask(self, what: Callable[[Life], None]) -> None:
        with self._lock:
            if self._loop is None or self._life is None:
                self._asked.append(what)
            elif not self._loop.is_closed():
                self._loop.call_soon_threadsafe(what, self._life)

    def _run(self) -> None:
        error: BaseException | None = None
        try:
            self._live()
        except BaseException as fault:  # noqa: BLE001 - whatever it is, the supervisor has to know
            error = fault
        self._report(self, "ended", error)

    def _live(self) -> None:
        app = self._make_app()
        worker = Worker(
            self.name, self._recipe.worker_settings(accepts=self._accepts), make_poller()
        )
        worker.calls.on_worn = lambda: self._report(self, "worn", None)
        if self._access_log is not None:
            worker.completed = log_to(self._access_log.sink(), self._recipe.proxies)
        selector = WorkerSelector(worker.poller, worker.turn, worker.forget_stranger)
        loop = asyncio.SelectorEventLoop(selector)
        try:
            asyncio.set_event_loop(loop)
            self._run_through(loop, loop.create_task(self._life_of(worker, app, loop)))
        finally:
            self.ready = False
            try:
                worker.abort()
                self._kept = _settle(loop)
                # And who came while that took its time.
                worker.abort()
            finally:
                with self._lock:
                    asyncio.set_event_loop(None)
                    loop.close()
                worker.pass_on_arrivals()

    def _run_through(self, loop: asyncio.BaseEventLoop, life: asyncio.Task[None]) -> None:
        """Runs a loop until its worker's life is over, and not until the application stops it.

        What a task or callback of the application raises to end the program, or its stopping the
        loop, comes out here; the loop itself is unharmed, and other requests run on it.
        """
        while True:
            try:
                loop.run_until_complete(life)
            except (SystemExit, KeyboardInterrupt) as raised:
                if life.done():
                    raise
                logger.error("a task of the application ended with", exc_info=raised)
            except RuntimeError as raised:
                if life.done() or not str(raised).startswith(STOPPED):
                    raise
                logger.error("the application stopped the loop of %s, which goes on", self.name)
            except asyncio.CancelledError:
                # With it went the application's lifespan, so that only a new start mends it.
                raise PounceError(
                    f"{self.name} died: the application cancelled all tasks of its loop, and not"
                    " only those that it made"
                ) from None
            else:
                return

    async def _life_of(
        self, worker: Worker, app: Application, loop: asyncio.AbstractEventLoop
    ) -> None:
        life = Life(worker, app, self._recipe.life_settings(), self._recipe.speak)
        with self._lock:
            self._loop, self._life = loop, life
            for what in self._asked:
                loop.call_soon(what, life)

        def started() -> None:
            worker.busy_since = monotonic()
            self.worker = worker
            self.ready = True
            self._report(self, "ready", None)

        await life.run(started)


class _Workers(Sequence[Worker]):
    """The workers of members, as they are when one looks."""

    def __init__(self, members: Sequence[Member]) -> None:
        self._members = members

    def _now(self) -> list[Worker]:
        return [
            member.worker
            for member in list(self._members)
            if isinstance(member, WorkerThread) and member.worker is not None
        ]

    @overload
    def __getitem__(self, index: int) -> Worker: ...
    @overload
    def __getitem__(self, index: slice) -> list[Worker]: ...
    def __getitem__(self, index: int | slice) -> Worker | list[Worker]:
        return self._now()[index]

    def __iter__(self) -> Iterator[Worker]:
        return iter(self._now())

    def __len__(self) -> int:
        return len(self._now())


def _retire(life: Life, heirs: Sequence[Worker]) -> None:
    life.retire(heirs)


def _open_doors(_life: Life, worker: Worker | None, doors: Sequence[Door]) -> None:
    if worker is not None and not worker.draining:
        worker.close_doors()
        for door in doors:
            worker.open_door(door)


def _settle(loop: asyncio.BaseEventLoop) -> set[asyncio.Task[Any]]:
    """Ends what the application left: tasks, asynchronous generators, executor threads.

    Returns:
        the tasks that did not end.
    """
    tasks = asyncio.all_tasks(loop)
    for task in tasks:
        task.cancel()
    pending: set[asyncio.Task[Any]] = set()
    if tasks:
        _, pending = loop.run_until_complete(asyncio.wait(tasks, timeout=EXECUTOR_WAIT))
    loop.run_until_complete(loop.shutdown_asyncgens())
    try:
        loop.run_until_complete(loop.shutdown_default_executor(EXECUTOR_WAIT))
    except RuntimeWarning:
        # Where warnings are errors; elsewhere it is the warning itself that says it.
        logger.warning("a function of the application that runs in the executor does not return")
    return pending
