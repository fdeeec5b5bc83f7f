"""A listening socket as a worker sees it: accepting, what a client is called, and running out."""

import errno
import logging
import resource
import select
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import pytest

from pounce.guard.proxies import TrustedProxies
from pounce.worker.door import BATCH, LAST, PAUSE, QUIET, Door
from pounce.worker.poller import READ, Poller, make_poller

PATIENCE = 30.0


class StubSocket:
    """A listener whose `accept` gives or raises what it is told, in turn."""

    family = socket.AF_INET
    proto = 0

    def __init__(self, *outcomes: int | tuple[str, int]) -> None:
        self.outcomes = list(outcomes)
        self.calls = 0

    def fileno(self) -> int:
        return 99

    def accept(self) -> tuple[socket.socket, tuple[str, int]]:
        self.calls += 1
        if not self.outcomes:
            raise BlockingIOError(errno.EAGAIN, "none")
        outcome = self.outcomes.pop(0)
        if isinstance(outcome, int):
            raise OSError(outcome, "because")
        return socket.socket(), outcome


class StubPoller:
    """Knows what is watched."""

    shared = True

    def __init__(self) -> None:
        self.watched: dict[int, int] = {}

    def watch(self, fd: int, mask: int, /) -> None:
        assert fd not in self.watched
        self.watched[fd] = mask

    def change(self, fd: int, mask: int, /) -> None:
        raise AssertionError

    def forget(self, fd: int, /) -> None:
        del self.watched[fd]

    def poll(self, timeout: float | None) -> list[tuple[int, int]]:
        raise AssertionError

    def fileno(self) -> int:
        raise AssertionError

    def close(self) -> None:
        raise AssertionError


def door(sock: Any, **options: Any) -> Door:
    return Door(cast("socket.socket", sock), ("server", 80), "http", **options)


def close(taken: list[tuple[int, Any]]) -> None:
    for fd, _ in taken:
        socket.socket(fileno=fd).close()


@contextmanager
def listening(clients: int) -> Iterator[tuple[Door, Poller, list[socket.socket]]]:
    """A door on loopback, a poller that watches it, and so many clients that have connected."""
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
        listener.setblocking(False)
        connected = [
            socket.create_connection(listener.getsockname(), PATIENCE) for _ in range(clients)
        ]
        poller = make_poller()
        made = door(listener)
        made.watch(poller)
        yield made, poller, connected
        poller.close()
        for client in connected:
            client.close()


def test_waiting_connections_are_taken_with_their_addresses() -> None:
    with listening(2) as (made, poller, clients):
        taken = made.accept(poller, 0.0)
        assert [address for _, address in taken] == [each.getsockname() for each in clients]
        close(taken)


def test_a_connection_that_was_taken_does_not_block() -> None:
    with listening(1) as (made, poller, _):
        [(fd, _)] = made.accept(poller, 0.0)
        with socket.socket(fileno=fd) as accepted, pytest.raises(BlockingIOError):
            accepted.recv(1)


def test_a_connection_that_was_taken_is_not_inherited() -> None:
    with listening(1) as (made, poller, _):
        [(fd, _)] = made.accept(poller, 0.0)
        with socket.socket(fileno=fd) as accepted:
            assert not accepted.get_inheritable()


def test_nobody_waits() -> None:
    with listening(0) as (made, poller, _):
        assert made.accept(poller, 0.0) == []


def test_no_more_are_taken_than_there_is_room_for() -> None:
    with listening(3) as (made, poller, _):
        taken = made.accept(poller, 0.0, 2)
        assert len(taken) == 2
        close(taken)


@pytest.mark.parametrize("room", [0, -1])
def test_none_is_taken_without_room(room: int) -> None:
    stub = StubSocket(("192.0.2.1", 1))
    assert door(stub).accept(StubPoller(), 0.0, room) == []
    assert stub.calls == 0


def test_a_flood_is_taken_in_batches() -> None:
    stub = StubSocket(*[("192.0.2.1", port) for port in range(BATCH + 1)])
    taken = door(stub).accept(StubPoller(), 0.0)
    assert len(taken) == BATCH
    close(taken)


@pytest.mark.parametrize("number", [errno.ECONNABORTED, errno.EPROTO, errno.EINTR])
def test_a_client_that_left_the_queue_is_passed_over(number: int) -> None:
    taken = door(StubSocket(number, ("192.0.2.1", 1))).accept(StubPoller(), 0.0)
    assert [address for _, address in taken] == [("192.0.2.1", 1)]
    close(taken)


# Running out


EXHAUSTED = [errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM]


@pytest.mark.parametrize("number", EXHAUSTED, ids=[errno.errorcode[each] for each in EXHAUSTED])
def test_a_door_pauses_when_nothing_is_left(number: int) -> None:
    poller = StubPoller()
    made = door(StubSocket(number))
    made.watch(poller)
    made.accept(poller, 10.0)
    assert made.shut
    assert poller.watched == {}


def test_what_was_taken_before_nothing_was_left_is_kept() -> None:
    poller = StubPoller()
    made = door(StubSocket(("192.0.2.1", 1), errno.EMFILE, ("192.0.2.1", 2)))
    made.watch(poller)
    taken = made.accept(poller, 10.0)
    assert [address for _, address in taken] == [("192.0.2.1", 1)]
    close(taken)


def test_a_door_opens_again_after_the_pause() -> None:
    poller = StubPoller()
    made = door(StubSocket(errno.EMFILE))
    made.watch(poller)
    made.accept(poller, 10.0)
    assert not made.resume(poller, 10.0 + PAUSE - 0.1)
    assert poller.watched == {}
    assert made.resume(poller, 10.0 + PAUSE)
    assert poller.watched == {99: READ}
    assert not made.shut


def test_a_door_that_does_not_pause_resumes_at_no_cost() -> None:
    poller = StubPoller()
    made = door(StubSocket())
    made.watch(poller)
    assert made.resume(poller, 1e6)
    assert poller.watched == {99: READ}


def test_running_out_is_logged_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    """Also where now and then a descriptor gets free, as it does on a server with clients."""
    poller = StubPoller()
    client = ("192.0.2.1", 1)
    made = door(StubSocket(errno.EMFILE, client, errno.EMFILE, client, errno.EMFILE))
    made.watch(poller)
    with caplog.at_level(logging.ERROR, "pounce.listen"):
        for now, told in ((0.0, 1), (QUIET - 1.0, 1), (QUIET, 2)):
            made.resume(poller, now)
            close(made.accept(poller, now))
            assert len(caplog.records) == told
    assert "ulimit -n" in caplog.text


PROGRAM = """
import resource, socket, sys
from pounce.worker.door import PAUSE, Door
from pounce.worker.poller import make_poller

listener = socket.create_server(("127.0.0.1", 0))
listener.setblocking(False)
door = Door(listener, None, "http")
poller = make_poller()
door.watch(poller)
client = socket.create_connection(listener.getsockname())
hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (client.fileno() + 1, hard))
assert poller.poll(30)
assert door.accept(poller, 0.0) == [], "a descriptor came from nowhere"
assert door.shut
assert poller.poll(0) == [], "a listener that cannot accept keeps the loop spinning"
resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
assert door.resume(poller, PAUSE)
assert poller.poll(30)
[(fd, address)] = door.accept(poller, PAUSE)
assert address == client.getsockname()
print("served")
"""


def test_a_process_out_of_descriptors_waits_and_goes_on() -> None:
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[1] > 64
    ran = subprocess.run(
        [sys.executable, "-W", "ignore::ResourceWarning", "-c", PROGRAM],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert ran.stdout == "served\n", ran.stderr


# Watching


def test_a_door_is_watched_once_however_often_it_is_asked() -> None:
    poller = StubPoller()
    made = door(StubSocket())
    made.watch(poller)
    made.watch(poller)
    assert poller.watched == {99: READ}
    made.unwatch(poller)
    made.unwatch(poller)
    assert poller.watched == {}


def test_a_door_shared_by_processes_wakes_one_of_them() -> None:
    exclusive = getattr(select, "EPOLLEXCLUSIVE", 0)
    poller = StubPoller()
    door(StubSocket(), exclusive=True).watch(poller)
    assert poller.watched == {99: READ | exclusive}


def test_a_shared_door_can_be_watched_for_real() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        poller = make_poller()
        made = door(listener, exclusive=True)
        made.watch(poller)
        with socket.create_connection(listener.getsockname()):
            assert poller.poll(PATIENCE) == [(listener.fileno(), READ)]
        made.unwatch(poller)
        made.watch(poller)
        assert poller.poll(PATIENCE) == [(listener.fileno(), READ)]
        poller.close()


def test_a_door_that_is_emptied_is_closed_though_others_go_on_connecting() -> None:
    taken: list[int] = []

    def take() -> int:
        taken.append(BATCH)
        return BATCH

    with listening(0) as (made, poller, _):
        made.unwatch(poller)
        made.empty(take)
        assert made.fileno() == -1
    assert LAST <= sum(taken) < LAST + BATCH


def test_a_closed_door_refuses_who_comes() -> None:
    with listening(0) as (made, poller, _):
        address = made._socket.getsockname()
        made.unwatch(poller)
        made.close()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(address, PATIENCE)


# What a client is called


class NamedSocket(StubSocket):
    def __init__(self, family: socket.AddressFamily) -> None:
        super().__init__()
        self.family = family


@pytest.mark.parametrize(
    ("family", "address", "client"),
    [
        (socket.AF_INET, ("192.0.2.1", 5), ("192.0.2.1", 5)),
        (socket.AF_INET6, ("2001:db8::1", 5, 0, 0), ("2001:db8::1", 5)),
        (socket.AF_INET6, ("fe80::1%eth0", 5, 0, 2), ("fe80::1%eth0", 5)),
        (socket.AF_INET6, ("::ffff:192.0.2.1", 5, 0, 0), ("192.0.2.1", 5)),
        (socket.AF_INET6, ("::1", 5, 0, 0), ("::1", 5)),
        (socket.AF_UNIX, "", None),
        (socket.AF_UNIX, b"\0abstract", None),
    ],
)
def test_a_client_is_called_by_address_and_port(
    family: socket.AddressFamily, address: Any, client: tuple[str, int] | None
) -> None:
    assert door(NamedSocket(family)).peer(address, None).client == client


@pytest.mark.parametrize(
    ("trusts", "address", "trusted"),
    [
        ("10.0.0.0/8", ("10.1.2.3", 5, 0, 0), True),
        ("10.0.0.0/8", ("::ffff:10.1.2.3", 5, 0, 0), True),
        ("10.0.0.0/8", ("192.0.2.1", 5, 0, 0), False),
        ("", ("10.1.2.3", 5, 0, 0), False),
    ],
)
def test_a_peer_is_trusted_by_its_address(trusts: str, address: Any, trusted: bool) -> None:
    made = door(NamedSocket(socket.AF_INET6))
    assert made.peer(address, TrustedProxies.parse(trusts)).trusted is trusted


def test_nobody_is_trusted_where_forwarding_fields_are_not_read() -> None:
    assert not door(NamedSocket(socket.AF_INET)).peer(("127.0.0.1", 1), None).trusted


def test_the_rest_of_a_peer_is_the_doors() -> None:
    peer = door(NamedSocket(socket.AF_INET)).peer(("127.0.0.1", 1), None)
    assert (peer.server, peer.scheme, peer.tls) == (("server", 80), "http", None)


def test_a_unix_socket_is_trusted_by_its_own_word(tmp_path: Path) -> None:
    path = str(tmp_path / "socket")
    with socket.create_server(path, family=socket.AF_UNIX) as listener:
        assert door(listener).peer("", TrustedProxies.parse("unix")).trusted
