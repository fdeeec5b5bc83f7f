"""The demo: a small Starlette application that a person can click through.

It decides nothing about the server and uses nothing of it: `uvicorn demo:app` serves it as well.
What is shared between requests is guarded by a lock, because they come on several threads.
"""

import asyncio
import hashlib
import html
import json
import platform
import secrets
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from os import getpid
from pathlib import Path
from string import Template
from typing import Any, Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import (
    HTMLResponse,
    JSONResponse,
    Response,
    StreamingResponse,
)
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

FOLDER: Final = Path(__file__).parent
PAGES: Final = {
    path.stem: Template(path.read_text("utf-8")) for path in (FOLDER / "pages").glob("*.html")
}

# A second import of this module would have another one.
COPY: Final = secrets.token_hex(3)
IMPORTED: Final = datetime.now(UTC)

LONGEST_MESSAGE: Final = 200
MOST_LINES: Final = 1_000


class Visits:
    """Counts the requests that each thread of this process has served."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: dict[tuple[int, str], int] = {}

    def add(self) -> None:
        thread = threading.current_thread()
        key = (thread.native_id or 0, thread.name)
        with self._lock:
            self._counts[key] = self._counts.get(key, 0) + 1

    def counts(self) -> list[dict[str, Any]]:
        with self._lock:
            counts = sorted(self._counts.items())
        return [{"id": key[0], "name": key[1], "requests": count} for key, count in counts]


class Board:
    """Hands each message to all who listen, whichever worker's loop they are on."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._listeners: dict[asyncio.Queue[str], asyncio.AbstractEventLoop] = {}

    @contextmanager
    def listening(self) -> Iterator[asyncio.Queue[str]]:
        """Gives the queue of messages of one listener, for the loop that runs here."""
        queue: asyncio.Queue[str] = asyncio.Queue(100)
        with self._lock:
            self._listeners[queue] = asyncio.get_running_loop()
        try:
            yield queue
        finally:
            with self._lock:
                del self._listeners[queue]

    def post(self, message: str) -> int:
        """Hands a message out; returns to how many."""
        with self._lock:
            listeners = list(self._listeners.items())
        for queue, loop in listeners:
            with suppress(RuntimeError):  # the loop has ended meanwhile
                loop.call_soon_threadsafe(_put, queue, message)
        return len(listeners)

    def __len__(self) -> int:
        with self._lock:
            return len(self._listeners)


def _put(queue: asyncio.Queue[str], message: str) -> None:
    # Who does not read gets no more.
    with suppress(asyncio.QueueFull):
        queue.put_nowait(message)


visits = Visits()
board = Board()


def facts() -> dict[str, Any]:
    """What served this request."""
    thread = threading.current_thread()
    return {
        "process": getpid(),
        "thread": {"id": thread.native_id, "name": thread.name},
        "copy": COPY,
        "imported": IMPORTED.isoformat(timespec="milliseconds"),
        "gil": sys._is_gil_enabled(),
        "interpreter": f"{platform.python_implementation()} {platform.python_version()}",
    }


def page(name: str, title: str, *, status: int = 200, **values: object) -> HTMLResponse:
    """A page of the folder, with values set in as text."""
    texts = {key: html.escape(str(value)) for key, value in values.items()}
    content = PAGES[name].substitute(texts)
    body = PAGES["layout"].substitute(title=html.escape(title), content=content)
    return HTMLResponse(body, status)


async def index(request: Request) -> Response:
    served = facts()
    return page(
        "index",
        "Welcome",
        interpreter=served["interpreter"],
        gil="on" if served["gil"] else "off",
        process=served["process"],
        thread=served["thread"]["name"],
    )


async def upload_page(request: Request) -> Response:
    return page("upload", "Upload")


async def stream_page(request: Request) -> Response:
    return page("stream", "Stream")


async def live_page(request: Request) -> Response:
    return page("live", "Live", longest=LONGEST_MESSAGE)


async def workers_page(request: Request) -> Response:
    return page("workers", "Workers")


async def hello(request: Request) -> Response:
    name = request.query_params.get("name", "world")
    return JSONResponse({"hello": name})


async def echo(request: Request) -> Response:
    """Says what the server made of the request."""
    scope = request.scope
    return JSONResponse(
        {
            "method": request.method,
            "url": str(request.url),
            "http_version": scope["http_version"],
            "client": scope["client"],
            "server": scope["server"],
            "extensions": sorted(scope.get("extensions", {})),
            "headers": request.headers.items(),
        }
    )


async def upload(request: Request) -> Response:
    """Takes a body as it comes, and keeps none of it."""
    began = time.monotonic()
    digest = hashlib.sha256()
    size = pieces = 0
    try:
        async for piece in request.stream():
            digest.update(piece)
            size += len(piece)
            pieces += bool(piece)
    except ClientDisconnect:
        # Nobody is there to be told.
        return Response(status_code=400)
    return JSONResponse(
        {
            "bytes": size,
            "sha256": digest.hexdigest(),
            "pieces": pieces,
            "seconds": round(time.monotonic() - began, 3),
        }
    )


async def stream(request: Request) -> Response:
    """Lines, one after the other: `?lines=20&pause=0.1`, the pause in seconds."""
    try:
        lines = int(request.query_params.get("lines", "20"))
        pause = float(request.query_params.get("pause", "0.1"))
    except ValueError:
        raise HTTPException(400, "lines and pause are numbers") from None
    if not (0 <= lines <= MOST_LINES and 0 <= pause <= 10):
        raise HTTPException(400, f"at most {MOST_LINES} lines, and 10 seconds between them")
    return StreamingResponse(_lines(lines, pause), media_type="text/plain")


async def _lines(count: int, pause: float) -> AsyncIterator[str]:
    for number in range(1, count + 1):
        if number > 1:
            await asyncio.sleep(pause)
        yield f"line {number} of {count}\n"


async def events(request: Request) -> Response:
    """Server-sent events: the time every second, and the messages of the board at once."""
    return StreamingResponse(
        _events(), media_type="text/event-stream", headers={"cache-control": "no-store"}
    )


async def _events() -> AsyncIterator[str]:
    with board.listening() as queue:
        while True:
            tick = {"time": datetime.now(UTC).strftime("%H:%M:%S UTC"), "listeners": len(board)}
            yield _event("tick", {**tick, "thread": threading.current_thread().name})
            with suppress(TimeoutError):
                async with asyncio.timeout(1):
                    while True:
                        yield _event("message", {"text": await queue.get()})


def _event(name: str, data: object) -> str:
    return f"event: {name}\ndata: {json.dumps(data)}\n\n"


async def post_message(request: Request) -> Response:
    """Takes a message as plain text."""
    text = (await request.body())[: LONGEST_MESSAGE * 4].decode("utf-8", "replace")
    text = text.strip()[:LONGEST_MESSAGE]
    if not text:
        raise HTTPException(400, "an empty message")
    return JSONResponse({"reached": board.post(text)})


async def who(request: Request) -> Response:
    """Which worker serves this request. It takes a moment, so that one alone does not get all."""
    visits.add()
    await asyncio.sleep(0.005)
    answer = {**facts(), "threads": visits.counts()}
    return JSONResponse(answer, headers={"cache-control": "no-store"})


async def failed(request: Request, error: Exception) -> Response:
    status, detail = 500, "Something went wrong"
    if isinstance(error, HTTPException):
        status, detail = error.status_code, error.detail
    if request.url.path.startswith("/api/"):
        return JSONResponse({"error": detail}, status)
    return page("error", str(status), status=status, code=status, detail=detail)


app = Starlette(
    routes=[
        Route("/", index),
        Route("/upload", upload_page),
        Route("/stream", stream_page),
        Route("/live", live_page),
        Route("/workers", workers_page),
        Route("/api/hello", hello),
        Route("/api/echo", echo, methods=["GET", "POST", "PUT", "DELETE"]),
        Route("/api/upload", upload, methods=["PUT", "POST"]),
        Route("/api/stream", stream),
        Route("/api/events", events),
        Route("/api/messages", post_message, methods=["POST"]),
        Route("/api/who", who),
        Mount("/static", StaticFiles(directory=FOLDER / "static")),
    ],
    exception_handlers={HTTPException: failed},
)
