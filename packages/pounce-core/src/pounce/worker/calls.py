"""The calls of the application that a worker has begun, and the beginning of each.

Decides whether a request is served at all, and by what: an upgrade that takes it, or as HTTP. Never
looks into a message. Belongs to its worker's thread; the turn lock, which the worker holds whenever
a handler begins a call, is let go while the application runs.
Hot path: `start`; benchmark: integration/bench.
"""

from asyncio import AbstractEventLoop, Task
from collections.abc import Callable, Iterator, Mapping
from threading import Lock
from typing import Final

from pounce.asgi.http import HttpCall
from pounce.asgi.scope import ScopeBuilder
from pounce.protocol.asgi import Application
from pounce.protocol.exchange import Exchange
from pounce.protocol.roles import Call, Peer, Upgrade

NO_UPGRADES: Final[Mapping[bytes, Upgrade]] = {}


class Calls:
    """Those that have suspended and not returned yet are its members.

    Args:
        lock: the worker's turn lock.
        most: how many at once; None for no limit.
        most_begun: after how many the worker is worn; None for never.
        refused: told of a request that is one too many.
        settled: called when one that had suspended has returned.
    """

    def __init__(
        self,
        lock: Lock,
        most: int | None,
        most_begun: int | None,
        refused: Callable[[str, Peer], None],
        settled: Callable[[], None],
    ) -> None:
        self.begun = 0
        """Requests that were given to the application, since the worker was made."""
        self.upgrades = NO_UPGRADES
        """What takes a request over that asks for another protocol, by the protocol's token."""
        self.on_worn: Callable[[], None] | None = None
        """Called once when the worker has served its number of requests."""
        self._lock = lock
        self._most = most
        self._worn_at = most_begun or -1
        self._refused = refused
        self._settled = settled
        self._suspended: set[Call] = set()
        self._loop: AbstractEventLoop
        self._app: Application
        self._scopes: ScopeBuilder

    def __len__(self) -> int:
        return len(self._suspended)

    def __iter__(self) -> Iterator[Call]:
        return iter(list(self._suspended))

    def prepare(self, loop: AbstractEventLoop, app: Application, scopes: ScopeBuilder) -> None:
        """Says on which loop which application is called, before the first call."""
        self._loop = loop
        self._app = app
        self._scopes = scopes

    def start(self, exchange: Exchange, peer: Peer) -> None:
        """Calls the application as an eager task. Hot path."""
        if self._most is not None and len(self._suspended) >= self._most:
            self._refused("concurrency", peer)
            exchange.refuse(503)
            return
        self.begun += 1
        if self.begun == self._worn_at and self.on_worn is not None:
            self.on_worn()
        head = exchange.head
        call: Call | None = None
        if head.upgrade is not None and head.upgrade in self.upgrades:
            call = self.upgrades[head.upgrade](exchange, self)
            if exchange.over:
                return
        if call is None:
            call = HttpCall(exchange, self)
        run = call.run(self._app, self._scopes.build(head, peer))
        # The lock is held here: a request starts where a handler was called from a turn.
        self._lock.release()
        try:
            task = Task(run, loop=self._loop, eager_start=True)
        finally:
            self._lock.acquire()
        if not task.done():
            call.task = task
            self._suspended.add(call)
            exchange.cancel = call.cancel
            exchange.suspended()

    def returned(self, call: Call) -> None:
        """A call that had suspended has come back."""
        self._suspended.discard(call)
        self._settled()

    def cancel(self) -> None:
        """Cancels every call that has suspended."""
        for call in self:
            call.cancel()

    def look_after(self) -> None:
        """Has each call that has suspended look after itself; about once a second."""
        for call in self:
            call.look_after()
