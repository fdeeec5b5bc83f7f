"""Connections that move all the time, while first bytes, handshakes or tunnels are under way: no
byte is lost, and nothing is moved that cannot be.
"""

import asyncio
import random
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from pounce.http1.settings import Http1Settings
from pounce.http1.worker import Http1Worker
from pounce.protocol.asgi import Application, Receive, Scope, Send
from pounce.protocol.exchange import WAIT, Exchange
from pounce.protocol.roles import Caller, Channel, Farewell, HandlerFactory
from pounce.registry.negotiation import Offer
from pounce.testing.wire import Wire
from pounce.worker.arrival import hand_over
from pounce.worker.protocols import Protocols

if TYPE_CHECKING:
    from tests.worker.conftest import Serve, Serving, ToyTransport

PATIENCE = 30.0
TURNED = bytes(byte ^ 1 for byte in range(256))
CLIENTS = 6
TURNS = 40
MOVES = 50
PREFACE = b"POKE / 1\n"
UPGRADE = b"GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: chat\r\n\r\n"


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["path"].endswith("0"):
        time.sleep(0.005)  # noqa: ASYNC251 - an application that blocks is what this is about
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": scope["raw_path"]})


class Poke:
    """Sends lines back behind its preface. It could go on elsewhere only before anything came."""

    def __init__(self, channel: Channel, now: float, served: int) -> None:
        self.channel = channel

    def received(self, data: bytes, now: float) -> None:
        self.channel.write(data)

    def received_eof(self, now: float) -> None:
        self.channel.close()

    def flushed(self, now: float) -> None: ...

    def turn(self, now: float) -> None: ...

    def expired(self, now: float) -> None: ...

    def drain(self, now: float, farewell: Farewell) -> None: ...

    def release(self) -> None: ...

    def disconnect(self) -> None: ...

    def lost(self) -> None: ...


class Chat:
    """The call of an upgrade that sends everything back."""

    def __init__(self, exchange: Exchange, caller: Caller) -> None:
        self.task: asyncio.Task[None] | None = None
        self.exchange = exchange
        self.caller = caller

    async def run(self, app: Application, scope: Scope) -> None:
        exchange = self.exchange
        exchange.accept([])
        while True:
            data = exchange.read()
            if isinstance(data, bytes):
                exchange.write(data, more=True)
            elif data is WAIT:
                await self._change()
            else:
                break
        exchange.on_change = None
        exchange.finish(None)
        if self.task is not None:
            self.caller.returned(self)

    async def _change(self) -> None:
        future = asyncio.get_running_loop().create_future()
        self.exchange.on_change = lambda: None if future.done() else future.set_result(None)
        await future

    def cancel(self, why: str = "") -> None:
        if self.task is not None:
            self.task.cancel(why)

    def look_after(self) -> None: ...


class Rescuer:
    """Takes from every worker what it gives up, again and again, and gives it to any other."""

    def __init__(self, servers: list[Serving]) -> None:
        self.moved = 0
        self._servers = servers
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._over = time.monotonic() + 4 * PATIENCE

    @property
    def goes_on(self) -> bool:
        """Whether too few were moved so far; a machine that is busy moves few."""
        return self.moved < MOVES and time.monotonic() < self._over

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


def speaking(serve: Serve, toy: ToyTransport | None = None) -> list[Serving]:
    """Workers with a protocol of a preface and an upgrade, in the clear or through a transport."""
    servers = [serve(app) for _ in range(3)]
    for server in servers:
        server.worker.speak(
            Protocols(
                Http1Worker(server.worker, Http1Settings()),
                (Offer[HandlerFactory]((b"poke",), PREFACE, Poke),),
                {b"chat": Chat},
                {} if toy is None else {"http": toy},
            )
        )
    return servers


type Work = Callable[[Wire, random.Random, int], None]


def hammer(servers: list[Serving], work: Work) -> Rescuer:
    """Has clients work, a new connection each time, while connections are moved."""
    failures: list[BaseException] = []
    rescuer = Rescuer(servers)

    def client(number: int) -> None:
        chance = random.Random(number)
        turn = 0
        try:
            while turn < TURNS or (rescuer.goes_on and not failures):
                turn += 1
                with servers[(number + turn) % 3].connect() as wire:
                    work(wire, chance, turn)
        except BaseException as failure:  # noqa: BLE001 - told to the test's own thread
            failures.append(failure)

    threads = [threading.Thread(target=client, args=(number,)) for number in range(CLIENTS)]
    with rescuer:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert failures == []
    return rescuer


def drip(wire: Wire, data: bytes, chance: random.Random) -> None:
    """Sends in three pieces."""
    one, two = sorted(chance.randrange(len(data)) for _ in range(2))
    for piece in (data[:one], data[one:two], data[two:]):
        if piece:
            wire.send(piece)
        time.sleep(chance.choice((0.0, 0.001, 0.002)))


def head(method: str, turn: int) -> bytes:
    return f"{method} /{turn} HTTP/1.1\r\nhost: a\r\n\r\n".encode()


def test_first_bytes_are_not_lost_while_connections_are_moved(serve: Serve) -> None:
    def work(wire: Wire, chance: random.Random, turn: int) -> None:
        if turn % 2:
            drip(wire, PREFACE + b"hello", chance)
            assert wire.read_bytes(len(PREFACE) + 5) == PREFACE + b"hello"
            return
        # What begins as the preface does, and what does not.
        for number in range(2):
            drip(wire, head(chance.choice(("POKE", "PO", "GET")), turn + number), chance)
            response = wire.read_response()
            assert response.complete
            assert response.body == b"/%d" % (turn + number)

    rescuer = hammer(speaking(serve), work)
    assert rescuer.moved >= MOVES


@pytest.mark.parametrize("alpn", [b"", b"poke"], ids=["first bytes", "alpn"])
def test_handshakes_are_not_disturbed_while_connections_are_moved(
    serve: Serve, toy: ToyTransport, alpn: bytes
) -> None:
    def work(wire: Wire, chance: random.Random, turn: int) -> None:
        speaks_poke = turn % 2 == 1
        agreed = alpn if speaks_poke else b""
        drip(wire, b"HELLO %b\n" % agreed, chance)
        assert wire.read_bytes(8) == b"WELCOME\n"
        if speaks_poke:
            data = PREFACE + b"hello"
            drip(wire, turned(data), chance)
            assert turned(wire.read_bytes(len(data))) == data
            return
        for number in range(2):
            drip(wire, turned(head("GET", turn + number)), chance)
            path = b"/%d" % (turn + number)
            assert turned(wire.read_until(turned(b"\r\n\r\n"))).startswith(b"HTTP/1.1 200 OK\r\n")
            assert turned(wire.read_bytes(len(path))) == path

    rescuer = hammer(speaking(serve, toy), work)
    assert rescuer.moved >= MOVES
    assert len({id(stream) for stream in toy.streams}) == len(toy.streams)


def test_tunnels_stay_where_they_are_while_connections_are_moved(serve: Serve) -> None:
    def work(wire: Wire, chance: random.Random, turn: int) -> None:
        drip(wire, head("GET", turn), chance)
        assert wire.read_response().body == b"/%d" % turn
        drip(wire, UPGRADE + b"first", chance)
        assert wire.read_response().status == 101
        assert wire.read_bytes(5) == b"first"
        for number in range(3):
            data = b"%d" % number * 1000
            drip(wire, data, chance)
            assert wire.read_bytes(len(data)) == data

    rescuer = hammer(speaking(serve), work)
    assert rescuer.moved >= MOVES


def turned(data: bytes) -> bytes:
    """What the toy transport makes of bytes."""
    return data.translate(TURNED)
