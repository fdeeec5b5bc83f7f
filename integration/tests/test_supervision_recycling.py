"""Workers that are replaced for their requests, their age or their memory, under load: one at a
time, with no failed request.
"""

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from integration.tests.changing import Changing
from integration.tests.client import Client
from integration.tests.conftest import FREE_THREADED
from integration.tests.load import Load
from integration.tests.processes import count
from integration.tests.serving import START, Served
from pounce.supervise.memory import resident_bytes

KINDS = ("thread", "process")


@pytest.fixture
def code(tmp_path: Path) -> Changing:
    return Changing(tmp_path)


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("kind", KINDS)
def test_workers_that_have_served_their_requests(kind: str, workers: int, code: Changing) -> None:
    flags = (
        f"--workers={workers}",
        f"--worker-type={kind}",
        "--limit-max-requests=40",
        "--limit-max-requests-jitter=20",
        "--no-access-log",
    )
    last = 6 if kind == "thread" else 4
    with (
        Served("served:app", *flags, cwd=code.folder) as served,
        Load(served.address),
    ):
        assert served.log.find(rf"worker-([{last}-9]|\d\d+) has served its number of requests")


@pytest.mark.parametrize("kind", KINDS)
def test_workers_of_some_age(kind: str, code: Changing) -> None:
    flags = ("--workers=2", f"--worker-type={kind}", "--limit-max-age=0.8", "--no-access-log")
    with (
        Served("served:app", *flags, cwd=code.folder) as served,
        Load(served.address),
    ):
        # Those that began have gone by then, and one that took the place of another.
        assert served.log.find(r"worker-[3-9] has reached its age")


def test_a_process_that_takes_too_much_memory(code: Changing) -> None:
    flags = ("--workers=2", "--worker-type=process", "--limit-max-memory=250M", "--no-access-log")
    with (
        Served("served:app", *flags, cwd=code.folder) as served,
        Load(served.address, slow=0),
    ):
        with Client.to(served.address) as client:
            # Until its connection goes with the worker, and not as fast as memory can be filled.
            while client.get("/grow").value(b"connection") != b"close":
                if client.get("/slow").value(b"connection") == b"close":
                    break
        assert served.log.find(r"worker-\d+ takes \d+ MB of memory and is replaced")


def test_threads_that_take_too_much_memory_get_new_code(
    code: Changing, record_property: Callable[[str, object], None]
) -> None:
    """All of them have one copy of the application, and what it keeps goes with it."""
    flags = ("--workers=2", "--worker-type=thread", "--limit-max-memory=200M", "--no-access-log")
    with (
        Served("served:app", *flags, cwd=code.folder) as served,
        Load(served.address),
    ):

        def size() -> int:
            return resident_bytes(served.pid) or 0

        # Just above the limit: a fifth more would be a reason for the next renewal.
        while size() <= 202 << 20 and not count(served, "is renewed"):
            with Client.to(served.address) as client:
                assert client.get("/grow").status == 200
        assert served.log.find(r"takes 2\d\d MB of memory: the application is renewed")
        assert served.log.find("generation 2 serves")
        record_property("megabytes before", size() >> 20)
        deadline = time.monotonic() + START
        with Client.to(served.address) as client:
            # Free-threaded interpreters keep what threads had allocated that have ended.
            while not FREE_THREADED and size() > 150 << 20:
                assert time.monotonic() < deadline, size()
                assert client.get("/slow").status == 200
        record_property("megabytes after", size() >> 20)
        assert count(served, "is renewed") == 1
