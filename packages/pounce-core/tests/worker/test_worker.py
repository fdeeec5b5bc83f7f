"""A worker's turn: what is served, what is returned to the loop, what a fault costs, the sweep."""

import os
import select
import threading
from math import inf
from typing import TYPE_CHECKING

import pytest

from pounce.protocol.roles import Channel
from pounce.worker import worker as module
from pounce.worker.clock import TICK
from pounce.worker.poller import READ, make_poller
from pounce.worker.protocols import Protocols

if TYPE_CHECKING:
    from tests.worker.conftest import Echo, Make

PATIENCE = 30.0


class Clock:
    """Stands still until it is set."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Spy:
    """A poller that notes how long it was to wait, and never does."""

    shared = True

    def __init__(self) -> None:
        self.inner = make_poller()
        self.waits: list[float | None] = []
        self.watch = self.inner.watch
        self.change = self.inner.change
        self.forget = self.inner.forget
        self.fileno = self.inner.fileno
        self.close = self.inner.close

    def poll(self, timeout: float | None) -> list[tuple[int, int]]:
        self.waits.append(timeout)
        return self.inner.poll(0)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(module, "monotonic", made)
    return made


# Connections


def test_a_connection_handed_over_is_served(make: Make) -> None:
    rig = make()
    assert rig.ask(rig.hand_over()) == b"hello"


def test_connections_are_counted_from_their_hand_over_to_their_end(make: Make) -> None:
    rig = make()
    assert rig.worker.connections == 0
    client = rig.hand_over()
    assert rig.worker.connections == 1
    rig.ask(client)
    assert rig.worker.connections == 1
    client.close()
    rig.worker.turn(PATIENCE)
    assert rig.worker.connections == 0


def test_a_door_of_its_own_is_accepted_from(make: Make) -> None:
    rig = make()
    rig.worker.open_door(rig.door)
    clients = [rig.connect() for _ in range(3)]
    assert [rig.ask(client) for client in clients] == [b"hello"] * 3


def test_a_closed_door_keeps_who_comes_in_the_kernel(make: Make) -> None:
    rig = make()
    rig.worker.open_door(rig.door)
    rig.worker.close_doors()
    rig.connect()
    rig.worker.turn(0)
    assert rig.worker.connections == 0


def test_events_of_others_are_returned(make: Make) -> None:
    rig = make()
    read, write = os.pipe()
    rig.poller.watch(read, READ)
    os.write(write, b"x")
    assert rig.worker.turn(PATIENCE) == [(read, READ)]
    rig.poller.forget(read)
    os.close(read)
    os.close(write)


def test_events_of_its_own_are_not_returned(make: Make) -> None:
    rig = make()
    rig.worker.open_door(rig.door)
    client = rig.connect()
    client.sendall(b"x")
    for _ in range(5):
        assert rig.worker.turn(0.05) == []


def test_a_refusal_is_counted_by_its_name(make: Make) -> None:
    rig = make()
    client = rig.served()
    channel = rig.handlers[0].channel
    channel.refused("head-timeout")
    channel.refused("head-timeout")
    channel.refused("method-invalid")
    assert rig.worker.refusals == {"head-timeout": 2, "method-invalid": 1}
    client.close()


# A limit of connections


def test_a_full_worker_leaves_further_connections_to_the_kernel(make: Make) -> None:
    rig = make(most_connections=2)
    rig.worker.open_door(rig.door)
    for _ in range(4):
        rig.connect()
    for _ in range(5):
        rig.worker.turn(0)
    assert rig.worker.connections == 2


def test_a_full_worker_does_not_spin(make: Make) -> None:
    rig = make(most_connections=1)
    rig.worker.open_door(rig.door)
    rig.connect()
    rig.connect()
    for _ in range(5):
        rig.worker.turn(0)
    assert rig.poller.poll(0) == []


def test_room_that_becomes_free_is_taken(make: Make) -> None:
    rig = make(most_connections=1)
    rig.worker.open_door(rig.door)
    first, second = rig.connect(), rig.connect()
    rig.ask(first)
    first.close()
    assert rig.ask(second) == b"hello"


# Faults


@pytest.mark.parametrize(
    ("fails", "data"),
    [
        ({"received"}, b"x"),
        ({"turn"}, b"turn"),
        ({"received", "lost"}, b"x"),
        ({"turn", "lost"}, b"turn"),
        ({"made"}, b"x"),
    ],
    ids=lambda value: "+".join(sorted(value)) if isinstance(value, set) else None,
)
def test_a_fault_ends_the_connection_that_it_is_in_and_no_other(
    make: Make, fails: set[str], data: bytes
) -> None:
    rig = make()
    other = rig.served()
    rig.fails = frozenset(fails)
    victim = rig.hand_over()
    victim.sendall(data)
    for _ in range(3):
        rig.worker.turn(0.05)
    with pytest.raises(ConnectionResetError):
        victim.recv(1)
    assert rig.ask(other) == b"hello"
    assert rig.worker.connections == 1


def test_a_fault_is_logged_with_its_traceback(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    rig = make()
    rig.fails = frozenset({"received"})
    rig.hand_over().sendall(b"x")
    rig.worker.turn(PATIENCE)
    [record] = [record for record in caplog.records if record.exc_info]
    assert "fault in the server" in record.getMessage()


def test_a_fault_at_a_deadline_ends_only_its_connection(make: Make, clock: Clock) -> None:
    rig = make()
    rig.fails = frozenset({"expired"})
    victim = rig.served()
    rig.fails = frozenset()
    other = rig.served()
    for handler in rig.handlers:
        handler.channel.deadline = clock.now
    clock.now += 2 * TICK
    rig.worker.turn(0)
    with pytest.raises(ConnectionResetError):
        victim.recv(1)
    assert other.recv(1) == b""


def test_a_fault_at_the_drain_ends_only_its_connection(make: Make) -> None:
    rig = make()
    rig.fails = frozenset({"drain"})
    rig.served()
    rig.fails = frozenset()
    rig.served()
    idle: list[bool] = []
    rig.worker.drain(lambda: idle.append(True))
    assert [handler.told[-1] for handler in rig.handlers] == ["lost", "lost"]
    assert idle == [True]


# How long it waits


def test_an_idle_worker_sleeps_as_long_as_the_loop_wants(make: Make) -> None:
    spy = Spy()
    rig = make(spy)
    # One that has no door of its own may be handed a silent connection while it sleeps.
    rig.worker.open_door(rig.door)
    for timeout in (None, 5.0, 0.3, 0):
        rig.worker.turn(timeout)
    assert spy.waits == [None, 5.0, 0.3, 0]


def test_a_worker_with_connections_looks_up_at_each_tick(make: Make) -> None:
    spy = Spy()
    rig = make(spy)
    rig.served()
    spy.waits.clear()
    for timeout in (None, 100.0, 0.3):
        rig.worker.turn(timeout)
    assert all(wait is not None and wait <= TICK for wait in spy.waits)
    assert spy.waits[-1] == 0.3


def test_a_worker_that_has_just_given_turns_does_not_sleep(make: Make) -> None:
    """A turn may have called the application, whose callbacks now wait in the loop for theirs:
    the time that the loop said it could wait was computed before."""
    spy = Spy()
    rig = make(spy)
    client = rig.served()
    client.sendall(b"turn")
    assert select.select([rig.poller], [], [], PATIENCE)[0]
    rig.worker.turn(None)
    spy.waits.clear()
    rig.worker.turn(None)
    assert rig.handlers[0].told[-1] == "turn"
    assert spy.waits == [0]


def test_a_connection_that_says_nothing_is_swept_though_its_worker_slept(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody wakes a worker for a connection that was handed over; its deadlines still hold."""
    monkeypatch.setattr(module, "TICK", 0.05)
    monkeypatch.setattr("pounce.worker.clock.TICK", 0.05)
    rig = make()

    def impatient(channel: Channel, now: float, served: int) -> Echo:
        handler = rig.make_handler(channel, now, served)
        channel.deadline = now
        return handler

    rig.worker.speak(Protocols(impatient))
    rig.worker.turn(0)
    stopping = threading.Event()
    read, write = os.pipe()
    rig.poller.watch(read, READ)

    def live() -> None:
        while not stopping.is_set():
            rig.worker.turn(None)

    thread = threading.Thread(target=live)
    thread.start()
    try:
        client = rig.hand_over()
        assert client.recv(1) == b""
    finally:
        stopping.set()
        os.write(write, b"x")
        thread.join(PATIENCE)
        rig.poller.forget(read)
        os.close(read)
        os.close(write)


# The sweep


def test_deadlines_are_acted_on_at_the_tick_after_them(make: Make, clock: Clock) -> None:
    rig = make()
    rig.served()
    [handler] = rig.handlers
    handler.channel.deadline = clock.now + 5.0
    clock.now += 4.9
    rig.worker.turn(0)
    assert "expired" not in handler.told
    clock.now += TICK
    rig.worker.turn(0)
    assert handler.told[-2:] == ["expired", "lost"]


def test_what_has_come_is_served_before_a_deadline_is_acted_on(make: Make, clock: Clock) -> None:
    """The worker may have been held up by its application."""
    rig = make()
    client = rig.served()
    [handler] = rig.handlers
    handler.channel.deadline = clock.now + 5.0
    told = len(handler.told)
    client.sendall(b"in time")
    clock.now += 5.0 + TICK
    assert select.select([rig.poller], [], [], PATIENCE)[0]
    rig.worker.turn(0)
    assert handler.told[told:] == ["received", "expired", "lost"]


def test_there_is_one_sweep_a_tick(make: Make, clock: Clock) -> None:
    rig = make()
    lines: list[bytes] = []
    rig.worker.every_second(lines.append)
    assert len(lines) == 1
    clock.now += TICK
    rig.worker.turn(0)
    for _ in range(10):
        clock.now += TICK / 20
        rig.worker.turn(0)
    assert len(lines) == 2
    clock.now += TICK
    rig.worker.turn(0)
    assert len(lines) == 3


def test_the_date_is_fresh_before_anything_is_served_after_a_sleep(
    make: Make, clock: Clock
) -> None:
    rig = make()
    client = rig.served()
    told = rig.handlers[0].told
    lengths: list[int] = []
    rig.worker.every_second(lambda _line: lengths.append(len(told)))
    before = len(told)
    client.sendall(b"x")
    clock.now += 100.0
    assert select.select([rig.poller], [], [], PATIENCE)[0]
    rig.worker.turn(0)
    assert len(told) > before
    assert set(lengths) == {before}
    assert len(lengths) == 2


def test_the_date_line_is_a_field(make: Make) -> None:
    rig = make()
    lines: list[bytes] = []
    rig.worker.every_second(lines.append)
    assert lines[0].startswith(b"date: ")
    assert lines[0].endswith(b" GMT\r\n")


def test_a_silent_connection_is_adopted_at_the_tick(make: Make, clock: Clock) -> None:
    rig = make()
    rig.worker.turn(0)
    rig.hand_over()
    rig.worker.turn(0)
    assert rig.handlers == []
    clock.now += TICK
    rig.worker.turn(0)
    assert len(rig.handlers) == 1
    assert rig.handlers[0].channel.deadline == inf


def test_a_refusal_of_nobody_known_is_counted_too(make: Make) -> None:
    worker = make().worker
    for _ in range(2):
        worker.refused("toy-rule")
    assert worker.refusals == {"toy-rule": 2}
