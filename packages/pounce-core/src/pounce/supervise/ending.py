"""Makes sure that a process ends when its work is done, whatever its application left running.

Decides when patience ends. Python waits at its end for functions in executors, and throws an
exception into tasks that it destroys; either may never return.
"""

import os
import sys
import threading
from time import sleep

PATIENCE = 2.0
"""Seconds that the interpreter has for its own end."""


def end_soon(status: int, *, now: bool = False) -> None:
    """Has the process end with `status`, now, or in `PATIENCE` seconds if it has not by then."""
    if now:
        _end(status)
    threading.Thread(target=_wait, args=(status,), name="pounce-ending", daemon=True).start()


def _wait(status: int) -> None:
    sleep(PATIENCE)
    _end(status)


def _end(status: int) -> None:
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()
    os._exit(status)
