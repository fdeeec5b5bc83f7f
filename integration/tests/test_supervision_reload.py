"""A server whose code is replaced under load: nobody notices but by the answers.

Nothing fails, is refused or reset, on either kind of worker, with one worker and with two.
"""

import os
import time
from collections.abc import Callable
from pathlib import Path
from signal import SIGHUP

import pytest

from integration.tests.changing import Changing, has_version, version, version_of
from integration.tests.client import Client
from integration.tests.conftest import FREE_THREADED
from integration.tests.load import PATIENCE, Load
from integration.tests.processes import count, until
from integration.tests.serving import Served
from pounce.testing.wire import Response

RELOADS = {"thread": 20 if FREE_THREADED else 3, "process": 3 if FREE_THREADED else 20}
"""How many, for each kind of several workers: twenty for what they are on this build."""

FEW = 3
"""Reloads where another test has shown the twenty."""
UNHURRIED = ("--timeout-head=600", "--timeout-keep-alive=600")
"""For clients that say nothing while one reload follows the other."""

type Record = Callable[[str, object], None]


@pytest.fixture
def code(tmp_path: Path) -> Changing:
    return Changing(tmp_path)


@pytest.mark.parametrize(
    ("kind", "workers", "reloads"),
    [("thread", 1, 3), ("process", 1, 3), *((kind, 2, times) for kind, times in RELOADS.items())],
)
def test_no_request_fails_while_the_code_is_replaced(
    kind: str, workers: int, reloads: int, code: Changing, record_property: Record
) -> None:
    flags = (f"--workers={workers}", f"--worker-type={kind}", "--no-access-log")
    with Served("served:app", *flags, cwd=code.folder) as served:
        with Load(served.address) as load:
            for number in range(2, reloads + 2):
                code.write(number)
                served.process.send_signal(SIGHUP)
                load.wait(has_version(number))
                assert served.log.find(f"generation {number} serves")
        assert count(served, "generation") == reloads
        record_property("answers", load.answers)
        record_property("slowest", round(load.slowest, 3))
        if kind == "thread":
            # Idle connections move from one generation to the next.
            assert load.connections["keep-alive"] == 3


def until_moved(client: Client, number: int) -> Response:
    """Asks until the new code answers: a connection moves once the old has nothing under way."""
    deadline = time.monotonic() + PATIENCE
    while version_of((response := client.get("/")).body) != version(number):
        assert time.monotonic() < deadline, response
        time.sleep(0.005)
    return response


def test_connections_of_threads_move_to_the_new_code(code: Changing) -> None:
    """Idle for all the time, or with a request of the old code under way."""
    flags = ("--workers=2", "--worker-type=thread", *UNHURRIED)
    with Served("served:app", *flags, cwd=code.folder) as served:
        idle = [Client.to(served.address) for _ in range(20)]
        silent = Client.to(served.address)
        for client in idle:
            assert version_of(client.get("/").body) == version(1)
        for number in range(2, FEW + 2):
            code.write(number)
            idle[0].ask("/slow")
            served.process.send_signal(SIGHUP)
            assert served.log.find(f"generation {number} serves")
            assert version_of(idle[0].response().body) in {version(number - 1), version(number)}
            until_moved(idle[0], number)
        for client in [*idle, silent]:
            assert until_moved(client, FEW + 1).value(b"connection") is None
            client.close()


def test_reloads_asked_for_at_once_come_to_the_last_code(code: Changing) -> None:
    with (
        Served("served:app", "--workers=2", "--worker-type=process", cwd=code.folder) as served,
        Load(served.address) as load,
    ):
        for number in range(2, 6):
            code.write(number)
            served.process.send_signal(SIGHUP)
        load.wait(has_version(5))


@pytest.mark.parametrize("kind", ["thread", "process"])
def test_code_that_does_not_start_changes_nothing(kind: str, code: Changing) -> None:
    with Served("served:app", "--workers=2", f"--worker-type={kind}", cwd=code.folder) as served:
        served.announce("no database")
        with Load(served.address) as load:
            code.file.write_text("raise RuntimeError('no database yet')")
            served.process.send_signal(SIGHUP)
            assert served.log.find("new code does not start, the old one goes on: .*no database")
            load.wait(has_version(1))
            refusing = code.source(3).replace(
                "        await receive()\n", "        raise RuntimeError('no database left')\n", 1
            )
            code.file.write_text(refusing.replace("raise", "await receive(); raise", 1))
            served.process.send_signal(SIGHUP)
            assert served.log.find("the old one goes on: .*no database left")
            load.wait(has_version(1))
            code.write(4)
            served.process.send_signal(SIGHUP)
            load.wait(has_version(4))


def test_generations_leave_no_descriptor_and_no_thread(code: Changing) -> None:
    with Served("served:app", "--workers=2", "--worker-type=thread", cwd=code.folder) as served:

        def held() -> tuple[int, int]:
            return len(served.descriptors), len(os.listdir(f"/proc/{served.pid}/task"))  # noqa: PTH208 - names will do

        before = held()
        for number in range(2, FEW + 2):
            with Client.to(served.address) as client:
                assert client.get("/").status == 200
            code.write(number)
            served.process.send_signal(SIGHUP)
            assert served.log.find(f"generation {number} serves")
        # The last generation's predecessors may be on their way out.
        until(lambda: held() == before, lambda: (before, held()))
