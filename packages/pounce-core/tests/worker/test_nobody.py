"""Connections that are over leave nothing for the cycle collector."""

import gc
import time
from typing import TYPE_CHECKING, Any

import pytest

from pounce.protocol.asgi import Receive, Scope, Send
from pounce.worker.nobody import NOBODY

if TYPE_CHECKING:
    from tests.worker.conftest import Make, Serve

GET = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"
MANY = 50
PATIENCE = 30.0


async def hello(_scope: Scope, _receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"hello"})


@pytest.mark.parametrize("end", ["client", "server", "reset", "refused"])
def test_connections_that_are_over_are_no_garbage(serve: Serve, end: str) -> None:
    serving = serve(hello)

    def one() -> None:
        with serving.connect() as wire:
            if end == "refused":
                wire.send(b"no request\r\n\r\n")
                assert wire.read_response().status == 400
                return
            last = GET.replace(b"host", b"connection: close\r\nhost")
            wire.send(last if end == "server" else GET)
            assert wire.read_response().body == b"hello"
            if end == "reset":
                wire.reset()

    one()
    gc.collect()
    gc.disable()
    try:
        for _ in range(MANY):
            one()
        deadline = time.monotonic() + PATIENCE
        while serving.worker.connections and time.monotonic() < deadline:
            time.sleep(0.001)
        kept = [each for each in gc.get_objects() if type(each).__name__ == "Http1Handler"]
    finally:
        gc.enable()
    assert len(kept) < MANY // 5


def test_it_takes_everything_and_holds_nothing(make: Make) -> None:
    rig = make()
    client = rig.served()
    [handler] = rig.handlers
    rig.worker.abort()
    client.close()
    channel: Any = handler.channel
    assert channel.handler is NOBODY
    NOBODY.received(b"late", 1.0)
    NOBODY.received_eof(1.0)
    NOBODY.flushed(1.0)
    NOBODY.turn(1.0)
    NOBODY.expired(1.0)
    NOBODY.drain(1.0, "close")
    NOBODY.disconnect()
    NOBODY.lost()
    assert NOBODY.release() is None
