"""Calls of the application with an exchange in memory, and a worker that only takes notes; modules
of an application in a folder of their own.
"""

import asyncio
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pounce.asgi.fresh import load_fresh
from pounce.asgi.http import HttpCall
from pounce.config.config import Config
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


# Modules of an application


type Write = Callable[[str, str], None]
type Load = Callable[..., Any]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "app").mkdir()
    return tmp_path / "app"


@pytest.fixture
def apart(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Imports into this process, and leaves no trace of it."""
    monkeypatch.setattr(sys, "path", sys.path[:])
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    before = sys.modules.copy()
    yield
    for name in sys.modules.keys() - before.keys():
        if name.startswith("the"):
            del sys.modules[name]
    for path in [path for path in sys.path_importer_cache if path.startswith(str(tmp_path))]:
        del sys.path_importer_cache[path]


@pytest.fixture
def write(folder: Path, apart: None) -> Write:
    def write(name: str, text: str) -> None:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    return write


@pytest.fixture
def load(folder: Path, apart: None) -> Load:
    def load(app: Any = "the:app", **settings: Any) -> Any:
        return load_fresh(Config(app, **{"app_dir": str(folder), **settings}))

    return load
