"""Thread workers: one copy of the application, one interpreter, one acceptor for all of them.

Decides who accepts: a lone worker does so itself, several have an acceptor.
"""

import gc
from collections.abc import Callable, Sequence

from pounce.observe.access_log import AccessLog
from pounce.protocol.asgi import Application
from pounce.supervise.acceptor import Acceptor
from pounce.supervise.crew import Member, Report
from pounce.supervise.listeners import Listener
from pounce.supervise.memory import resident_bytes
from pounce.supervise.recipe import Recipe, door_of
from pounce.supervise.thread import WorkerThread
from pounce.worker.door import Door


class ThreadCrew:
    """Makes the thread workers of one generation; see `pounce.supervise.crew.Crew`.

    Args:
        recipe: what they are made of.
        make_app: gives the application: one for all of them, or a new one at each call.
        access_log: where requests are logged, or None.
    """

    def __init__(
        self,
        recipe: Recipe,
        make_app: Callable[[], Application],
        access_log: AccessLog | None,
    ) -> None:
        self._recipe = recipe
        self._make_app = make_app
        self._access_log = access_log

    def make(self, name: str, report: Report) -> Member:
        return WorkerThread(
            name,
            self._recipe,
            self._make_app,
            accepts=True,
            access_log=self._access_log,
            report=report,
        )

    def memory(self) -> int | None:
        size = resident_bytes()
        limit = self._recipe.config.limit_max_memory
        if size is not None and limit is not None and size > limit:
            # What an earlier generation left may be waiting for the collector.
            gc.collect()
            size = resident_bytes()
        return size


class ThreadFront:
    """Sends connections to thread workers; see `pounce.supervise.crew.Front`.

    Args:
        listeners: where the server listens.
        most: open connections of the whole server, or None for no limit.
    """

    def __init__(self, listeners: Sequence[Listener], most: int | None) -> None:
        self._most = most
        self._listeners = listeners
        self._acceptor: Acceptor | None = None
        self._lone: WorkerThread | None = None

    def serve(self, members: Sequence[Member]) -> None:
        workers = [member for member in members if isinstance(member, WorkerThread)]
        if not workers:
            # Between a death and its replacement, the kernel's queue holds who comes.
            if self._acceptor is not None:
                self._acceptor.targets = ()
            return
        if len(workers) == 1 and self._acceptor is None:
            if self._lone is not workers[0]:
                # The one before goes on accepting until it is told to retire: in between, both
                # wait on the same socket, and nobody is refused.
                self._lone = workers[0]
                self._lone.accept_from(self._doors())
            return
        targets = tuple(each.worker for each in workers if each.worker is not None)
        if self._acceptor is None:
            acceptor = Acceptor(self._doors(), self._most)
            acceptor.targets = targets
            acceptor.start()
            # Not before: one that could not be started could not be stopped either.
            self._acceptor = acceptor
            if self._lone is not None:
                self._lone.accept_from(())
                self._lone = None
        else:
            self._acceptor.targets = targets

    def stop(self) -> None:
        acceptor, self._acceptor = self._acceptor, None
        if acceptor is not None:
            acceptor.stop()

    def _doors(self) -> list[Door]:
        return [door_of(listener) for listener in self._listeners]
