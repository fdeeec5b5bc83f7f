"""A client's side of the protocol, made of bytes, and a call with an exchange in memory."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from pounce.protocol.asgi import Application, Message, Receive, Scope, Send
from pounce.protocol.exchange import BodyState, Headers, RequestHead
from pounce.protocol.limits import Limits
from pounce.protocol.roles import Call
from pounce.testing.channel import RecordingServices
from pounce.testing.exchange import MemoryExchange
from pounce_ws.call import WebSocketCall
from pounce_ws.settings import Settings
from pounce_ws.worker import WebSocketWorker

# How long an example takes is a property of the machine, and of what else it does meanwhile.
settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")

PATIENCE = 60.0
"""Seconds for what is bound to happen."""
KEY = b"\x11\x22\x33\x44"


def masked(first: int, payload: bytes = b"", key: bytes = KEY, length: int | None = None) -> bytes:
    """A client's frame; `length` is what its head says, instead of the truth."""
    size = len(payload) if length is None else length
    if size < 126:
        head = bytes((first, 0x80 | size))
    elif size < 65_536:
        head = bytes((first, 0xFE)) + size.to_bytes(2)
    else:
        head = bytes((first, 0xFF)) + size.to_bytes(8)
    return head + key + bytes(byte ^ key[at % 4] for at, byte in enumerate(payload))


def unmasked(first: int, payload: bytes = b"") -> bytes:
    """A server's frame."""
    size = len(payload)
    if size < 126:
        return bytes((first, size)) + payload
    if size < 65_536:
        return bytes((first, 126)) + size.to_bytes(2) + payload
    return bytes((first, 127)) + size.to_bytes(8) + payload


def upgrade_head(*more: tuple[bytes, bytes], without: bytes = b"", **parts: Any) -> RequestHead:
    """The head of a request for WebSocket, over HTTP/1.1 unless `parts` say otherwise."""
    headers: Headers = [
        (b"host", b"example.test"),
        (b"connection", b"Upgrade"),
        (b"upgrade", b"websocket"),
        (b"sec-websocket-version", b"13"),
        (b"sec-websocket-key", b"dGhlIHNhbXBsZSBub25jZQ=="),
    ]
    headers = [pair for pair in headers if pair[0] != without] + list(more)
    known: dict[str, Any] = {"method": "GET", "version": "1.1"} | parts
    return RequestHead(
        known["method"], b"/chat", b"", known["version"], headers, upgrade=b"websocket"
    )


def http_scope(head: RequestHead) -> dict[str, Any]:
    """What core makes of the head."""
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.5"},
        "http_version": head.version,
        "method": head.method,
        "scheme": "http",
        "path": "/chat",
        "raw_path": b"/chat",
        "query_string": b"",
        "root_path": "",
        "headers": head.headers,
        "client": ("192.0.2.1", 5000),
        "server": ("192.0.2.2", 80),
        "extensions": {"http.response.pathsend": {}},
        "state": {},
    }


class StubCaller:
    def __init__(self) -> None:
        self.back: list[Call] = []

    def returned(self, call: Call) -> None:
        self.back.append(call)


class Talk:
    """One call of an application, which runs in a task beside the test."""

    def __init__(self, lab: Lab, exchange: MemoryExchange, app: Application) -> None:
        self.exchange = exchange
        self.worker = lab.worker
        self.caller = StubCaller()
        call = self.worker(exchange, self.caller)
        assert isinstance(call, WebSocketCall)
        self.call = call
        self.scope: Scope = http_scope(exchange.head)
        self.task = asyncio.get_running_loop().create_task(call.run(app, self.scope))
        call.task = self.task

    async def arrive(self, *pieces: bytes | BodyState) -> None:
        self.exchange.arrive(*pieces)
        await settle()

    @property
    def written(self) -> bytes:
        return b"".join(call[1] for call in self.exchange.calls if call[0] == "write")  # type: ignore[misc]

    def ended(self) -> bool:
        """Whether our side of the tunnel is ended."""
        return any(call[0] == "write" and call[2] is False for call in self.exchange.calls)

    async def end(self) -> MemoryExchange:
        await asyncio.wait_for(self.task, PATIENCE)
        return self.exchange


async def settle() -> None:
    """Lets everything that can go on go on."""
    for _ in range(10):
        await asyncio.sleep(0)


def sending(*messages: Message) -> Application:
    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        for message in messages:
            await send(message)

    return app


def hearing(heard: list[Message], *first: Message) -> Application:
    """Accepts, sends what is given, and notes what comes until the end."""

    async def app(_scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        for message in first:
            await send(message)
        while True:
            message = await receive()
            heard.append(message)
            if message["type"] == "websocket.disconnect":
                return

    return app


async def echo(_scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        await send(dict(message) | {"type": "websocket.send"})


def run(test: Callable[[], Awaitable[None]]) -> None:
    """Runs a coroutine function on a loop of its own."""

    async def bounded() -> None:
        await asyncio.wait_for(test(), 2 * PATIENCE)

    asyncio.run(bounded())


class Lab:
    """What the tests are made of: no test module can import another module of the tests."""

    masked = staticmethod(masked)
    unmasked = staticmethod(unmasked)
    head = staticmethod(upgrade_head)
    settle = staticmethod(settle)
    sending = staticmethod(sending)
    hearing = staticmethod(hearing)
    echo = staticmethod(echo)
    run = staticmethod(run)

    def __init__(self, limits: Limits | None = None, **settings: Any) -> None:
        self.services = RecordingServices(limits or Limits())
        self.worker = WebSocketWorker(self.services, Settings(**settings))

    def like(self, limits: Limits | None = None, **settings: Any) -> Lab:
        """Another one, with other limits or settings."""
        return Lab(limits, **settings)

    def talk(
        self, app: Application, *pieces: bytes | BodyState, head: RequestHead | None = None
    ) -> Talk:
        return Talk(self, MemoryExchange(*pieces, head=head or upgrade_head()), app)

    def tick(self, *times: float) -> None:
        for now in times:
            for look in self.services.looks:
                look(now)


@pytest.fixture
def lab() -> Lab:
    return Lab()
