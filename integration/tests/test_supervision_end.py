"""The end of a server that is busy: within its deadline, and with nothing that outlives it. Also as
the first process of a container, and with a log that says what a person wants to read.
"""

import contextlib
import json
import os
import re
import time
from collections.abc import Iterator
from pathlib import Path
from signal import SIGINT, SIGKILL, SIGTERM

import pytest

from integration.tests.client import Client
from integration.tests.processes import Manager, Watched, paused, started_by, until
from integration.tests.record import Record
from integration.tests.serving import Served, children
from pounce.supervise.stop_signals import AGAIN

KINDS = ("thread", "process")

GRACE = 10.0
"""Seconds in which what can be finished is finished, on a busy machine too."""
SHORT = 1.0
"""The same where nothing is to be finished."""
SOON = 20.0
"""Seconds for an end that should come at once, on a busy machine."""


def flags_of(kind: str, grace: float) -> tuple[str, ...]:
    return ("--workers=2", f"--worker-type={kind}", f"--timeout-graceful-shutdown={grace:g}")


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    manager = Manager(tmp_path / "notify")
    yield manager
    manager.close()


def one_with_each(served: Served, stack: contextlib.ExitStack) -> list[Client]:
    """Makes connections until each of two workers has one."""
    clients: list[Client] = []
    seen: set[tuple[int, int]] = set()

    def both() -> bool:
        # Several at once: of two processes, the one that is woken first would take each.
        new = [stack.enter_context(Client.to(served.address)) for _ in range(4)]
        clients.extend(new)
        for client in new:
            who = json.loads(client.get("/who").body)
            seen.add((who["pid"], who["thread"]))
        return len(seen) == 2

    until(both, lambda: seen)
    return clients


@pytest.mark.parametrize("kind", KINDS)
def test_all_ends_within_the_deadline(kind: str, record: Record, token: str) -> None:
    """Slow requests are finished, a stream is cut off, an idle connection is closed."""
    with (
        Served("plain", *flags_of(kind, GRACE), env=record.env) as served,
        contextlib.ExitStack() as stack,
    ):
        workers = Watched(*children(served.pid))
        served.announce("outlived")
        stream = stack.enter_context(Client.to(served.address))
        stream.ask(f"/events?{token}")
        stream.until(b"data: 1\n\n")
        slow = [stack.enter_context(Client.to(served.address)) for _ in range(8)]
        idle = one_with_each(served, stack)
        for client in slow:
            client.ask(f"/hold?{token}", "POST", "content-length: 5")
        record.wait(token, "held", len(slow))
        began = time.monotonic()
        served.signal(SIGTERM)
        # There is one with each worker: when all are closed, all workers know of the end.
        assert {client.read_until_closed() for client in idle} == {b""}
        for client in slow:
            client.send(b"hello")
            response = client.response()
            assert response.body == b"hello"
            assert response.value(b"connection") == b"close"
        stream.read_until_closed()
        assert served.wait() == 0
        seconds = time.monotonic() - began
        assert GRACE * 0.9 < seconds < GRACE + SOON
        assert workers.left(0) == []
        assert {"left", "cancelled"} & set(record.now(token))


@pytest.mark.parametrize("kind", KINDS)
def test_a_second_signal_ends_even_a_blocked_worker(
    kind: str, record: Record, token: str, manager: Manager
) -> None:
    with (
        Served("hazards", *flags_of(kind, 600), env=record.env | manager.env) as served,
        Client.to(served.address) as blocked,
    ):
        workers = Watched(*children(served.pid))
        served.announce("did not end", "SIGKILL")
        blocked.ask(f"/block-for-long?{token}")
        record.wait(token, "called")
        served.signal(SIGTERM)
        # Two signals at once are one.
        manager.wait("STOPPING=1")
        time.sleep(AGAIN)
        began = time.monotonic()
        served.signal(SIGTERM)
        assert served.wait() == 128 + SIGTERM
        assert time.monotonic() - began < 5.0 + SOON
        assert workers.left(1.0) == []


@pytest.mark.parametrize("kind", KINDS)
def test_two_signals_at_once_are_one(kind: str, record: Record, token: str) -> None:
    """A terminal tells its whole process group, and a launcher there tells its server too."""
    with (
        Served("plain", *flags_of(kind, 600), env=record.env) as served,
        Client.to(served.address) as slow,
    ):
        slow.ask(f"/hold?{token}", "POST", "content-length: 5")
        record.wait(token, "held")
        with paused(served.pid):
            for number in (SIGINT, SIGTERM):
                served.signal(number)
        slow.send(b"hello")
        assert slow.response().body == b"hello"
        assert served.wait() == 0


def test_no_process_outlives_a_killed_parent(record: Record, token: str) -> None:
    with (
        Served("plain", *flags_of("process", SHORT), env=record.env) as served,
        Client.to(served.address) as stream,
        Client.to(served.address) as idle,
    ):
        workers = Watched(*children(served.pid))
        stream.ask(f"/events?{token}")
        stream.until(b"data: 1\n\n")
        assert idle.get("/ok").body == b"ok"
        os.kill(served.pid, SIGKILL)
        assert workers.left(SHORT + SOON) == []
        assert served.wait() == -SIGKILL


def test_a_blocked_process_does_not_outlive_a_killed_parent(record: Record, token: str) -> None:
    """It cannot be asked; its own process ends it when twice the grace and 10 seconds are over."""
    with (
        Served("hazards", *flags_of("process", 0.1), env=record.env) as served,
        Client.to(served.address) as blocked,
    ):
        workers = Watched(*children(served.pid))
        blocked.ask(f"/block-for-long?{token}")
        record.wait(token, "called")
        os.kill(served.pid, SIGKILL)
        assert served.process.wait(SOON) == -SIGKILL
        left = workers.left(10.2 + SOON)
        workers.kill()
        assert left == []
        served.wait()


@pytest.mark.parametrize(("kind", "workers"), [("thread", 2), ("process", 1)])
def test_the_log_of_a_clean_run_is_two_lines(kind: str, workers: int) -> None:
    # A machine that pauses a worker's thread would be reported there.
    flags = (f"--workers={workers}", f"--worker-type={kind}", "--timeout-stall=600")
    with Served("plain", *flags) as served:
        pass
    first, second = served.log.lines
    stamp = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d info     "
    assert re.fullmatch(stamp + r"pounce \S+ serves http://127\.0\.0\.1:\d+\n", first)
    assert re.fullmatch(stamp + rf"{workers} worker \w+, CPython .*, pid \d+\n", second)
    assert served.access.text == ""


@pytest.mark.skipif(os.geteuid() != 0, reason="making a PID namespace takes root")
@pytest.mark.parametrize("kind", KINDS)
def test_as_the_first_process_of_a_container(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel ignores what such a process has no handler for."""
    unshare = "unshare --fork --pid --kill-child --mount-proc --"
    script = f"os.execvp('unshare', [*{unshare.split()!r}, *command])"
    started_by(tmp_path / "python", script, monkeypatch)
    with Served("plain", *flags_of(kind, SHORT)) as served:
        assert served.log.find(r"pid 1$")
        [first] = children(served.pid)
        with Client.to(served.address) as client:
            assert client.get("/ok").body == b"ok"
            os.kill(first, SIGTERM)
            assert served.wait() == 0
    served.check()
