"""A pytest plugin: a free-threaded build runs its tests with the GIL off, all of them.

Load it with `-p pounce.testing.gil`. An extension module that is not made for free threading
switches the GIL on while it is imported, and everything goes on working, only no longer in
parallel; so the run fails if the GIL is on when it starts or when it ends, be it in one of the
processes that pytest-xdist shares the tests out among. A run whose caller asked for the GIL
(`PYTHON_GIL=1`, `-X gil=1`) is to have it, and fails if it is off. It never switches the GIL
itself, and leaves alone a build that always has one.
"""

import os
import sys
import sysconfig
from typing import Any, Final

import pytest

SEEN: Final = pytest.StashKey[list[str]]()
"""What was wrong with the GIL, where and when."""
WRONG: Final = {
    "on": "the GIL is on, on a build that runs without it,",
    "denied": "the GIL is off, though it was asked for,",
}


def gil() -> str:
    """`off`, `on`, `asked for` (on, by the caller's wish), `denied` (off, against it), or `always`
    (no build without)."""
    if not sysconfig.get_config_var("Py_GIL_DISABLED"):
        return "always"
    options = sys._xoptions  # pyright: ignore[reportPrivateUsage] - documented
    wished = options.get("gil", os.environ.get("PYTHON_GIL")) == "1"
    if sys._is_gil_enabled():  # pyright: ignore[reportPrivateUsage] - documented
        return "asked for" if wished else "on"
    return "denied" if wished else "off"


def look(config: pytest.Config, when: str) -> None:
    """Ends the run if the GIL is wrong, or was in a process that took a share of the tests."""
    seen = config.stash.setdefault(SEEN, [])
    wrong = WRONG.get(gil())
    if wrong is not None:
        seen.append(f"{wrong} {when} the tests")
    output: dict[str, object] | None = getattr(config, "workeroutput", None)
    if output is not None:
        # Such a process: it tells the one that started it, which ends the run.
        output["gil"] = seen
    elif seen:
        pytest.exit("; ".join(seen), returncode=1)


def pytest_report_header() -> str:
    return f"GIL: {gil()}"


def pytest_sessionstart(session: pytest.Session) -> None:
    look(session.config, "before")


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    look(session.config, "after")


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object) -> None:
    """pytest-xdist's word that one of its processes has ended; a crash is its own to tell."""
    if error is None:
        told = [f"{when} in {node.gateway.id}" for when in node.workeroutput["gil"]]
        node.config.stash[SEEN] += told
