"""The recording channel: that it plays its role, and drives a handler as a worker does."""

from typing import get_protocol_members

import pytest

from pounce.http1.settings import Http1Settings
from pounce.http1.worker import Http1Worker
from pounce.protocol import roles
from pounce.protocol.errors import ClientDisconnected
from pounce.protocol.limits import Limits
from pounce.testing.channel import RecordedConnection, RecordingChannel, RecordingServices

GET = b"GET / HTTP/1.1\r\nhost: test\r\n\r\n"


def connection(limits: Limits | None = None) -> RecordedConnection:
    return RecordedConnection(Http1Worker, limits or Limits(), None, Http1Settings())


@pytest.mark.parametrize("member", sorted(get_protocol_members(roles.Channel)))
def test_the_channel_has_what_the_role_names(member: str) -> None:
    assert hasattr(RecordingChannel(), member)


@pytest.mark.parametrize("member", sorted(get_protocol_members(roles.WorkerServices)))
def test_the_services_are_what_the_role_names(member: str) -> None:
    assert hasattr(RecordingServices(Limits()), member)


def test_a_request_is_answered_and_noted() -> None:
    one = connection()
    one.receive(GET)
    assert one.output.startswith(b"HTTP/1.1 200 OK\r\n")
    assert one.paths == [b"/"]
    assert one.services.notes == [(b"/", 200)]


def test_a_deadline_is_acted_on_when_it_has_passed() -> None:
    one = connection(Limits(head_timeout=5.0))
    one.sweep(4.9)
    assert not one.channel.closed
    one.sweep(5.0)
    assert one.channel.closed


def test_nothing_is_written_to_a_client_that_has_gone() -> None:
    one = connection()
    one.channel.broken = True
    with pytest.raises(ClientDisconnected):
        one.channel.write(b"a")
    assert one.channel.closed


def test_what_the_kernel_does_not_take_is_flushed_later() -> None:
    one = connection()
    one.channel.takes = False
    assert not one.channel.write(b"a")
    one.flush()
    assert one.channel.write(b"b")
