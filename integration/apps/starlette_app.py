"""A Starlette application with what such applications have, written as if for any server.

Only the notes in the journal are for the tests.
"""

import asyncio
import tracemalloc
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypedDict

from starlette.applications import Starlette
from starlette.background import BackgroundTask, BackgroundTasks
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import (
    FileResponse,
    JSONResponse,
    PlainTextResponse,
    RedirectResponse,
    Response,
    StreamingResponse,
)
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.websockets import WebSocket

from integration.apps.journal import note

HERE = Path(__file__).parent


class Deliberate(Exception):
    """Raised by an endpoint that is to fail."""


class State(TypedDict):
    loop: int
    visits: list[str]
    count: int


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncGenerator[State]:
    note("lifespan", "startup")
    yield {"loop": id(asyncio.get_running_loop()), "visits": [], "count": 0}
    note("lifespan", "shutdown")


class Stamp(BaseHTTPMiddleware):
    """Starlette's own middleware base, which wraps receive and send."""

    async def dispatch(self, request: Request, call_next: RequestResponseEndpoint) -> Response:
        response = await call_next(request)
        response.headers["x-stamp"] = request.url.path
        return response


async def show(request: Request) -> Response:
    return JSONResponse(
        {
            "path": request.path_params,
            "query": request.query_params.multi_items(),
            "cookies": request.cookies,
            "url": str(request.url),
            "here": str(request.url_for("show", name="x", number=1)),
            "root_path": request.scope["root_path"],
        }
    )


async def take_json(request: Request) -> Response:
    return JSONResponse(await request.json())


async def take_form(request: Request) -> Response:
    async with request.form() as form:
        return JSONResponse(list(form.multi_items()))


async def upload(request: Request) -> Response:
    """A multipart form, whose files Starlette keeps on disk."""
    async with request.form() as form:
        file = form["file"]
        assert not isinstance(file, str)
        size = 0
        while piece := await file.read(1 << 20):
            size += len(piece)
        return JSONResponse({"name": file.filename, "size": size, "note": form["note"]})


async def in_use(request: Request) -> Response:
    """The bytes that Python has in use, and the most that they were since this was last asked.

    Python counts them where it was started to (PYTHONTRACEMALLOC).
    """
    now, peak = tracemalloc.get_traced_memory()
    tracemalloc.reset_peak()
    return JSONResponse({"now": now, "peak": peak})


async def stream_in(request: Request) -> Response:
    size = 0
    async for piece in request.stream():
        size += len(piece)
    return JSONResponse(size)


async def stream_in_noted(request: Request) -> Response:
    token = request.query_params["token"]
    try:
        async for _ in request.stream():
            note(token, "piece")
    except ClientDisconnect:
        note(token, "left")
        raise
    return PlainTextResponse("whole")


async def stream_out(request: Request) -> Response:
    async def pieces() -> AsyncGenerator[bytes]:
        for number in range(5):
            yield b"%d\n" % number
            await asyncio.sleep(0)

    return StreamingResponse(pieces(), media_type="text/plain")


async def endless(request: Request) -> Response:
    """A stream that waits between its pieces, and never ends by itself."""
    token = request.query_params["token"]

    async def pieces() -> AsyncGenerator[bytes]:
        try:
            while True:
                yield b"piece\n"
                await asyncio.sleep(0.05)
        finally:
            note(token, "closed")

    return StreamingResponse(pieces(), media_type="text/plain")


async def waiting(request: Request) -> Response:
    """A stream that waits for something which never happens, as for the news of a quiet day."""
    token = request.query_params["token"]

    async def pieces() -> AsyncGenerator[bytes]:
        try:
            yield b"piece\n"
            await asyncio.Event().wait()
        finally:
            note(token, "closed")

    return StreamingResponse(pieces(), media_type="text/plain")


async def flood(request: Request) -> Response:
    """A stream that never waits for anything but its client."""
    token = request.query_params["token"]

    async def pieces() -> AsyncGenerator[bytes]:
        try:
            while True:
                yield b"x" * 65_536
        finally:
            note(token, "closed")

    return StreamingResponse(pieces(), media_type="text/plain")


async def events(request: Request) -> Response:
    """Server-sent events without end, ten a second."""
    token = request.query_params["token"]

    async def pieces() -> AsyncGenerator[str]:
        try:
            for number in range(1_000_000):
                yield f"id: {number}\ndata: event\n\n"
                await asyncio.sleep(0.1)
        finally:
            note(token, "closed")

    return StreamingResponse(pieces(), media_type="text/event-stream")


async def disconnected(request: Request) -> Response:
    """Asks again and again whether its client is there, as the documentation shows."""
    token = request.query_params["token"]
    note(token, "there", await request.is_disconnected())
    while not await request.is_disconnected():  # noqa: ASYNC110 - there is no event to wait for
        await asyncio.sleep(0.01)
    note(token, "gone")
    return PlainTextResponse("nobody reads this")


async def background(request: Request) -> Response:
    token = request.query_params["token"]

    async def later() -> None:
        note(token, "task began")
        # As long as it takes the client to ask for something else.
        await released.wait()
        note(token, "task ended")

    def in_thread() -> None:
        note(token, "thread ran")

    released = RELEASED[token] = asyncio.Event()
    tasks = BackgroundTasks([BackgroundTask(later), BackgroundTask(in_thread)])
    return JSONResponse({"accepted": True}, background=tasks)


RELEASED: dict[str, asyncio.Event] = {}


async def release(request: Request) -> Response:
    RELEASED.pop(request.query_params["token"]).set()
    return Response(status_code=204)


async def fail(request: Request) -> Response:
    raise Deliberate(request.query_params["token"])


async def fail_streaming(request: Request) -> Response:
    async def pieces() -> AsyncGenerator[bytes]:
        yield b"half"
        raise Deliberate(request.query_params["token"])

    return StreamingResponse(pieces(), media_type="text/plain")


async def teapot(request: Request) -> Response:
    raise HTTPException(418, "short and stout", {"x-tea": "yes"})


async def state(request: Request) -> Response:
    """The state is a copy for each request; what is in it is shared."""
    leaked = hasattr(request.state, "mine")
    request.state.mine = request.query_params["token"]
    request.state.count += 1
    request.state.visits.append(request.state.mine)
    return JSONResponse(
        {
            "count": request.state.count,
            "leaked": leaked,
            "own loop": id(asyncio.get_running_loop()) == request.state.loop,
            "worker": request.state.loop,
            "visits": request.state.visits.count(request.state.mine),
        }
    )


async def file(request: Request) -> Response:
    note(request.query_params.get("token", ""), "extensions", list(request.scope["extensions"]))
    return FileResponse(request.query_params.get("path", __file__), filename="file")


async def redirect(request: Request) -> Response:
    return RedirectResponse(request.url_for("show", name="there", number=2))


async def set_cookies(request: Request) -> Response:
    response = PlainTextResponse("cookies")
    response.set_cookie("a", "1")
    response.set_cookie("b", "2")
    return response


async def raw(scope: Any, receive: Any, send: Any) -> None:
    """A mounted ASGI application sees where it is mounted."""
    response = JSONResponse({"root_path": scope["root_path"], "path": scope["path"]})
    await response(scope, receive, send)


async def large(request: Request) -> Response:
    return PlainTextResponse("x" * 10_000)


wrapped = Starlette(
    routes=[Route("/large", large)],
    middleware=[Middleware(Stamp), Middleware(GZipMiddleware)],
)


async def shout(socket: WebSocket) -> None:
    await socket.accept(subprotocol=socket.scope["subprotocols"][0], headers=[(b"x-a", b"b")])
    async for text in socket.iter_text():
        await socket.send_text(text.upper())
    note(socket.query_params["token"], "left")


async def ticker(socket: WebSocket) -> None:
    """Sends on its own, beside what it receives, until the client leaves."""
    await socket.accept()

    async def tick() -> None:
        while True:
            await socket.send_bytes(b"tick")
            await asyncio.sleep(0.01)

    async with asyncio.TaskGroup() as tasks:
        ticking = tasks.create_task(tick())
        await socket.receive_text()
        ticking.cancel()
    await socket.close(4000, "enough")


async def members(socket: WebSocket) -> None:
    await socket.send_denial_response(PlainTextResponse("members only", 401))


app = Starlette(
    lifespan=lifespan,
    routes=[
        Route("/show/{name}/{number:int}", show, name="show"),
        Route("/json", take_json, methods=["POST"]),
        Route("/form", take_form, methods=["POST"]),
        Route("/upload", upload, methods=["POST"]),
        Route("/in-use", in_use),
        Route("/stream-in", stream_in, methods=["POST"]),
        Route("/stream-in-noted", stream_in_noted, methods=["POST"]),
        Route("/stream-out", stream_out),
        Route("/endless", endless),
        Route("/waiting", waiting),
        Route("/flood", flood),
        Route("/events", events),
        Route("/disconnected", disconnected),
        Route("/background", background),
        Route("/release", release),
        Route("/fail", fail),
        Route("/fail-streaming", fail_streaming),
        Route("/teapot", teapot),
        Route("/state", state),
        Route("/file", file),
        Route("/redirect", redirect),
        Route("/cookies", set_cookies),
        WebSocketRoute("/shout", shout),
        WebSocketRoute("/ticker", ticker),
        WebSocketRoute("/members", members),
        Mount("/raw", raw),
        Mount("/wrapped", wrapped),
        Mount("/static", StaticFiles(directory=HERE)),
    ],
)
