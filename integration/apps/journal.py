"""What an application tells the test of what it saw, on its way out: a line of JSON in a pipe.

The pipe is named in the environment. A line is shorter than PIPE_BUF, so that those of several
threads and processes do not mix.
"""

import json
import os
from functools import cache
from typing import Any

VARIABLE = "JOURNAL_OF_POUNCE_TESTS"


@cache
def _pipe() -> int:
    return os.open(os.environ[VARIABLE], os.O_WRONLY | os.O_CLOEXEC)


def note(token: str, what: str, detail: Any = None) -> None:
    """Says that something happened to the request or the worker that `token` names."""
    if VARIABLE in os.environ:
        os.write(_pipe(), json.dumps([token, what, detail]).encode() + b"\n")
