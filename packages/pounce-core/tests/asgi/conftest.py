"""Calls of the application with an exchange in memory, and a worker that only takes notes."""

import asyncio

import pytest

from pounce.asgi.http import HttpCall
from pounce.protocol.asgi import Application
from pounce.protocol.exchange import END
from pounce.protocol.roles import Call
from pounce.testing.exchange import MemoryExchange


class StubWorker:
    def __init__(self) -> None:
        self.back: list[Call] = []

    def returned(self, call: Call) -> None:
        self.back.append(call)


class Lab:
    """What the tests of a call are made of."""

    exchange = MemoryExchange

    def __init__(self) -> None:
        self.worker = StubWorker()

    def call(self, exchange: MemoryExchange) -> HttpCall:
        return HttpCall(exchange, self.worker)

    def run(self, app: Application, exchange: MemoryExchange | None = None) -> MemoryExchange:
        """Runs a call to its end."""
        exchange = exchange or MemoryExchange(END)
        call = self.call(exchange)
        asyncio.run(asyncio.wait_for(call.run(app, {"method": "GET", "path": "/"}), 30.0))
        return exchange


@pytest.fixture
def lab() -> Lab:
    return Lab()
