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

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--ignore-certificate-errors",
)


@contextmanager
def browsing(url: str, profile: Path) -> Iterator[None]:
    """A browser with a page open, until the block ends."""
    chromium = programs.find(["chromium"])["chromium"]
    browser = subprocess.Popen(
        [chromium, *FLAGS, f"--user-data-dir={profile}", "--remote-debugging-port=0", url],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield
    finally:
        os.killpg(browser.pid, signal.SIGKILL)
        browser.wait()


def visit(served: Served, profile: Path, record: Record, token: str) -> dict[str, Any]:
    """What the page says that it has seen."""
    with browsing(f"{served.urls[0]}/?{token}", profile):
        found: dict[str, Any] = record.wait(token, "seen")[0]
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
        seen = visit(served, tmp_path / "profile", record, token)
    assert seen == {
        "fetch": True,
        "many": True,
        "events": ["0", "1", "2"],
        "message": f"hello over HTTP/{version}",
        "close": [3000, True],
        "protocol": protocol,
    }
