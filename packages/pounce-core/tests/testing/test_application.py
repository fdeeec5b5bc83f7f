"""The smallest application, without a server."""

import asyncio
from typing import Any

from pounce.testing.application import hello


def play(scope: dict[str, Any], *messages: str) -> list[dict[str, Any]]:
    """Has the application take these messages; returns what it sends."""
    waiting = iter(messages)
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": next(waiting)}

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(hello(scope, receive, send))
    return sent


def test_a_request_is_answered() -> None:
    start, body = play({"type": "http"})
    assert (start["status"], body["body"]) == (200, b"hello")


def test_it_starts_and_ends_with_its_worker() -> None:
    sent = play({"type": "lifespan"}, "lifespan.startup", "lifespan.shutdown")
    assert [each["type"] for each in sent] == [
        "lifespan.startup.complete",
        "lifespan.shutdown.complete",
    ]
