"""The thread that accepts: which worker gets what, what happens when all is full, and the stop."""

import errno
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from math import inf
from pathlib import Path
from typing import Any, cast

import pytest

from pounce.supervise import acceptor as module
from pounce.supervise.acceptor import Acceptor
from pounce.testing.waiting import PATIENCE, until
from pounce.worker.arrival import Arrival
from pounce.worker.door import Door
from pounce.worker.poller import Poller, make_poller
from pounce.worker.worker import Worker


class Target:
    """A worker as the acceptor sees it; the connections stay where they are."""

    def __init__(self, connections: int = 0) -> None:
        self.connections = connections
        self.taken: list[socket.socket] = []
        self.changed = threading.Condition()
        self.fault: Exception | None = None
        self.arrivals: list[Arrival] = []
        self.stalled = False

    def is_stalled(self, _now: float) -> bool:
        return self.stalled

    def hand_over(self, fd: int, arrival: Arrival) -> None:
        if self.fault is not None:
            raise self.fault
        with self.changed:
            self.arrivals.append(arrival)
            self.taken.append(socket.socket(fileno=fd))
            self.connections += 1
            self.changed.notify_all()

    def until(self, count: int) -> None:
        """Waits until it was given so many."""
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.taken) >= count, PATIENCE)

    def lose(self) -> None:
        """One of its connections ends."""
        with self.changed:
            self.taken.pop().close()
            self.connections -= 1


class Rig:
    """Listeners, an acceptor, and targets."""

    def __init__(self, stack: ExitStack, targets: int, most: int | None, doors: int) -> None:
        self._stack = stack
        self.listeners = [
            stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=256))
            for _ in range(doors)
        ]
        for listener in self.listeners:
            listener.setblocking(False)
        self.targets = [Target() for _ in range(targets)]
        self.doors = [Door(each, None, "http") for each in self.listeners]
        self.acceptor = Acceptor(self.doors, most)
        self.aim(*self.targets)

    def aim(self, *targets: Target) -> None:
        self.acceptor.targets = tuple(cast("Worker", target) for target in targets)

    def start(self) -> None:
        self.acceptor.start()
        self._stack.callback(self.acceptor.stop)

    def connect(self, door: int = 0) -> socket.socket:
        client = socket.create_connection(self.listeners[door].getsockname(), PATIENCE)
        return self._stack.enter_context(client)

    def close(self) -> None:
        for target in self.targets:
            for sock in target.taken:
                sock.close()


type Make = Callable[..., Rig]


@pytest.fixture
def make() -> Iterator[Make]:
    with ExitStack() as stack:

        def rig(targets: int = 1, most: int | None = None, doors: int = 1) -> Rig:
            made = Rig(stack, targets, most, doors)
            stack.callback(made.close)
            return made

        yield rig


def test_connections_are_handed_over(make: Make) -> None:
    rig = make()
    rig.start()
    client = rig.connect()
    [target] = rig.targets
    target.until(1)
    assert target.taken[0].getpeername() == client.getsockname()
    assert not os.get_blocking(target.taken[0].fileno())


def test_a_worker_learns_who_comes_and_by_which_door(make: Make) -> None:
    rig = make(doors=2)
    rig.start()
    client = rig.connect(1)
    [target] = rig.targets
    target.until(1)
    assert target.arrivals == [Arrival(client.getsockname(), rig.doors[1])]


def test_a_worker_that_does_not_return_to_its_loop_gets_none(make: Make) -> None:
    rig = make(targets=2)
    stalled, other = rig.targets
    stalled.stalled = True
    other.connections = 10
    rig.start()
    for _ in range(4):
        rig.connect()
    other.until(4)
    assert stalled.taken == []


def test_the_worker_with_the_fewest_gets_the_next(make: Make) -> None:
    rig = make(targets=3)
    busy, idle, busier = rig.targets
    busy.connections, idle.connections, busier.connections = 10, 2, 20
    rig.start()
    for _ in range(8):
        rig.connect()
    idle.until(8)
    assert [len(target.taken) for target in rig.targets] == [0, 8, 0]


def test_equals_get_them_in_turn(make: Make) -> None:
    rig = make(targets=3)
    rig.start()
    for number in range(1, 10):
        rig.connect()
        until(lambda n=number: sum(len(each.taken) for each in rig.targets) == n)  # type: ignore[misc]
    assert [len(target.taken) for target in rig.targets] == [3, 3, 3]


def test_equals_get_them_in_turn_though_each_ends_before_the_next(make: Make) -> None:
    """Short connections: all workers are idle each time, and none gets them all."""
    rig = make(targets=3)
    counts = [0, 0, 0]
    rig.start()
    for _ in range(9):
        rig.connect()
        until(lambda: any(target.taken for target in rig.targets))
        for number, target in enumerate(rig.targets):
            if target.taken:
                target.until(1)
                target.lose()
                counts[number] += 1
    assert counts == [3, 3, 3]


def test_every_door_is_accepted_from(make: Make) -> None:
    rig = make(doors=3)
    rig.start()
    for door in range(3):
        rig.connect(door)
    rig.targets[0].until(3)


def test_new_targets_get_what_comes_from_then_on(make: Make) -> None:
    rig = make(targets=3)
    first, *others = rig.targets
    rig.aim(first)
    rig.start()
    rig.connect()
    first.until(1)
    rig.aim(*others)
    for _ in range(4):
        rig.connect()
    for other in others:
        other.until(2)
    assert len(first.taken) == 1


def test_while_there_is_no_worker_the_kernel_keeps_who_comes(
    make: Make, counting: Counting
) -> None:
    """As between the death of the only one and its replacement."""
    rig = make()
    rig.aim()
    rig.start()
    client = rig.connect()
    counting.until_idle(2)
    rig.aim(*rig.targets)
    [target] = rig.targets
    target.until(1)
    assert target.taken[0].getpeername() == client.getsockname()


def test_a_connection_accepted_when_all_workers_have_gone_waits_for_the_next(make: Make) -> None:
    rig = make(targets=2)
    first, second = rig.targets
    rig.aim(first)
    waits = threading.Event()

    def accept_last(poller: Poller, now: float, most: int = 64) -> list[tuple[int, Any]]:
        taken = accept(poller, now, most)
        if taken:
            rig.aim()
            waits.set()
        return taken

    accept = rig.doors[0].accept
    rig.doors[0].accept = accept_last  # type: ignore[method-assign]
    rig.start()
    rig.connect()
    assert waits.wait(PATIENCE)
    rig.aim(second)
    second.until(1)


# Full


def test_no_more_are_accepted_than_the_limit(make: Make, counting: Counting) -> None:
    rig = make(targets=2, most=3)
    rig.start()
    for _ in range(5):
        rig.connect()
    first, second = rig.targets
    first.until(1)
    second.until(1)
    counting.until_idle(3)
    assert len(first.taken) + len(second.taken) == 3


def test_room_that_becomes_free_is_taken(make: Make) -> None:
    rig = make(most=1)
    rig.start()
    rig.connect()
    second = rig.connect()
    [target] = rig.targets
    target.until(1)
    target.lose()
    target.until(1)
    assert target.taken[0].getpeername() == second.getsockname()


class Counting:
    """A poller that counts how often it is asked, and does not wait long."""

    shared = True

    def __init__(self) -> None:
        inner = make_poller()
        self.watch = inner.watch
        self.change = inner.change
        self.forget = inner.forget
        self.fileno = inner.fileno
        self.close = inner.close
        self._poll = inner.poll
        self.idle = 0
        """How often it found nothing."""
        self.busy = 0
        """How often it found something at once."""
        self.asked = threading.Condition()

    def poll(self, timeout: float | None) -> list[tuple[int, int]]:
        events = self._poll(0)
        with self.asked:
            if events:
                self.busy += 1
            else:
                self.idle += 1
            self.asked.notify_all()
        return events or self._poll(timeout)

    def until_idle(self, times: int) -> None:
        """Waits until it found nothing so many times more."""
        with self.asked:
            goal = self.idle + times
            assert self.asked.wait_for(lambda: self.idle >= goal, PATIENCE)


class Exhausted:
    """A listener for which there is no descriptor, once."""

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        self._failures = [OSError(errno.EMFILE, "no more")]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._listener, name)

    def accept(self) -> Any:
        if self._failures:
            raise self._failures.pop()
        return self._listener.accept()


def run_out(door: Door) -> None:
    door._socket = cast("socket.socket", Exhausted(door._socket))


@pytest.fixture
def counting(monkeypatch: pytest.MonkeyPatch) -> Counting:
    poller = Counting()

    def make() -> Poller:
        return poller

    monkeypatch.setattr(module, "make_poller", make)
    return poller


def test_a_full_acceptor_does_not_spin(make: Make, counting: Counting) -> None:
    rig = make(most=1)
    rig.start()
    rig.connect()
    rig.connect()
    rig.targets[0].until(1)
    counting.until_idle(2)


def test_a_full_acceptor_does_not_spin_though_a_door_paused(
    make: Make, counting: Counting, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The door paused, for want of descriptors say, before the server was full."""
    rig = make(most=2, doors=2)
    failing, good = rig.doors
    run_out(failing)
    # Until the server is full.
    monkeypatch.setattr("pounce.worker.door.PAUSE", inf)
    monkeypatch.setattr(module, "TICK", 0.05)
    rig.start()
    rig.connect(0)
    until(lambda: failing.shut)
    assert not good.shut
    rig.connect(1)
    rig.connect(1)
    [target] = rig.targets
    target.until(2)
    failing._resume_at = time.monotonic()
    counting.until_idle(2)
    target.lose()
    target.until(2)
    assert target.arrivals[-1].door is failing


def test_a_door_that_paused_is_accepted_from_again(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig = make()
    [door] = rig.doors
    monkeypatch.setattr("pounce.worker.door.PAUSE", 0.05)
    monkeypatch.setattr(module, "TICK", 0.05)
    run_out(door)
    rig.start()
    rig.connect()
    rig.targets[0].until(1)


# Faults


@pytest.mark.parametrize(
    "fault", [ValueError("I/O operation on closed epoll object"), OSError(errno.ENOSPC, "watches")]
)
def test_a_worker_that_cannot_take_a_connection_is_not_the_end_of_accepting(
    make: Make, fault: Exception
) -> None:
    """It may have died or ended this very moment; the others go on."""
    rig = make(targets=2)
    bad, good = rig.targets
    bad.fault = fault
    rig.start()
    for _ in range(4):
        rig.connect()
    good.until(2)


def test_a_connection_that_nobody_could_take_is_closed(make: Make) -> None:
    rig = make()
    [target] = rig.targets
    target.fault = OSError(errno.ENOSPC, "no more watches")
    rig.start()
    client = rig.connect()
    client.settimeout(PATIENCE)
    try:
        assert client.recv(1) == b""
    except ConnectionResetError:
        pass


# The stop


def test_who_comes_after_the_stop_is_refused(make: Make) -> None:
    rig = make()
    rig.acceptor.start()
    rig.connect()
    rig.targets[0].until(1)
    address = rig.listeners[0].getsockname()
    rig.acceptor.stop()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address, PATIENCE)
    assert len(rig.targets[0].taken) == 1


@pytest.mark.parametrize("most", [None, 2], ids=["room", "full"])
def test_who_waits_at_the_stop_is_taken(make: Make, most: int | None) -> None:
    """The kernel has told these clients that they are connected."""
    rig = make(doors=2, most=most)
    [target] = rig.targets
    rig.acceptor.start()
    clients = [rig.connect(0), rig.connect(1)]
    target.until(2)
    clients += [rig.connect(door) for door in (0, 1) * 50]
    rig.acceptor.stop()
    peers = {sock.getpeername() for sock in target.taken}
    assert peers == {client.getsockname() for client in clients}


def test_who_waits_at_the_stop_is_closed_if_there_is_no_worker(make: Make) -> None:
    rig = make()
    rig.aim()
    client = rig.connect()
    client.settimeout(PATIENCE)
    rig.acceptor.start()
    rig.acceptor.stop()
    try:
        assert client.recv(1) == b""
    except ConnectionResetError:
        pass


def test_the_stop_leaves_no_descriptor(make: Make) -> None:
    rig = make(doors=2)
    before = len(list(Path("/dev/fd").iterdir()))
    rig.acceptor.start()
    rig.acceptor.stop()
    # The two listeners are closed, and so is the pipe that was made with the acceptor.
    assert len(list(Path("/dev/fd").iterdir())) == before - 4


# Hammering


def test_no_connection_is_lost_or_given_twice_while_targets_change(make: Make) -> None:
    rig = make(targets=6)
    rig.start()
    stopping = threading.Event()

    def change() -> None:
        turn = 0
        while not stopping.is_set():
            turn += 1
            rig.aim(*rig.targets[turn % 3 : turn % 3 + 3])
            time.sleep(0)

    def come() -> None:
        clients.extend([rig.connect().getsockname() for _ in range(50)])

    clients: list[object] = []
    changing = threading.Thread(target=change)
    coming = [threading.Thread(target=come) for _ in range(4)]
    for thread in (changing, *coming):
        thread.start()
    for thread in coming:
        thread.join()
    stopping.set()
    changing.join()
    until(lambda: sum(len(target.taken) for target in rig.targets) >= 200)
    peers = [sock.getpeername() for target in rig.targets for sock in target.taken]
    assert len(peers) == 200
    assert set(peers) == set(clients)
