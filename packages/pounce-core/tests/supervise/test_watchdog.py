"""Who is found to be stalled, who gets its connections, and what is reported."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

import pytest

from pounce.supervise.thread import WorkerThread
from pounce.supervise.watchdog import Watchdog
from pounce.testing.waiting import PATIENCE, until
from pounce.worker.arrival import Arrival
from pounce.worker.door import Door
from pounce.worker.worker import STALL

NOW = 1000.0
DOOR = cast("Door", None)


class Worker:
    """A worker that has some idle connections, and is busy since some time."""

    def __init__(self) -> None:
        self.connections = 0
        self.draining = False
        self.busy_since: float | None = None
        self.idle: list[tuple[int, Arrival]] = []
        self.taken: list[tuple[int, Arrival]] = []

    def is_stalled(self, now: float) -> bool:
        return self.busy_since is not None and now - self.busy_since > STALL

    def give_up_idle(self) -> list[tuple[int, Arrival]]:
        given, self.idle = self.idle, []
        return given

    def hand_over(self, fd: int, arrival: Arrival) -> None:
        self.taken.append((fd, arrival))
        self.connections += 1


class Hand:
    """A worker thread as the watchdog sees it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.ident: int | None = None
        self.worker: Worker | None = Worker()

    @property
    def its(self) -> Worker:
        assert self.worker is not None
        return self.worker


class Rig:
    """A watchdog that looks when it is told to, and two workers."""

    def __init__(self, patience: float | None = 5.0) -> None:
        self.reports: list[str] = []
        self.hands = [Hand(f"worker-{number}") for number in (1, 2, 3)]
        self.watchdog = Watchdog(lambda: self.members, patience, self.reports.append)

    @property
    def members(self) -> list[WorkerThread]:
        return [cast("WorkerThread", hand) for hand in self.hands]

    def look(self, now: float = NOW) -> bool:
        return self.watchdog.look(self.members, now)

    def stall(self, hand: Hand, connections: int = 4, since: float = 1.0) -> None:
        """It is busy since so long, and so many of its connections are idle."""
        hand.its.busy_since = NOW - since
        hand.its.idle = [(fd, Arrival(None, DOOR)) for fd in range(90, 90 + connections)]

    @property
    def taken(self) -> list[list[int]]:
        return [[fd for fd, _ in hand.its.taken] for hand in self.hands]


@pytest.fixture
def rig() -> Rig:
    return Rig()


# Relief


def test_the_connections_of_a_stalled_worker_are_shared_by_the_others(rig: Rig) -> None:
    rig.stall(rig.hands[0])
    rig.look()
    assert sorted(fd for fds in rig.taken for fd in fds) == [90, 91, 92, 93]
    assert [len(fds) for fds in rig.taken] == [0, 2, 2]


@pytest.mark.parametrize("since", [None, NOW - STALL / 2], ids=["waits", "short"])
def test_a_worker_that_returns_to_its_loop_keeps_its_own(rig: Rig, since: float | None) -> None:
    rig.stall(rig.hands[0])
    rig.hands[0].its.busy_since = since
    rig.look()
    assert rig.taken == [[], [], []]


def test_a_worker_that_is_stalled_too_gets_none(rig: Rig) -> None:
    rig.stall(rig.hands[0])
    rig.stall(rig.hands[1], connections=0)
    rig.look()
    assert [len(fds) for fds in rig.taken] == [0, 0, 4]


def test_a_worker_that_leaves_gets_none(rig: Rig) -> None:
    rig.stall(rig.hands[0])
    rig.hands[1].its.draining = True
    rig.look()
    assert [len(fds) for fds in rig.taken] == [0, 0, 4]


def test_a_worker_that_leaves_is_relieved_too(rig: Rig) -> None:
    rig.stall(rig.hands[0])
    rig.hands[0].its.draining = True
    rig.look()
    assert [len(fds) for fds in rig.taken] == [0, 2, 2]


def test_where_nobody_could_take_them_they_stay(rig: Rig) -> None:
    del rig.hands[1:]
    rig.stall(rig.hands[0])
    rig.look()
    assert len(rig.hands[0].its.idle) == 4


def test_a_worker_that_does_not_serve_yet_is_passed_over(rig: Rig) -> None:
    rig.hands[1].worker = None
    rig.stall(rig.hands[0])
    rig.look()
    assert len(rig.hands[2].its.taken) == 4


# What it looks at


@pytest.mark.parametrize(("connections", "some"), [((0, 0, 0), False), ((0, 1, 0), True)])
def test_it_knows_whether_there_is_a_connection(
    rig: Rig, connections: tuple[int, ...], some: bool
) -> None:
    for hand, count in zip(rig.hands, connections, strict=True):
        hand.its.connections = count
    assert rig.look() is some


# Reports


def test_a_stall_is_reported_once_its_time_has_come(rig: Rig) -> None:
    rig.stall(rig.hands[0], since=4.9)
    rig.look()
    before = list(rig.reports)
    rig.look(NOW + 0.1)
    assert (before, len(rig.reports)) == ([], 1)


def test_a_stall_is_reported_once(rig: Rig) -> None:
    rig.stall(rig.hands[0], since=6.0)
    for turn in range(10):
        rig.look(NOW + turn)
    assert len(rig.reports) == 1


def test_each_stall_is_reported(rig: Rig) -> None:
    rig.stall(rig.hands[0], since=6.0)
    rig.stall(rig.hands[1], since=6.0)
    rig.look()
    rig.hands[0].its.busy_since = NOW + 10.0
    rig.look(NOW + 20.0)
    assert [text.split()[0] for text in rig.reports] == ["worker-1", "worker-2", "worker-1"]


def test_no_stall_is_reported_where_that_is_off() -> None:
    rig = Rig(patience=None)
    rig.stall(rig.hands[0], since=1e6)
    rig.look()
    assert rig.reports == []


def test_it_says_who_and_for_how_long(rig: Rig) -> None:
    rig.stall(rig.hands[1], since=7.25)
    rig.look()
    assert rig.reports[0].startswith("worker-2 has not returned to its loop for 7.2 seconds")


@contextmanager
def blocking() -> Iterator[threading.Thread]:
    """A thread that blocks in a function of an application."""
    entered, released = threading.Event(), threading.Event()

    def block_the_loop() -> None:
        entered.set()
        released.wait(PATIENCE)

    thread = threading.Thread(target=block_the_loop)
    thread.start()
    assert entered.wait(PATIENCE)
    yield thread
    released.set()
    thread.join()


def test_it_shows_what_blocks(rig: Rig) -> None:
    rig.stall(rig.hands[0], since=6.0)
    with blocking() as thread:
        rig.hands[0].ident = thread.ident
        rig.look()
    assert "block_the_loop" in rig.reports[0]
    assert "test_watchdog.py" in rig.reports[0]


def test_by_default_a_report_is_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    rig = Rig()
    rig.stall(rig.hands[0], since=6.0)
    Watchdog(lambda: rig.members, 5.0).look(rig.members, NOW)
    [record] = caplog.records
    assert (record.name, record.levelname) == ("pounce.worker", "WARNING")


# On its own thread


def test_it_looks_until_it_is_stopped() -> None:
    looks: list[int] = []
    looked = threading.Event()

    def members() -> list[WorkerThread]:
        looks.append(len(looks))
        looked.set()
        return []

    watchdog = Watchdog(members, None)
    watchdog.start()
    assert looked.wait(PATIENCE)
    watchdog.stop()
    count = len(looks)
    assert "pounce-watchdog" not in {thread.name for thread in threading.enumerate()}
    assert len(looks) == count


def test_a_worker_that_blocks_now_is_relieved_by_itself(rig: Rig) -> None:
    hand = rig.hands[0]
    hand.its.connections = 4
    hand.its.busy_since = time.monotonic()
    hand.its.idle = [(90, Arrival(None, DOOR))]
    rig.watchdog.start()
    until(lambda: any(rig.taken))
    rig.watchdog.stop()
    assert hand.its.idle == []
