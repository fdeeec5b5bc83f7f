"""A connection that speaks lines, without a socket."""

from typing import Any

import pytest

from pounce.protocol.limits import Limits
from pounce.protocol.roles import Farewell
from pounce.testing.channel import App, RecordedConnection
from pounce.testing.wire import every_way
from pounce_sample.connection import HIGH_WATER, LineWorker
from pounce_sample.plugin import PREFACE
from pounce_sample.settings import LineSettings


def connect(
    app: App | None = None, limits: Limits | None = None, **settings: Any
) -> RecordedConnection:
    return RecordedConnection(LineWorker, limits or Limits(), app, LineSettings(**settings))


def wait(_exchange: Any) -> bool:
    return False


def answer(connection: RecordedConnection) -> None:
    exchange = connection.exchange
    exchange.start(200, [])
    exchange.write(b"ok", more=False)
    exchange.finish(None)
    connection.settle()


def lines(connection: RecordedConnection) -> list[bytes]:
    """What the application was asked."""
    return [exchange.read() for exchange in connection.channel.exchanges]


def test_each_line_is_answered_however_it_comes() -> None:
    for pieces in every_way(PREFACE + b"one\r\ntwo\n"):
        connection = connect(greeting="hi")
        for piece in pieces:
            connection.receive(piece)
        assert connection.output == b"hi\n200 ok\n200 ok\n"


def test_the_application_gets_the_line() -> None:
    connection = connect(wait)
    connection.receive(PREFACE + b"one\r\n")
    assert lines(connection) == [b"one"]


def test_lines_are_answered_in_order() -> None:
    connection = connect(wait)
    connection.receive(PREFACE + b"one\ntwo\n")
    assert len(connection.channel.exchanges) == 1
    answer(connection)
    assert len(connection.channel.exchanges) == 2
    answer(connection)
    assert connection.output == b"hello\n200 ok\n200 ok\n"


def test_what_is_no_preface_is_refused() -> None:
    connection = connect()
    connection.receive(b"LIMES")
    assert connection.output == b"400 these are no lines\n"
    assert connection.channel.shut
    assert connection.channel.refusals == ["line-preface"]


@pytest.mark.parametrize("data", [b"x" * 11, b"x" * 11 + b"\n"])
def test_a_line_that_is_too_long_is_refused(data: bytes) -> None:
    connection = connect(longest=10)
    connection.receive(PREFACE + data)
    assert connection.output.endswith(b"413 the line is too long\n")
    assert connection.channel.lingers
    assert connection.channel.refusals == ["line-too-long"]


def test_the_longest_line_is_served() -> None:
    connection = connect(longest=10)
    connection.receive(PREFACE + b"x" * 10 + b"\n")
    assert connection.output.endswith(b"200 ok\n")


def test_a_client_that_sends_ahead_is_slowed() -> None:
    connection = connect(wait)
    connection.receive(PREFACE + b"one\n")
    connection.receive(b"x\n" * HIGH_WATER)
    paused = connection.channel.paused
    answer(connection)
    assert (paused, connection.channel.paused) == (True, False)


def test_a_slow_client_is_waited_for() -> None:
    connection = connect()
    connection.receive(PREFACE)
    connection.channel.takes = False
    connection.receive(b"one\ntwo\n")
    assert len(connection.channel.exchanges) == 1
    connection.flush()
    connection.settle()
    assert len(connection.channel.exchanges) == 2


def test_answers_are_reported() -> None:
    connection = connect()
    connection.receive(PREFACE + b"one\n")
    assert connection.services.notes == [(b"/", 200)]


# Deadlines


def test_a_client_that_says_nothing_is_closed() -> None:
    connection = connect(limits=Limits(head_timeout=5.0))
    connection.sweep(5.0)
    assert connection.channel.closed


def test_a_line_that_drips_is_refused() -> None:
    connection = connect(limits=Limits(head_timeout=5.0))
    connection.receive(PREFACE + b"a", 1.0)
    connection.receive(b"b", 4.0)
    connection.sweep(6.0)
    assert connection.output.endswith(b"408 a line takes too long\n")


def test_an_idle_client_is_closed() -> None:
    connection = connect(limits=Limits(keep_alive_timeout=5.0))
    connection.receive(PREFACE + b"one\n", 1.0)
    connection.sweep(5.9)
    assert not connection.channel.closed
    connection.sweep(6.0)
    assert connection.channel.closed


def test_an_answer_that_takes_too_long_is_cut_off() -> None:
    connection = connect(wait, Limits(request_timeout=5.0))
    connection.receive(PREFACE + b"one\n")
    connection.sweep(5.0)
    assert connection.channel.aborted


# Ends


def test_what_came_before_the_end_is_answered() -> None:
    connection = connect()
    connection.receive(PREFACE + b"one\ntwo\nhal")
    connection.handler.received_eof(0.0)
    connection.settle()
    assert connection.output == b"hello\n200 ok\n200 ok\n"
    assert connection.channel.closed


def test_a_client_that_ends_is_told_to_who_waits() -> None:
    connection = connect(wait)
    connection.receive(PREFACE + b"one\n")
    connection.handler.received_eof(0.0)
    assert connection.exchange.disconnected
    answer(connection)
    assert connection.channel.closed


def test_a_client_that_goes_is_lost() -> None:
    connection = connect(wait)
    connection.receive(PREFACE + b"one\n")
    exchange = connection.exchange
    connection.channel.abort()
    assert exchange.gone
    assert connection.services.notes == [(b"/", 0)]


@pytest.mark.parametrize("farewell", ["close", "move"])
def test_an_idle_client_is_bid_farewell(farewell: Farewell) -> None:
    connection = connect()
    connection.receive(PREFACE + b"one\n")
    connection.handler.drain(0.0, farewell)
    assert connection.output == b"hello\n200 ok\nbye\n"
    assert connection.channel.closed


@pytest.mark.parametrize("farewell", ["close", "move"])
def test_a_new_client_has_a_moment_for_its_first_line(farewell: Farewell) -> None:
    connection = connect()
    connection.receive(PREFACE)
    connection.handler.drain(5.0, farewell)
    connection.sweep(5.9)
    assert not connection.channel.shut
    connection.receive(b"one\n", 5.9)
    assert connection.output == b"hello\n200 ok\nbye\n"


@pytest.mark.parametrize("farewell", ["close", "move"])
def test_a_new_client_that_asks_nothing_is_bid_farewell(farewell: Farewell) -> None:
    connection = connect()
    connection.receive(PREFACE)
    connection.handler.drain(5.0, farewell)
    connection.sweep(6.0)
    assert connection.output == b"hello\nbye\n"
    assert connection.channel.closed


@pytest.mark.parametrize("farewell", ["close", "move", "patient", "fade"])
def test_a_client_is_bid_farewell_after_its_answer(farewell: Farewell) -> None:
    connection = connect(wait)
    connection.receive(PREFACE + b"one\n")
    connection.handler.drain(0.0, farewell)
    assert connection.exchange.draining is (farewell != "fade")
    answer(connection)
    assert connection.output == b"hello\n200 ok\nbye\n"
    assert connection.channel.closed


@pytest.mark.parametrize("farewell", ["patient", "fade"])
def test_an_idle_client_may_ask_once_more(farewell: Farewell) -> None:
    connection = connect()
    connection.receive(PREFACE)
    connection.handler.drain(0.0, farewell)
    connection.receive(b"one\n")
    assert connection.output == b"hello\n200 ok\nbye\n"


def test_it_does_not_move() -> None:
    connection = connect()
    connection.receive(PREFACE)
    assert connection.handler.release() is None
