"""How one connection leaves a worker for another: when nothing is under way, with what it holds."""

from typing import TYPE_CHECKING

import pytest

from pounce.http1.exchange import Http1Exchange
from pounce.http1.handler import PIPELINE

if TYPE_CHECKING:
    from tests.http1.conftest import Connect, Connection

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
GET = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\n"


def wait(_exchange: Http1Exchange) -> bool:
    return False


def answer(connection: Connection) -> None:
    exchange = connection.exchange
    exchange.start(200, [(b"content-length", b"2")])
    exchange.write(b"ok", more=False)
    exchange.finish(None)
    connection.settle()


def move(connection: Connection, *, heir: bool = True) -> None:
    connection.channel.heir = heir
    connection.handler.drain(0.0, "move")
    connection.settle()


# On demand


def test_a_new_connection_is_given_up(connect: Connect) -> None:
    assert connect().handler.release() == (b"", 0)


def test_an_idle_connection_is_given_up_with_its_count(connect: Connect) -> None:
    connection = connect()
    connection.receive(GET * 3)
    assert connection.handler.release() == (b"", 3)


@pytest.mark.parametrize("length", [1, 10, len(GET) - 1])
def test_what_has_come_of_a_head_goes_along(connect: Connect, length: int) -> None:
    connection = connect()
    connection.receive(GET + GET[:length])
    assert connection.handler.release() == (GET[:length], 1)


def test_a_connection_is_given_up_once(connect: Connect) -> None:
    connection = connect()
    connection.handler.release()
    assert connection.handler.release() is None


def test_a_connection_that_was_given_up_is_left_alone(connect: Connect) -> None:
    connection = connect()
    connection.receive(GET)
    connection.handler.release()
    connection.handler.drain(0.0, "close")
    connection.handler.turn(0.0)
    connection.handler.disconnect()
    assert not connection.channel.shut
    assert connection.output == OK


def test_a_request_that_runs_keeps_its_connection(connect: Connect) -> None:
    connection = connect(wait)
    connection.receive(GET)
    assert connection.handler.release() is None
    answer(connection)
    assert connection.handler.release() == (b"", 1)


def test_a_connection_is_kept_until_the_handler_had_its_turn_after_a_response(
    connect: Connect,
) -> None:
    """The application answers on its own time; another thread may look in between."""
    connection = connect(wait)
    connection.receive(GET + GET)
    exchange = connection.exchange
    exchange.start(200, [(b"content-length", b"2")])
    exchange.write(b"ok", more=False)
    exchange.finish(None)
    assert connection.handler.release() is None
    connection.settle()
    assert len(connection.paths) == 2
    assert connection.handler.release() is None


def test_a_response_that_is_leaving_keeps_its_connection(connect: Connect) -> None:
    connection = connect()
    connection.channel.takes = False
    connection.receive(GET)
    assert connection.handler.release() is None
    connection.flush()
    assert connection.handler.release() is None
    connection.settle()
    assert connection.handler.release() == (b"", 1)


def test_requests_that_wait_for_their_turn_keep_their_connection(connect: Connect) -> None:
    connection = connect()
    connection.handler.received(GET * (PIPELINE + 1), 0.0)
    assert connection.handler.release() is None
    connection.settle()
    assert connection.handler.release() == (b"", PIPELINE + 1)


def test_a_body_that_nobody_reads_keeps_its_connection_until_it_has_come(connect: Connect) -> None:
    connection = connect()
    connection.receive(POST + b"xxxxx")
    assert connection.output == OK
    assert connection.handler.release() is None
    connection.receive(b"xxxxx")
    assert connection.handler.release() == (b"", 1)


@pytest.mark.parametrize("way", ["abort", "close", "refused"])
def test_a_connection_that_ends_is_kept(connect: Connect, way: str) -> None:
    connection = connect()
    if way == "refused":
        connection.receive(b"nonsense\r\n\r\n")
    elif way == "close":
        connection.handler.received_eof(0.0)
    else:
        connection.channel.abort()
    assert connection.handler.release() is None


# At the drain of its worker


def test_an_idle_connection_moves_and_its_client_is_told_nothing(connect: Connect) -> None:
    connection = connect()
    connection.receive(GET)
    move(connection)
    assert connection.channel.handed_on == (b"", 1)
    assert connection.output == OK


def test_a_connection_that_has_said_nothing_moves(connect: Connect) -> None:
    connection = connect()
    move(connection)
    assert connection.channel.handed_on == (b"", 0)


def test_a_connection_moves_with_what_has_come_of_a_head(connect: Connect) -> None:
    connection = connect()
    connection.receive(GET[:9])
    move(connection)
    assert connection.channel.handed_on == (GET[:9], 0)


def test_a_connection_moves_after_the_request_that_runs(connect: Connect) -> None:
    connection = connect(wait)
    connection.receive(GET)
    move(connection)
    assert connection.channel.handed_on is None
    answer(connection)
    assert connection.output == OK
    assert connection.channel.handed_on == (b"", 1)


def test_a_connection_moves_after_the_response_that_is_leaving(connect: Connect) -> None:
    connection = connect()
    connection.channel.takes = False
    connection.receive(GET)
    move(connection)
    assert connection.channel.handed_on is None
    connection.flush()
    connection.settle()
    assert connection.channel.handed_on == (b"", 1)


def test_a_connection_moves_after_the_requests_that_have_come_whole(connect: Connect) -> None:
    connection = connect(wait)
    connection.receive(GET + GET + GET[:9])
    move(connection)
    answer(connection)
    assert connection.channel.handed_on is None
    answer(connection)
    assert connection.output == OK * 2
    assert connection.channel.handed_on == (GET[:9], 2)


def test_a_connection_moves_after_the_body_that_nobody_reads(connect: Connect) -> None:
    connection = connect()
    connection.receive(POST)
    move(connection)
    assert connection.channel.handed_on is None
    connection.receive(b"x" * 10)
    assert connection.channel.handed_on == (b"", 1)


def test_a_client_that_ended_is_not_moved(connect: Connect) -> None:
    connection = connect(wait)
    connection.receive(GET)
    connection.handler.received_eof(0.0)
    move(connection)
    answer(connection)
    assert connection.channel.handed_on is None
    assert connection.channel.closed


@pytest.mark.parametrize("served", [False, True])
def test_a_connection_that_nobody_takes_is_closed(connect: Connect, served: bool) -> None:
    connection = connect()
    if served:
        connection.receive(GET)
    move(connection, heir=False)
    assert connection.channel.closed


def test_a_connection_that_is_to_move_may_be_closed_after_all(connect: Connect) -> None:
    """The server ends while one generation takes the place of another."""
    connection = connect(wait)
    connection.receive(GET)
    move(connection)
    connection.handler.drain(0.0, "close")
    answer(connection)
    assert b"connection: close" in connection.output
    assert connection.channel.shut
    assert connection.channel.handed_on is None


# In its new worker


def test_a_connection_goes_on_where_it_was(connect: Connect) -> None:
    old, new = connect(), connect()
    old.receive(GET + GET[:9])
    left = old.handler.release()
    assert left is not None
    new.receive(left[0])
    new.receive(GET[9:])
    assert new.output == OK
