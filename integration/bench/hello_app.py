"""The application of the benchmark: it answers at once, with two fields and thirteen bytes."""

from collections.abc import Awaitable, Callable
from typing import Any

BODY = b"Hello, World!"
HEADERS = [(b"content-type", b"text/plain"), (b"content-length", b"13")]


async def app(
    scope: dict[str, Any],
    _receive: Callable[[], Awaitable[Any]],
    send: Callable[[dict[str, Any]], Awaitable[None]],
) -> None:
    if scope["type"] != "http":
        raise ValueError(f"no {scope['type']} here")
    await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
    await send({"type": "http.response.body", "body": BODY})
