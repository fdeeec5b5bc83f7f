"""A worker on a loop that somebody else runs: it serves there, and leaves it as it was."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from pounce.config.config import Config
from pounce.protocol.errors import StartupError
from pounce.supervise.guest import Guest
from pounce.supervise.listeners import Listener, open_listeners
from pounce.supervise.recipe import Recipe, door_of

PATIENCE = 30.0
REQUEST = b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n"

type Messages = Callable[[], Awaitable[dict[str, Any]]]
type Send = Callable[[dict[str, Any]], Awaitable[None]]


def answering(body: Callable[[], bytes]) -> Any:
    async def app(scope: dict[str, Any], _receive: Messages, send: Send) -> None:
        if scope["type"] != "http":
            raise ValueError(scope["type"])
        await asyncio.sleep(0)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": body()})

    return app


class Stay:
    """A guest's stay on the running loop."""

    def __init__(self, app: Any, **settings: Any) -> None:
        config = Config(app, port=0, host="127.0.0.1", **settings)
        self.listeners: tuple[Listener, ...] = open_listeners(config)
        self.guest = Guest(
            Recipe(config), app, [door_of(listener) for listener in self.listeners], None
        )
        self.started = asyncio.Event()
        self.task = asyncio.ensure_future(self.guest.run(self.started.set))

    async def ask(self) -> bytes:
        await asyncio.wait_for(self.started.wait(), PATIENCE)
        reader, writer = await asyncio.open_connection(*self.listeners[0].socket.getsockname())
        writer.write(REQUEST)
        answer = await asyncio.wait_for(reader.read(), PATIENCE)
        writer.close()
        await writer.wait_closed()
        return answer

    async def over(self) -> None:
        try:
            await asyncio.wait_for(asyncio.shield(self.task), PATIENCE)
        finally:
            for listener in self.listeners:
                listener.close()


def test_it_serves_on_the_loop_that_runs() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        loops: list[asyncio.AbstractEventLoop] = []

        def body() -> bytes:
            loops.append(asyncio.get_running_loop())
            return b"hello"

        stay = Stay(answering(body))
        await stay.ask()
        stay.guest.end()
        await stay.over()
        assert loops == [loop]

    asyncio.run(main())


def test_it_answers() -> None:
    async def main() -> bytes:
        stay = Stay(answering(lambda: b"hello"))
        answer = await stay.ask()
        stay.guest.end()
        await stay.over()
        return answer

    head, _, body = asyncio.run(main()).partition(b"\r\n\r\n")
    assert (head[:15], body) == (b"HTTP/1.1 200 OK", b"hello")


def test_its_end_leaves_the_loop_running_and_nothing_on_it() -> None:
    async def main() -> int:
        before = len(asyncio.all_tasks())
        stay = Stay(answering(lambda: b""))
        await stay.ask()
        stay.guest.end()
        await stay.over()
        await asyncio.sleep(0)
        return len(asyncio.all_tasks()) - before

    assert asyncio.run(main()) == 0


def test_a_start_that_fails_is_raised() -> None:
    async def app(_scope: dict[str, Any], receive: Messages, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.failed", "message": "no database"})

    async def main() -> None:
        stay = Stay(app, lifespan="on")
        with pytest.raises(StartupError, match="no database"):
            await stay.over()

    asyncio.run(main())


def test_a_cancelled_stay_is_a_graceful_end() -> None:
    async def main() -> bool:
        stay = Stay(answering(lambda: b""))
        await stay.ask()
        stay.task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await stay.over()
        return stay.task.cancelled()

    assert asyncio.run(main())


def test_an_end_after_the_loop_has_gone_is_no_fault() -> None:
    async def main() -> Guest:
        stay = Stay(answering(lambda: b""))
        await stay.ask()
        stay.guest.end()
        await stay.over()
        return stay.guest

    asyncio.run(main()).end()
