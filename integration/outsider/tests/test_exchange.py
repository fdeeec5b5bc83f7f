"""How a response becomes a line."""

import os
from pathlib import Path
from typing import Any, get_protocol_members

import pytest

from pounce.protocol.errors import ClientDisconnected, ResponseError
from pounce.protocol.exchange import END, GONE, Exchange
from pounce.protocol.limits import Limits
from pounce.testing.channel import RecordedConnection
from pounce_sample.connection import LineWorker
from pounce_sample.plugin import PREFACE
from pounce_sample.settings import LineSettings


@pytest.fixture
def connection() -> RecordedConnection:
    """A connection whose application has been asked a line, and waits."""
    made = RecordedConnection(LineWorker, Limits(), lambda _exchange: False, LineSettings())
    made.receive(PREFACE + b"question\n")
    return made


def answers(connection: RecordedConnection) -> bytes:
    return connection.output.removeprefix(b"hello\n")


@pytest.mark.parametrize("member", sorted(get_protocol_members(Exchange)))
def test_has_what_the_role_names(connection: RecordedConnection, member: str) -> None:
    assert hasattr(connection.exchange, member)


def test_the_line_is_the_body(connection: RecordedConnection) -> None:
    exchange = connection.exchange
    assert [exchange.read(), exchange.body_read, exchange.read()] == [b"question", True, END]
    assert dict(exchange.head.headers)[b"content-length"] == b"8"


def test_an_answer_is_one_line(connection: RecordedConnection) -> None:
    exchange = connection.exchange
    exchange.start(201, [(b"a", b"b")])
    exchange.write(b"one\ntwo", more=True)
    exchange.write(b" three", more=False)
    assert answers(connection) == b"201 one two three\n"
    assert (exchange.status, exchange.body_sent, exchange.over) == (201, 13, True)


def test_trailers_end_an_answer(connection: RecordedConnection) -> None:
    connection.exchange.start(200, [])
    connection.exchange.write_trailers([(b"a", b"b")])
    assert answers(connection) == b"200 \n"


def test_a_file_is_one_line_too(connection: RecordedConnection, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"one\ntwo\nthree")
    file = os.open(path, os.O_RDONLY)
    connection.exchange.start(200, [])
    connection.exchange.send_file(file, 7)
    os.close(file)
    assert answers(connection) == b"200 one two\n"


@pytest.mark.parametrize(
    ("status", "headers"),
    [(99, []), (200, [(b"a", b"b\r\nc")]), (200, [(b"a b", b"")]), (200, [("a", "b")])],
)
def test_what_no_response_may_carry_is_refused(
    connection: RecordedConnection, status: int, headers: Any
) -> None:
    with pytest.raises(ResponseError):
        connection.exchange.start(status, headers)
    assert answers(connection) == b""


def test_there_is_one_start_and_no_change_of_protocols(connection: RecordedConnection) -> None:
    connection.exchange.start(200, [])
    with pytest.raises(ResponseError):
        connection.exchange.start(200, [])
    with pytest.raises(ResponseError):
        connection.exchange.accept([])


def test_an_interim_response_says_nothing(connection: RecordedConnection) -> None:
    connection.exchange.inform(103, [])
    assert answers(connection) == b""


def test_a_call_that_fails_is_a_500(connection: RecordedConnection) -> None:
    connection.exchange.finish(ValueError())
    assert answers(connection) == b"500 Internal Server Error\n"
    assert not connection.channel.shut


def test_an_answer_that_breaks_off_is_cut(connection: RecordedConnection) -> None:
    connection.exchange.start(200, [])
    connection.exchange.write(b"half", more=True)
    connection.exchange.finish(ValueError())
    assert connection.channel.aborted
    assert connection.services.notes == [(b"/", 200)]


def test_a_refusal_is_an_answer(connection: RecordedConnection) -> None:
    connection.exchange.refuse(503)
    assert answers(connection) == b"503 Service Unavailable\n"
    assert connection.services.notes == [(b"/", 503)]


def test_nothing_can_be_said_to_a_client_that_went(connection: RecordedConnection) -> None:
    exchange = connection.exchange
    connection.channel.abort()
    assert exchange.read() is GONE
    with pytest.raises(ClientDisconnected):
        exchange.start(200, [])
    exchange.finish(None)
    exchange.refuse(503)


def test_a_slow_client_is_told_to_who_waits(connection: RecordedConnection) -> None:
    exchange = connection.exchange
    told: list[bool] = []
    exchange.on_change = lambda: told.append(exchange.flushed)
    connection.channel.takes = False
    exchange.start(200, [])
    assert not exchange.write(b"x", more=True)
    connection.flush()
    assert told == [True]
