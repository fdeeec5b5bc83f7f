"""A program that embeds the server: starts and stops it many times, and says what that leaves.

Called with a number of cycles, of workers and their kind; prints what the process had after a
tenth of the cycles and what it has at the end, in JSON.
"""

import faulthandler
import gc
import json
import os
import sys
import threading
import time
import urllib.request
from pathlib import Path
from typing import Any

import pounce


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
        return
    headers = [(b"content-length", b"2")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"ok"})


def cycle(workers: int, kind: str) -> None:
    server = pounce.Server(
        "integration.apps.cycles:app",
        port=0,
        workers=workers,
        worker_type=kind,
        access_log=False,
        log_level="error",
    )
    server.start()
    with urllib.request.urlopen(f"{server.addresses[0]}/", timeout=60) as response:
        assert response.read() == b"ok"
    server.stop()
    server.wait()


def tasks() -> int:
    """The system's threads: those of Python, and the one that watches for a hang.

    One that has been joined may take a moment more to go.
    """
    expected = threading.active_count() + 1
    deadline = time.monotonic() + 60
    while (count := len(list(Path("/proc/self/task").iterdir()))) > expected:
        if time.monotonic() >= deadline:
            break
        time.sleep(0.001)
    return count


def held() -> dict[str, int]:
    gc.collect()
    fields = Path("/proc/self/statm").read_text().split()
    return {
        "threads": threading.active_count(),
        "tasks": tasks(),
        "descriptors": len(list(Path("/proc/self/fd").iterdir())),
        "objects": len(gc.get_objects()),
        "blocks": sys.getallocatedblocks(),
        "resident": int(fields[1]) * os.sysconf("SC_PAGE_SIZE"),
    }


def main(cycles: int, workers: int, kind: str) -> None:
    for _ in range(max(1, cycles // 10)):
        cycle(workers, kind)
    before = held()
    for _ in range(cycles):
        cycle(workers, kind)
    print(json.dumps([before, held()]))


if __name__ == "__main__":
    # One that hangs shows where, before who called it loses patience.
    faulthandler.dump_traceback_later(240, exit=True)
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
