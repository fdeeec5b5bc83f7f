"""Servers that cannot start: one sentence that says what to do, and an exit status that tells.

A traceback is shown only when the application's own code failed, and then begins with that code.
"""

import re
import socket
from pathlib import Path

import pytest

from integration.tests.conftest import KINDS
from integration.tests.serving import START, Served

USAGE, FAILED = 2, 3

GOOD = "async def app(scope, receive, send): ..."
RAISES_AT_START = """
async def app(scope, receive, send):
    await receive()
    raise RuntimeError("no database")
"""
REFUSES_TO_START = """
async def app(scope, receive, send):
    await receive()
    await send({"type": "lifespan.startup.failed", "message": "no database"})
"""
STARLETTE_RAISES = """
import contextlib
from starlette.applications import Starlette
@contextlib.asynccontextmanager
async def lifespan(app):
    raise RuntimeError("no database")
    yield
app = Starlette(lifespan=lifespan)
"""
HANGS_AT_START = """
import asyncio
async def app(scope, receive, send):
    await receive()
    await asyncio.Event().wait()
"""


@pytest.fixture
def module(tmp_path: Path) -> Path:
    return tmp_path / "served.py"


def outcome(folder: Path, *flags: str, app: str = "served:app") -> tuple[int, str]:
    served = Served(app, *flags, cwd=folder)
    status = served.wait(START)
    assert "Exception ignored" not in served.log.text
    assert "Warning" not in served.log.text
    return status, served.log.text


def sentences(log: str) -> list[str]:
    """What is addressed to the person at the terminal."""
    return re.findall(r"^pounce: (.+)$", log, re.MULTILINE)


def test_a_port_that_is_taken(module: Path) -> None:
    module.write_text(GOOD)
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        status, log = outcome(module.parent, f"--port={port}")
    assert status == FAILED
    [sentence] = sentences(log)
    assert f"127.0.0.1:{port} is in use" in sentence
    assert "Traceback" not in log


@pytest.mark.parametrize(
    ("kind", "source"),
    [
        ("threads", RAISES_AT_START),
        ("threads", REFUSES_TO_START),
        ("threads", STARLETTE_RAISES),
        ("processes", STARLETTE_RAISES),
    ],
    ids=["raises", "refuses", "starlette", "starlette in processes"],
    scope="function",
)
def test_an_application_that_fails_to_start(module: Path, kind: str, source: str) -> None:
    module.write_text(source)
    status, log = outcome(module.parent, *KINDS[kind])
    assert status == FAILED
    [sentence] = sentences(log)
    assert "no database" in sentence
    assert "serves" not in log


def test_an_application_that_does_not_finish_its_start(module: Path) -> None:
    module.write_text(HANGS_AT_START)
    status, log = outcome(module.parent, "--timeout-startup=0.2")
    assert status == FAILED
    [sentence] = sentences(log)
    assert "--timeout-startup" in sentence
    assert "Traceback" not in log


def test_an_application_without_lifespan_is_served(module: Path) -> None:
    module.write_text("async def app(scope, receive, send): raise KeyError(scope['path'])")
    with Served("served:app", cwd=module.parent):
        pass


def test_an_application_without_lifespan_where_there_is_to_be_one(module: Path) -> None:
    module.write_text("async def app(scope, receive, send): raise KeyError(scope['path'])")
    status, log = outcome(module.parent, "--lifespan=on")
    assert status == FAILED
    [sentence] = sentences(log)
    assert "--lifespan" in sentence
    assert "Traceback" not in log


def test_a_module_that_is_not_there(module: Path) -> None:
    status, log = outcome(module.parent, app="nowhere:app")
    assert status == FAILED
    [sentence] = sentences(log)
    assert '"nowhere"' in sentence
    assert "Traceback" not in log


def test_a_name_that_is_not_there(module: Path) -> None:
    module.write_text(GOOD)
    status, log = outcome(module.parent, app="served:ap")
    assert status == FAILED
    [sentence] = sentences(log)
    assert 'did you mean "app"?' in sentence
    assert "Traceback" not in log


@pytest.mark.parametrize("kind", ["threads", "processes"], scope="function")
def test_a_module_that_fails(module: Path, kind: str) -> None:
    module.write_text("import nothing_of_this_name")
    status, log = outcome(module.parent, *KINDS[kind])
    assert status == FAILED
    [sentence] = sentences(log)
    assert "nothing_of_this_name" in sentence
    # The person who wrote it is shown where, and none of the server's own frames.
    assert f'File "{module}", line 1' in log
    assert "/pounce/" not in log


def test_a_flag_that_is_not_there(module: Path) -> None:
    module.write_text(GOOD)
    status, log = outcome(module.parent, "--wokers=4")
    assert status == USAGE
    [sentence] = sentences(log)
    assert "--workers" in sentence
    assert "Traceback" not in log
