"""Connections handed to a worker by other threads, and a worker that drains."""

import select
import socket
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from pounce.worker import clock
from pounce.worker.arrival import Arrival
from pounce.worker.poller import make_poller

if TYPE_CHECKING:
    from tests.worker.conftest import Make, WorkerRig

PATIENCE = 30.0


# Draining


def test_a_worker_with_nothing_is_idle_at_once(make: Make) -> None:
    idle: list[bool] = []
    make().worker.drain(lambda: idle.append(True))
    assert idle == [True]


def test_each_connection_is_drained_and_the_last_makes_it_idle(make: Make) -> None:
    rig = make()
    clients = [rig.served() for _ in range(3)]
    idle: list[bool] = []
    rig.worker.drain(lambda: idle.append(True))
    assert [client.recv(1) for client in clients] == [b""] * 3
    assert idle == [True]


def test_a_worker_is_not_idle_while_a_connection_is_left(make: Make) -> None:
    rig = make()
    rig.served()
    rig.handlers[0].drain = lambda now, farewell: None  # type: ignore[method-assign]
    idle: list[bool] = []
    rig.worker.drain(lambda: idle.append(True))
    assert idle == []
    rig.handlers[0].channel.close()
    assert idle == [True]


def test_a_draining_worker_accepts_no_more(make: Make) -> None:
    rig = make()
    rig.worker.open_door(rig.door)
    rig.worker.drain(lambda: None)
    rig.connect()
    rig.worker.turn(0)
    assert rig.worker.connections == 0


def test_who_waits_when_the_server_ends_is_taken_and_who_comes_later_refused(make: Make) -> None:
    rig = make()
    rig.worker.open_door(rig.door)
    address = rig.listener.getsockname()
    clients = [rig.connect() for _ in range(3)]
    rig.worker.close_doors(for_good=True)
    assert rig.worker.connections == 3
    assert [rig.ask(client) for client in clients] == [b"hello"] * 3
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address, PATIENCE)


def test_who_is_taken_when_the_server_ends_is_drained(make: Make) -> None:
    rig = make()
    rig.worker.open_door(rig.door)
    rig.connect()
    idle: list[bool] = []
    rig.worker.drain(lambda: idle.append(True), for_good=True)
    assert rig.handlers[0].farewells[0] == "close"
    assert rig.handlers[0].told[-1] == "lost"
    assert idle == [True]


def test_a_patient_drain_leaves_idle_connections_until_they_are_to_close(make: Make) -> None:
    rig = make()
    client = rig.served()
    idle: list[bool] = []
    rig.worker.drain(lambda: idle.append(True), patient=True)
    assert rig.ask(client) == b"hello"
    assert idle == []
    rig.worker.close_idle()
    assert rig.handlers[0].farewells == ["patient", "close"]
    assert client.recv(1) == b""
    assert idle == [True]


def test_a_worker_that_fades_tells_its_connections_and_serves_on(make: Make) -> None:
    rig = make()
    client = rig.served()
    rig.worker.fade()
    later = rig.served()
    assert [handler.farewells for handler in rig.handlers] == [["fade"]] * 2
    assert [rig.ask(each) for each in (client, later)] == [b"hello"] * 2


def test_a_connection_that_was_handed_over_but_not_seen_is_drained(make: Make) -> None:
    rig = make()
    client = rig.hand_over()
    idle: list[bool] = []
    rig.worker.drain(lambda: idle.append(True))
    assert rig.handlers[0].told == ["drain", "lost"]
    assert client.recv(1) == b""
    assert idle == [True]


def test_all_connections_are_closed_by_an_abort(make: Make) -> None:
    rig = make()
    clients = [rig.served() for _ in range(3)]
    rig.worker.abort()
    for client in clients:
        with pytest.raises(ConnectionResetError):
            client.recv(1)
    assert rig.worker.connections == 0


def test_a_connection_that_arrives_after_all_others_left_is_not_forgotten(make: Make) -> None:
    """The acceptor may still be handing it over while the supervisor ends the worker."""
    rig = make()
    rig.worker.drain(lambda: None)
    client = rig.hand_over()
    rig.worker.turn(0)
    rig.worker.abort()
    assert client.recv(1) == b""


# Races, played step by step


class Interrupted:
    """A poller during whose `watch` the worker's own thread gets its turn first."""

    shared = True

    def __init__(self) -> None:
        self.inner = make_poller()
        self.first: Any = None
        self.change = self.inner.change
        self.forget = self.inner.forget
        self.poll = self.inner.poll
        self.fileno = self.inner.fileno
        self.close = self.inner.close

    def watch(self, fd: int, mask: int, /) -> None:
        first, self.first = self.first, None
        if first is not None:
            first()
        self.inner.watch(fd, mask)


def test_a_worker_may_adopt_a_connection_while_it_is_handed_over(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    poller = Interrupted()
    rig = make(poller)
    monkeypatch.setattr(clock, "TICK", 0.0)
    poller.first = lambda: rig.worker.turn(0)
    assert rig.ask(rig.hand_over()) == b"hello"


def test_a_worker_may_close_a_connection_while_it_is_handed_over(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its thread sweeps while it drains; the acceptor's thread must not fall over that."""
    poller = Interrupted()
    rig = make(poller)
    rig.worker.drain(lambda: None)
    monkeypatch.setattr(clock, "TICK", 0.0)
    poller.first = lambda: rig.worker.turn(0)
    rig.hand_over()
    rig.worker.turn(0)
    rig.worker.turn(0)
    assert rig.worker.connections == 0


# Hammering


def serve_while(rig: WorkerRig, threads: list[threading.Thread]) -> None:
    """The worker serves on this thread while the others do what they do."""
    over = time.monotonic() + 2 * PATIENCE
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        assert time.monotonic() < over, "they do not come to an end"
        rig.worker.turn(0.01)


def test_connections_from_many_threads_are_all_served(make: Make) -> None:
    rig = make()
    answered: list[bytes] = []
    failures: list[BaseException] = []
    accepting = threading.Lock()

    def work(number: int) -> None:
        try:
            for turn in range(50):
                data = b"%d-%d" % (number, turn)
                with socket.create_connection(rig.listener.getsockname(), PATIENCE) as client:
                    with accepting:
                        assert select.select([rig.listener], [], [], PATIENCE)[0]
                        taken = rig.door.accept(rig.poller, 0.0, 1)
                    for fd, address in taken:
                        rig.worker.hand_over(fd, Arrival(address, rig.door))
                    client.sendall(data)
                    answered.append(client.recv(100))
                    assert answered.count(data) == 1
        except BaseException as failure:  # noqa: BLE001 - told to the test's own thread
            failures.append(failure)

    serve_while(rig, [threading.Thread(target=work, args=(number,)) for number in range(8)])
    assert failures == []
    assert len(answered) == 400
    over = time.monotonic() + PATIENCE
    while rig.worker.connections and time.monotonic() < over:
        rig.worker.turn(0.01)
    assert rig.worker.connections == 0


def test_the_number_of_connections_can_be_read_while_it_changes(make: Make) -> None:
    rig = make()
    failures: list[BaseException] = []
    counts: set[int] = set()

    def look() -> None:
        try:
            for _ in range(20_000):
                counts.add(rig.worker.connections)
        except BaseException as failure:  # noqa: BLE001 - told to the test's own thread
            failures.append(failure)

    def come_and_go() -> None:
        try:
            for _ in range(100):
                with socket.create_connection(rig.listener.getsockname(), PATIENCE):
                    for fd, address in rig.door.accept(rig.poller, 0.0, 1):
                        rig.worker.hand_over(fd, Arrival(address, rig.door))
        except BaseException as failure:  # noqa: BLE001 - told to the test's own thread
            failures.append(failure)

    threads = [threading.Thread(target=look) for _ in range(3)]
    serve_while(rig, [*threads, threading.Thread(target=come_and_go)])
    assert failures == []
    assert min(counts) >= 0
    assert max(counts) <= 100
