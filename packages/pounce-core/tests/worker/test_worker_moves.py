"""Connections that leave a worker for another: taken from one that is stalled, or at its drain."""

import socket
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

import pytest

from pounce.protocol.errors import ClientDisconnected
from pounce.registry.negotiation import Offer
from pounce.worker import worker as module
from pounce.worker.arrival import Arrival, hand_over
from pounce.worker.clock import TICK
from pounce.worker.worker import STALL

if TYPE_CHECKING:
    from tests.worker.conftest import Make, ToyTransport, WorkerRig

PATIENCE = 30.0
TURNED = bytes(byte ^ 1 for byte in range(256))


class StubLoop:
    """A loop that calls what it is given when the test says so."""

    def __init__(self) -> None:
        self.calls: list[Callable[[], object]] = []

    def call_soon_threadsafe(self, callback: Callable[..., object], *args: object) -> None:
        self.calls.append(lambda: callback(*args))

    def run(self) -> None:
        calls, self.calls = self.calls, []
        for call in calls:
            call()


def looped(rig: WorkerRig) -> StubLoop:
    loop = StubLoop()
    rig.worker.prepare(cast("Any", loop), cast("Any", None), cast("Any", None))
    return loop


def give(rig: WorkerRig, *targets: WorkerRig) -> list[Arrival]:
    """Moves what a worker gives up."""
    given = rig.worker.give_up_idle()
    for fd, arrival in given:
        hand_over([target.worker for target in targets], fd, arrival)
    return [arrival for _, arrival in given]


# Whether it is stalled


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_worker_that_has_not_begun_is_not_stalled(make: Make) -> None:
    assert not make().worker.is_stalled(1e9)


def test_a_worker_is_stalled_when_it_has_not_looked_at_the_network_for_a_while(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    monkeypatch.setattr(module, "monotonic", clock)
    rig = make()
    rig.worker.turn(0)
    assert rig.worker.busy_since == clock.now
    assert not rig.worker.is_stalled(clock.now + STALL * 0.9)
    assert rig.worker.is_stalled(clock.now + STALL * 1.1)
    clock.now += 5.0
    rig.worker.turn(0)
    assert not rig.worker.is_stalled(clock.now)


def test_a_worker_that_waits_for_the_network_is_not_stalled(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig = make()
    rig.worker.turn(0)
    stalled: list[bool] = []

    class Waiting:
        def poll(self, _timeout: float | None) -> list[tuple[int, int]]:
            stalled.append(rig.worker.is_stalled(1e9))
            return []

    with monkeypatch.context() as patch:
        patch.setattr(rig.worker, "poller", Waiting())
        rig.worker.turn(0)
    assert stalled == [False]


# What it gives up


def test_a_worker_with_nothing_gives_nothing(make: Make) -> None:
    assert make().worker.give_up_idle() == []


def test_idle_connections_are_given_as_they_came(make: Make) -> None:
    rig = make()
    clients = [rig.served() for _ in range(2)]
    given = rig.worker.give_up_idle()
    assert [arrival.address for _, arrival in given] == [each.getsockname() for each in clients]
    assert {arrival.door for _, arrival in given} == {rig.door}
    assert rig.worker.connections == 0
    for fd, _ in given:
        socket.socket(fileno=fd).close()


def test_what_a_handler_holds_goes_along(make: Make) -> None:
    rig = make()
    rig.served()
    rig.handlers[0].held = b"half a head"
    rig.handlers[0].served = 7
    [(fd, arrival)] = rig.worker.give_up_idle()
    assert (arrival.data, arrival.served) == (b"half a head", 7)
    socket.socket(fileno=fd).close()


def test_a_connection_that_was_not_looked_at_is_given_as_it_is(make: Make) -> None:
    rig = make()
    loop = looped(rig)
    client = rig.connect()
    [(fd, address)] = rig.door.accept(rig.poller, 0.0)
    arrival = Arrival(address, rig.door, b"data", 3)
    rig.worker.hand_over(fd, arrival)
    assert rig.worker.give_up_idle() == [(fd, arrival)]
    assert rig.worker.connections == 0
    loop.run()
    assert rig.handlers == []
    client.close()
    socket.socket(fileno=fd).close()


def test_what_was_given_up_is_not_watched(make: Make) -> None:
    rig = make()
    clients = [rig.served(), rig.hand_over()]
    given = rig.worker.give_up_idle()
    for client in clients:
        client.sendall(b"x")
    assert len(given) == 2
    assert rig.poller.poll(0.05) == []
    for fd, _ in given:
        socket.socket(fileno=fd).close()


def test_a_connection_with_something_under_way_is_kept(make: Make) -> None:
    rig = make()
    busy, _ = rig.served(), rig.served()
    rig.handlers[0].busy = True
    [(fd, _)] = rig.worker.give_up_idle()
    assert rig.worker.connections == 1
    assert rig.ask(busy) == b"hello"
    socket.socket(fileno=fd).close()


def test_the_handler_of_what_was_given_up_is_told_nothing_more(make: Make) -> None:
    rig, other = make(), make()
    client = rig.served()
    rig.handlers[0].channel.deadline = 0.0
    rig.handlers[0].channel.schedule()
    give(rig, other)
    told = list(rig.handlers[0].told)
    assert told[-1] == "release"
    rig.worker.turn(0)
    rig.worker.turn(0)
    rig.worker.drain(lambda: None)
    rig.worker.abort()
    assert rig.handlers[0].told == told
    assert other.ask(client) == b"hello"


def test_what_was_given_up_is_served_by_another(make: Make) -> None:
    rig, other = make(), make()
    clients = [rig.served(), rig.hand_over()]
    assert len(give(rig, other)) == 2
    assert [other.ask(client) for client in clients] == [b"hello"] * 2
    assert [handler.served for handler in other.handlers] == [0, 0]


def test_the_bytes_of_a_connection_are_served_though_no_more_come(make: Make) -> None:
    rig, other = make(), make()
    loop = looped(other)
    client = rig.served()
    rig.handlers[0].held = b"unused"
    rig.handlers[0].served = 7
    give(rig, other)
    assert other.handlers == []
    loop.run()
    assert other.handlers[0].served == 7
    assert client.recv(100) == b"unused"
    assert other.ask(client) == b"hello"


def test_a_connection_with_bytes_is_heard_though_a_sweep_took_it_in(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sweep may come between the hand-over and the loop's turn for it."""
    rig, other = make(), make()
    loop = looped(other)
    client = rig.served()
    rig.handlers[0].held = b"unused"
    give(rig, other)
    monkeypatch.setattr(module, "monotonic", lambda: time.monotonic() + 2 * TICK)
    other.worker.turn(0)
    assert client.recv(100) == b"unused"
    loop.run()
    assert other.ask(client) == b"hello"


def test_a_connection_may_come_back(make: Make) -> None:
    rig, other = make(), make()
    client = rig.served()
    give(rig, other)
    assert other.ask(client) == b"hello"
    give(other, rig)
    assert rig.ask(client) == b"hello"


def test_a_worker_that_serves_its_sockets_gives_nothing(make: Make) -> None:
    rig = make()
    rig.served()
    client = rig.served()
    found: list[object] = []
    handler = rig.handlers[1]
    received = handler.received

    def look(data: bytes, now: float) -> None:
        thread = threading.Thread(target=lambda: found.append(rig.worker.give_up_idle()))
        thread.start()
        thread.join(PATIENCE)
        received(data, now)

    handler.received = look  # type: ignore[method-assign]
    assert rig.ask(client) == b"hello"
    assert found == [[]]
    assert rig.worker.connections == 2


def test_a_fault_while_it_gives_does_not_keep_the_lock(make: Make) -> None:
    rig = make()
    client = rig.served()
    rig.handlers[0].fails = frozenset({"release"})
    with pytest.raises(Exception, match="release"):
        rig.worker.give_up_idle()
    assert rig.ask(client) == b"hello"


# At the drain


def test_idle_connections_move_to_the_heirs(make: Make) -> None:
    rig, heir, other = make(), make(), make()
    clients = [rig.served() for _ in range(4)]
    idle: list[bool] = []
    rig.worker.drain(lambda: idle.append(True), [heir.worker, other.worker])
    assert [handler.farewells for handler in rig.handlers] == [["move"]] * 4
    assert idle == [True]
    assert (heir.worker.connections, other.worker.connections) == (2, 2)
    assert [heir.ask(each) for each in clients[::2]] == [b"hello"] * 2
    assert [other.ask(each) for each in clients[1::2]] == [b"hello"] * 2


def test_a_connection_with_something_under_way_moves_when_it_has_ended(make: Make) -> None:
    rig, heir = make(), make()
    client = rig.served()
    [handler] = rig.handlers
    handler.busy = True
    handler.drain = lambda now, farewell: None  # type: ignore[method-assign]
    idle: list[bool] = []
    rig.worker.drain(lambda: idle.append(True), [heir.worker])
    assert rig.ask(client) == b"hello"
    assert idle == []
    handler.busy = False
    assert handler.channel.hand_on()
    assert idle == [True]
    assert heir.ask(client) == b"hello"


def test_a_connection_that_was_not_looked_at_moves(make: Make) -> None:
    rig, heir = make(), make()
    client = rig.hand_over()
    idle: list[bool] = []
    rig.worker.drain(lambda: idle.append(True), [heir.worker])
    assert idle == [True]
    assert heir.ask(client) == b"hello"


def test_a_connection_that_comes_after_the_drain_moves(make: Make) -> None:
    """The acceptor may still have been giving it to this worker."""
    rig, heir = make(), make()
    rig.worker.drain(lambda: None, [heir.worker])
    client = rig.hand_over()
    client.sendall(b"x")
    rig.worker.turn(PATIENCE)
    assert rig.worker.connections == 0
    assert heir.worker.connections == 1


@pytest.mark.parametrize("last", ["abort", "pass_on_arrivals"])
def test_a_connection_that_comes_after_the_last_turn_moves(make: Make, last: str) -> None:
    """A worker with nothing left ends at once, whatever the acceptor is about to give it."""
    rig, heir = make(), make()
    rig.worker.drain(lambda: None, [heir.worker])
    client = rig.hand_over()
    getattr(rig.worker, last)()
    assert rig.worker.connections == 0
    assert heir.ask(client) == b"hello"


def test_bytes_and_count_move_to_the_heir(make: Make) -> None:
    rig, heir = make(), make()
    loop = looped(heir)
    client = rig.served()
    rig.handlers[0].held = b"unused"
    rig.handlers[0].served = 7
    rig.worker.drain(lambda: None, [heir.worker])
    loop.run()
    assert client.recv(100) == b"unused"
    assert heir.handlers[0].served == 7


def test_a_connection_whose_heirs_have_ended_is_closed(make: Make) -> None:
    rig, heir = make(), make()
    client = rig.served()
    heir.poller.close()
    idle: list[bool] = []
    rig.worker.drain(lambda: idle.append(True), [heir.worker])
    assert idle == [True]
    assert client.recv(1) == b""


def test_an_heir_that_drains_itself_is_passed_over(make: Make) -> None:
    rig, fewest, other = make(), make(), make()
    other.served()
    client = rig.served()
    fewest.worker.drain(lambda: None)
    rig.worker.drain(lambda: None, [fewest.worker, other.worker])
    assert other.ask(client) == b"hello"


def test_a_connection_whose_heirs_all_drain_is_closed(make: Make) -> None:
    rig, heir = make(), make()
    client = rig.served()
    heir.worker.drain(lambda: None)
    idle: list[bool] = []
    rig.worker.drain(lambda: idle.append(True), [heir.worker])
    assert client.recv(1) == b""
    assert idle == [True]


def test_the_last_connection_moves_to_who_is_an_heir_by_then(make: Make) -> None:
    """The heirs may have been replaced since the drain began."""
    rig, first, second = make(), make(), make()
    client = rig.served()
    [handler] = rig.handlers
    handler.drain = lambda now, farewell: None  # type: ignore[method-assign]
    heirs = [first.worker]
    rig.worker.drain(lambda: None, heirs)
    first.worker.drain(lambda: None)
    heirs[:] = [second.worker]
    assert handler.channel.hand_on()
    assert second.ask(client) == b"hello"


def test_without_heirs_nothing_is_handed_on(make: Make) -> None:
    rig = make()
    client = rig.served()
    assert not rig.handlers[0].channel.hand_on()
    assert rig.ask(client) == b"hello"


def test_a_fault_in_a_move_ends_only_its_connection(make: Make) -> None:
    rig, heir = make(), make()
    first, second = rig.served(), rig.served()
    rig.handlers[0].fails = frozenset({"release"})
    idle: list[bool] = []
    rig.worker.drain(lambda: idle.append(True), [heir.worker])
    with pytest.raises(ConnectionResetError):
        first.recv(1)
    assert heir.ask(second) == b"hello"
    assert idle == [True]


# Through a transport


def turned(data: bytes) -> bytes:
    """What the toy transport makes of bytes."""
    return data.translate(TURNED)


def test_the_hold_of_a_transport_goes_along(make: Make, toy: ToyTransport) -> None:
    rig, other = make(), make()
    for each in (rig, other):
        each.wrap(toy)
    client = rig.greeted(b"a")
    [arrival] = give(rig, other)
    assert arrival.stream is toy.streams[0]
    assert other.ask(client, turned(b"hello")) == turned(b"hello")
    assert len(toy.streams) == 1


def test_what_was_agreed_on_counts_for_the_next_worker_too(make: Make, toy: ToyTransport) -> None:
    rig, other, third = make(), make(), make()
    rig.wrap(toy)
    other.wrap(toy, offers=(Offer((b"a",), None, third.make_handler),))
    client = rig.greeted(b"a")
    rig.handlers[0].served = 7
    give(rig, other)
    assert other.ask(client, turned(b"hello")) == turned(b"hello")
    [handler] = third.handlers
    assert (handler.served, handler.channel.peer.tls) == (7, {"toy": b"a"})


def test_bytes_that_were_not_used_are_as_the_transport_gave_them(
    make: Make, toy: ToyTransport
) -> None:
    rig, other = make(), make()
    for each in (rig, other):
        each.wrap(toy)
    loop = looped(other)
    client = rig.greeted()
    rig.handlers[0].held = b"unused"
    give(rig, other)
    loop.run()
    assert client.recv(100) == turned(b"unused")
    assert other.ask(client, turned(b"hello")) == turned(b"hello")


def test_who_gave_a_hold_away_can_do_nothing_with_it(make: Make, toy: ToyTransport) -> None:
    rig, other = make(), make()
    for each in (rig, other):
        each.wrap(toy)
    client = rig.greeted()
    channel = rig.handlers[0].channel
    give(rig, other)
    with pytest.raises(ClientDisconnected):
        channel.write(b"stray")
    channel.close()
    channel.abort()
    assert other.ask(client, turned(b"hello")) == turned(b"hello")
    assert toy.streams[0].ended == 0


def test_the_end_of_a_stream_is_told_by_who_has_it_last(make: Make, toy: ToyTransport) -> None:
    rig, other = make(), make()
    for each in (rig, other):
        each.wrap(toy)
    client = rig.greeted()
    give(rig, other)
    other.worker.turn(0)
    other.worker.drain(lambda: None)
    assert client.recv(100) == turned(b"BYE")
    assert client.recv(100) == b""


def test_a_hold_that_was_not_looked_at_is_closed_with_its_worker(
    make: Make, toy: ToyTransport
) -> None:
    rig, other = make(), make()
    rig.wrap(toy)
    client = rig.greeted()
    [(fd, arrival)] = rig.worker.give_up_idle()
    other.worker.hand_over(fd, arrival)
    other.worker.pass_on_arrivals()
    assert client.recv(100) == b""
    assert toy.streams[0].socket.fileno() == -1
