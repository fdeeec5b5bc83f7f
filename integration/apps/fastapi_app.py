"""A FastAPI application with what such applications have, written as if for any server.

Only the notes in the journal are for the tests.
"""

import asyncio
import threading
import time
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import Annotated, Any

from fastapi import (
    BackgroundTasks,
    Depends,
    FastAPI,
    Form,
    Header,
    HTTPException,
    Query,
    Request,
    UploadFile,
    WebSocket,
    WebSocketDisconnect,
    WebSocketException,
)
from fastapi import File as Upload
from fastapi.responses import FileResponse, StreamingResponse
from pydantic import BaseModel, Field

from integration.apps.journal import note

VARIABLE: ContextVar[str] = ContextVar("VARIABLE", default="fresh")


class Deliberate(Exception):
    """Raised by an endpoint that is to fail."""


class Item(BaseModel):
    name: str = Field(min_length=1)
    price: float = Field(gt=0)
    tags: list[str] = []


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncGenerator[dict[str, Any]]:
    yield {"started": True}


app = FastAPI(lifespan=lifespan)


@app.get("/")
async def home(request: Request) -> dict[str, Any]:
    return {"hello": "world", "started": request.state.started}


@app.post("/items", status_code=201)
async def create(item: Item) -> Item:
    return item.model_copy(update={"tags": [*item.tags, "created"]})


@app.get("/items/{number}")
async def read(
    number: int,
    q: Annotated[list[str], Query()] = [],  # noqa: B006 - as FastAPI's documentation has it
    agent: Annotated[str | None, Header(alias="x-agent")] = None,
) -> dict[str, Any]:
    if number == 404:
        raise HTTPException(404, "no such item")
    return {"number": number, "q": q, "agent": agent}


@app.post("/form")
async def form(name: Annotated[str, Form()], age: Annotated[int, Form()]) -> dict[str, Any]:
    return {"name": name, "age": age}


@app.post("/upload")
async def upload(
    file: Annotated[UploadFile, Upload()], remark: Annotated[str, Form()]
) -> dict[str, Any]:
    size = 0
    while piece := await file.read(1 << 20):
        size += len(piece)
    return {"name": file.filename, "size": size, "remark": remark}


@app.get("/sync")
def in_thread() -> dict[str, int]:
    """A plain function, which FastAPI runs in a pool of threads."""
    return {"thread": threading.get_ident()}


@app.get("/sleep")
def sleep(token: str) -> str:
    """Blocks a thread of the pool for longer than anybody waits."""
    note(token, "sleeps")
    time.sleep(600)
    return "slept"


def resource(token: str = "") -> Generator[str]:
    note(token, "opened")
    yield "resource"
    note(token, "closed")


@app.get("/depends")
async def depends(given: Annotated[str, Depends(resource)]) -> dict[str, str]:
    return {"given": given}


@app.get("/background")
async def background(tasks: BackgroundTasks, token: str) -> dict[str, bool]:
    tasks.add_task(note, token, "task ran")
    return {"accepted": True}


@app.get("/stream")
async def stream() -> StreamingResponse:
    async def pieces() -> AsyncGenerator[str]:
        for number in range(5):
            yield f"{number}\n"
            await asyncio.sleep(0)

    return StreamingResponse(pieces(), media_type="text/plain")


@app.get("/stream-sync")
def stream_sync() -> StreamingResponse:
    """A plain generator, each step of which runs in the pool."""
    return StreamingResponse((f"{number}\n" for number in range(5)), media_type="text/plain")


@app.get("/file")
async def file() -> FileResponse:
    return FileResponse(__file__)


@app.get("/context")
async def context() -> str:
    found = VARIABLE.get()
    VARIABLE.set("used")
    return found


@app.get("/fail")
async def fail(token: str) -> None:
    raise Deliberate(token)


@app.get("/where")
async def where(request: Request) -> dict[str, str]:
    return {"url": str(request.url_for("where")), "root_path": request.scope["root_path"]}


@app.websocket("/rooms/{room}")
async def chat(
    socket: WebSocket,
    room: int,
    name: Annotated[str, Query()],
    agent: Annotated[str | None, Header(alias="x-agent")] = None,
) -> None:
    """Greets, and repeats what it is told as JSON until the client leaves."""
    if name == "nobody":
        raise WebSocketException(code=1008, reason="no name")
    await socket.accept()
    try:
        await socket.send_json({"room": room, "name": name, "agent": agent})
        while True:
            await socket.send_json({"said": await socket.receive_json()})
    except WebSocketDisconnect as left:
        note(name, "left", [left.code, left.reason])
