"""An application in a file that a test writes again and again, always with as many bytes, as an
editor may do within one second.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

SOURCE: Final = """\
import asyncio
import json
import logging
import os
import threading

VERSION = "%s"
kept = []


async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await receive()
        scope["state"]["started"] = VERSION
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
        return
    assert scope["state"]["started"] == VERSION
    body = b""
    if scope["path"] == "/slow":
        await asyncio.sleep(0.05)
    elif scope["path"] == "/grow":
        kept.append(bytearray(b"x") * (8 << 20))
    elif scope["path"] == "/log":
        logging.getLogger("served").warning("asked: %%s", scope["query_string"].decode())
    body = f"{VERSION} {os.getpid()} {threading.get_ident()}".encode()
    headers = [(b"content-length", b"%%d" %% len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
"""


class Changing:
    """The application `served:app`, which answers with its version, its process and its thread."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file = folder / "served.py"
        self.write(1)

    def write(self, number: int) -> None:
        """Writes a version of it, in place, and at one stroke: nobody finds half of it, or an empty
        file, however long this process pauses here.
        """
        source = self.source(number).encode()
        descriptor = os.open(self.file, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            assert os.write(descriptor, source) == len(source)
            if os.fstat(descriptor).st_size != len(source):
                os.ftruncate(descriptor, len(source))
        finally:
            os.close(descriptor)

    @staticmethod
    def source(number: int) -> str:
        return SOURCE % version(number)


def version(number: int) -> str:
    return f"v{number:04}"


def has_version(number: int) -> Callable[[bytes], bool]:
    """Tells whether an answer is of that version."""
    return lambda body: version_of(body) == version(number)


def version_of(body: bytes) -> str:
    return body.split()[0].decode()


def pid_of(body: bytes) -> int:
    return int(body.split()[1])


def thread_of(body: bytes) -> int:
    return int(body.split()[2])
