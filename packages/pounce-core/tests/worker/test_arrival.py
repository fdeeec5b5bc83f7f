"""Which of several workers gets a connection, and what becomes of one that nobody takes."""

import logging
import os
import socket
from collections.abc import Callable, Iterator
from functools import partial
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

from pounce.protocol.roles import Stream
from pounce.worker.arrival import Arrival, hand_over
from pounce.worker.door import Door
from pounce.worker.poller import make_poller
from pounce.worker.worker import Worker

if TYPE_CHECKING:
    from tests.worker.conftest import Make

PATIENCE = 30.0


class StubWorker:
    """A worker that takes what it gets, or says why not."""

    def __init__(
        self, connections: int, *, stalled: bool = False, fault: Exception | None = None
    ) -> None:
        self.connections = connections
        self.stalled = stalled
        self.fault = fault
        self.asked: list[tuple[int, Arrival]] = []
        self.note: Callable[[], None] = lambda: None

    def is_stalled(self, _now: float) -> bool:
        return self.stalled

    def hand_over(self, fd: int, arrival: Arrival) -> None:
        self.asked.append((fd, arrival))
        self.note()
        if self.fault is not None:
            raise self.fault


class Stranger:
    """A connection that somebody accepted, and its client."""

    def __init__(self, ours: socket.socket, theirs: socket.socket) -> None:
        self.theirs = theirs
        self.fd = ours.detach()
        self.arrival = Arrival(("192.0.2.1", 5), cast("Door", None), b"half a head", 7)

    def offer(self, *workers: StubWorker) -> list[int]:
        """Offers it to workers; returns the numbers of those that were asked, as they were."""
        order: list[int] = []
        for number, worker in enumerate(workers):
            worker.note = partial(order.append, number)
        hand_over(cast("list[Worker]", list(workers)), self.fd, self.arrival)
        return order


@pytest.fixture
def stranger() -> Iterator[Stranger]:
    ours, theirs = socket.socketpair()
    with theirs:
        theirs.settimeout(PATIENCE)
        made = Stranger(ours, theirs)
        yield made
        try:
            os.close(made.fd)
        except OSError:
            pass


def still_open(stranger: Stranger) -> bool:
    try:
        os.fstat(stranger.fd)
    except OSError:
        return False
    return True


FAULTS = [OSError(28, "full"), ValueError("closed"), RuntimeError("loop is closed")]


def test_an_arrival_is_new_by_itself() -> None:
    address, _, data, served, stream = Arrival("", cast("Door", None))
    assert (address, data, served, stream) == ("", b"", 0, None)


def test_the_worker_with_the_fewest_gets_it(stranger: Stranger) -> None:
    assert stranger.offer(StubWorker(3), StubWorker(1), StubWorker(2)) == [1]


def test_among_equals_the_first_gets_it(stranger: Stranger) -> None:
    assert stranger.offer(StubWorker(2), StubWorker(1), StubWorker(1)) == [1]


def test_it_comes_as_it_was_given(stranger: Stranger) -> None:
    worker = StubWorker(0)
    stranger.offer(worker)
    assert worker.asked == [(stranger.fd, stranger.arrival)]
    assert still_open(stranger)


def test_a_stalled_worker_gets_it_last(stranger: Stranger) -> None:
    assert stranger.offer(StubWorker(0, stalled=True), StubWorker(100)) == [1]


def test_of_stalled_workers_the_one_with_the_fewest_gets_it(stranger: Stranger) -> None:
    workers = StubWorker(2, stalled=True), StubWorker(1, stalled=True)
    assert stranger.offer(*workers) == [1]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: type(fault).__name__)
def test_the_next_worker_gets_what_one_cannot_take(stranger: Stranger, fault: Exception) -> None:
    workers = StubWorker(5), StubWorker(0, fault=fault), StubWorker(3, fault=fault)
    assert stranger.offer(*workers) == [1, 2, 0]
    assert still_open(stranger)


def test_a_stalled_worker_gets_what_no_other_can_take(stranger: Stranger) -> None:
    workers = StubWorker(0, stalled=True), StubWorker(5, fault=ValueError())
    assert stranger.offer(*workers) == [1, 0]
    assert still_open(stranger)


@pytest.mark.parametrize("count", [0, 1, 3])
def test_what_nobody_can_take_is_closed_and_told(
    stranger: Stranger, caplog: pytest.LogCaptureFixture, count: int
) -> None:
    with caplog.at_level(logging.ERROR, "pounce.listen"):
        stranger.offer(*[StubWorker(0, fault=ValueError()) for _ in range(count)])
    assert not still_open(stranger)
    assert stranger.theirs.recv(1) == b""
    assert len(caplog.records) == 1


def test_a_hold_that_nobody_can_take_is_closed_by_its_socket() -> None:
    ours, theirs = socket.socketpair()
    with theirs:
        stream = SimpleNamespace(socket=ours)
        arrival = Arrival(("192.0.2.1", 5), cast("Door", None), stream=cast("Stream", stream))
        hand_over(cast("list[Worker]", []), ours.fileno(), arrival)
        assert ours.fileno() == -1
        assert theirs.recv(1) == b""


def test_a_fault_of_another_kind_is_not_passed_over(stranger: Stranger) -> None:
    with pytest.raises(KeyError):
        stranger.offer(StubWorker(0, fault=KeyError()), StubWorker(1))


# With workers


def test_a_worker_whose_poller_is_closed_is_passed_over(make: Make) -> None:
    ended, alive = make(), make()
    ended.worker.close_doors()
    ended.poller.close()
    client = alive.connect()
    [(fd, address)] = alive.door.accept(alive.poller, 0.0)
    hand_over([ended.worker, alive.worker], fd, Arrival(address, alive.door))
    assert alive.ask(client) == b"hello"
    assert ended.worker.connections == 0


def test_connections_are_spread(make: Make) -> None:
    rig = make()
    others = [make(make_poller()) for _ in range(2)]
    workers = [rig.worker, *(other.worker for other in others)]
    for _ in range(6):
        rig.connect()
        for fd, address in rig.door.accept(rig.poller, 0.0):
            hand_over(workers, fd, Arrival(address, rig.door))
    assert [worker.connections for worker in workers] == [2, 2, 2]
