"""The lines with which the server says that it is there.

Decides their words; a pure function that asks nobody. It never logs or prints.
"""

from collections.abc import Sequence
from typing import Literal

type WorkerKind = Literal["threads", "processes"]


def banner(
    *,
    version: str,
    addresses: Sequence[str],
    workers: int,
    kind: WorkerKind,
    interpreter: str,
    gil: bool,
    protocols: Sequence[str],
    pid: int,
    terminal: bool = False,
) -> list[str]:
    """Says where to reach the server, and what it runs on, in two lines.

    Args:
        version: pounce's.
        addresses: as one would type them: `"http://127.0.0.1:8000"`, `"unix:/run/app.sock"`.
        workers: how many, 1 or more.
        kind: what a worker is.
        interpreter: name and version, such as `"CPython 3.14.9t"`.
        gil: whether the GIL is on.
        protocols: names as the registry has them, such as `"HTTP/1.1"`.
        pid: of the process that takes the signals.
        terminal: whether a person watches, who may press Ctrl-C.
    """
    word = kind if workers != 1 else {"threads": "thread", "processes": "process"}[kind]
    first = f"pounce {version} serves {_listed(addresses)}"
    if terminal:
        first += " - press Ctrl-C to stop"
    second = (
        f"{workers} worker {word}, {interpreter}, GIL {'on' if gil else 'off'}, "
        f"{' '.join(protocols)}, pid {pid}"
    )
    return [first, second]


def address(scheme: str, host: str, port: int) -> str:
    """A listener's address as one would type it; an address of all interfaces stays as it is."""
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


def _listed(names: Sequence[str]) -> str:
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} and {names[-1]}"
