"""The order of requests on one connection: pipelining, keep-alive, unread bodies, refusals."""

from typing import TYPE_CHECKING

import pytest

from pounce.http1.exchange import DISCARD, Http1Exchange
from pounce.http1.handler import HIGH_WATER, PIPELINE
from pounce.protocol.exchange import END
from pounce.protocol.limits import Limits

if TYPE_CHECKING:
    from tests.http1.conftest import Connect

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
OK_AND_CLOSE = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok"


def get(path: str = "/", *fields: str, version: str = "1.1") -> bytes:
    lines = [f"GET {path} HTTP/{version}", "host: a", *fields]
    return "\r\n".join([*lines, "", ""]).encode()


def post(size: int, *fields: str, path: str = "/") -> bytes:
    lines = [f"POST {path} HTTP/1.1", "host: a", f"content-length: {size}", *fields]
    return "\r\n".join([*lines, "", ""]).encode()


def wait(_exchange: Http1Exchange) -> bool:
    return False


def answer(exchange: Http1Exchange) -> None:
    exchange.start(200, [(b"content-length", b"2")])
    exchange.write(b"ok", more=False)
    exchange.finish(None)


def test_a_request_is_answered_in_one_write(connect: Connect) -> None:
    connection = connect()
    connection.receive(get())
    assert connection.channel.writes == [OK]


def test_the_response_is_reported_as_complete_once(connect: Connect) -> None:
    connection = connect()
    connection.receive(get("/a"))
    assert connection.services.notes == [(b"/a", 200)]


def test_a_head_may_be_split_anywhere(connect: Connect) -> None:
    data = get("/a") + get("/b")
    for at in range(1, len(data)):
        connection = connect()
        connection.receive(data[:at])
        connection.receive(data[at:])
        assert connection.output == OK * 2
        assert connection.paths == [b"/a", b"/b"]


def test_a_head_may_come_byte_by_byte(connect: Connect) -> None:
    connection = connect()
    for byte in get("/a") + get("/b"):
        connection.receive(bytes([byte]))
    assert connection.output == OK * 2


def test_pipelined_requests_are_answered_in_order(connect: Connect) -> None:
    connection = connect()
    paths = [f"/{number}".encode() for number in range(PIPELINE * 2 + 3)]
    connection.receive(b"".join(get(path.decode()) for path in paths))
    assert connection.paths == paths
    assert connection.output == OK * len(paths)


def test_a_pipelining_client_gets_a_bounded_number_of_answers_at_a_turn(connect: Connect) -> None:
    connection = connect()
    connection.handler.received(get() * (PIPELINE + 1), 0.0)
    assert len(connection.paths) == PIPELINE
    assert connection.channel.scheduled


def test_a_request_waits_until_the_one_before_it_is_answered(connect: Connect) -> None:
    connection = connect(wait)
    connection.receive(get("/a") + get("/b"))
    assert connection.paths == [b"/a"]
    answer(connection.exchange)
    connection.settle()
    assert connection.paths == [b"/a", b"/b"]


def test_a_request_does_not_start_inside_the_call_that_ends_the_one_before(
    connect: Connect,
) -> None:
    connection = connect(wait)
    connection.receive(get("/a") + get("/b"))
    answer(connection.exchange)
    assert connection.paths == [b"/a"]


def test_a_request_waits_until_the_response_before_it_has_left(connect: Connect) -> None:
    connection = connect()
    connection.channel.takes = False
    connection.receive(get("/a") + get("/b"))
    connection.settle()
    assert connection.paths == [b"/a"]
    connection.flush()
    connection.settle()
    assert connection.paths == [b"/a", b"/b"]


def test_a_call_that_goes_on_after_its_response_does_not_hold_up_the_next_request(
    connect: Connect,
) -> None:
    def background(exchange: Http1Exchange) -> bool:
        exchange.start(200, [(b"content-length", b"2")])
        exchange.write(b"ok", more=False)
        return False

    connection = connect(background)
    connection.receive(get("/a") + get("/b"))
    assert connection.output == OK * 2


def test_bytes_that_arrive_while_a_request_runs_are_read_ahead_within_bounds(
    connect: Connect,
) -> None:
    connection = connect(wait)
    connection.receive(get("/a"))
    while not connection.channel.paused:
        connection.receive(get("/b") * 100)
        assert connection.handler.reader.buffered < 3 * HIGH_WATER


def test_a_paused_connection_is_read_again_once_its_requests_are_answered(connect: Connect) -> None:
    """As soon as what is left to answer is little enough."""
    connection = connect(wait)
    connection.receive(get("/a"))
    connection.receive(get("/b") * (HIGH_WATER // len(get("/b")) + 3))
    answered = 0
    while connection.channel.paused:
        answer(connection.exchange)
        connection.settle()
        answered += 1
        assert answered < 5
    assert answered > 0


def test_bytes_that_arrive_while_a_response_leaves_are_read_ahead_within_bounds(
    connect: Connect,
) -> None:
    connection = connect()
    connection.channel.takes = False
    connection.receive(get("/a"))
    connection.receive(get("/b") * (HIGH_WATER // 10))
    assert connection.channel.paused


def test_a_connection_paused_while_a_response_left_is_read_again_for_the_rest_of_the_body(
    connect: Connect,
) -> None:
    connection = connect()
    connection.channel.takes = False
    connection.receive(post(2 * HIGH_WATER))
    connection.receive(b"x" * (HIGH_WATER + 1))
    assert connection.channel.paused
    connection.flush()
    connection.settle()
    assert not connection.channel.paused


# Keep-alive


@pytest.mark.parametrize(
    ("version", "fields", "kept"),
    [
        ("1.1", (), True),
        ("1.1", ("connection: close",), False),
        ("1.1", ("connection: keep-alive, close",), False),
        ("1.0", (), False),
        ("1.0", ("connection: keep-alive",), True),
    ],
)
def test_the_connection_is_kept_as_the_client_wishes(
    connect: Connect, version: str, fields: tuple[str, ...], kept: bool
) -> None:
    connection = connect()
    connection.receive(get("/", *fields, version=version))
    assert connection.channel.closed is not kept


def test_the_application_may_close_the_connection(connect: Connect) -> None:
    def app(exchange: Http1Exchange) -> bool:
        exchange.start(200, [(b"content-length", b"2"), (b"connection", b"close")])
        exchange.write(b"ok", more=False)
        exchange.finish(None)
        return True

    connection = connect(app)
    connection.receive(get() + get())
    assert connection.output == OK_AND_CLOSE


def test_the_last_request_that_a_connection_may_make_is_answered_with_close(
    connect: Connect,
) -> None:
    connection = connect(limits=Limits(keep_alive_requests=2))
    connection.receive(get() * 3)
    assert connection.output == OK + OK_AND_CLOSE
    assert connection.channel.shut


def test_requests_below_the_limit_of_a_connection_keep_it(connect: Connect) -> None:
    connection = connect(limits=Limits(keep_alive_requests=3))
    connection.receive(get() * 2)
    assert connection.output == OK * 2
    assert not connection.channel.shut


def test_a_server_that_ends_a_connection_which_the_client_may_use_on_lingers(
    connect: Connect,
) -> None:
    """A further request on its way would be met by a reset, which takes the response with it."""
    connection = connect(limits=Limits(keep_alive_requests=1))
    connection.receive(get())
    assert connection.channel.shut
    assert connection.channel.lingers


# Bodies that nobody reads


def test_an_unread_body_at_hand_is_discarded(connect: Connect) -> None:
    connection = connect()
    connection.receive(post(10) + b"x" * 10 + get("/next"))
    assert connection.paths == [b"/", b"/next"]


def test_an_unread_body_is_discarded_as_it_comes(connect: Connect) -> None:
    connection = connect()
    connection.receive(post(10) + b"x" * 4)
    connection.receive(b"x" * 5)
    connection.receive(b"x" + get("/next"))
    assert connection.paths == [b"/", b"/next"]


def test_a_response_before_a_body_too_long_to_discard_ends_the_connection(
    connect: Connect,
) -> None:
    connection = connect()
    connection.receive(post(DISCARD + 1))
    assert connection.output == OK_AND_CLOSE
    assert connection.channel.lingers


def test_a_response_before_a_body_short_enough_to_discard_keeps_the_connection(
    connect: Connect,
) -> None:
    connection = connect()
    connection.receive(post(DISCARD))
    assert connection.output == OK
    for _ in range(DISCARD // 1024):
        connection.receive(b"x" * 1024)
    connection.receive(get("/next"))
    assert connection.paths == [b"/", b"/next"]


def test_an_unread_chunked_body_that_does_not_end_is_closed_with_linger(connect: Connect) -> None:
    connection = connect()
    connection.receive(b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n")
    chunk = b"1000\r\n" + b"x" * 4096 + b"\r\n"
    sent = 0
    while not connection.channel.shut:
        connection.receive(chunk)
        sent += len(chunk)
        assert sent <= DISCARD + len(chunk)
    assert connection.channel.lingers


def test_an_unread_body_that_breaks_a_rule_ends_the_connection(connect: Connect) -> None:
    connection = connect()
    connection.receive(b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n")
    connection.receive(b"nonsense\r\n")
    assert connection.channel.refusals == ["chunk-size"]
    assert connection.channel.lingers


def test_a_discarded_body_does_not_reach_the_next_request(connect: Connect) -> None:
    bodies: list[object] = []

    def app(exchange: Http1Exchange) -> bool:
        if exchange.head.raw_path == b"/next":
            bodies.append(exchange.read())
        answer(exchange)
        return True

    connection = connect(app)
    connection.receive(post(5) + b"xx")
    connection.receive(b"xxx" + get("/next"))
    assert bodies == [END]


# Refusals


@pytest.mark.parametrize(
    ("data", "status", "reason"),
    [
        (b"nonsense\r\n\r\n", 400, "request-line"),
        (b"GET / HTTP/1.1\r\n\r\n", 400, "host-missing"),
        (b"GET / HTTP/2.0\r\nhost: a\r\n\r\n", 505, "version-unsupported"),
        (b"GET / HTTP/1.1\r\nhost: a\r\nexpect: magic\r\n\r\n", 417, "expectation"),
    ],
)
def test_a_bad_head_is_answered_and_counted(
    connect: Connect, data: bytes, status: int, reason: str
) -> None:
    connection = connect()
    connection.receive(data)
    assert connection.output.startswith(b"HTTP/1.1 %d " % status)
    assert connection.channel.refusals == [reason]
    assert connection.paths == []


def test_a_refused_client_is_closed_with_linger(connect: Connect) -> None:
    connection = connect()
    connection.receive(b"nonsense\r\n\r\n")
    assert connection.channel.lingers
    assert b"connection: close\r\n" in connection.output


def test_nothing_after_a_refused_head_is_served(connect: Connect) -> None:
    connection = connect()
    connection.receive(b"nonsense\r\n\r\n" + get())
    assert connection.paths == []


def test_a_refusal_comes_after_the_answers_to_the_requests_before_it(connect: Connect) -> None:
    connection = connect(wait)
    connection.receive(get() + b"nonsense\r\n\r\n")
    assert connection.output == b""
    answer(connection.exchange)
    connection.settle()
    assert connection.output.startswith(OK + b"HTTP/1.1 400 ")


def test_a_request_refused_by_the_worker_is_answered_in_the_applications_place(
    connect: Connect,
) -> None:
    def refuse(exchange: Http1Exchange) -> bool:
        exchange.refuse(503)
        return True

    connection = connect(refuse)
    connection.receive(get("/a") + get("/b"))
    assert connection.output.startswith(b"HTTP/1.1 503 ")
    assert connection.paths == [b"/a"]
    assert connection.services.notes == [(b"/a", 503)]
    assert connection.channel.lingers


def test_a_client_that_went_before_its_refusal_is_no_fault(connect: Connect) -> None:
    connection = connect()
    connection.channel.broken = True
    connection.receive(b"nonsense\r\n\r\n")
    assert connection.channel.closed


def test_the_error_of_a_head_request_has_no_body(connect: Connect) -> None:
    def refuse(exchange: Http1Exchange) -> bool:
        exchange.refuse(503)
        return True

    connection = connect(refuse)
    connection.receive(b"HEAD / HTTP/1.1\r\nhost: a\r\n\r\n")
    assert connection.output.endswith(b"\r\n\r\n")
    assert connection.output.count(b"\r\n\r\n") == 1


@pytest.mark.parametrize(
    ("data", "note"),
    [
        (b"GET /a HTTP/3.0\r\nhost: a\r\n\r\n", (b"/a", 505)),
        (b"GET /a HTTP/1.1\r\n\r\n", (b"/a", 400)),
        (b"GET /a HTTP/1.1\r\nhost: a\r\nx: " + b"x" * 100, (b"/a", 431)),
        (b"POST /a HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\n", (b"/a", 413)),
        (b"\x16\x03\x01\x02\x00", (b"-", 400)),
    ],
)
def test_a_request_that_is_refused_is_reported(
    connect: Connect, data: bytes, note: tuple[bytes, int]
) -> None:
    connection = connect(limits=Limits(body=4, header_bytes=50))
    connection.receive(get("/first"))
    connection.receive(data)
    assert connection.services.notes == [(b"/first", 200), note]


def test_a_refusal_that_nobody_asks_about(connect: Connect) -> None:
    connection = connect()
    connection.handler._completed = None
    connection.receive(b"nonsense\r\n\r\n")
    assert connection.output.startswith(b"HTTP/1.1 400 ")
