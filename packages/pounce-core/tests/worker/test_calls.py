"""Which call a request begins: an upgrade's, or that of HTTP."""

import asyncio
from collections.abc import Callable
from threading import Lock
from typing import Any

from pounce.asgi.http import HttpCall
from pounce.asgi.scope import ScopeBuilder
from pounce.protocol.asgi import Application, Receive, Scope, Send
from pounce.protocol.exchange import END, Exchange, RequestHead
from pounce.protocol.roles import Call, Caller, Peer, Upgrade
from pounce.testing.exchange import MemoryExchange
from pounce.worker.calls import Calls

PEER = Peer(None, None, "http", trusted=False)
OFFER = RequestHead("GET", b"/", b"", "1.1", [], upgrade=b"chat")


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": scope["type"].encode()})


async def waiting(scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    await receive()


class Chat:
    """The call of an upgrade."""

    task: asyncio.Task[None] | None = None

    def __init__(self, exchange: Exchange, caller: Caller) -> None:
        self.exchange = exchange
        self.caller = caller

    async def run(self, app: Application, scope: Scope) -> None:
        self.exchange.accept([])
        self.exchange.finish(None)

    def cancel(self, why: str = "") -> None: ...

    def look_after(self) -> None: ...


class Desk:
    """Calls on a loop, and what they told their worker."""

    def __init__(self, most: int | None = None, worn: int | None = None) -> None:
        self.lock = Lock()
        self.refusals: list[str] = []
        self.settled = 0
        self.calls = Calls(self.lock, most, worn, self._refused, self._settle)

    def _refused(self, reason: str, _peer: Peer) -> None:
        self.refusals.append(reason)

    def _settle(self) -> None:
        self.settled += 1

    def run(self, what: Callable[[], Any], application: Application = app) -> None:
        """Does something on a loop, under the turn lock."""

        async def main() -> None:
            loop = asyncio.get_running_loop()
            self.calls.prepare(loop, application, ScopeBuilder("", None, None))
            with self.lock:
                what()
            tasks = [call.task for call in self.calls if call.task is not None]
            self.calls.cancel()
            if tasks:
                await asyncio.wait(tasks)

        asyncio.run(main())


def written(exchange: MemoryExchange) -> bytes:
    return b"".join(call[1] for call in exchange.calls if call[0] == "write")  # type: ignore[misc]


def offered(upgrades: dict[bytes, Upgrade]) -> MemoryExchange:
    desk, exchange = Desk(), MemoryExchange(END, head=OFFER)
    desk.calls.upgrades = upgrades
    desk.run(lambda: desk.calls.start(exchange, PEER))
    return exchange


def test_an_upgrade_takes_what_names_its_token() -> None:
    assert offered({b"chat": Chat}).calls == [("accept", [])]


def test_what_no_upgrade_knows_is_served_as_http() -> None:
    assert written(offered({b"other": Chat})) == b"http"


def test_what_an_upgrade_leaves_is_served_as_http() -> None:
    assert written(offered({b"chat": lambda _exchange, _caller: None})) == b"http"


def test_what_an_upgrade_answers_itself_reaches_no_application() -> None:
    def refuse(exchange: Exchange, _caller: Caller) -> Call | None:
        exchange.refuse(426)
        return None

    assert offered({b"chat": refuse}).calls == [("refuse", 426)]


def test_one_too_many_is_refused() -> None:
    desk = Desk(most=1)
    exchanges = [MemoryExchange(END), MemoryExchange(END)]

    def start() -> None:
        for exchange in exchanges:
            desk.calls.start(exchange, PEER)

    desk.run(start, waiting)
    assert desk.refusals == ["concurrency"]
    assert exchanges[1].calls == [("refuse", 503)]


def test_the_worker_is_worn_by_its_number_of_requests() -> None:
    desk = Desk(worn=2)
    worn: list[int] = []
    desk.calls.on_worn = lambda: worn.append(desk.calls.begun)

    def start() -> None:
        for _ in range(3):
            desk.calls.start(MemoryExchange(END), PEER)

    desk.run(start)
    assert worn == [2]


def test_calls_that_wait_are_members_until_they_return() -> None:
    desk = Desk()
    found: list[Call] = []

    def start() -> None:
        desk.calls.start(MemoryExchange(END), PEER)
        found.extend(desk.calls)

    desk.run(start, waiting)
    assert isinstance(found[0], HttpCall)
    assert len(desk.calls) == 0
    assert desk.settled == 1
