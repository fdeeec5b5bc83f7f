"""That what plays a role in core has all that the role names, and is called as the role is."""

import socket
from annotationlib import Format
from collections.abc import Iterator
from inspect import signature
from typing import Any, get_protocol_members

import pytest

from pounce.http1.handler import Http1Handler
from pounce.protocol import roles
from pounce.protocol.limits import Limits
from pounce.protocol.roles import Peer
from pounce.worker.arrival import Arrival
from pounce.worker.channel import Channel
from pounce.worker.door import Door
from pounce.worker.poller import make_poller
from pounce.worker.settings import WorkerSettings
from pounce.worker.worker import Worker

PEER = Peer(("192.0.2.1", 5000), ("192.0.2.2", 80), "http", trusted=False)
METHODS = [
    (role, player, name)
    for role, player in [
        (roles.Channel, Channel),
        (roles.Handler, Http1Handler),
        (roles.WorkerServices, Worker),
    ]
    for name in sorted(get_protocol_members(role))
    if callable(vars(role).get(name))
]


@pytest.fixture
def worker() -> Iterator[Worker]:
    settings = WorkerSettings(
        proxies=None,
        most_connections=None,
        most_requests=None,
        limits=Limits(),
        upgrades=frozenset(),
        extra_headers=(),
        date_header=True,
    )
    poller = make_poller()
    yield Worker("worker-1", settings, poller)
    poller.close()


@pytest.fixture
def channel(worker: Worker) -> Iterator[Channel]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        arrival = Arrival(("192.0.2.1", 5000), Door(theirs, None, "http"))
        yield Channel(worker, ours, PEER, arrival)


def parameters(function: Any) -> list[tuple[str, object, object]]:
    """Without their annotations, which may name what is imported for type checkers only."""
    found = signature(function, annotation_format=Format.FORWARDREF).parameters.values()
    return [(each.name, each.kind, each.default) for each in found]


@pytest.mark.parametrize("member", sorted(get_protocol_members(roles.Channel)))
def test_the_channel_has_what_the_role_names(channel: Channel, member: str) -> None:
    assert hasattr(channel, member)


@pytest.mark.parametrize("member", sorted(get_protocol_members(roles.Handler)))
def test_the_handler_of_http1_has_what_the_role_names(member: str) -> None:
    assert hasattr(Http1Handler, member)


@pytest.mark.parametrize("member", sorted(get_protocol_members(roles.WorkerServices)))
def test_the_worker_lends_what_the_role_names(worker: Worker, member: str) -> None:
    assert hasattr(worker, member)


@pytest.mark.parametrize(("role", "player", "method"), METHODS)
def test_is_called_as_the_role_is(role: type, player: type, method: str) -> None:
    assert parameters(getattr(player, method)) == parameters(getattr(role, method))


@pytest.mark.parametrize("alias", ["Completed", "Farewell", "Second"])
def test_an_alias_can_be_evaluated(alias: str) -> None:
    assert getattr(roles, alias).__value__


def test_a_peer_has_slots_only() -> None:
    assert not hasattr(PEER, "__dict__")


def test_a_peer_leaves_no_slot_empty() -> None:
    assert [slot for slot in Peer.__slots__ if not hasattr(PEER, slot)] == []


def test_a_peer_has_no_tls_by_itself() -> None:
    assert PEER.tls is None
