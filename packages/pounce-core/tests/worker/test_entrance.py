"""The listening sockets of a worker: open, full, paused, closed for the time being and for good."""

import errno
import logging
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from pounce.worker import door as door_module
from pounce.worker.door import BATCH, PAUSE, Door
from pounce.worker.entrance import Entrance
from pounce.worker.poller import READ, make_poller

PATIENCE = 30.0


class Rig:
    """An entrance that keeps what it takes, and its listening sockets."""

    def __init__(self, stack: ExitStack, most: int | None) -> None:
        self._stack = stack
        self.poller = make_poller()
        stack.callback(self.poller.close)
        self.taken: list[socket.socket] = []
        self.addresses: list[Any] = []
        self.entrance = Entrance("worker-1", self.poller, most, lambda: len(self.taken), self.take)

    def take(self, fd: int, address: Any, door: Door) -> None:
        sock = socket.socket(door.family, socket.SOCK_STREAM, door.protocol, fileno=fd)
        self.taken.append(self._stack.enter_context(sock))
        self.addresses.append(address)

    def door(self) -> tuple[Door, tuple[str, int]]:
        """A door that is open, and its address."""
        listener = socket.create_server(("127.0.0.1", 0), backlog=2 * BATCH)
        self._stack.enter_context(listener)
        listener.setblocking(False)
        door = Door(listener, ("127.0.0.1", 80), "http")
        self.entrance.open(door)
        return door, listener.getsockname()

    def connect(self, address: tuple[str, int], count: int = 1) -> list[socket.socket]:
        return [
            self._stack.enter_context(socket.create_connection(address, PATIENCE))
            for _ in range(count)
        ]

    def leave(self) -> None:
        """One that was taken goes."""
        self.taken.pop().close()
        self.entrance.make_room()

    @property
    def ready(self) -> list[int]:
        return [fd for fd, mask in self.poller.poll(0) if mask & READ]

    @property
    def state(self) -> tuple[bool, list[int]]:
        """Whether a door pauses, and which doors are ready."""
        return self.entrance.shut, self.ready


type Make = Callable[[int | None], Rig]


@pytest.fixture
def make() -> Iterator[Make]:
    with ExitStack() as stack:
        yield lambda most: Rig(stack, most)


def exhausted(monkeypatch: pytest.MonkeyPatch, door: Door) -> None:
    """The next `accept` finds no descriptor."""

    class Full:
        fileno = door._socket.fileno

        def accept(self) -> None:
            raise OSError(errno.EMFILE, "too many")

    monkeypatch.setattr(door, "_socket", Full())


def test_who_waits_at_an_open_door_is_seen_and_taken(make: Make) -> None:
    rig = make(None)
    door, address = rig.door()
    [client] = rig.connect(address)
    assert rig.ready == [door.fileno()]
    assert rig.entrance.accept(door, 0.0)
    assert rig.addresses == [client.getsockname()]


def test_nobody_waits(make: Make) -> None:
    rig = make(None)
    door, _ = rig.door()
    assert not rig.entrance.accept(door, 0.0)
    assert rig.taken == []


def test_a_flood_is_taken_in_batches(make: Make) -> None:
    rig = make(None)
    door, address = rig.door()
    rig.connect(address, BATCH + 1)
    rig.entrance.accept(door, 0.0)
    assert len(rig.taken) == BATCH


# Full


def test_a_full_worker_takes_no_more_and_watches_no_door(
    make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    rig = make(2)
    door, address = rig.door()
    other, second = rig.door()
    rig.connect(address, 3)
    rig.connect(second)
    with caplog.at_level(logging.WARNING, "pounce.worker"):
        rig.entrance.accept(door, 0.0)
    assert len(rig.taken) == 2
    assert rig.entrance.full
    assert rig.ready == []
    assert "worker-1 has its 2 connections" in caplog.text
    assert not rig.entrance.accept(other, 0.0)


def test_room_that_becomes_free_opens_every_door(make: Make) -> None:
    rig = make(1)
    door, address = rig.door()
    other, second = rig.door()
    rig.connect(address, 2)
    rig.connect(second)
    rig.entrance.accept(door, 0.0)
    rig.leave()
    assert not rig.entrance.full
    assert sorted(rig.ready) == sorted([door.fileno(), other.fileno()])


def test_who_leaves_a_worker_that_is_not_full_changes_nothing(make: Make) -> None:
    rig = make(5)
    door, address = rig.door()
    rig.connect(address)
    rig.entrance.accept(door, 0.0)
    rig.entrance.close()
    rig.leave()
    rig.connect(address)
    assert rig.ready == []


# Paused


def test_a_door_that_runs_out_pauses_and_opens_again(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig = make(None)
    door, address = rig.door()
    rig.connect(address)
    with monkeypatch.context() as patch:
        exhausted(patch, door)
        assert not rig.entrance.accept(door, 10.0)
    assert rig.state == (True, [])
    rig.entrance.look(10.0 + PAUSE / 2)
    assert rig.state == (True, [])
    rig.entrance.look(10.0 + PAUSE)
    assert rig.state == (False, [door.fileno()])


def test_a_door_that_pauses_is_not_opened_because_somebody_left(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig = make(1)
    door, address = rig.door()
    other, second = rig.door()
    rig.connect(address)
    with monkeypatch.context() as patch:
        exhausted(patch, door)
        rig.entrance.accept(door, 10.0)
    rig.connect(second)
    rig.entrance.accept(other, 10.0)
    rig.leave()
    assert rig.ready == []
    rig.entrance.look(10.0 + PAUSE)
    assert rig.ready == [door.fileno()]


def test_a_pause_that_is_over_does_not_open_the_door_of_a_full_worker(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig = make(1)
    door, address = rig.door()
    other, second = rig.door()
    rig.connect(address)
    with monkeypatch.context() as patch:
        exhausted(patch, door)
        rig.entrance.accept(door, 10.0)
    rig.connect(second)
    rig.entrance.accept(other, 10.0)
    assert rig.entrance.full
    rig.entrance.look(10.0 + PAUSE)
    assert rig.ready == []
    rig.leave()
    rig.entrance.look(10.0 + PAUSE)
    assert rig.ready == [door.fileno()]


# Closed


def test_a_closed_door_leaves_its_queue_to_others(make: Make) -> None:
    rig = make(None)
    door, address = rig.door()
    rig.entrance.close()
    rig.connect(address)
    assert rig.ready == []
    assert rig.taken == []
    assert rig.entrance.doors == {}
    rig.entrance.open(door)
    assert rig.ready == [door.fileno()]


def test_a_door_closed_for_good_takes_its_queue_and_refuses_the_next(make: Make) -> None:
    rig = make(None)
    _, address = rig.door()
    _, second = rig.door()
    rig.connect(address, 3)
    rig.connect(second)
    rig.entrance.close(for_good=True)
    assert len(rig.taken) == 4
    for each in (address, second):
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(each, PATIENCE)


def test_a_door_closed_for_good_takes_a_queue_of_several_batches(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door_module, "BATCH", 4)
    monkeypatch.setattr("pounce.worker.entrance.BATCH", 4)
    rig = make(None)
    _, address = rig.door()
    rig.connect(address, 11)
    rig.entrance.close(for_good=True)
    assert len(rig.taken) == 11


def test_a_full_worker_closes_its_door_for_good_too(make: Make) -> None:
    rig = make(1)
    _, address = rig.door()
    rig.connect(address, 3)
    rig.entrance.close(for_good=True)
    assert len(rig.taken) == 1
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address, PATIENCE)


def test_a_door_that_runs_out_is_closed_for_good_all_the_same(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig = make(None)
    door, _ = rig.door()
    closed: list[bool] = []
    monkeypatch.setattr(door, "close", lambda: closed.append(True))
    with monkeypatch.context() as patch:
        exhausted(patch, door)
        rig.entrance.close(for_good=True)
    assert closed == [True]
