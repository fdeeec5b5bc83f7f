"""How the body of a request flows to the application, and Expect: 100-continue."""

from typing import TYPE_CHECKING

from pounce.http1.exchange import CONTINUE, Http1Exchange
from pounce.http1.handler import HIGH_WATER
from pounce.protocol.exchange import END, GONE, WAIT, Headers
from pounce.protocol.limits import Limits

if TYPE_CHECKING:
    from tests.http1.conftest import Connect, Connection

TWO: Headers = [(b"content-length", b"2")]


def request(method: str, *fields: str, version: str = "1.1") -> bytes:
    lines = [f"{method} / HTTP/{version}", "host: a", *fields]
    return "\r\n".join([*lines, "", ""]).encode()


def wait(_exchange: Http1Exchange) -> bool:
    return False


def asking(connect: Connect, data: bytes = b"", limits: Limits | None = None) -> Connection:
    """A connection whose application has suspended with nothing done."""
    connection = connect(wait, limits)
    connection.receive(data or request("GET"))
    return connection


def test_a_request_without_a_body_is_at_its_end(connect: Connect) -> None:
    assert asking(connect).exchange.read() is END


def test_the_body_is_read_as_it_comes(connect: Connect) -> None:
    connection = asking(connect, request("POST", "content-length: 4") + b"ab")
    exchange = connection.exchange
    assert exchange.read() == b"ab"
    assert exchange.read() is WAIT
    connection.receive(b"cd")
    assert exchange.read() == b"cd"
    assert exchange.body_read
    assert exchange.read() is END


def test_who_waits_is_told_of_body_bytes(connect: Connect) -> None:
    told: list[bool] = []
    connection = asking(connect, request("POST", "content-length: 4"))
    connection.exchange.on_change = lambda: told.append(True)
    assert connection.exchange.read() is WAIT
    connection.receive(b"ab")
    assert told == [True]


def test_a_body_that_nobody_reads_stops_at_the_mark(connect: Connect) -> None:
    connection = asking(connect, request("POST", "content-length: 1000000"))
    connection.receive(b"x" * HIGH_WATER)
    assert not connection.channel.paused
    connection.receive(b"x")
    assert connection.channel.paused


def test_reading_the_body_takes_up_a_paused_connection(connect: Connect) -> None:
    connection = asking(connect, request("POST", "content-length: 1000000"))
    connection.receive(b"x" * HIGH_WATER)
    connection.receive(b"x")
    connection.exchange.read()
    assert not connection.channel.paused


def test_a_body_too_large_is_refused(connect: Connect) -> None:
    head = request("POST", "transfer-encoding: chunked")
    connection = asking(connect, head, Limits(body=4))
    connection.receive(b"5\r\n")
    assert connection.exchange.read() is GONE
    assert connection.output.startswith(b"HTTP/1.1 413 ")
    assert connection.channel.refusals == ["body-too-large"]
    assert connection.exchange.read() is GONE


def test_a_body_that_breaks_a_rule_after_the_response_began_is_cut_off(connect: Connect) -> None:
    connection = asking(connect, request("POST", "transfer-encoding: chunked"))
    connection.exchange.start(200, [])
    connection.settle()
    connection.receive(b"nonsense\r\n")
    assert connection.exchange.read() is GONE
    assert connection.channel.aborted


def test_a_body_cut_off_by_the_client_is_never_complete(connect: Connect) -> None:
    connection = asking(connect, request("POST", "content-length: 4") + b"ab")
    connection.handler.received_eof(0.0)
    assert connection.exchange.read() == b"ab"
    assert connection.exchange.read() is GONE
    assert not connection.exchange.body_read
    assert connection.channel.shut


def test_a_body_is_not_read_after_the_response(connect: Connect) -> None:
    """What the connection reads by then is the next request's."""
    connection = asking(connect, request("POST", "content-length: 4") + b"abcd")
    connection.exchange.start(200, [])
    connection.exchange.write(b"", more=False)
    assert connection.exchange.read() is GONE


# Expect: 100-continue


EXPECTING = request("POST", "content-length: 4", "expect: 100-continue")


def test_the_client_is_told_to_go_on_when_the_body_is_first_wanted(connect: Connect) -> None:
    connection = asking(connect, EXPECTING)
    assert connection.output == b""
    assert connection.exchange.read() is WAIT
    assert connection.output == CONTINUE


def test_the_client_is_told_to_go_on_once(connect: Connect) -> None:
    connection = asking(connect, EXPECTING)
    connection.exchange.read()
    connection.exchange.read()
    connection.receive(b"ab")
    connection.exchange.read()
    connection.exchange.read()
    assert connection.output == CONTINUE


def test_a_client_that_did_not_wait_is_not_told_to_go_on(connect: Connect) -> None:
    connection = asking(connect, EXPECTING + b"abcd")
    assert connection.exchange.read() == b"abcd"
    assert connection.output == b""


def test_a_response_to_a_client_that_was_not_told_to_go_on_ends_the_connection(
    connect: Connect,
) -> None:
    connection = asking(connect, EXPECTING)
    connection.exchange.start(403, [])
    connection.exchange.write(b"", more=False)
    assert connection.output.startswith(b"HTTP/1.1 403 ")
    assert b"connection: close\r\n" in connection.output
    assert connection.channel.lingers


def test_a_response_that_holds_its_head_while_the_body_is_read_leaves_no_doubt(
    connect: Connect,
) -> None:
    """A client that gets a final answer, and was not told to go on, need not send its body."""
    connection = asking(connect, EXPECTING)
    connection.exchange.start(200, TWO)
    assert connection.exchange.read() is WAIT
    connection.settle()
    assert connection.output.startswith(CONTINUE) or b"connection: close" in connection.output


def test_a_client_that_went_instead_of_going_on_is_gone(connect: Connect) -> None:
    connection = asking(connect, EXPECTING)
    connection.channel.broken = True
    assert connection.exchange.read() is GONE


def test_a_1_0_client_is_not_told_to_go_on(connect: Connect) -> None:
    fields = ("content-length: 4", "expect: 100-continue")
    connection = asking(connect, request("POST", *fields, version="1.0"))
    connection.exchange.read()
    assert connection.output == b""
