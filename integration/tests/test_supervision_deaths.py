"""Workers that die: others go on, the log says of what, a new one takes the place, and a crash loop
ends with status 4.
"""

import contextlib
import json
import os
import time
from pathlib import Path
from signal import SIGKILL, SIGTERM

import pytest

from integration.tests.changing import Changing
from integration.tests.client import Client
from integration.tests.load import Load
from integration.tests.processes import count, until, until_counted
from integration.tests.serving import START, Served, children
from pounce.supervise.stop_signals import AGAIN

CRASHED = 4

WAYS = {
    ("process", "/exit"): r"worker-\d+ \(pid \d+\) died: exit status 9",
    ("process", "/segfault"): r"worker-\d+ \(pid \d+\) died: SIGSEGV",
    ("process", "/break"): r"worker-\d+ .*died",
    ("thread", "/break"): r"worker-\d+ died of Fatal: the loop is broken",
}
"""How a worker can be killed from within, and what the log says of it."""


def flags_of(kind: str, workers: int = 2) -> tuple[str, ...]:
    return (f"--workers={workers}", f"--worker-type={kind}", "--no-access-log")


def answered_by(served: Served) -> list[int]:
    """Process and thread of who answers on a new connection."""
    with Client.to(served.address) as client:
        found: list[int] = json.loads(client.get("/").body)
        return found


def killed(served: Served, path: str) -> list[int]:
    """Has the worker of a new connection die; returns who that was, once the log has said so.

    Its client is cut off.
    """
    before = count(served, " died")
    with Client.to(served.address) as client:
        who: list[int] = json.loads(client.get("/").body)
        client.ask(path)
        assert client.read_until_closed() == b""
    until_counted(served, " died", before + 1)
    return who


def until_farewell(served: Served) -> list[int]:
    """Asks on new connections until one is told to close; returns who told it."""
    deadline = time.monotonic() + START
    while True:
        assert time.monotonic() < deadline
        with Client.to(served.address) as client:
            response = client.get("/")
            if response.value(b"connection") == b"close":
                who: list[int] = json.loads(response.body)
                return who


@pytest.mark.parametrize(("kind", "path"), WAYS)
def test_service_goes_on(kind: str, path: str) -> None:
    with Served("hazards", *flags_of(kind)) as served:
        served.announce(" died", "Segmentation fault", "Fatal")
        with Client.to(served.address) as other, Client.to(served.address) as another:
            # One with each thread; processes may both be with one.
            there = [json.loads(client.get("/").body) for client in (other, another)]
            for _ in range(2):
                gone = killed(served, path)
                assert answered_by(served) != gone
            for client, who in zip((other, another), there, strict=True):
                if kind == "process" and who[0] in children(served.pid):
                    assert json.loads(client.get("/").body) == who
        assert served.log.find(WAYS[kind, path])
        if kind == "process":
            assert served.process.poll() is None


def test_a_process_that_is_killed() -> None:
    with Served("hazards", *flags_of("process")) as served:
        served.announce(" died")
        before = children(served.pid)
        assert len(before) == 2
        os.kill(before[0], SIGKILL)
        assert served.log.find(rf"\(pid {before[0]}\) died: SIGKILL")
        seen = {answered_by(served)[0] for _ in range(10)}
        assert before[0] not in seen
        until(lambda: len(children(served.pid)) == 2, lambda: served.log.text)
        now = children(served.pid)
        assert before[1] in now
        assert before[0] not in now


@pytest.mark.parametrize("kind", ["thread", "process"])
def test_a_callback_that_wants_to_end_the_program_ends_nothing(kind: str) -> None:
    with Served("hazards", *flags_of(kind, 1)) as served, Client.to(served.address) as client:
        served.announce("SystemExit")
        who = json.loads(client.get("/").body)
        assert json.loads(client.get("/leave").body) == who
        assert served.log.find("SystemExit: 1")
        assert json.loads(client.get("/").body) == who


@pytest.mark.parametrize(
    ("kind", "path", "workers"),
    [("thread", "/break", 1), ("thread", "/break", 2), ("process", "/exit", 1)],
)
def test_the_budget_ends_a_crash_loop(kind: str, path: str, workers: int) -> None:
    with Served("hazards", *flags_of(kind, workers), "--limit-restarts=2") as served:
        served.announce(" died", "Fatal")
        for _ in range(3):
            # A lone worker's place is empty for a moment; who comes then waits in the queue.
            killed(served, path)
        assert served.wait() == CRASHED
        assert "pounce: 3 workers died within 60 seconds, more than --limit-restarts" in (
            served.log.text
        )


@pytest.mark.parametrize(("kind", "path"), [("thread", "/break"), ("process", "/exit")])
def test_in_the_delay_before_the_end_a_new_worker_says_farewell_too(kind: str, path: str) -> None:
    with Served("hazards", *flags_of(kind, 1), "--timeout-drain-delay=600") as served:
        served.announce(" died", "Fatal")
        served.signal(SIGTERM)
        gone = until_farewell(served)
        with Client.to(served.address) as client:
            client.ask(path)
            assert client.read_until_closed() == b""
        until_counted(served, " died", 1)
        assert until_farewell(served) != gone
        time.sleep(AGAIN)
        served.signal(SIGTERM)
        assert served.wait() == 128 + SIGTERM


def test_who_comes_while_a_thread_dies_is_not_left_waiting() -> None:
    with Served("hazards", *flags_of("thread"), "--limit-restarts=none") as served:
        served.announce(" died", "Fatal")
        load = Load(served.address, keep_alive=0, fresh=4, slow=0)
        deaths = 0
        with contextlib.suppress(AssertionError), load:
            for _ in range(3):
                killed(served, "/break")
                deaths += 1
        assert deaths == 3
        # Whoever was with it is cut off; to wait for ever is another thing.
        assert not [failure for failure in load.failures if "TimeoutError" in failure]
        assert load.answers


def test_without_a_budget_the_first_death_is_the_end() -> None:
    with Served("hazards", *flags_of("process"), "--limit-restarts=0") as served:
        served.announce(" died")
        killed(served, "/exit")
        assert served.wait() == CRASHED


def test_a_replacement_that_does_not_start_counts_too(tmp_path: Path) -> None:
    code = Changing(tmp_path)
    flags = (*flags_of("process"), "--limit-restarts=1")
    with Served("served:app", *flags, cwd=tmp_path) as served:
        served.announce(" died", "no database")
        code.file.write_text("raise RuntimeError('no database')")
        os.kill(children(served.pid)[0], SIGKILL)
        assert served.log.find("no database")
        assert served.wait() == CRASHED
