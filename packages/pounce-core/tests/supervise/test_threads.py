"""Several worker threads behind one door: who accepts, who serves, and that nobody is refused."""

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any, cast

import pytest

from pounce.config.config import Config
from pounce.protocol.asgi import Application, Receive, Scope, Send
from pounce.supervise import threads as module
from pounce.supervise.acceptor import Acceptor
from pounce.supervise.listeners import open_listeners
from pounce.supervise.policy import Policy
from pounce.supervise.recipe import Recipe
from pounce.supervise.supervisor import Supervisor
from pounce.supervise.threads import ThreadCrew, ThreadFront
from pounce.testing.waiting import PATIENCE, until
from pounce.testing.wire import Wire
from pounce.worker import worker as worker_module

GET = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"
LAST = b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n"


async def where(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers with the name of its thread."""
    if scope["type"] == "lifespan":
        while True:
            kind = (await receive())["type"]
            await send({"type": f"{kind}.complete"})
            if kind == "lifespan.shutdown":
                return
    name = threading.current_thread().name
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": name.encode()})


class Team:
    """A supervised crew of threads."""

    def __init__(self, app: Application, count: int, settings: dict[str, Any]) -> None:
        config = Config(cast("Callable[..., Any]", app), port=0, access_log=False, **settings)
        self.listeners = open_listeners(config)
        self.address = self.listeners[0].socket.getsockname()
        self.recipe = Recipe(config)
        self.front = ThreadFront(self.listeners, config.limit_connections)
        self.supervisor = Supervisor(
            self.crew(app),
            lambda: self.crew(self.next_app),
            self.front,
            count,
            Policy(grace=config.timeout_graceful_shutdown),
        )
        self.next_app = app

    def crew(self, app: Application) -> ThreadCrew:
        return ThreadCrew(self.recipe, lambda: app, None)

    def connect(self) -> Wire:
        return Wire.connect(self.address, timeout=PATIENCE)

    def ask(self) -> bytes:
        with self.connect() as wire:
            wire.send(LAST)
            response = wire.read_response()
            assert response.status == 200
            return response.body

    def end(self) -> None:
        self.supervisor.stop()
        assert self.supervisor.done.wait(PATIENCE)


type Make = Callable[..., Team]


@pytest.fixture
def make(monkeypatch: pytest.MonkeyPatch) -> Iterator[Make]:
    monkeypatch.setattr(worker_module, "TICK", 0.02)
    # Who is stalled gets no connection, as a thread that the machine lets wait would be.
    monkeypatch.setattr(worker_module, "STALL", PATIENCE)
    with ExitStack() as stack:

        def team(count: int, app: Application = where, **settings: Any) -> Team:
            made = Team(app, count, settings)
            for listener in made.listeners:
                stack.callback(listener.close)

            def finish() -> None:
                made.supervisor.hurry()
                assert made.supervisor.done.wait(PATIENCE)

            made.supervisor.start()
            stack.callback(finish)
            assert made.supervisor.settled.wait(PATIENCE)
            return made

        yield team


def threads() -> set[str]:
    return {each.name for each in threading.enumerate() if each.name.startswith("pounce")}


def test_a_lone_worker_accepts_itself(make: Make) -> None:
    team = make(1)
    assert team.ask() == b"pounce-worker-1"
    assert "pounce-acceptor" not in threads()


def test_several_workers_have_one_acceptor_and_share_the_connections(make: Make) -> None:
    team = make(3)
    wires = [team.connect() for _ in range(9)]
    names: list[bytes] = []
    for wire in wires:
        wire.send(GET)
        names.append(wire.read_response().body)
    for wire in wires:
        wire.close()
    assert "pounce-acceptor" in threads()
    assert {name: names.count(name) for name in set(names)} == {
        b"pounce-worker-1": 3,
        b"pounce-worker-2": 3,
        b"pounce-worker-3": 3,
    }


def test_a_connection_stays_with_its_worker(make: Make) -> None:
    with make(3).connect() as wire:
        names: set[bytes] = set()
        for _ in range(10):
            wire.send(GET)
            names.add(wire.read_response().body)
    assert len(names) == 1


def test_the_end_leaves_no_thread(make: Make) -> None:
    team = make(3)
    team.ask()
    team.end()
    until(lambda: not threads())
    assert team.supervisor.error is None


def test_a_failed_start_starts_no_acceptor(make: Make) -> None:
    async def app(_scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.failed", "message": "no database"})

    team = make(2, app)
    assert str(team.supervisor.error).endswith("no database")
    assert team.supervisor.done.wait(PATIENCE)
    assert "pounce-acceptor" not in threads()


def test_a_request_under_way_at_the_end_is_finished(make: Make) -> None:
    called = threading.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            called.set()
            await asyncio.sleep(0.1)
        await where(scope, receive, send)

    team = make(2, app)
    with team.connect() as wire:
        wire.send(GET)
        assert called.wait(PATIENCE)
        team.supervisor.stop()
        assert wire.read_response().status == 200
    assert team.supervisor.done.wait(PATIENCE)


@pytest.mark.parametrize("count", [1, 3])
def test_no_request_fails_while_workers_are_replaced(make: Make, count: int) -> None:
    """Each worker is worn after 20 requests; several clients ask all the time."""
    team = make(count, limit_max_requests=20)
    failures: list[BaseException] = []
    names: set[bytes] = set()
    deadline = time.monotonic() + PATIENCE

    def come() -> None:
        try:
            while len(names) < count + 6 and time.monotonic() < deadline:
                names.add(team.ask())
        except BaseException as failure:  # noqa: BLE001 - told to the test's own thread
            failures.append(failure)

    clients = [threading.Thread(target=come) for _ in range(4)]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    assert failures == []
    assert len(names) >= count + 6


def test_the_limit_of_connections_holds_over_all_workers(make: Make) -> None:
    team = make(2, limit_connections=3)
    with ExitStack() as stack:
        wires = [stack.enter_context(team.connect()) for _ in range(3)]
        for wire in wires:
            wire.send(GET)
            wire.read_response()
        late = stack.enter_context(team.connect())
        late.send(GET)
        late.socket.settimeout(0.1)
        with pytest.raises(TimeoutError):
            late.socket.recv(1)
        wires[0].close()
        late.socket.settimeout(PATIENCE)
        assert late.read_response().status == 200


def test_silent_connections_do_not_keep_others_out_for_ever(make: Make) -> None:
    """Nobody wakes a worker for them; their deadlines hold all the same."""
    team = make(2, limit_connections=2, timeout_head=0.1)
    with ExitStack() as stack:
        for _ in range(2):
            silent = stack.enter_context(socket.create_connection(team.address))
            silent.setblocking(False)
        late = stack.enter_context(team.connect())
        late.send(LAST)
        # Let in, be it too late for its own deadline.
        assert late.read_response().status in {200, 408}


def test_one_application_serves_in_all_threads(make: Make) -> None:
    """The module's own object, not a copy for each."""
    seen: set[int] = set()

    class Counter:
        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            seen.add(id(self))
            await where(scope, receive, send)

    team = make(3, Counter())
    for _ in range(6):
        team.ask()
    assert len(seen) == 1


# Generations


def test_a_reload_changes_what_serves_and_moves_idle_connections(make: Make) -> None:
    async def new(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"new"})
        else:
            await where(scope, receive, send)

    team = make(2)
    team.next_app = new
    with team.connect() as wire:
        wire.send(GET)
        before = wire.read_response().body
        team.supervisor.reload()
        until(lambda: team.ask() == b"new")

        def moved() -> bool:
            wire.send(GET)
            return wire.read_response().body == b"new"

        until(moved)
    assert before.startswith(b"pounce-worker-")


# Who accepts


def test_the_acceptor_stays_though_one_worker_is_left(make: Make) -> None:
    team = make(2)
    team.supervisor.scale(-1)
    until(lambda: len(team.supervisor.everyone()) == 1)
    assert {team.ask() for _ in range(4)} == {b"pounce-worker-1"}
    assert "pounce-acceptor" in threads()


def test_a_lone_worker_leaves_accepting_to_an_acceptor_when_it_gets_company(make: Make) -> None:
    team = make(1)
    team.ask()
    team.supervisor.scale(1)
    until(lambda: "pounce-acceptor" in threads())
    until(lambda: {team.ask() for _ in range(4)} == {b"pounce-worker-1", b"pounce-worker-2"})


@pytest.mark.parametrize("count", [1, 2])
def test_who_comes_after_the_end_is_refused(make: Make, count: int) -> None:
    team = make(count)
    team.end()
    with pytest.raises(ConnectionRefusedError):
        team.connect()


def test_an_acceptor_that_cannot_be_started_ends_the_start(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_acceptor: Acceptor) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(Acceptor, "start", fail)
    team = make(2)
    assert team.supervisor.done.wait(PATIENCE)
    assert str(team.supervisor.error) == "can't start new thread"


# Memory


def test_a_crew_takes_the_memory_of_the_process(make: Make) -> None:
    size = make(1).crew(where).memory()
    assert size is None or size > 1 << 20


def test_memory_over_the_limit_is_counted_once_more_without_its_garbage(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = [200 << 20, 50 << 20]
    monkeypatch.setattr(module, "resident_bytes", lambda: sizes.pop(0))
    assert make(1, limit_max_memory=100 << 20).crew(where).memory() == 50 << 20
