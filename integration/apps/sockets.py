"""A WebSocket application without a framework: the path names the one thing that it does.

The query is the token under which a connection is noted in the journal.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from integration.apps.journal import note

type Scope = dict[str, Any]
type Message = MutableMapping[str, Any]
type Receive = Callable[[], Awaitable[Message]]
type Send = Callable[[Message], Awaitable[None]]
type Answer = Callable[[Scope, Receive, Send], Awaitable[None]]


class Deliberate(Exception):
    """Raised by an application that is to fail."""


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "lifespan":
        await lifespan(scope, receive, send)
        return
    name = scope["path"].strip("/")
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"http"})
        return
    assert (await receive())["type"] == "websocket.connect"
    await ROUTES[name](scope, receive, send)


async def lifespan(scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    scope["state"]["count"] = 0
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await send({"type": "lifespan.shutdown.complete"})


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Sends back what comes, and notes how it ended."""
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        await send({"type": "websocket.send", **_content(message)})
    note(_token(scope), "disconnect", [message["code"], message["reason"]])


def _content(message: Message) -> Message:
    return {key: message[key] for key in ("text", "bytes") if key in message}


def _token(scope: Scope) -> str:
    return str(scope["query_string"].decode("latin-1"))


async def who(scope: Scope, receive: Receive, send: Send) -> None:
    """Sends its scope, but for the headers' values that differ from client to client."""
    subprotocols = scope["subprotocols"]
    await send(
        {
            "type": "websocket.accept",
            "subprotocol": subprotocols[-1] if subprotocols else None,
            "headers": [(b"x-said", b"by the application")],
        }
    )
    scope["state"]["count"] += 1
    shown = {
        key: value
        for key, value in scope.items()
        if isinstance(value, str | int | list | dict) and key != "headers"
    }
    await send({"type": "websocket.send", "text": json.dumps(shown)})
    await receive()


async def close(scope: Scope, _receive: Receive, send: Send) -> None:
    await send({"type": "websocket.accept"})
    await send({"type": "websocket.close", "code": 4321, "reason": "enough"})


async def refuse(_scope: Scope, _receive: Receive, send: Send) -> None:
    await send({"type": "websocket.close"})


async def deny(_scope: Scope, _receive: Receive, send: Send) -> None:
    start = {"type": "websocket.http.response.start", "status": 401}
    await send(start | {"headers": [(b"content-type", b"text/plain"), (b"x-why", b"none")]})
    body = {"type": "websocket.http.response.body"}
    await send(body | {"body": b"who are ", "more_body": True})
    await send(body | {"body": b"you"})


async def fail_before(_scope: Scope, _receive: Receive, _send: Send) -> None:
    raise Deliberate


async def fail_after(_scope: Scope, _receive: Receive, send: Send) -> None:
    await send({"type": "websocket.accept"})
    raise Deliberate


async def leave(_scope: Scope, _receive: Receive, send: Send) -> None:
    """Returns, and leaves the rest to the server."""
    await send({"type": "websocket.accept"})


async def flood(scope: Scope, _receive: Receive, send: Send) -> None:
    """Sends until the client is gone."""
    await send({"type": "websocket.accept"})
    count = 0
    try:
        while True:
            await send({"type": "websocket.send", "bytes": bytes(65_536)})
            count += 1
            note(_token(scope), "sent", count)
    except OSError as error:
        note(_token(scope), "raised", type(error).__name__)
        raise


async def hoard(scope: Scope, receive: Receive, send: Send) -> None:
    """Takes nothing for some seconds; less than a server waits for it at its end."""
    await send({"type": "websocket.accept"})
    await asyncio.sleep(12)
    while (await receive())["type"] == "websocket.receive":
        pass


async def deaf(scope: Scope, _receive: Receive, send: Send) -> None:
    """Takes nothing, and does not end by itself."""
    await send({"type": "websocket.accept"})
    try:
        await asyncio.Event().wait()
    finally:
        note(_token(scope), "ended")


ROUTES: dict[str, Answer] = {
    "echo": echo,
    "who": who,
    "close": close,
    "refuse": refuse,
    "deny": deny,
    "fail-before": fail_before,
    "fail-after": fail_after,
    "leave": leave,
    "flood": flood,
    "hoard": hoard,
    "deaf": deaf,
}
