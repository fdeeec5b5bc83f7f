"""An ASGI application without a framework: the first part of a path names the one thing
that it does.

The query is the token under which a request is noted in the journal.
"""

import asyncio
import contextlib
import json
import os
import socket
import threading
from collections.abc import Awaitable, Callable, MutableMapping
from contextvars import ContextVar
from pathlib import Path
from typing import Any, Final

from integration.apps.journal import note

type Scope = dict[str, Any]
type Message = MutableMapping[str, Any]
type Receive = Callable[[], Awaitable[Message]]
type Send = Callable[[Message], Awaitable[None]]
type Answer = Callable[[Scope, Receive, Send], Awaitable[None]]

FILE: Final = Path(__file__).absolute()
VARIABLE: ContextVar[str] = ContextVar("VARIABLE", default="fresh")
PIECE: Final = b"x" * 65_536

imports: Final = [threading.get_ident()]
"""Filled once for each time that the module is imported."""


class Deliberate(Exception):
    """Raised by an application that is to fail."""


class DeliberateExit(BaseException):
    """The same, and harder to catch."""


ERRORS: Final[dict[str, type[BaseException]]] = {
    error.__name__: error
    for error in (
        Deliberate,
        DeliberateExit,
        SystemExit,
        KeyboardInterrupt,
        GeneratorExit,
        StopAsyncIteration,
        asyncio.CancelledError,
        OSError,
    )
}
"""What an application may raise before it has said a word."""


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "lifespan":
        await lifespan(scope, receive, send)
        return
    token = scope["query_string"].decode("latin-1")
    note(token, "called", [os.getpid(), threading.get_ident()])
    name = scope["path"].removeprefix(scope["root_path"]).split("/")[1]
    answer = ROUTES.get(name, missing)
    try:
        await answer(scope, receive, send)
    except BaseException as error:
        note(token, "raised", type(error).__name__)
        raise
    note(token, "returned")


async def lifespan(scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    scope["state"] |= {"started_by": threading.get_ident(), "count": 0, "shared": []}
    note("lifespan", "startup", os.getpid())
    await send({"type": "lifespan.startup.complete"})
    await receive()
    note("lifespan", "shutdown", os.getpid())
    await send({"type": "lifespan.shutdown.complete"})


async def reply(
    send: Send, body: bytes = b"", status: int = 200, *headers: tuple[bytes, bytes]
) -> None:
    length = (b"content-length", b"%d" % len(body))
    await send({"type": "http.response.start", "status": status, "headers": [length, *headers]})
    await send({"type": "http.response.body", "body": body})


async def reply_json(send: Send, value: object) -> None:
    await reply(send, json.dumps(value).encode())


async def body_of(receive: Receive) -> bytes | None:
    """The whole body, or None if it is cut off."""
    pieces: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        pieces.append(message["body"])
        if not message["more_body"]:
            return b"".join(pieces)


async def missing(scope: Scope, receive: Receive, send: Send) -> None:
    await reply(send, b"nothing is here", 404)


# What the request was


async def ok(scope: Scope, receive: Receive, send: Send) -> None:
    await reply(send, b"ok")


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers with the body; notes whether it was whole."""
    body = await body_of(receive)
    if body is None:
        note(scope["query_string"].decode(), "disconnect")
        return
    await reply(send, body)


async def count(scope: Scope, receive: Receive, send: Send) -> None:
    """Counts the body without keeping it."""
    total = 0
    more = True
    while more:
        message = await receive()
        total += len(message.get("body", b""))
        more = message.get("more_body", False)
    await reply_json(send, total)


async def show(scope: Scope, receive: Receive, send: Send) -> None:
    def plain(value: object) -> object:
        return value.decode("latin-1") if isinstance(value, bytes) else repr(value)

    await reply(send, json.dumps(scope, default=plain).encode())


async def ignore(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers without having asked for the body."""
    await reply(send, b"ignored")


async def who(scope: Scope, receive: Receive, send: Send) -> None:
    await reply_json(
        send,
        {
            "pid": os.getpid(),
            "thread": threading.get_ident(),
            "module": id(imports),
            "imports": len(imports),
            "started_by": scope["state"]["started_by"],
        },
    )


async def state(scope: Scope, receive: Receive, send: Send) -> None:
    """Changes its copy of the state, and tells what it had found there."""
    before = scope["state"]["count"], scope["state"].get("mine")
    scope["state"]["count"] += 1
    scope["state"]["mine"] = scope["query_string"].decode()
    await reply_json(send, before)


async def shared(scope: Scope, receive: Receive, send: Send) -> None:
    await reply_json(send, id(scope["state"]["shared"]))


async def context(scope: Scope, receive: Receive, send: Send) -> None:
    found = VARIABLE.get()
    VARIABLE.set("used")
    await reply(send, found.encode())


# What the response is


async def no_content(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body"})


async def not_modified(scope: Scope, receive: Receive, send: Send) -> None:
    headers = [(b"content-length", b"9"), (b"etag", b'"1"')]
    await send({"type": "http.response.start", "status": 304, "headers": headers})
    await send({"type": "http.response.body"})


async def stream(scope: Scope, receive: Receive, send: Send) -> None:
    """Three pieces of no announced length."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    for piece in (b"one ", b"two ", b"three"):
        await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body"})


async def trailers(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [], "trailers": True})
    await send({"type": "http.response.body", "body": b"body"})
    await send(
        {"type": "http.response.trailers", "headers": [(b"x-sum", b"1")], "more_trailers": True}
    )
    await send({"type": "http.response.trailers", "headers": [(b"x-more", b"2")]})


async def hints(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.early_hint", "links": [b"</a.css>; rel=preload"]})
    await reply(send, b"hinted")


async def path(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.pathsend", "path": str(FILE)})


async def script(scope: Scope, receive: Receive, send: Send) -> None:
    """Sends the messages that the body lists, in JSON; strings are bytes there."""
    body = await body_of(receive)
    assert body is not None
    for message in json.loads(body):
        await send({key: _encoded(key, value) for key, value in message.items()})


def _encoded(key: str, value: Any) -> Any:
    """Bytes for the strings of a body or headers, unless they begin with a `!`."""
    if isinstance(value, list):
        return [_encoded(key, each) for each in value]
    if not isinstance(value, str) or key not in {"body", "headers", "links"}:
        return value
    return value[1:] if value.startswith("!") else value.encode("latin-1")


# When it fails


async def nothing(scope: Scope, receive: Receive, send: Send) -> None:
    """Returns without a response."""


async def half(scope: Scope, receive: Receive, send: Send) -> None:
    """Returns in the middle of a response."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"half", "more_body": True})


async def raise_before(scope: Scope, receive: Receive, send: Send) -> None:
    raise ERRORS[scope["path"].split("/")[2]]


async def raise_started(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    raise Deliberate


async def raise_after(scope: Scope, receive: Receive, send: Send) -> None:
    await half(scope, receive, send)
    raise Deliberate


# How long it takes


async def hold(scope: Scope, receive: Receive, send: Send) -> None:
    """Is under way until its client ends the body: a slow request whose length the test decides."""
    note(scope["query_string"].decode(), "held")
    await echo(scope, receive, send)


async def wait(scope: Scope, receive: Receive, send: Send) -> None:
    """Is under way until its client leaves."""
    note(scope["query_string"].decode(), "waits")
    while (await receive())["type"] != "http.disconnect":
        pass


async def block(scope: Scope, receive: Receive, send: Send) -> None:
    """Blocks its worker's thread, as no application should, until the test closes a socket."""
    with socket.create_connection(("127.0.0.1", int(scope["path"].split("/")[2]))) as gate:
        gate.recv(1)
    await reply(send, b"freed")


async def stall(scope: Scope, receive: Receive, send: Send) -> None:
    """Never ends by itself, and never looks at its client."""
    note(scope["query_string"].decode(), "stalled")
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        note(scope["query_string"].decode(), "cancelled")
        raise


async def stubborn(scope: Scope, receive: Receive, send: Send) -> None:
    """Never ends, not even when cancelled."""
    note(scope["query_string"].decode(), "stalled")
    while True:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.Event().wait()


async def left(scope: Scope, receive: Receive, send: Send) -> None:
    """Starts a response, and waits for its client to leave."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"begun", "more_body": True})
    while (message := await receive())["type"] != "http.disconnect":
        pass
    token = scope["query_string"].decode()
    note(token, message["type"])
    try:
        for _ in range(1_000):
            await send({"type": "http.response.body", "body": PIECE, "more_body": True})
    except OSError as error:
        note(token, "oserror", type(error).__name__)


async def events(scope: Scope, receive: Receive, send: Send) -> None:
    """Server-sent events without end: some at once, then one each time there is something."""
    headers = [(b"content-type", b"text/event-stream"), (b"cache-control", b"no-store")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    token = scope["query_string"].decode()
    try:
        for number in range(1_000_000):
            piece = b"data: %d\n\n" % number
            await send({"type": "http.response.body", "body": piece, "more_body": True})
            await asyncio.sleep(0.05)
    except OSError:
        note(token, "left")
    except asyncio.CancelledError:
        note(token, "cancelled")
        raise


async def push(scope: Scope, receive: Receive, send: Send) -> None:
    """Sends 64 MB as fast as its client takes them; notes how much was accepted."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    sent = 0
    try:
        while sent < 64 << 20:
            await send({"type": "http.response.body", "body": PIECE, "more_body": True})
            sent += len(PIECE)
    except OSError:
        note(scope["query_string"].decode(), "left", sent)
        return
    await send({"type": "http.response.body"})


async def once(scope: Scope, receive: Receive, send: Send) -> None:
    """Sends 16 MB in one piece."""
    try:
        await reply(send, PIECE * 256)
    except OSError:
        note(scope["query_string"].decode(), "left")
        raise


async def unread(scope: Scope, receive: Receive, send: Send) -> None:
    """Takes one piece of the body, and the rest only when its other half is asked for."""
    token = scope["query_string"].decode()
    gate = Gate.of(token)
    note(token, "waits")
    await gate.wait()
    await count(scope, receive, send)


async def open_gate(scope: Scope, receive: Receive, send: Send) -> None:
    Gate.of(scope["query_string"].decode()).open()
    await reply(send)


class Gate:
    """Where a request waits for another one, which may be on another worker's thread."""

    _all: Final[dict[str, Gate]] = {}
    _lock: Final = threading.Lock()

    def __init__(self) -> None:
        self._waiters: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []

    @classmethod
    def of(cls, token: str) -> Gate:
        with cls._lock:
            return cls._all.setdefault(token, Gate())

    async def wait(self) -> None:
        event = asyncio.Event()
        with self._lock:
            self._waiters.append((asyncio.get_running_loop(), event))
        await event.wait()

    def open(self) -> None:
        with self._lock:
            for loop, event in self._waiters:
                loop.call_soon_threadsafe(event.set)


ROUTES: Final[dict[str, Answer]] = {
    "": ok,
    "ok": ok,
    "echo": echo,
    "count": count,
    "show": show,
    "ignore": ignore,
    "who": who,
    "state": state,
    "shared": shared,
    "block": block,
    "context": context,
    "no-content": no_content,
    "not-modified": not_modified,
    "stream": stream,
    "trailers": trailers,
    "hints": hints,
    "path": path,
    "script": script,
    "nothing": nothing,
    "half": half,
    "raise-before": raise_before,
    "raise-started": raise_started,
    "raise-after": raise_after,
    "hold": hold,
    "wait": wait,
    "stall": stall,
    "stubborn": stubborn,
    "left": left,
    "events": events,
    "push": push,
    "once": once,
    "unread": unread,
    "open": open_gate,
}
