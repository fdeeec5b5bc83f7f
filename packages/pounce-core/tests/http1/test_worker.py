"""What the connections of one worker share."""

from typing import TYPE_CHECKING

from pounce.http1.settings import Http1Settings
from pounce.http1.worker import Http1Worker
from pounce.protocol.limits import Limits

if TYPE_CHECKING:
    from tests.http1.conftest import Connect, Connection

GET = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"


def test_each_channel_has_a_handler_of_its_own(connect: Connect) -> None:
    connection = connect()
    make = Http1Worker(connection.services, Http1Settings())
    assert make(connection.channel, 0.0) is not make(connection.channel, 0.0)


def answered(connection: Connection) -> bytes:
    """What a new connection of the same services gets."""
    handler = Http1Worker(connection.services, Http1Settings())(connection.channel, 0.0)
    connection.channel.handler = handler
    handler.received(GET, 0.0)
    return connection.output


def test_the_fields_of_every_response_are_added(connect: Connect) -> None:
    connection = connect()
    connection.services.extra_headers = ((b"server", b"pounce"), (b"x-a", b"b"))
    head = answered(connection)
    assert b"server: pounce\r\nx-a: b\r\n" in head


def test_the_date_is_added_and_follows_the_clock(connect: Connect) -> None:
    connection = connect()
    connection.services.date_header = True
    assert b"date: Thu, 01 Jan 1970 00:00:00 GMT\r\n" in answered(connection)
    [second] = connection.services.seconds
    second(b"date: Fri, 02 Jan 1970 00:00:00 GMT\r\n")
    connection.handler = connection.channel.handler
    connection.receive(GET)
    assert b"date: Fri, 02 Jan 1970 00:00:00 GMT\r\n" in connection.output


def test_without_a_date_nobody_is_told_of_seconds(connect: Connect) -> None:
    connection = connect()
    assert b"date:" not in answered(connection)
    assert connection.services.seconds == []


def test_a_refused_client_gets_them_too(connect: Connect) -> None:
    connection = connect()
    connection.services.extra_headers = ((b"server", b"pounce"),)
    connection.services.date_header = True
    handler = Http1Worker(connection.services, Http1Settings())(connection.channel, 0.0)
    connection.channel.handler = handler
    handler.received(b"nonsense\r\n\r\n", 0.0)
    assert b"server: pounce\r\n" in connection.output
    assert b"date: Thu, 01 Jan 1970" in connection.output


def test_nobody_need_ask_for_completed_exchanges(connect: Connect) -> None:
    connection = connect()
    connection.services.completed = None
    assert answered(connection).startswith(b"HTTP/1.1 200 ")
    assert connection.services.notes == []


def test_a_connection_that_was_served_elsewhere_waits_as_an_idle_one(connect: Connect) -> None:
    connection = connect(limits=Limits(head_timeout=3.0, keep_alive_timeout=7.0))
    make = Http1Worker(connection.services, Http1Settings())
    make(connection.channel, 100.0, 0)
    assert connection.channel.deadline == 103.0
    make(connection.channel, 100.0, 1)
    assert connection.channel.deadline == 107.0


def test_requests_that_were_answered_elsewhere_count(connect: Connect) -> None:
    connection = connect(limits=Limits(keep_alive_requests=3))
    for served, last in ((1, False), (2, True)):
        connection.channel.output.clear()
        handler = Http1Worker(connection.services, Http1Settings())(connection.channel, 0.0, served)
        connection.channel.handler = handler
        handler.received(GET, 0.0)
        assert (b"connection: close" in connection.output) is last


def test_the_limits_are_the_workers(connect: Connect) -> None:
    connection = connect(limits=Limits(request_line=16))
    connection.receive(b"GET /" + b"a" * 16 + b" HTTP/1.1\r\nhost: a\r\n\r\n")
    assert connection.output.startswith(b"HTTP/1.1 414 ")
