"""The server inside of a program: hundreds of times, and made anew or larger while it serves."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import pounce
from integration.tests.changing import Changing, has_version, thread_of
from integration.tests.client import Client
from integration.tests.conftest import FREE_THREADED
from integration.tests.load import Load
from integration.tests.serving import ROOT

CYCLES = {("thread", 1): 40, ("thread", 2): 15, ("process", 1): 3}
"""How many starts, for each kind and number of workers: as many as the time allows. A thousand of
the first were tried by hand.
"""

KEPT = (32 if FREE_THREADED else 16) << 20
"""Bytes that the allocators may keep: mimalloc's heap for each thread takes hundreds of threads to
settle, also where they run nothing but an empty loop, and glibc's arenas are more when threads are
paused. What Python has in use is counted beside it.
"""
BLOCKS = 10_000
"""Blocks that Python may have more in use: a thousand, of which caches are made at first."""


@pytest.mark.parametrize(("kind", "workers"), CYCLES)
def test_starts_and_stops_leave_nothing(
    kind: str, workers: int, record_property: Callable[[str, object], None]
) -> None:
    cycles = CYCLES[kind, workers]
    command = [sys.executable, "-m", "integration.apps.cycles", str(cycles), str(workers), kind]
    began = time.monotonic()
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=280, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    before, after = json.loads(done.stdout)
    record_property("seconds a cycle", (time.monotonic() - began) / cycles / 1.1)
    record_property("growth", {key: after[key] - before[key] for key in before})
    assert after["threads"] == before["threads"] == 1
    assert after["tasks"] == before["tasks"]
    assert after["descriptors"] == before["descriptors"]
    assert after["objects"] <= before["objects"] + 100
    assert after["blocks"] <= before["blocks"] + BLOCKS
    assert after["resident"] <= before["resident"] + KEPT


@pytest.fixture
def code(tmp_path: Path) -> Changing:
    return Changing(tmp_path)


def address(server: pounce.Server) -> tuple[str, int]:
    host, _, port = server.addresses[0].removeprefix("http://").rpartition(":")
    return host, int(port)


@pytest.mark.parametrize("kind", ["thread", "process"])
def test_made_anew_and_larger_while_it_serves(kind: str, code: Changing) -> None:
    path = list(sys.path)
    try:
        with pounce.Server(
            "served:app",
            app_dir=str(code.folder),
            port=0,
            workers=1,
            worker_type=kind,
            access_log=False,
            log_level="error",
        ) as server:
            with Load(address(server)) as load:
                for number in (2, 3):
                    code.write(number)
                    server.reload()
                    load.wait(has_version(number))
                server.scale(+2)
                workers(server, 3)
                server.scale(-5)
                workers(server, 1)
            assert server.ready
        assert not server.ready
    finally:
        sys.path[:] = path
        sys.modules.pop("served", None)


def workers(server: pounce.Server, number: int) -> None:
    """Waits until so many workers have the connections."""
    members: object = None
    for _ in range(2_000):
        supervisor = server.supervisor
        assert supervisor is not None
        members = [member for member in supervisor.everyone() if member.ready]
        if len(members) == number:
            return
        with Client.to(address(server)) as client:
            assert thread_of(client.get("/slow").body)
    raise AssertionError(f"{members} are not {number} workers; pid {os.getpid()}")
