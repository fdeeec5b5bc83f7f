"""The deadlines of one connection, with time as a plain number: what expires when, and how."""

from math import inf
from typing import TYPE_CHECKING

import pytest

from pounce.http1.exchange import Http1Exchange
from pounce.http1.handler import HIGH_WATER
from pounce.protocol.exchange import GONE, WAIT
from pounce.protocol.limits import Limits

if TYPE_CHECKING:
    from tests.http1.conftest import Connect, Connection

GET = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1000000\r\n\r\n"
LIMITS = Limits(
    head_timeout=10.0,
    keep_alive_timeout=75.0,
    body_timeout=20.0,
    body_rate=100,
    request_timeout=None,
)
WINDOW = 2000
"""Bytes by which a body is to advance in 20 seconds at 100 bytes a second."""


def reads(exchange: Http1Exchange) -> bool:
    """Takes what is there of the body, and waits for more."""
    while exchange.read() is not WAIT:
        pass
    return False


def wait(_exchange: Http1Exchange) -> bool:
    return False


def uploading(connect: Connect, limits: Limits = LIMITS) -> Connection:
    """At time 0, an application waits for the first byte of a body."""
    connection = connect(reads, limits)
    connection.receive(POST)
    return connection


def upload(connection: Connection, size: int, now: float) -> None:
    """Bytes arrive, and the application takes them and waits for more."""
    connection.receive(b"x" * size, now)
    reads(connection.exchange)
    connection.settle(now)


# The head


def test_a_client_that_says_nothing_is_closed_without_a_word(connect: Connect) -> None:
    connection = connect(limits=LIMITS)
    connection.sweep(9.9)
    assert not connection.channel.shut
    connection.sweep(10.0)
    assert connection.channel.closed
    assert connection.output == b""


def test_a_head_that_is_not_whole_in_time_is_answered_with_408(connect: Connect) -> None:
    connection = connect(limits=LIMITS)
    connection.receive(GET[:10], 3.0)
    connection.sweep(10.0)
    assert connection.output.startswith(b"HTTP/1.1 408 ")
    assert connection.channel.refusals == ["head-timeout"]


def test_dripping_bytes_do_not_extend_the_deadline_of_a_head(connect: Connect) -> None:
    connection = connect(limits=LIMITS)
    for second in range(10):
        connection.receive(GET[second : second + 1], float(second))
        connection.sweep(second + 0.5)
        assert not connection.channel.shut
    connection.sweep(10.0)
    assert connection.channel.refusals == ["head-timeout"]


def test_a_further_head_has_its_time_from_its_first_byte(connect: Connect) -> None:
    connection = connect(limits=LIMITS)
    connection.receive(GET, 1.0)
    connection.receive(GET[:5], 50.0)
    connection.sweep(59.9)
    assert connection.channel.refusals == []
    connection.sweep(60.0)
    assert connection.channel.refusals == ["head-timeout"]


def test_a_head_that_is_whole_in_time_is_served(connect: Connect) -> None:
    connection = connect(limits=LIMITS)
    connection.receive(GET[:5], 1.0)
    connection.sweep(9.9)
    connection.receive(GET[5:], 9.9)
    connection.sweep(10.0)
    assert connection.output.startswith(b"HTTP/1.1 200 ")
    assert not connection.channel.shut


def test_the_time_of_each_head_is_its_own(connect: Connect) -> None:
    connection = connect(limits=LIMITS)
    for start in range(0, 60, 9):
        connection.receive(GET[:5], float(start))
        connection.receive(GET[5:], start + 8.0)
        connection.sweep(start + 8.5)
    assert connection.channel.refusals == []
    assert not connection.channel.shut


def test_without_a_limit_a_head_may_take_for_ever(connect: Connect) -> None:
    connection = connect(limits=Limits(head_timeout=None))
    connection.receive(GET[:5])
    assert connection.channel.deadline == inf


# Idle


def test_an_idle_connection_is_closed_without_a_word(connect: Connect) -> None:
    connection = connect(limits=LIMITS)
    connection.receive(GET, 5.0)
    before = connection.output
    connection.sweep(79.9)
    assert not connection.channel.shut
    connection.sweep(80.0)
    assert connection.channel.closed
    assert connection.output == before


def test_each_request_gives_the_connection_new_idle_time(connect: Connect) -> None:
    connection = connect(limits=LIMITS)
    for start in (0.0, 70.0, 140.0):
        connection.receive(GET, start)
        connection.sweep(start + 69.0)
    assert not connection.channel.shut


def test_a_connection_whose_request_is_running_is_not_idle(connect: Connect) -> None:
    connection = connect(wait, LIMITS)
    connection.receive(GET)
    connection.sweep(1e6)
    assert not connection.channel.shut


def test_without_a_limit_a_connection_may_be_idle_for_ever(connect: Connect) -> None:
    connection = connect(limits=Limits(keep_alive_timeout=None))
    connection.receive(GET)
    assert connection.channel.deadline == inf


# The body


def test_a_body_that_does_not_advance_is_answered_with_408(connect: Connect) -> None:
    connection = uploading(connect)
    connection.sweep(20.0)
    assert connection.output.startswith(b"HTTP/1.1 408 ")
    assert connection.channel.refusals == ["body-timeout"]


def test_an_application_whose_body_does_not_come_is_told(connect: Connect) -> None:
    connection = uploading(connect)
    connection.sweep(20.0)
    assert connection.exchange.read() is GONE
    assert connection.exchange.gone


def test_a_dripping_body_is_cut_off(connect: Connect) -> None:
    connection = uploading(connect)
    for second in range(1, 20):
        upload(connection, 1, float(second))
        connection.sweep(float(second))
        assert connection.channel.refusals == []
    connection.sweep(20.0)
    assert connection.channel.refusals == ["body-timeout"]


@pytest.mark.parametrize(("size", "refusals"), [(WINDOW, []), (WINDOW - 1, ["body-timeout"])])
def test_a_body_is_to_advance_at_its_rate_over_the_window(
    connect: Connect, size: int, refusals: list[str]
) -> None:
    connection = uploading(connect)
    upload(connection, size, 10.0)
    connection.sweep(20.0)
    assert connection.channel.refusals == refusals


def test_each_window_is_judged_for_itself(connect: Connect) -> None:
    connection = uploading(connect)
    upload(connection, 10 * WINDOW, 10.0)
    connection.sweep(20.0)
    assert connection.channel.refusals == []
    connection.sweep(40.0)
    assert connection.channel.refusals == ["body-timeout"]


def test_the_window_opens_when_the_application_first_waits_for_the_body(
    connect: Connect,
) -> None:
    connection = connect(wait, LIMITS)
    connection.receive(POST)
    connection.sweep(1000.0)
    reads(connection.exchange)
    connection.settle(1000.0)
    connection.sweep(1019.9)
    assert connection.channel.refusals == []
    connection.sweep(1020.0)
    assert connection.channel.refusals == ["body-timeout"]


def test_a_client_is_not_blamed_for_an_application_that_does_not_read(connect: Connect) -> None:
    connection = uploading(connect)
    connection.receive(b"x" * WINDOW, 1.0)
    connection.exchange.read()
    for now in (20.0, 40.0, 60.0, 1000.0):
        connection.sweep(now)
    assert connection.channel.refusals == []


def test_a_client_that_was_slowed_by_us_is_not_blamed(connect: Connect) -> None:
    connection = uploading(connect)
    # Two full reads: what is read ahead is above the mark, and the client is not read any more.
    connection.receive(b"x" * HIGH_WATER, 1.0)
    connection.receive(b"x" * HIGH_WATER, 1.0)
    assert connection.channel.paused
    connection.sweep(20.0)
    # At the very end of the next window the application reads, and wants more.
    reads(connection.exchange)
    connection.settle(39.9)
    connection.sweep(40.0)
    assert connection.channel.refusals == []


def test_a_client_that_is_slow_after_it_was_slowed_by_us_is_cut_off(connect: Connect) -> None:
    connection = uploading(connect)
    connection.receive(b"x" * HIGH_WATER, 1.0)
    connection.receive(b"x" * HIGH_WATER, 1.0)
    reads(connection.exchange)
    connection.settle(1.0)
    connection.sweep(20.0)
    assert connection.channel.refusals == []
    connection.sweep(40.0)
    assert connection.channel.refusals == ["body-timeout"]


def test_a_complete_body_has_no_deadline(connect: Connect) -> None:
    connection = connect(reads, LIMITS)
    connection.receive(b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\n")
    connection.receive(b"x" * 10, 19.0)
    connection.exchange.read()
    connection.settle(19.0)
    connection.sweep(1e6)
    assert connection.channel.refusals == []
    assert not connection.channel.shut


def test_a_body_too_slow_after_the_response_began_is_cut_off_by_a_reset(connect: Connect) -> None:
    connection = uploading(connect)
    connection.exchange.start(200, [])
    connection.settle(1.0)
    assert connection.output.startswith(b"HTTP/1.1 200 ")
    connection.sweep(20.0)
    assert connection.channel.aborted


def test_without_a_limit_a_body_may_take_for_ever(connect: Connect) -> None:
    connection = uploading(connect, Limits(body_timeout=None))
    assert connection.channel.deadline == inf


def test_a_body_that_nobody_reads_has_to_come_in_time_to_be_discarded(connect: Connect) -> None:
    connection = connect(limits=LIMITS)
    connection.receive(b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 100\r\n\r\n")
    connection.receive(b"x" * 10, 10.0)
    connection.sweep(19.9)
    assert not connection.channel.shut
    connection.sweep(20.0)
    assert connection.channel.lingers


def test_a_body_discarded_in_time_leaves_an_idle_connection(connect: Connect) -> None:
    connection = connect(limits=LIMITS)
    connection.receive(b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 100\r\n\r\n")
    connection.receive(b"x" * 100, 19.0)
    connection.sweep(93.0)
    assert not connection.channel.shut
    connection.sweep(94.0)
    assert connection.channel.closed


# The whole request


def test_a_request_that_takes_too_long_is_answered_with_503(connect: Connect) -> None:
    connection = connect(wait, Limits(request_timeout=30.0))
    connection.receive(GET, 1.0)
    connection.sweep(30.9)
    assert connection.output == b""
    connection.sweep(31.0)
    assert connection.output.startswith(b"HTTP/1.1 503 ")
    assert connection.channel.refusals == ["request-timeout"]
    assert connection.services.notes == [(b"/", 503)]


def test_a_call_that_takes_too_long_is_cancelled(connect: Connect) -> None:
    cancelled: list[bool] = []
    connection = connect(wait, Limits(request_timeout=30.0))
    connection.receive(GET)
    connection.exchange.cancel = lambda: cancelled.append(True)
    connection.sweep(30.0)
    assert cancelled == [True]
    assert connection.exchange.gone


def test_a_response_that_takes_too_long_is_cut_off_by_a_reset(connect: Connect) -> None:
    connection = connect(wait, Limits(request_timeout=30.0))
    connection.receive(GET)
    connection.exchange.start(200, [])
    connection.exchange.write(b"some", more=True)
    connection.sweep(30.0)
    assert connection.channel.aborted
    assert connection.services.notes == [(b"/", 200)]


def test_each_request_has_its_own_time(connect: Connect) -> None:
    connection = connect(wait, Limits(request_timeout=30.0))
    for start in (0.0, 20.0, 40.0):
        connection.receive(GET, start)
        connection.sweep(start + 19.0)
        connection.exchange.start(200, [])
        connection.exchange.write(b"", more=False)
        connection.exchange.finish(None)
        connection.settle(start + 19.0)
    assert connection.channel.refusals == []


def test_a_request_whose_body_advances_still_has_to_end_in_time(connect: Connect) -> None:
    connection = uploading(connect, Limits(request_timeout=50.0, body_timeout=20.0, body_rate=100))
    for now in (10.0, 20.0, 30.0, 40.0):
        upload(connection, WINDOW, now)
        connection.sweep(now)
    assert connection.channel.refusals == []
    connection.sweep(50.0)
    assert connection.channel.refusals == ["request-timeout"]


def test_a_request_that_came_whole_is_not_refused_while_the_response_before_it_leaves(
    connect: Connect,
) -> None:
    connection = connect(limits=Limits(request_timeout=30.0))
    connection.channel.takes = False
    connection.receive(GET * 2)
    connection.sweep(30.0)
    assert b" 408 " not in connection.output
    assert connection.channel.refusals == []


def test_the_deadline_of_a_request_does_not_outlive_its_response(connect: Connect) -> None:
    connection = connect(limits=Limits(request_timeout=30.0, keep_alive_timeout=75.0))
    connection.receive(GET)
    connection.sweep(74.9)
    assert not connection.channel.shut


def test_a_head_that_does_not_come_whole_is_reported(connect: Connect) -> None:
    connection = connect(limits=LIMITS)
    connection.receive(b"GET /slow HTTP/1.1\r\nhost:")
    connection.sweep(10.0)
    assert connection.services.notes == [(b"/slow", 408)]


def test_a_client_that_says_nothing_is_not_reported(connect: Connect) -> None:
    connection = connect(limits=LIMITS)
    connection.sweep(10.0)
    assert connection.services.notes == []
