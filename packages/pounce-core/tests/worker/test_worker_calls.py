"""Requests that reach an application on a worker's own loop, from the bytes to the bytes."""

import asyncio
import contextvars
import logging
import os
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pounce.protocol.asgi import Receive, Scope, Send
from pounce.protocol.limits import Limits

if TYPE_CHECKING:
    from tests.worker.conftest import Serve

PATIENCE = 30.0
GET = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"
LARGE = 20_000_000
"""Bytes, more than both kernel buffers of a loopback connection take."""


async def answer(send: Send, body: bytes = b"", status: int = 200) -> None:
    await send({"type": "http.response.start", "status": status, "headers": []})
    await send({"type": "http.response.body", "body": body})


async def hello(_scope: Scope, _receive: Receive, send: Send) -> None:
    await answer(send, b"hello")


def get(path: str, *fields: str) -> bytes:
    return "\r\n".join([f"GET {path} HTTP/1.1", "host: a", *fields, "", ""]).encode()


def test_a_request_is_answered(serve: Serve) -> None:
    with serve(hello).connect() as wire:
        wire.send(GET)
        assert wire.read_response().body == b"hello"


def test_the_application_is_called_once_for_each_request(serve: Serve) -> None:
    paths: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        paths.append(scope["path"])
        await answer(send)

    with serve(app).connect() as wire:
        for number in range(40):
            wire.send(get(f"/{number}"))
        for _ in range(40):
            assert wire.read_response().complete
    assert paths == [f"/{number}" for number in range(40)]


def test_each_call_runs_in_a_task_of_its_own(serve: Serve) -> None:
    tasks: list[asyncio.Task[Any] | None] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        tasks.append(asyncio.current_task())
        await answer(send)

    with serve(app).connect() as wire:
        for _ in range(2):
            wire.send(GET)
            wire.read_response()
    first, second = tasks
    assert first is not None
    assert second is not None
    assert first is not second


def test_the_context_of_one_call_is_not_seen_by_another(serve: Serve) -> None:
    variable: contextvars.ContextVar[int] = contextvars.ContextVar("variable", default=0)
    seen: list[int] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(variable.get())
        variable.set(1)
        await asyncio.sleep(0)
        seen.append(variable.get())
        await answer(send)

    with serve(app).connect() as wire:
        for _ in range(2):
            wire.send(GET)
            wire.read_response()
    assert seen == [0, 1, 0, 1]


def test_calls_of_different_connections_run_side_by_side(serve: Serve) -> None:
    together: list[asyncio.Event] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        together.append(asyncio.Event())
        if len(together) == 10:
            for event in together:
                event.set()
        await together[-1].wait()
        await answer(send)

    server = serve(app)
    wires = [server.connect() for _ in range(10)]
    for wire in wires:
        wire.send(GET)
    for wire in wires:
        assert wire.read_response().status == 200
        wire.close()


def test_a_body_is_streamed_to_the_application(serve: Serve) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        body = b""
        more = True
        while more:
            message = await receive()
            body += message["body"]
            more = message["more_body"]
        await answer(send, body)

    data = os.urandom(1_000_000)
    with serve(app).connect() as wire:
        wire.send(b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1000000\r\n\r\n" + data)
        assert wire.read_response().body == data


def test_send_waits_for_a_slow_reader(serve: Serve) -> None:
    steps: list[str] = []
    first = threading.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200})
        asyncio.get_running_loop().call_later(0.05, first.set)
        await send({"type": "http.response.body", "body": b"x" * LARGE, "more_body": True})
        steps.append("sent")
        await send({"type": "http.response.body"})

    with serve(app).connect() as wire:
        wire.send(GET)
        assert first.wait(PATIENCE)
        assert steps == []
        assert len(wire.read_response().body) == LARGE
    assert steps == ["sent"]


def test_send_fails_when_the_client_leaves_while_it_waits(serve: Serve) -> None:
    errors: list[BaseException] = []
    done = threading.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200})
        try:
            await send({"type": "http.response.body", "body": b"x" * LARGE, "more_body": True})
        except OSError as error:
            errors.append(error)
            raise
        finally:
            done.set()

    with serve(app).connect() as wire:
        wire.send(GET)
        wire.read_until(b"\r\n\r\n")
        wire.reset()
    assert done.wait(PATIENCE)
    assert len(errors) == 1


@pytest.mark.parametrize("way", ["close", "reset"])
def test_the_application_is_told_that_its_client_left(serve: Serve, way: str) -> None:
    messages: list[str] = []
    started, done = threading.Event(), threading.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        messages.append((await receive())["type"])
        started.set()
        messages.append((await receive())["type"])
        done.set()

    with serve(app).connect() as wire:
        wire.send(GET)
        assert started.wait(PATIENCE)
        assert messages == ["http.request"]
        getattr(wire, way)()
    assert done.wait(PATIENCE)
    assert messages == ["http.request", "http.disconnect"]


@pytest.mark.parametrize(
    "fault",
    [ValueError, KeyboardInterrupt, SystemExit, GeneratorExit, asyncio.CancelledError],
)
@pytest.mark.parametrize("waits", [False, True], ids=["eager", "later"])
def test_no_fault_of_the_application_ends_the_worker(
    serve: Serve, fault: type[BaseException], waits: bool
) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/fault":
            if waits:
                await asyncio.sleep(0)
            raise fault
        await answer(send)

    server = serve(app)
    with server.connect() as wire:
        wire.send(get("/fault"))
        assert wire.read_response().status == 500
    with server.connect() as wire:
        wire.send(GET)
        assert wire.read_response().status == 200


def test_a_call_in_excess_is_refused_and_those_under_way_are_not(serve: Serve) -> None:
    started, go = threading.Event(), asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        started.set()
        await go.wait()
        await answer(send)

    server = serve(app, limits=Limits(concurrency=1))
    with server.connect() as first, server.connect() as second, server.connect() as third:
        first.send(GET)
        assert started.wait(PATIENCE)
        second.send(GET)
        assert second.read_response().status == 503
        server.call(go.set)
        assert first.read_response().status == 200
        third.send(GET)
        assert third.read_response().status == 200
    assert server.worker.refusals == {"concurrency": 1}


def test_a_call_that_outlives_its_time_is_cancelled(serve: Serve) -> None:
    cancelled = threading.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await asyncio.sleep(PATIENCE)
        except asyncio.CancelledError:
            cancelled.set()
            raise

    with serve(app, limits=Limits(request_timeout=0.01)).connect() as wire:
        wire.send(GET)
        assert wire.read_response().status == 503
    assert cancelled.wait(PATIENCE)


def test_a_worn_worker_says_so_once(serve: Serve) -> None:
    worn: list[bool] = []
    said = threading.Event()
    server = serve(hello, most_requests=3)

    def on_worn() -> None:
        worn.append(True)
        said.set()

    server.worker.calls.on_worn = on_worn
    with server.connect() as wire:
        for _ in range(6):
            wire.send(GET)
            wire.read_response()
        assert said.wait(PATIENCE)
        wire.send(GET)
        wire.read_response()
    assert worn == [True]


def test_an_application_may_ask_the_worker_that_serves_it(serve: Serve) -> None:
    """Its own server, client, subprocess and request run on the one loop."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/inner":
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-c", "print('child')", stdout=asyncio.subprocess.PIPE
            )
            out, _ = await process.communicate()
            await answer(send, out.strip())
            return
        reader, writer = await asyncio.open_connection(*server.address)
        writer.write(get("/inner", "connection: close"))
        got = await reader.read()
        writer.close()
        await writer.wait_closed()
        await answer(send, got.rpartition(b"\r\n\r\n")[2])

    server = serve(app)
    with server.connect() as wire:
        wire.send(get("/outer"))
        assert wire.read_response().body == b"child"


# Files


def write(folder: Path, name: str, data: bytes) -> str:
    path = folder / name
    path.write_bytes(data)
    return str(path)


async def send_path(send: Send, path: str) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.pathsend", "path": path})


@pytest.mark.parametrize("size", [0, 1, LARGE])
def test_a_file_is_sent(serve: Serve, tmp_path: Path, size: int) -> None:
    data = os.urandom(size)
    path = write(tmp_path, "file", data)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send_path(send, path)

    with serve(app).connect() as wire:
        for _ in range(2):
            wire.send(GET)
            response = wire.read_response()
            assert response.body == data
            assert response.value(b"content-length") == b"%d" % size


def test_a_file_that_is_not_there_is_a_500(serve: Serve, tmp_path: Path) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send_path(send, str(tmp_path / "nothing"))

    with serve(app).connect() as wire:
        wire.send(GET)
        assert wire.read_response().status == 500


def test_a_cancelled_file_is_never_continued_with_another(serve: Serve, tmp_path: Path) -> None:
    """The number of a closed descriptor is soon another file's."""
    public = write(tmp_path, "public", b"p" * LARGE)
    secret = write(tmp_path, "secret", b"s" * LARGE)
    begun, opened = asyncio.Event(), threading.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        sending = asyncio.ensure_future(send_path(send, public))
        await begun.wait()
        sending.cancel()
        await asyncio.wait([sending])
        with Path(secret).open("rb"):  # noqa: ASYNC230 - what an application does
            opened.set()
            await asyncio.sleep(PATIENCE)

    server = serve(app)
    with server.connect() as wire:
        wire.send(GET)
        wire.read_until(b"\r\n\r\n")
        server.call(begun.set)
        assert opened.wait(PATIENCE)
        body = wire.read_bytes(LARGE)
    assert len(body) == LARGE
    assert b"s" not in body


def test_a_call_that_swallows_its_refusal_leaves_a_word_in_the_log(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(b"content-length", b"1")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        try:
            await send({"type": "http.response.body", "body": b"too long"})
        except RuntimeError:
            pass

    with caplog.at_level(logging.ERROR, "pounce.error"), serve(app).connect() as wire:
        wire.send(GET)
        assert wire.read_response().status == 500
    assert len(caplog.records) == 1
