"""One response: what is written when, slow and lost clients, and what follows a failure."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pounce.http1.exchange import JOIN, Http1Exchange
from pounce.protocol.errors import ClientDisconnected, ResponseError
from pounce.protocol.exchange import Headers

if TYPE_CHECKING:
    from tests.http1.conftest import Connect, Connection

TWO: Headers = [(b"content-length", b"2")]


def request(method: str, *fields: str, version: str = "1.1") -> bytes:
    lines = [f"{method} / HTTP/{version}", "host: a", *fields]
    return "\r\n".join([*lines, "", ""]).encode()


def wait(_exchange: Http1Exchange) -> bool:
    return False


def asking(connect: Connect, data: bytes = b"") -> Connection:
    """A connection whose application has suspended with nothing done."""
    connection = connect(wait)
    connection.receive(data or request("GET"))
    return connection


# The response, as it leaves


def test_head_and_body_leave_in_one_write(connect: Connect) -> None:
    connection = asking(connect)
    connection.exchange.start(200, TWO)
    assert connection.channel.writes == []
    connection.exchange.write(b"ok", more=False)
    assert connection.channel.writes == [b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"]


def test_a_body_at_hand_gets_its_length(connect: Connect) -> None:
    connection = asking(connect)
    connection.exchange.start(200, [])
    connection.exchange.write(b"ok", more=False)
    assert connection.output == b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


def test_a_streamed_body_leaves_in_chunks_at_once(connect: Connect) -> None:
    connection = asking(connect)
    connection.exchange.start(200, [])
    connection.exchange.write(b"one", more=True)
    connection.exchange.write(b"two", more=True)
    connection.exchange.write(b"", more=False)
    assert connection.channel.writes == [
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\none\r\n",
        b"3\r\ntwo\r\n",
        b"0\r\n\r\n",
    ]


def test_a_body_larger_than_what_is_joined_leaves_whole(connect: Connect) -> None:
    connection = asking(connect)
    body = b"x" * (JOIN + 1)
    connection.exchange.start(200, [])
    connection.exchange.write(body, more=True)
    connection.exchange.write(body, more=False)
    chunk = b"%x\r\n%b\r\n" % (len(body), body)
    assert connection.output.endswith(b"\r\n\r\n" + chunk * 2 + b"0\r\n\r\n")


@pytest.mark.parametrize("size", [2, JOIN + 1])
def test_the_body_of_a_head_response_stays_here(connect: Connect, size: int) -> None:
    connection = asking(connect, request("HEAD"))
    connection.exchange.start(200, [(b"content-length", b"%d" % size)])
    connection.exchange.write(b"x" * size, more=False)
    assert connection.output == b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % size
    assert connection.exchange.over


def test_a_streamed_head_response_writes_nothing_but_its_head(connect: Connect) -> None:
    connection = asking(connect, request("HEAD"))
    connection.exchange.start(200, [])
    assert connection.exchange.write(b"one", more=True)
    assert connection.exchange.write(b"two", more=False)
    assert connection.output.endswith(b"\r\n\r\n")
    assert connection.output.count(b"\r\n\r\n") == 1


def test_the_head_leaves_when_the_application_first_waits(connect: Connect) -> None:
    def app(exchange: Http1Exchange) -> bool:
        exchange.start(200, TWO)
        return False

    connection = connect(app)
    connection.receive(request("GET"))
    assert connection.output == b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n"


def test_the_head_leaves_at_the_next_turn_of_an_application_that_has_waited(
    connect: Connect,
) -> None:
    connection = asking(connect)
    connection.exchange.start(200, TWO)
    connection.settle()
    assert connection.output == b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n"


def test_a_client_that_went_before_its_head_left_is_found_out(connect: Connect) -> None:
    connection = asking(connect)
    connection.exchange.start(200, TWO)
    connection.channel.broken = True
    connection.settle()
    assert connection.exchange.gone


def test_a_second_start_is_refused(connect: Connect) -> None:
    connection = asking(connect)
    connection.exchange.start(200, TWO)
    with pytest.raises(ResponseError):
        connection.exchange.start(200, TWO)


def test_status_and_bytes_sent_are_told(connect: Connect) -> None:
    connection = asking(connect)
    assert connection.exchange.status == 0
    connection.exchange.start(201, [])
    connection.exchange.write(b"abc", more=True)
    connection.exchange.write(b"de", more=False)
    assert connection.exchange.status == 201
    assert connection.exchange.body_sent == 5


# Slow readers


def test_a_write_that_the_kernel_does_not_take_says_so(connect: Connect) -> None:
    connection = asking(connect)
    connection.channel.takes = False
    connection.exchange.start(200, [])
    assert not connection.exchange.write(b"x", more=True)
    assert not connection.exchange.flushed


def test_a_write_behind_one_that_has_not_left_says_so(connect: Connect) -> None:
    connection = asking(connect, request("HEAD"))
    connection.channel.takes = False
    connection.exchange.start(200, [])
    connection.exchange.write(b"x", more=True)
    assert not connection.exchange.write(b"x", more=True)


def test_who_waits_is_told_when_all_has_left(connect: Connect) -> None:
    told: list[bool] = []
    connection = asking(connect)
    connection.channel.takes = False
    connection.exchange.on_change = lambda: told.append(connection.exchange.flushed)
    connection.exchange.start(200, [])
    connection.exchange.write(b"x", more=True)
    connection.flush()
    assert told == [True]


def test_who_waits_is_told_when_the_client_went(connect: Connect) -> None:
    told: list[bool] = []
    connection = asking(connect)
    connection.channel.takes = False
    connection.exchange.start(200, [])
    connection.exchange.write(b"x", more=True)
    connection.exchange.on_change = lambda: told.append(connection.exchange.gone)
    connection.channel.abort()
    assert told == [True]


# A client that went


def test_nothing_can_be_sent_to_a_client_that_went(connect: Connect) -> None:
    connection = asking(connect)
    connection.channel.abort()
    exchange = connection.exchange
    attempts: tuple[Callable[[], object], ...] = (
        lambda: exchange.start(200, []),
        lambda: exchange.write(b"", more=False),
        lambda: exchange.write_trailers([]),
        lambda: exchange.inform(103, []),
        lambda: exchange.send_file(0, 1),
    )
    for attempt in attempts:
        with pytest.raises(ClientDisconnected):
            attempt()


def test_the_end_of_a_call_whose_client_went_writes_nothing(connect: Connect) -> None:
    connection = asking(connect)
    connection.channel.abort()
    connection.exchange.finish(None)
    assert connection.output == b""
    assert connection.exchange.over


def test_a_half_closed_client_can_still_be_written_to(connect: Connect) -> None:
    connection = asking(connect)
    connection.handler.received_eof(0.0)
    assert connection.exchange.disconnected
    connection.exchange.start(200, TWO)
    connection.exchange.write(b"ok", more=False)
    assert connection.output.endswith(b"ok")


# How a call ends


def test_a_call_that_ends_without_a_response_is_a_500(connect: Connect) -> None:
    connection = asking(connect)
    connection.exchange.finish(RuntimeError())
    assert connection.output.startswith(b"HTTP/1.1 500 ")
    assert connection.services.notes == [(b"/", 500)]


def test_a_response_that_has_not_left_becomes_a_500(connect: Connect) -> None:
    connection = asking(connect)
    connection.exchange.start(200, TWO)
    connection.exchange.finish(RuntimeError())
    assert connection.output.startswith(b"HTTP/1.1 500 ")
    assert connection.exchange.status == 500


def test_a_500_ends_the_connection_with_linger(connect: Connect) -> None:
    connection = asking(connect)
    connection.exchange.finish(None)
    assert b"connection: close\r\n" in connection.output
    assert connection.channel.lingers


@pytest.mark.parametrize("headers", [[], [(b"content-length", b"10")]])
def test_a_response_broken_off_is_closed_so_that_what_was_sent_arrives(
    connect: Connect, headers: Headers
) -> None:
    connection = asking(connect)
    connection.exchange.start(200, headers)
    connection.exchange.write(b"some", more=True)
    connection.exchange.finish(RuntimeError())
    assert connection.channel.shut
    assert not connection.channel.aborted
    assert not connection.output.endswith(b"0\r\n\r\n")
    assert connection.services.notes == [(b"/", 200)]


def test_a_broken_off_response_that_would_end_with_the_connection_is_reset(
    connect: Connect,
) -> None:
    connection = asking(connect, request("GET", version="1.0"))
    connection.exchange.start(200, [])
    connection.exchange.write(b"some", more=True)
    connection.exchange.finish(RuntimeError())
    assert connection.channel.aborted


def test_a_response_without_length_to_a_1_0_client_ends_with_the_connection(
    connect: Connect,
) -> None:
    connection = asking(connect, request("GET", "connection: keep-alive", version="1.0"))
    connection.exchange.start(200, [])
    connection.exchange.write(b"some", more=True)
    connection.exchange.write(b"", more=False)
    assert connection.output == b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nsome"
    assert connection.channel.shut
    assert not connection.channel.aborted


def test_what_a_call_leaves_behind_cannot_write_after_its_500(connect: Connect) -> None:
    connection = asking(connect)
    connection.exchange.finish(None)
    before = connection.output
    with pytest.raises((ClientDisconnected, ResponseError)):
        connection.exchange.start(200, [])
    assert connection.output == before


# Lengths that are not kept


@pytest.mark.parametrize("body", [b"abc", b"a"])
def test_a_whole_body_of_another_length_than_promised_is_a_500(
    connect: Connect, body: bytes
) -> None:
    """Nothing has left by then, so that the client can have a clean answer."""
    connection = asking(connect)
    connection.exchange.start(200, TWO)
    with pytest.raises(ResponseError) as refused:
        connection.exchange.write(body, more=False)
    connection.exchange.finish(refused.value)
    assert connection.output.startswith(b"HTTP/1.1 500 ")


def test_a_first_piece_longer_than_the_body_that_was_promised_is_a_500(connect: Connect) -> None:
    connection = asking(connect)
    connection.exchange.start(200, TWO)
    with pytest.raises(ResponseError) as refused:
        connection.exchange.write(b"abc", more=True)
    connection.exchange.finish(refused.value)
    assert connection.output.startswith(b"HTTP/1.1 500 ")


def test_no_body_leaves_without_its_head_though_a_first_write_was_refused(
    connect: Connect,
) -> None:
    connection = asking(connect)
    connection.exchange.start(200, TWO)
    with pytest.raises(ResponseError):
        connection.exchange.write(b"abc", more=True)
    connection.exchange.write(b"ok", more=False)
    assert connection.output.startswith(b"HTTP/1.1 200 OK\r\n")


def test_a_body_that_grows_too_long_is_cut_off(connect: Connect) -> None:
    connection = asking(connect)
    connection.exchange.start(200, TWO)
    connection.exchange.write(b"a", more=True)
    with pytest.raises(ResponseError) as refused:
        connection.exchange.write(b"bc", more=True)
    connection.exchange.finish(refused.value)
    assert connection.output.endswith(b"\r\n\r\na")
    assert connection.channel.shut


def test_a_body_that_ends_too_early_is_cut_off(connect: Connect) -> None:
    connection = asking(connect)
    connection.exchange.start(200, TWO)
    connection.exchange.write(b"a", more=True)
    with pytest.raises(ResponseError) as refused:
        connection.exchange.write(b"", more=False)
    connection.exchange.finish(refused.value)
    assert connection.channel.shut


# Interim responses, trailers and files


def test_an_interim_response_leaves_at_once(connect: Connect) -> None:
    connection = asking(connect)
    connection.exchange.inform(103, [(b"link", b"</style.css>")])
    assert connection.output == b"HTTP/1.1 103 Early Hints\r\nlink: </style.css>\r\n\r\n"


def test_an_interim_response_still_leaves_while_the_head_is_held(connect: Connect) -> None:
    connection = asking(connect)
    connection.exchange.start(200, TWO)
    connection.exchange.inform(103, [])
    connection.exchange.write(b"ok", more=False)
    assert connection.output.startswith(b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\n")


def test_no_interim_response_follows_the_head(connect: Connect) -> None:
    connection = asking(connect)
    connection.exchange.start(200, [])
    connection.exchange.write(b"a", more=True)
    before = connection.output
    connection.exchange.inform(103, [])
    assert connection.output == before


def test_trailers_end_the_response(connect: Connect) -> None:
    connection = asking(connect, request("GET", "te: trailers"))
    connection.exchange.start(200, [], trailers=True)
    connection.exchange.write(b"a", more=True)
    assert not connection.exchange.over
    connection.exchange.write_trailers([(b"x-sum", b"1")])
    assert connection.output.endswith(b"1\r\na\r\n0\r\nx-sum: 1\r\n\r\n")
    assert connection.exchange.over


def test_a_length_promised_with_trailers_is_kept(connect: Connect) -> None:
    """Else the client takes the next response for the rest of the body."""
    connection = asking(connect)
    connection.exchange.start(200, [(b"content-length", b"10")], trailers=True)
    connection.exchange.write(b"abc", more=True)
    with pytest.raises(ResponseError):
        connection.exchange.write_trailers([])
    connection.exchange.finish(None)
    assert connection.channel.shut


@pytest.fixture
def file(tmp_path: Path) -> int:
    path = tmp_path / "file"
    path.write_bytes(b"0123456789")
    return os.open(path, os.O_RDONLY)


def test_a_file_is_the_whole_body(connect: Connect, file: int) -> None:
    connection = asking(connect)
    connection.exchange.start(200, [])
    assert connection.exchange.send_file(file, 10)
    assert connection.output == b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n"
    assert connection.channel.files == [(file, 10)]
    assert connection.exchange.over
    os.close(file)


def test_a_file_in_chunks_is_one_chunk(connect: Connect, file: int) -> None:
    connection = asking(connect)
    connection.exchange.start(200, [])
    connection.settle()
    connection.exchange.send_file(file, 10)
    assert connection.channel.writes[1:] == [b"a\r\n", b"\r\n0\r\n\r\n"]
    os.close(file)


@pytest.mark.parametrize(("method", "length"), [("GET", b"content-length: 0\r\n"), ("HEAD", b"")])
def test_an_empty_file_is_an_empty_body(
    connect: Connect, file: int, method: str, length: bytes
) -> None:
    connection = asking(connect, request(method))
    connection.exchange.start(200, [])
    assert connection.exchange.send_file(file, 0)
    assert connection.output == b"HTTP/1.1 200 OK\r\n%b\r\n" % length
    assert connection.channel.files == []
    os.close(file)


def test_a_file_for_a_head_request_stays_here(connect: Connect, file: int) -> None:
    connection = asking(connect, request("HEAD"))
    connection.exchange.start(200, [])
    connection.exchange.send_file(file, 10)
    assert connection.channel.files == []
    os.close(file)


def test_a_file_of_another_length_than_promised_is_a_500(connect: Connect, file: int) -> None:
    connection = asking(connect)
    connection.exchange.start(200, TWO)
    with pytest.raises(ResponseError) as refused:
        connection.exchange.send_file(file, 10)
    connection.exchange.finish(refused.value)
    assert connection.output.startswith(b"HTTP/1.1 500 ")
    os.close(file)


def test_a_file_whose_end_the_kernel_has_not_taken_says_so(connect: Connect, file: int) -> None:
    connection = asking(connect)
    connection.channel.takes = False
    connection.exchange.start(200, [])
    assert not connection.exchange.send_file(file, 10)
    assert not connection.exchange.flushed
    os.close(file)


def test_a_file_is_not_the_end_of_a_response_with_trailers(connect: Connect, file: int) -> None:
    connection = asking(connect, request("GET", "te: trailers"))
    connection.exchange.start(200, [], trailers=True)
    connection.exchange.send_file(file, 10, more=True)
    assert not connection.exchange.over
    connection.exchange.write_trailers([(b"x-sum", b"1")])
    assert connection.output.endswith(b"0\r\nx-sum: 1\r\n\r\n")
    os.close(file)
