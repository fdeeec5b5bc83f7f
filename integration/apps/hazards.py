"""An application with all that should never happen in a handler: it ends its worker, or blocks it.

It says who answers, so that a test can tell that somebody else does.
"""

import asyncio
import ctypes
import json
import os
import socket
import sys
import threading
import time
from typing import Any

from integration.apps.journal import note

type Scope = dict[str, Any]


class Fatal(BaseException):
    """Ends the thread of a worker."""


async def app(scope: Scope, receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        await lifespan(receive, send)
        return
    token = scope["query_string"].decode()
    note(token, "called", threading.get_native_id())
    match scope["path"]:
        case "/exit":
            os._exit(9)
        case "/segfault":
            ctypes.string_at(0)
        case "/leave":
            asyncio.get_running_loop().call_soon(lambda: sys.exit(1))
            await asyncio.sleep(0.01)
        case "/break":
            break_once(asyncio.get_running_loop())
            await asyncio.Event().wait()
        case "/block-for-long":
            time.sleep(60.0)  # noqa: ASYNC251 - as no application should
        case path if path.startswith("/block/"):
            this_function_blocks(int(path.split("/")[2]))
        case "/slow":
            await asyncio.sleep(0.3)
    body = json.dumps([os.getpid(), threading.get_native_id()]).encode()
    headers = [(b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def lifespan(receive: Any, send: Any) -> None:
    await receive()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    note("hazards", "shutdown", os.getpid())
    await send({"type": "lifespan.shutdown.complete"})


def break_once(loop: Any) -> None:
    """Has the loop itself raise at its next turn, which nothing that an application does should."""

    def turn() -> None:
        del loop._run_once
        raise Fatal("the loop is broken")

    loop._run_once = turn


def this_function_blocks(port: int) -> None:
    """Blocks until the test closes a socket."""
    with socket.create_connection(("127.0.0.1", port)) as gate:
        gate.recv(1)
