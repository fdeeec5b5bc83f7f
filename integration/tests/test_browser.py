"""A real browser, headless Chromium, with a page that fetches, listens to events and talks over a
WebSocket: over HTTP/1.1, and all of it over one HTTP/2 connection.
"""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from integration import programs
from integration.tests.record import Record
from integration.tests.serving import Served

PATIENCE = 200.0
"""Seconds for the start of a browser and all that the page does, on a busy machine."""
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--ignore-certificate-errors",
    "--remote-debugging-port=0",
)


@contextmanager
def browsing(url: str, folder: Path) -> Iterator[None]:
    """A browser with a page open, until the block ends; what it says is in the folder."""
    chromium = programs.find(["chromium"])["chromium"]
    with (folder / "said").open("wb") as said:
        browser = subprocess.Popen(
            [chromium, *FLAGS, f"--user-data-dir={folder}/profile", url],
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            start_new_session=True,
        )
    try:
        yield
    finally:
        os.killpg(browser.pid, signal.SIGKILL)
        browser.wait()


def visit(served: Served, folder: Path, record: Record, token: str) -> dict[str, Any]:
    """What the page says that it has seen."""
    with browsing(f"{served.urls[0]}/?{token}", folder):
        try:
            found: dict[str, Any] = record.wait(token, "seen", timeout=PATIENCE)[0]
        except AssertionError as error:
            error.add_note((folder / "said").read_text(errors="replace"))
            raise
    return found


@pytest.mark.parametrize(
    ("flags", "protocol", "version"),
    [((), "http/1.1", "1.1"), (("--ssl-dev",), "h2", "2")],
    ids=["plain", "tls"],
)
def test_a_page(
    flags: tuple[str, ...],
    protocol: str,
    version: str,
    tmp_path: Path,
    record: Record,
    token: str,
) -> None:
    env = record.env | {"XDG_STATE_HOME": str(tmp_path / "state")}
    with Served("browser", *flags, "--workers=2", env=env) as served:
        seen = visit(served, tmp_path, record, token)
    assert seen == {
        "fetch": True,
        "many": True,
        "events": ["0", "1", "2"],
        "message": f"hello over HTTP/{version}",
        "close": [3000, True],
        "protocol": protocol,
    }
