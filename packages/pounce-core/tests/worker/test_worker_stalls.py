"""Connections that leave a worker whose application holds it up, and what their clients notice."""

import random
import threading
import time
from typing import TYPE_CHECKING

import pytest

from pounce.protocol.asgi import Application, Receive, Scope, Send
from pounce.protocol.limits import Limits
from pounce.testing.wire import Wire
from pounce.worker.arrival import Arrival, hand_over
from pounce.worker.worker import STALL

if TYPE_CHECKING:
    from tests.worker.conftest import Serve, Serving

PATIENCE = 30.0
GET = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"
LARGE = 20_000_000
"""Bytes, more than both kernel buffers of a loopback connection take."""


def get(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nhost: a\r\n\r\n".encode()


def named(name: bytes) -> Application:
    """An application that answers with its name, and waits where it is asked to."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": name})

    return app


class Blocking:
    """An application that holds its loop up, until it is let go."""

    def __init__(self) -> None:
        self.called, self.entered, self.go = (threading.Event() for _ in range(3))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.called.set()
        if scope["path"] == "/block":
            self.entered.set()
            assert self.go.wait(PATIENCE)
        elif scope["path"] == "/large":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"x" * LARGE})
            return
        elif scope["path"] == "/receive":
            await receive()
            await receive()
        await named(b"blocking")(scope, receive, send)

    def block(self, server: Serving) -> Wire:
        """A client whose request blocks the worker."""
        wire = server.connect()
        wire.send(get("/block"))
        assert self.entered.wait(PATIENCE)
        return wire


def ask(wire: Wire, data: bytes = GET) -> bytes:
    wire.send(data)
    return bytes(wire.read_response().body)


def test_who_is_idle_is_served_while_its_worker_is_blocked(serve: Serve) -> None:
    app = Blocking()
    blocked, other = serve(app), serve(named(b"other"))
    with blocked.connect() as wire:
        assert ask(wire) == b"blocking"
        with app.block(blocked) as first:
            time.sleep(2 * STALL)
            assert blocked.worker.is_stalled(time.monotonic())
            [(fd, arrival)] = blocked.worker.give_up_idle()
            assert (arrival.data, arrival.served) == (b"", 1)
            hand_over([blocked.worker, other.worker], fd, arrival)
            assert ask(wire) == b"other"
            app.go.set()
            assert first.read_response().body == b"blocking"
            assert ask(first) == b"blocking"


def test_who_sent_its_request_to_a_blocked_worker_is_served(serve: Serve) -> None:
    """It waits in the kernel, whoever reads it."""
    app = Blocking()
    blocked, other = serve(app), serve(named(b"other"))
    with blocked.connect() as wire:
        ask(wire)
        with app.block(blocked):
            wire.send(GET)
            [(fd, arrival)] = blocked.worker.give_up_idle()
            hand_over([other.worker], fd, arrival)
            assert wire.read_response().body == b"other"
            app.go.set()


def test_half_a_head_goes_along(serve: Serve) -> None:
    app = Blocking()
    blocked, other = serve(app), serve(named(b"other"))
    with blocked.connect() as wire:
        ask(wire)
        arrivals: list[Arrival] = []
        wire.send(GET[:9])
        # It is given back until it has been read.
        over = time.monotonic() + PATIENCE
        while not arrivals or not arrivals[-1].data:
            assert time.monotonic() < over, arrivals
            for fd, arrival in blocked.worker.give_up_idle():
                arrivals.append(arrival)
                hand_over([other.worker if arrival.data else blocked.worker], fd, arrival)
            time.sleep(0.01)
        assert (arrivals[-1].data, arrivals[-1].served) == (GET[:9], 1)
        assert ask(wire, GET[9:]) == b"other"


def test_requests_that_were_answered_count_for_the_next_worker(serve: Serve) -> None:
    limits = Limits(keep_alive_requests=3)
    app = Blocking()
    blocked, other = serve(app, limits=limits), serve(named(b"other"), limits=limits)
    with blocked.connect() as wire:
        ask(wire)
        with app.block(blocked):
            [(fd, arrival)] = blocked.worker.give_up_idle()
            hand_over([other.worker], fd, arrival)
            wire.send(GET)
            assert wire.read_response().value(b"connection") is None
            wire.send(GET)
            assert wire.read_response().value(b"connection") == b"close"
            app.go.set()


@pytest.mark.parametrize("path", ["/large", "/receive"])
def test_what_is_under_way_on_a_blocked_worker_is_kept(serve: Serve, path: str) -> None:
    app = Blocking()
    blocked = serve(app)
    with blocked.connect() as wire:
        wire.send(get(path))
        assert app.called.wait(PATIENCE)
        with app.block(blocked):
            assert blocked.worker.give_up_idle() == []
            app.go.set()
        if path == "/large":
            assert len(wire.read_response().body) == LARGE


def test_a_client_does_not_notice_that_its_worker_goes(serve: Serve) -> None:
    app = Blocking()
    old, new = serve(app), serve(named(b"new"))
    gone = threading.Event()
    with old.connect() as idle, old.connect() as half:
        assert ask(idle) == b"blocking"
        assert ask(half) == b"blocking"
        half.send(GET[:9])
        with app.block(old) as busy:
            old.call(lambda: old.worker.drain(gone.set, [new.worker]))
            app.go.set()
            response = busy.read_response()
            assert response.body == b"blocking"
            assert response.value(b"connection") is None
            assert ask(busy) == b"new"
        assert gone.wait(PATIENCE)
        assert ask(idle) == b"new"
        assert ask(half, GET[9:]) == b"new"


# Hammering


class Rescuer:
    """Takes from every worker what it gives up, again and again, and gives it to any other."""

    def __init__(self, servers: list[Serving]) -> None:
        self.moved = 0
        self._servers = servers
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Rescuer:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        chance = random.Random(7)
        while not self._stopping.wait(0.0005):
            server = chance.choice(self._servers)
            others = [each.worker for each in self._servers if each is not server]
            for fd, arrival in server.worker.give_up_idle():
                hand_over([chance.choice(others)], fd, arrival)
                self.moved += 1


def test_no_request_is_lost_or_served_twice_while_connections_are_moved(serve: Serve) -> None:
    served: list[str] = []
    failures: list[BaseException] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        served.append(scope["path"])
        if scope["path"].endswith("0"):
            time.sleep(0.005)  # noqa: ASYNC251 - an application that blocks is what this is about
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": scope["raw_path"]})

    servers = [serve(app) for _ in range(3)]
    rescuer = Rescuer(servers)
    asked: list[str] = []
    over = time.monotonic() + 4 * PATIENCE

    def goes_on() -> bool:
        """A machine that is busy moves few: it goes on until there were enough."""
        return rescuer.moved < 200 and not failures and time.monotonic() < over

    def work(number: int) -> None:
        chance = random.Random(number)
        turn = 0
        try:
            with servers[number % 3].connect() as wire:
                while turn < 50 or goes_on():
                    turn += 1
                    path = f"/{number}-{turn}"
                    asked.append(path)
                    data = get(path)
                    place = chance.randrange(len(data))
                    wire.send(data[:place])
                    if chance.random() < 0.3:
                        time.sleep(0.001)
                    wire.send(data[place:])
                    response = wire.read_response()
                    assert response.complete
                    assert response.body == path.encode()
        except BaseException as failure:  # noqa: BLE001 - told to the test's own thread
            failures.append(failure)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(9)]
    with rescuer:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert failures == []
    assert sorted(served) == sorted(asked)
    assert rescuer.moved >= 200
