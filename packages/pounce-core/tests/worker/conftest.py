"""What the worker's tests share: a channel over a real socket with a worker and a handler that only
take notes, a worker without a loop, whose handlers echo, and one that serves an application over
HTTP/1.1 from a thread.
"""

import asyncio
import select
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, cast

import pytest

from pounce.asgi.scope import ScopeBuilder
from pounce.http1.settings import Http1Settings
from pounce.http1.worker import Http1Worker
from pounce.protocol import roles
from pounce.protocol.asgi import Application
from pounce.protocol.exchange import Exchange
from pounce.protocol.limits import Limits
from pounce.protocol.roles import Farewell, Peer
from pounce.testing.wire import Wire
from pounce.worker import worker as worker_module
from pounce.worker.arrival import Arrival
from pounce.worker.channel import Channel
from pounce.worker.door import Door
from pounce.worker.poller import READ, Poller, make_poller
from pounce.worker.protocols import Protocols
from pounce.worker.selector import WorkerSelector
from pounce.worker.settings import WorkerSettings
from pounce.worker.worker import Worker

PATIENCE = 30.0
TURNED = bytes(byte ^ 1 for byte in range(256))
PEER = Peer(("127.0.0.1", 1), ("127.0.0.1", 2), "http", trusted=False)


class StubWorker:
    """What a channel asks of its worker."""

    def __init__(self) -> None:
        self.limits = Limits(write_timeout=20.0, write_rate=240)
        self.now = 0.0
        self.poller = make_poller()
        self.scheduled: list[Channel] = []
        self.refusals: list[str] = []
        self.started: list[Exchange] = []
        self.calls = self
        self.handed_on: list[Channel] = []
        self.forgotten = 0

    def schedule(self, channel: Channel) -> None:
        self.scheduled.append(channel)

    def hand_on(self, channel: Channel) -> bool:
        self.handed_on.append(channel)
        return True

    def refused(self, reason: str, _peer: Peer) -> None:
        self.refusals.append(reason)

    def start(self, exchange: Exchange, _peer: Peer) -> None:
        self.started.append(exchange)

    def forget(self, channel: Channel) -> None:
        self.forgotten += 1
        self.poller.forget(channel.fd)


class Recorder:
    """A handler that notes what it is told, and does what the test wants at one of these."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.events: list[str] = []
        self.on: dict[str, Callable[[], object]] = {}

    def _note(self, event: str) -> None:
        self.events.append(event)
        if event in self.on:
            self.on.pop(event)()

    def received(self, data: bytes, now: float) -> None:
        self.data += data
        self._note("received")

    def received_eof(self, now: float) -> None:
        self._note("eof")

    def flushed(self, now: float) -> None:
        self._note("flushed")

    def turn(self, now: float) -> None:
        self._note("turn")

    def expired(self, now: float) -> None:
        self._note("expired")

    def drain(self, now: float, farewell: Farewell) -> None:
        self._note("drain")

    def release(self) -> tuple[bytes, int] | None:
        self._note("release")
        return None

    def disconnect(self) -> None:
        self._note("disconnect")

    def lost(self) -> None:
        self._note("lost")


class ToyStream:
    """A transport's hold: `HELLO` and a name of ALPN, then every byte turned by one bit.

    As with TLS, what comes behind the handshake stays in the kernel.
    """

    def __init__(self, sock: socket.socket, needs_write: bool = False) -> None:
        self.socket = sock
        self.alpn: bytes | None = None
        self.tls: dict[str, Any] | None = None
        self.ended = 0
        self.most = 1 << 20
        """Bytes that one `send` takes."""
        self.trouble: OSError | None = None
        """Why nothing can be read."""
        self._needs_write = needs_write
        self._greeting = b""

    def open(self) -> roles.Need | None:
        if self._needs_write:
            self._needs_write = False
            return "write"
        while not self._greeting.endswith(b"\n"):
            try:
                byte = self.socket.recv(1)
            except BlockingIOError:
                return "read"
            self._greeting += byte
            if not byte or not b"HELLO 12345678\n".startswith(self._greeting[:6]):
                raise ConnectionAbortedError("toy-greeting")
        self.alpn = self._greeting[6:-1] or None
        self.tls = {"toy": self.alpn}
        self.socket.send(b"WELCOME\n")
        return None

    def recv(self, size: int) -> bytes:
        if self.trouble is not None:
            raise self.trouble
        return veil(self.socket.recv(size))

    def send(self, data: bytes | memoryview) -> int:
        return self.socket.send(veil(bytes(data[: self.most])))

    def end(self) -> None:
        self.ended += 1
        try:
            self.socket.send(veil(b"BYE"))
        except OSError:
            pass


class ToyTransport:
    """Wraps sockets in toy streams."""

    def __init__(self) -> None:
        self.opening_timeout = 10.0
        self.most_opening = 100
        self.needs_write = False
        self.fails = False
        self.streams: list[ToyStream] = []
        self.looks: list[float] = []

    def wrap(self, sock: socket.socket) -> ToyStream:
        if self.fails:
            raise Fault("wrap")
        stream = ToyStream(sock, self.needs_write)
        self.streams.append(stream)
        return stream

    def look_after(self, now: float) -> None:
        self.looks.append(now)


def veil(data: bytes) -> bytes:
    """What a toy stream makes of bytes, and of that the bytes again."""
    return data.translate(TURNED)


class Rig:
    """A channel, its client's socket, and what is between them."""

    # More than both kernel buffers of a loopback connection take.
    big = b"x" * 20_000_000

    def __init__(
        self, server: socket.socket, client: socket.socket, stream: ToyStream | None = None
    ) -> None:
        self.client = client
        self.server = server
        self.stream = stream
        self.worker = StubWorker()
        self.handler = Recorder()
        self.arrival = Arrival(("127.0.0.1", 1), cast("Door", None))
        self.channel = Channel(cast("Worker", self.worker), server, PEER, self.arrival, stream)
        self.channel.handler = self.handler
        self.worker.poller.watch(self.channel.fd, READ)

    def serve(self, until: Callable[[], bool]) -> None:
        """Polls and serves until the condition holds."""
        over = time.monotonic() + PATIENCE
        while not until():
            assert time.monotonic() < over, "it is served without end"
            self.serve_once()

    def serve_once(self) -> None:
        events = self.worker.poller.poll(PATIENCE)
        assert events, "nothing happens any more"
        for _, mask in events:
            self.channel.ready(mask, self.worker.now)

    def events_now(self) -> list[int]:
        return [mask for _, mask in self.worker.poller.poll(0)]

    def fill(self) -> None:
        """Writes until the kernel takes no more."""
        assert not self.channel.write(self.big)

    def drain(self, count: int) -> None:
        """The client reads so many bytes, and the channel sends on as the kernel allows."""
        while count > 0:
            piece = self._read(min(count, 65_536))
            assert piece, "the connection has ended"
            count -= len(piece)

    def read_all(self) -> bytes:
        """What the client gets until the end, served as it reads."""
        got = bytearray()
        while piece := self._read(1 << 20):
            got += piece
        return bytes(got)

    def _read(self, most: int) -> bytes:
        """What is there for the client; the channel sends on as the kernel allows meanwhile."""
        self.client.setblocking(False)
        watched = [self.client.fileno(), self.worker.poller.fileno()]
        piece: bytes | None = None
        while piece is None:
            readable, _, _ = select.select(watched, [], [], PATIENCE)
            assert readable, "nothing happens any more"
            if self.client.fileno() in readable:
                piece = self.client.recv(most)
            for mask in self.events_now():
                self.channel.ready(mask, self.worker.now)
        return piece


def connect(family: socket.AddressFamily, folder: Path) -> tuple[socket.socket, socket.socket]:
    address = ("127.0.0.1", 0) if family == socket.AF_INET else str(folder / "socket")
    with socket.create_server(address, family=family) as listener:
        client = socket.socket(family)
        client.settimeout(PATIENCE)
        client.connect(listener.getsockname())
        server, _ = listener.accept()
    server.setblocking(False)
    return server, client


@pytest.fixture(params=[socket.AF_INET, socket.AF_UNIX], ids=["tcp", "unix"])
def rig(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Rig]:
    server, client = connect(request.param, tmp_path)
    with server, client:
        made = Rig(server, client)
        yield made
        made.worker.poller.close()


@pytest.fixture
def tcp(tmp_path: Path) -> Iterator[Rig]:
    server, client = connect(socket.AF_INET, tmp_path)
    with server, client:
        made = Rig(server, client)
        yield made
        made.worker.poller.close()


@pytest.fixture
def streamed(tmp_path: Path) -> Iterator[Rig]:
    """A channel through a toy stream that is open."""
    server, client = connect(socket.AF_INET, tmp_path)
    with server, client:
        made = Rig(server, client, ToyStream(server))
        yield made
        made.worker.poller.close()


class Fault(Exception):
    """A fault of the server's own."""


class Echo:
    """A handler that sends back what it gets, and fails where it is told to."""

    def __init__(self, channel: roles.Channel, fails: frozenset[str], served: int) -> None:
        self.channel = channel
        self.fails = fails
        self.served = served
        self.told: list[str] = []
        self.busy = False
        """Whether something is under way, as it says."""
        self.held = b""
        """Bytes that it has and did not use, as it says."""
        self.farewells: list[Farewell] = []

    def _note(self, what: str) -> None:
        self.told.append(what)
        if what in self.fails:
            raise Fault(what)

    def received(self, data: bytes, now: float) -> None:
        self._note("received")
        if data == b"turn":
            self.channel.schedule()
        else:
            self.channel.write(data)

    def received_eof(self, now: float) -> None:
        self._note("received_eof")
        self.channel.close()

    def flushed(self, now: float) -> None:
        self._note("flushed")

    def turn(self, now: float) -> None:
        self._note("turn")
        self.channel.write(b"turned")

    def expired(self, now: float) -> None:
        self._note("expired")
        self.channel.close()

    def drain(self, now: float, farewell: Farewell) -> None:
        self._note("drain")
        self.farewells.append(farewell)
        if farewell == "close" or (farewell == "move" and not self.channel.hand_on()):
            self.channel.close()

    def release(self) -> tuple[bytes, int] | None:
        self._note("release")
        return None if self.busy else (self.held, self.served)

    def disconnect(self) -> None:
        self._note("disconnect")

    def lost(self) -> None:
        self._note("lost")


def worker_settings(given: dict[str, Any]) -> WorkerSettings:
    defaults: dict[str, Any] = {
        "proxies": None,
        "most_connections": None,
        "most_requests": None,
        "limits": Limits(),
        "upgrades": frozenset(),
        "extra_headers": (),
        "date_header": False,
    }
    return WorkerSettings(**(defaults | given))


class WorkerRig:
    """A worker without a loop, that echoes; its clients, and the listener they came by."""

    def __init__(self, stack: ExitStack, settings: dict[str, Any], poller: Poller) -> None:
        self._stack = stack
        self.listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        self.listener.setblocking(False)
        self.door = Door(self.listener, ("127.0.0.1", 80), "http")
        self.poller = poller
        self.settings = worker_settings(settings)
        self.worker = Worker("worker-1", self.settings, poller)
        self.worker.speak(Protocols(self.make_handler))
        self.handlers: list[Echo] = []
        self.fails: frozenset[str] = frozenset()

    def wrap(self, transport: ToyTransport, **more: Any) -> None:
        """Puts a transport around each connection."""
        self.worker.speak(Protocols(self.make_handler, transports={"http": transport}, **more))

    def greeted(self, alpn: bytes = b"") -> socket.socket:
        """A client through its handshake."""
        client = self.hand_over()
        assert self.ask(client, b"HELLO %b\n" % alpn) == b"WELCOME\n"
        return client

    def make_handler(self, channel: roles.Channel, now: float, served: int) -> Echo:
        if "made" in self.fails:
            raise Fault
        handler = Echo(channel, self.fails, served)
        self.handlers.append(handler)
        return handler

    def connect(self) -> socket.socket:
        client = socket.create_connection(self.listener.getsockname(), PATIENCE)
        return self._stack.enter_context(client)

    def hand_over(self) -> socket.socket:
        """A client's connection, accepted and handed to the worker."""
        client = self.connect()
        assert select.select([self.listener], [], [], PATIENCE)[0], "nobody comes"
        [(fd, address)] = self.door.accept(self.poller, 0.0)
        self.worker.hand_over(fd, Arrival(address, self.door))
        return client

    def ask(self, client: socket.socket, data: bytes = b"hello") -> bytes:
        """Sends, and lets the worker serve until an answer is there."""
        client.sendall(data)
        client.setblocking(False)
        over = time.monotonic() + PATIENCE
        try:
            while time.monotonic() < over:
                self.worker.turn(0.02)
                try:
                    return client.recv(100)
                except BlockingIOError:
                    continue
        finally:
            client.settimeout(PATIENCE)
        raise AssertionError("no answer")

    def served(self) -> socket.socket:
        """A client that has had an answer."""
        client = self.hand_over()
        assert self.ask(client) == b"hello"
        return client


type Make = Callable[..., WorkerRig]


@pytest.fixture
def toy() -> ToyTransport:
    return ToyTransport()


@pytest.fixture
def make() -> Iterator[Make]:
    """Makes rigs; keyword arguments are settings of the worker."""
    with ExitStack() as stack:

        def rig(poller: Poller | None = None, **settings: Any) -> WorkerRig:
            made = WorkerRig(stack, settings, poller or make_poller())
            stack.callback(made.poller.close)
            stack.callback(made.worker.abort)
            return made

        yield rig


class Serving:
    """A worker that serves an application on its own loop and thread."""

    def __init__(self, app: Application, settings: dict[str, Any]) -> None:
        poller = make_poller()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.setblocking(False)
        # As the server's own have it: no answer waits for the client's word about the last one.
        self._listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.address: tuple[str, int] = self._listener.getsockname()
        self.worker = Worker("worker-1", worker_settings(settings), poller)
        selector = WorkerSelector(poller, self.worker.turn, self.worker.forget_stranger)
        self._loop = asyncio.SelectorEventLoop(selector)
        self.worker.prepare(self._loop, app, ScopeBuilder("", None, None))
        self.worker.speak(Protocols(Http1Worker(self.worker, Http1Settings())))
        self.worker.open_door(Door(self._listener, self.address, "http"))
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()

    def connect(self) -> Wire:
        return Wire.connect(self.address, timeout=PATIENCE)

    def call(self, function: Callable[[], object]) -> None:
        """Calls a function on the worker's loop."""
        self._loop.call_soon_threadsafe(function)

    def stop(self) -> None:
        async def end() -> None:
            self.worker.close_doors()
            self.worker.abort()
            others = asyncio.all_tasks() - {asyncio.current_task()}
            for task in others:
                task.cancel()
            if others:
                await asyncio.wait(others, timeout=PATIENCE)

        try:
            asyncio.run_coroutine_threadsafe(end(), self._loop).result(2 * PATIENCE)
        finally:
            self.call(self._loop.stop)
            self._thread.join(2 * PATIENCE)
        assert not self._thread.is_alive(), "the loop does not come to an end"
        self._loop.run_until_complete(self._loop.shutdown_default_executor())
        self._loop.close()
        self._listener.close()


type Serve = Callable[..., Serving]


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Serve]:
    """Serves an application; keyword arguments are settings of the worker."""
    monkeypatch.setattr(worker_module, "TICK", 0.05)
    monkeypatch.setattr("pounce.worker.clock.TICK", 0.05)
    with ExitStack() as stack:

        def start(app: Application, **settings: Any) -> Serving:
            serving = Serving(app, settings)
            stack.callback(serving.stop)
            return serving

        yield start
