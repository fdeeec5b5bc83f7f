"""How one connection ends: the client sends no more, the channel is lost, the worker drains.

How it leaves a worker that goes on is in `test_handler_moves`.
"""

from typing import TYPE_CHECKING

from pounce.http1.exchange import Http1Exchange
from pounce.http1.handler import FIRST_REQUEST, PIPELINE
from pounce.protocol.limits import Limits

if TYPE_CHECKING:
    from tests.http1.conftest import Connect, Connection

    from pounce.protocol.roles import Farewell

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
OK_AND_CLOSE = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok"


def get(path: str = "/") -> bytes:
    return f"GET {path} HTTP/1.1\r\nhost: a\r\n\r\n".encode()


def post(size: int) -> bytes:
    return f"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: {size}\r\n\r\n".encode()


def wait(_exchange: Http1Exchange) -> bool:
    return False


def answer(exchange: Http1Exchange) -> None:
    exchange.start(200, [(b"content-length", b"2")])
    exchange.write(b"ok", more=False)
    exchange.finish(None)


def test_a_client_that_says_nothing_and_ends_is_closed(connect: Connect) -> None:
    connection = connect()
    connection.handler.received_eof(0.0)
    assert connection.channel.closed
    assert connection.output == b""


def test_a_client_that_ends_inside_a_head_is_closed(connect: Connect) -> None:
    connection = connect()
    connection.receive(get()[:-1])
    connection.handler.received_eof(0.0)
    assert connection.channel.shut
    assert connection.paths == []


def test_a_client_that_ended_before_its_body_was_read_has_ended_then(connect: Connect) -> None:
    connection = connect(wait)
    connection.receive(post(2) + b"ab")
    connection.handler.received_eof(0.0)
    assert not connection.exchange.disconnected
    assert connection.exchange.read() == b"ab"
    assert connection.exchange.disconnected
    assert not connection.exchange.gone
    answer(connection.exchange)
    assert connection.output.startswith(b"HTTP/1.1 200 ")


def test_a_client_that_ends_after_its_request_gets_its_response(connect: Connect) -> None:
    connection = connect(wait)
    connection.receive(get())
    connection.handler.received_eof(0.0)
    assert connection.exchange.disconnected
    assert not connection.exchange.gone
    answer(connection.exchange)
    connection.settle()
    assert connection.output == OK
    assert connection.channel.shut


def test_all_requests_before_the_end_are_answered(connect: Connect) -> None:
    connection = connect(wait)
    connection.receive(get("/a") + get("/b"))
    connection.handler.received_eof(0.0)
    answer(connection.exchange)
    connection.settle()
    assert connection.paths == [b"/a", b"/b"]
    answer(connection.exchange)
    connection.settle()
    assert connection.output == OK * 2
    assert connection.channel.shut


def test_requests_that_wait_for_their_turn_are_answered_though_the_client_ended(
    connect: Connect,
) -> None:
    connection = connect()
    connection.handler.received(get() * (PIPELINE + 2), 0.0)
    connection.handler.received_eof(0.0)
    connection.settle()
    assert connection.output == OK * (PIPELINE + 2)


def test_a_request_is_answered_though_the_client_ended_as_the_response_before_left(
    connect: Connect,
) -> None:
    """One event of the poller may say both: that the kernel takes more, and that no more comes."""
    connection = connect()
    connection.channel.takes = False
    connection.receive(get("/a") + get("/b"))
    connection.flush()
    connection.handler.received_eof(0.0)
    connection.settle()
    assert connection.paths == [b"/a", b"/b"]


def test_a_client_that_ends_while_its_response_leaves_is_closed_afterwards(
    connect: Connect,
) -> None:
    connection = connect()
    connection.channel.takes = False
    connection.receive(get())
    connection.handler.received_eof(0.0)
    assert not connection.channel.shut
    connection.flush()
    connection.settle()
    assert connection.channel.closed


def test_a_body_cut_off_while_nobody_reads_it_ends_the_connection_after_the_response(
    connect: Connect,
) -> None:
    connection = connect(wait)
    connection.receive(post(10) + b"xxx")
    connection.handler.received_eof(0.0)
    answer(connection.exchange)
    connection.settle()
    assert connection.output == OK
    assert connection.channel.shut


# The channel is gone


def test_a_lost_channel_is_told_to_the_exchange(connect: Connect) -> None:
    connection = connect(wait)
    connection.receive(get())
    connection.channel.abort()
    assert connection.exchange.gone
    assert connection.exchange.disconnected


def test_a_lost_channel_is_told_to_the_exchange_whose_response_is_leaving(
    connect: Connect,
) -> None:
    connection = connect()
    connection.channel.takes = False
    connection.receive(get())
    connection.channel.abort()
    assert connection.exchange.gone


def test_an_exchange_whose_client_went_is_reported_as_complete_once(connect: Connect) -> None:
    connection = connect(wait)
    connection.receive(get("/a"))
    connection.channel.abort()
    connection.exchange.finish(None)
    assert connection.services.notes == [(b"/a", 0)]


def test_an_exchange_lost_after_its_response_is_reported_as_complete_once(
    connect: Connect,
) -> None:
    connection = connect()
    connection.channel.takes = False
    connection.receive(get("/a"))
    connection.channel.abort()
    assert connection.services.notes == [(b"/a", 200)]


# The worker drains


def drained(connection: Connection, farewell: Farewell = "close", now: float = 0.0) -> None:
    connection.handler.drain(now, farewell)
    connection.settle(now)


def test_a_drained_connection_that_is_idle_is_closed(connect: Connect) -> None:
    connection = connect()
    connection.receive(get())
    drained(connection)
    assert connection.channel.closed


def test_a_drained_connection_that_has_said_nothing_may_make_its_first_request(
    connect: Connect,
) -> None:
    """That request may be on the wire, and no client sends it again somewhere else by himself."""
    connection = connect()
    drained(connection)
    assert not connection.channel.shut
    connection.receive(get(), FIRST_REQUEST - 0.1)
    assert connection.output == OK_AND_CLOSE
    assert connection.channel.shut


def test_a_drained_connection_that_goes_on_saying_nothing_is_closed(connect: Connect) -> None:
    connection = connect()
    drained(connection, now=5.0)
    assert connection.channel.deadline == 5.0 + FIRST_REQUEST
    connection.sweep(5.0 + FIRST_REQUEST)
    assert connection.channel.closed
    assert connection.output == b""
    assert connection.channel.refusals == []


def test_a_drained_connection_whose_first_request_begins_has_the_time_of_a_head(
    connect: Connect,
) -> None:
    connection = connect(limits=Limits(head_timeout=9.0))
    drained(connection)
    connection.receive(get()[:5], 0.5)
    assert connection.channel.deadline == 9.0


def test_a_drained_connection_finishes_its_request_and_says_close(connect: Connect) -> None:
    connection = connect(wait)
    connection.receive(get())
    drained(connection)
    assert not connection.channel.shut
    answer(connection.exchange)
    connection.settle()
    assert connection.output == OK_AND_CLOSE
    assert connection.channel.shut


def test_a_drained_connection_answers_a_request_that_has_begun_to_come(connect: Connect) -> None:
    connection = connect()
    connection.receive(get()[:5])
    drained(connection)
    connection.receive(get()[5:])
    assert connection.output == OK_AND_CLOSE


def test_a_drained_connection_whose_response_is_leaving_is_closed_afterwards(
    connect: Connect,
) -> None:
    connection = connect()
    connection.channel.takes = False
    connection.receive(get())
    drained(connection)
    assert not connection.channel.shut
    connection.flush()
    connection.settle()
    assert connection.channel.closed


def test_a_drained_connection_whose_body_still_comes_is_closed_after_it(connect: Connect) -> None:
    """A close with unread bytes is a reset, which takes the response with it."""
    connection = connect()
    connection.receive(post(10))
    assert connection.output == OK
    drained(connection)
    assert not connection.channel.shut
    connection.receive(b"x" * 10)
    assert connection.channel.closed


def test_a_drained_connection_whose_body_does_not_come_lingers_at_its_deadline(
    connect: Connect,
) -> None:
    connection = connect(limits=Limits(body_timeout=4.0))
    connection.receive(post(10))
    drained(connection)
    assert connection.channel.deadline == 4.0
    connection.sweep(4.0)
    assert connection.channel.lingers


def test_a_drained_connection_answers_what_has_come_already(connect: Connect) -> None:
    """But for what follows the response that says that it is the last (RFC 9112 section 9.6)."""
    connection = connect(wait)
    connection.receive(get("/a") + get("/b"))
    drained(connection)
    answer(connection.exchange)
    connection.settle()
    assert connection.paths == [b"/a"]
    assert connection.output == OK_AND_CLOSE
    assert connection.channel.lingers


def test_a_patient_drain_leaves_an_idle_connection_for_one_more_request(connect: Connect) -> None:
    connection = connect()
    connection.receive(get())
    drained(connection, "patient")
    assert not connection.channel.shut
    connection.receive(get())
    assert connection.output == OK + OK_AND_CLOSE
    assert connection.channel.shut


def test_a_patient_drain_keeps_the_deadline_of_an_idle_connection(connect: Connect) -> None:
    connection = connect(limits=Limits(keep_alive_timeout=7.0))
    connection.receive(get())
    drained(connection, "patient", 3.0)
    assert connection.channel.deadline == 7.0


def test_a_patient_drain_leaves_a_connection_that_has_said_nothing(connect: Connect) -> None:
    connection = connect(limits=Limits(head_timeout=9.0))
    drained(connection, "patient")
    assert connection.channel.deadline == 9.0
    connection.receive(get())
    assert connection.output == OK_AND_CLOSE


def test_a_patient_drain_tells_the_request_that_runs(connect: Connect) -> None:
    connection = connect(wait)
    connection.receive(get())
    drained(connection, "patient")
    answer(connection.exchange)
    connection.settle()
    assert connection.output == OK_AND_CLOSE
    assert connection.channel.shut


def test_patience_may_end(connect: Connect) -> None:
    connection = connect()
    connection.receive(get())
    drained(connection, "patient")
    drained(connection)
    assert connection.channel.closed
    assert connection.output == OK


def test_a_connection_that_is_closed_already_is_drained_at_no_cost(connect: Connect) -> None:
    connection = connect()
    connection.receive(get())
    connection.channel.abort()
    drained(connection)
    assert connection.output == OK
