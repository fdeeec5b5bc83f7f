"""Handshakes on a worker: how long, how many, what they become, and what ends them."""

import logging
import socket
import struct
from collections.abc import Callable
from time import monotonic
from typing import TYPE_CHECKING, Any

import pytest

from pounce.registry.negotiation import Offer
from pounce.worker import worker as module
from pounce.worker.clock import TICK
from pounce.worker.opening import AT_ONCE, LAST_CHANCE

if TYPE_CHECKING:
    from tests.worker.conftest import Make, ToyTransport, WorkerRig

PATIENCE = 30.0
TURNED = bytes(byte ^ 1 for byte in range(256))
WELCOME = b"WELCOME\n"


class Time:
    """What the worker takes for the time."""

    def __init__(self) -> None:
        self.now = monotonic()

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Time:
    time = Time()
    monkeypatch.setattr(module, "monotonic", time)
    return time


@pytest.fixture
def rig(make: Make, toy: ToyTransport) -> WorkerRig:
    made = make()
    made.wrap(toy)
    return made


def turned(data: bytes) -> bytes:
    """What the toy transport makes of bytes."""
    return data.translate(TURNED)


def ask(rig: WorkerRig, client: socket.socket, data: bytes = b"hello") -> bytes:
    return turned(rig.ask(client, turned(data)))


def began(rig: WorkerRig, data: bytes = b"HEL") -> socket.socket:
    """A client in its handshake."""
    client = rig.hand_over()
    client.sendall(data)
    count = rig.worker.connections
    for _ in range(3):
        rig.worker.turn(0.02)
    assert rig.worker.connections == count
    return client


def ended(client: socket.socket) -> bool:
    """Whether nothing more comes, and nothing has."""
    client.settimeout(PATIENCE)
    try:
        return client.recv(100) == b""
    except ConnectionResetError:
        return True


def turn(rig: WorkerRig, clock: Time, seconds: float) -> None:
    clock.now += seconds
    rig.worker.turn(0)


# What it becomes


def test_a_connection_is_served_through_its_transport(rig: WorkerRig) -> None:
    client = rig.greeted()
    assert ask(rig, client) == b"hello"


def test_a_handshake_may_come_in_pieces(rig: WorkerRig) -> None:
    client = rig.hand_over()
    for byte in b"HELLO \n":
        assert rig.handlers == []
        client.sendall(bytes([byte]))
        rig.worker.turn(0.02)
    assert client.recv(100) == WELCOME
    assert ask(rig, client) == b"hello"


def test_a_request_that_came_with_the_handshake_is_heard_at_once(rig: WorkerRig) -> None:
    client = rig.hand_over()
    client.sendall(b"HELLO \n" + turned(b"hello"))
    rig.worker.turn(0.02)
    assert rig.handlers[0].told == ["received"]
    assert client.recv(100) == WELCOME + turned(b"hello")


def test_what_was_agreed_on_is_who_speaks(make: Make, toy: ToyTransport) -> None:
    rig, other = make(), make()
    rig.wrap(toy, offers=(Offer((b"other",), None, other.make_handler),))
    rig.greeted(b"other")
    rig.greeted(b"http/1.1")
    assert (len(rig.handlers), len(other.handlers)) == (1, 1)


def test_without_an_agreement_the_first_bytes_tell_who_speaks(
    make: Make, toy: ToyTransport
) -> None:
    rig, other = make(), make()
    rig.wrap(toy, offers=(Offer((), b"PING", other.make_handler),))
    client = rig.greeted()
    assert ask(rig, client, b"PING") == b"PING"
    assert other.handlers[0].told == ["received"]


def test_what_the_transport_knows_of_the_client_is_the_peers(rig: WorkerRig) -> None:
    rig.greeted(b"a")
    rig.greeted(b"b")
    told = [handler.channel.peer.tls for handler in rig.handlers]
    assert told == [{"toy": b"a"}, {"toy": b"b"}]


def test_a_transport_may_wait_until_it_can_write(rig: WorkerRig, toy: ToyTransport) -> None:
    toy.needs_write = True
    assert ask(rig, rig.greeted()) == b"hello"


def test_connections_in_their_handshake_count(rig: WorkerRig) -> None:
    began(rig)
    assert rig.worker.connections == 1


def test_other_schemes_are_served_as_they_are(make: Make, toy: ToyTransport) -> None:
    rig = make()
    rig.wrap(toy)
    rig.door.scheme = "plain"
    assert rig.ask(rig.hand_over()) == b"hello"
    assert toy.streams == []


# How it fails


def test_a_client_that_says_something_else_is_refused(rig: WorkerRig) -> None:
    client = rig.hand_over()
    client.sendall(b"GET / HTTP/1.1\r\n\r\n")
    rig.worker.turn(0.02)
    assert ended(client)
    assert rig.worker.refusals == {"toy-greeting": 1}
    assert (rig.worker.connections, rig.handlers) == (0, [])


def test_a_client_that_goes_is_counted_by_a_name_of_ours(rig: WorkerRig) -> None:
    client = began(rig)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()
    rig.worker.turn(0.02)
    assert rig.worker.refusals == {"handshake-broken": 1}
    assert rig.worker.connections == 0


def test_a_transport_that_takes_no_hold_costs_one_connection(
    rig: WorkerRig, toy: ToyTransport, caplog: pytest.LogCaptureFixture
) -> None:
    toy.fails = True
    client = rig.hand_over()
    client.sendall(b"HELLO \n")
    with caplog.at_level(logging.ERROR, "pounce.worker"):
        rig.worker.turn(0.02)
    assert ended(client)
    assert len(caplog.records) == 1
    assert rig.worker.connections == 0
    toy.fails = False
    assert ask(rig, rig.greeted()) == b"hello"


def test_a_fault_in_a_handshake_costs_one_connection(
    rig: WorkerRig, toy: ToyTransport, caplog: pytest.LogCaptureFixture
) -> None:
    client = began(rig)
    toy.streams[0].open = lambda: 1 // 0  # type: ignore[method-assign,assignment,return-value]
    client.sendall(b"LO \n")
    with caplog.at_level(logging.ERROR, "pounce.worker"):
        rig.worker.turn(0.02)
    assert ended(client)
    assert "a fault in the server" in caplog.text
    assert rig.worker.connections == 0


def test_a_fault_right_behind_a_handshake_is_told_to_the_handler(
    rig: WorkerRig, caplog: pytest.LogCaptureFixture
) -> None:
    rig.fails = frozenset({"received"})
    client = rig.hand_over()
    client.sendall(b"HELLO \n" + turned(b"hello"))
    with caplog.at_level(logging.ERROR, "pounce.worker"):
        rig.worker.turn(0.02)
    assert rig.handlers[0].told == ["received", "lost"]
    assert rig.worker.connections == 0


def test_who_gets_no_handler_is_closed(rig: WorkerRig, caplog: pytest.LogCaptureFixture) -> None:
    rig.fails = frozenset({"made"})
    client = rig.hand_over()
    client.sendall(b"HELLO \n")
    with caplog.at_level(logging.ERROR, "pounce.worker"):
        rig.worker.turn(0.02)
    assert "no handler" in caplog.text
    assert rig.worker.connections == 0


# How long


def test_a_handshake_has_its_time_and_no_more(
    rig: WorkerRig, toy: ToyTransport, clock: Time
) -> None:
    toy.opening_timeout = 5.0
    rig.worker.turn(0)
    client = began(rig)
    turn(rig, clock, 4.9)
    assert rig.worker.connections == 1
    turn(rig, clock, 1.0)
    assert ended(client)
    assert rig.worker.refusals == {"handshake-timeout": 1}


def test_bytes_that_waited_for_the_worker_have_come_in_time(
    rig: WorkerRig, toy: ToyTransport, clock: Time
) -> None:
    """It may have been held up by its application, and a handshake does not move."""
    toy.opening_timeout = 5.0
    rig.worker.turn(0)
    client = began(rig)
    client.sendall(b"LO \n")
    turn(rig, clock, 6.0)
    assert rig.worker.refusals == {}
    assert client.recv(100) == WELCOME


def test_bytes_that_drip_give_no_more_time(rig: WorkerRig, toy: ToyTransport, clock: Time) -> None:
    toy.opening_timeout = 3.0
    rig.worker.turn(0)
    client = began(rig, b"H")
    for byte in b"ELLO":
        if rig.worker.connections:
            client.sendall(bytes([byte]))
        turn(rig, clock, 1.0)
    assert rig.worker.refusals == {"handshake-timeout": 1}


def test_a_client_that_says_nothing_at_all_is_cut_off(
    rig: WorkerRig, toy: ToyTransport, clock: Time
) -> None:
    toy.opening_timeout = 3.0
    rig.worker.turn(0)
    client = rig.hand_over()
    for _ in range(6):
        turn(rig, clock, 1.0)
    assert ended(client)
    assert rig.worker.refusals == {"handshake-timeout": 1}


def test_an_open_connection_has_the_deadline_of_its_handler(
    rig: WorkerRig, toy: ToyTransport, clock: Time
) -> None:
    toy.opening_timeout = 3.0
    rig.worker.turn(0)
    client = rig.greeted()
    for _ in range(6):
        turn(rig, clock, 1.0)
    assert ask(rig, client) == b"hello"


def test_the_transport_may_look_after_itself_at_each_tick(
    rig: WorkerRig, toy: ToyTransport, clock: Time
) -> None:
    start = clock.now
    turn(rig, clock, 1.0)
    turn(rig, clock, 1.0)
    assert toy.looks == [start + 1.0, start + 2.0]


# How many


def test_the_oldest_is_given_up_for_one_too_many(rig: WorkerRig, toy: ToyTransport) -> None:
    toy.most_opening = 2
    clients = [began(rig) for _ in range(2)]
    third = rig.hand_over()
    third.sendall(b"HEL")
    rig.worker.turn(0.02)
    assert ended(clients[0])
    assert rig.worker.refusals == {"handshake-limit": 1}
    for client in (clients[1], third):
        assert rig.ask(client, b"LO \n") == WELCOME


def test_those_that_are_open_do_not_count(rig: WorkerRig, toy: ToyTransport) -> None:
    toy.most_opening = 1
    clients = [rig.greeted() for _ in range(3)]
    assert [ask(rig, client) for client in clients] == [b"hello"] * 3
    assert rig.worker.refusals == {}


def test_those_that_failed_do_not_count(rig: WorkerRig, toy: ToyTransport) -> None:
    toy.most_opening = 1
    for _ in range(3):
        client = rig.hand_over()
        client.sendall(b"nonsense")
        rig.worker.turn(0.02)
    assert ask(rig, rig.greeted()) == b"hello"
    assert rig.worker.refusals == {"toy-greeting": 3}


def test_a_flood_of_them_has_its_share_of_a_turn(
    rig: WorkerRig, toy: ToyTransport, clock: Time
) -> None:
    """The time is the test's: a sweep in between would take them all in, which are too many."""
    toy.most_opening = AT_ONCE
    open_already = rig.greeted()
    clients = [rig.hand_over() for _ in range(3 * AT_ONCE)]
    for client in clients:
        client.sendall(b"HELLO \n")
    open_already.sendall(turned(b"hello"))
    through = [len(rig.handlers)]
    for _ in range(3):
        turn(rig, clock, TICK / 10)
        through.append(len(rig.handlers))
    assert through == [1, 1 + AT_ONCE, 1 + 2 * AT_ONCE, 1 + 3 * AT_ONCE]
    assert [client.recv(100) for client in clients] == [WELCOME] * len(clients)
    assert open_already.recv(100) == turned(b"hello")
    assert rig.worker.refusals == {}


# When the worker ends


def drained(rig: WorkerRig, **more: Any) -> list[bool]:
    idle: list[bool] = []
    rig.worker.drain(lambda: idle.append(True), **more)
    return idle


def test_a_handshake_has_a_last_chance_when_the_server_ends(rig: WorkerRig, clock: Time) -> None:
    rig.worker.turn(0)
    client = began(rig)
    idle = drained(rig)
    turn(rig, clock, LAST_CHANCE * 0.9)
    assert idle == []
    turn(rig, clock, LAST_CHANCE)
    assert ended(client)
    assert idle == [True]


def test_a_handshake_that_begins_when_the_server_ends_has_no_more(
    rig: WorkerRig, clock: Time
) -> None:
    rig.worker.turn(0)
    client = rig.hand_over()
    idle = drained(rig)
    assert (rig.worker.connections, idle) == (1, [])
    turn(rig, clock, LAST_CHANCE * 2)
    assert ended(client)
    assert idle == [True]


def test_a_handshake_that_is_through_in_time_hears_of_the_end(rig: WorkerRig) -> None:
    client = began(rig)
    idle = drained(rig)
    client.sendall(b"LO \n")
    rig.worker.turn(0.02)
    assert rig.handlers[0].farewells == ["close"]
    assert client.recv(100) == WELCOME + turned(b"BYE")
    assert idle == [True]


def test_a_request_behind_a_handshake_is_heard_though_the_server_ends(rig: WorkerRig) -> None:
    client = began(rig)
    drained(rig, patient=True)
    client.sendall(b"LO \n" + turned(b"hello"))
    rig.worker.turn(0.02)
    assert rig.handlers[0].told == ["drain", "received"]
    assert client.recv(100) == WELCOME + turned(b"hello")


@pytest.mark.parametrize("how", ["fade", "patient"])
def test_a_handshake_goes_on_in_a_worker_that_is_replaced(
    rig: WorkerRig, clock: Time, how: str
) -> None:
    rig.worker.turn(0)
    client = began(rig)
    if how == "fade":
        rig.worker.fade()
    else:
        drained(rig, patient=True)
    turn(rig, clock, LAST_CHANCE * 3)
    assert rig.ask(client, b"LO \n") == WELCOME
    assert rig.handlers[0].farewells == [how]


def test_a_handshake_ends_where_it_began_and_its_connection_moves(
    make: Make, rig: WorkerRig, toy: ToyTransport
) -> None:
    heir = make()
    heir.wrap(toy)
    client = began(rig)
    idle = drained(rig, heirs=[heir.worker])
    assert (idle, heir.worker.connections) == ([], 0)
    assert rig.ask(client, b"LO \n") == WELCOME
    assert idle == [True]
    assert ask(heir, client) == b"hello"
    assert len(toy.streams) == 1


def test_a_worker_that_gives_up_one_for_another_is_not_idle(
    rig: WorkerRig, toy: ToyTransport
) -> None:
    toy.most_opening = 1
    for _ in range(3):
        rig.hand_over()
    idle = drained(rig)
    assert idle == []
    assert rig.worker.connections == 1
    assert rig.worker.refusals == {"handshake-limit": 2}


@pytest.mark.parametrize("way", ["abort", "disconnect"])
def test_handshakes_end_with_their_worker(rig: WorkerRig, way: str) -> None:
    clients = [began(rig) for _ in range(2)]
    idle = drained(rig)
    end: Callable[[], None] = getattr(rig.worker, way)
    end()
    assert [ended(client) for client in clients] == [True, True]
    assert idle == [True]
    end()


def test_a_handshake_is_not_taken_from_a_worker_that_is_held_up(rig: WorkerRig) -> None:
    client = began(rig)
    assert rig.worker.give_up_idle() == []
    assert rig.ask(client, b"LO \n") == WELCOME
    assert ask(rig, client) == b"hello"
