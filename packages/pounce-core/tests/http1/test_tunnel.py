"""An exchange that changes protocols: bytes both ways, its limits, its ends."""

import os
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pounce.http1.exchange import JOIN, Http1Exchange
from pounce.http1.handler import HIGH_WATER
from pounce.protocol.errors import ClientDisconnected, ResponseError
from pounce.protocol.exchange import END, GONE, WAIT, BodyState
from pounce.protocol.limits import Limits
from pounce.testing.wire import every_way

if TYPE_CHECKING:
    from tests.http1.conftest import Connect, Connection

    from pounce.protocol.roles import Farewell

OFFER = b"GET /chat HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: Chat\r\n\r\n"
SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nupgrade: chat\r\nconnection: upgrade\r\n\r\n"
GET = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"


parts = pytest.mark.parametrize("size", [0, JOIN, JOIN + 1])


def take(exchange: Http1Exchange) -> bool:
    exchange.accept([])
    return False


def wait(_exchange: Http1Exchange) -> bool:
    return False


def tunnel(connect: Connect, more: bytes = b"", limits: Limits | None = None) -> Connection:
    """A connection that has changed protocols, with bytes that came along."""
    connection = connect(take, limits)
    connection.receive(OFFER + more)
    return connection


def all_read(exchange: Http1Exchange) -> list[bytes | BodyState]:
    """What is there, up to the first that is no bytes."""
    found: list[bytes | BodyState] = []
    while not found or isinstance(found[-1], bytes):
        found.append(exchange.read())
    return found


# The change


def test_the_answer_is_a_101_that_names_the_protocol(connect: Connect) -> None:
    assert tunnel(connect).output == SWITCH


def test_fields_of_the_answer_follow(connect: Connect) -> None:
    connection = connect(wait)
    connection.receive(OFFER)
    connection.exchange.accept([(b"Sec-Chat", b"1")])
    assert connection.output == SWITCH[:-2] + b"Sec-Chat: 1\r\n\r\n"


def test_the_status_is_101(connect: Connect) -> None:
    assert tunnel(connect).exchange.status == 101


@pytest.mark.parametrize("name", [b"content-length", b"Transfer-Encoding", b"upgrade"])
def test_a_field_that_has_no_place_there_is_refused(connect: Connect, name: bytes) -> None:
    connection = connect(wait)
    connection.receive(OFFER)
    with pytest.raises(ResponseError, match="has no place here"):
        connection.exchange.accept([(name, b"1")])
    assert connection.output == b""
    connection.exchange.finish(None)
    assert connection.output.startswith(b"HTTP/1.1 500 ")


def test_a_field_that_could_split_the_answer_is_refused(connect: Connect) -> None:
    connection = connect(wait)
    connection.receive(OFFER)
    with pytest.raises(ResponseError, match="control character"):
        connection.exchange.accept([(b"a", b"b\r\nc: d")])
    assert connection.output == b""


def test_there_is_no_change_behind_a_response(connect: Connect) -> None:
    connection = connect(wait)
    connection.receive(OFFER)
    connection.exchange.start(200, [])
    with pytest.raises(ResponseError, match="started already"):
        connection.exchange.accept([])


def test_there_is_one_change(connect: Connect) -> None:
    exchange = tunnel(connect).exchange
    with pytest.raises(ResponseError, match="started already"):
        exchange.accept([])
    with pytest.raises(ResponseError, match="started already"):
        exchange.start(200, [])


def test_there_is_no_change_for_a_client_that_went(connect: Connect) -> None:
    connection = connect(wait)
    connection.receive(OFFER)
    exchange = connection.exchange
    connection.channel.abort()
    with pytest.raises(ClientDisconnected):
        exchange.accept([])


def test_a_client_that_goes_with_the_answer_is_found_out(connect: Connect) -> None:
    connection = connect(wait)
    connection.receive(OFFER)
    exchange = connection.exchange
    connection.channel.broken = True
    with pytest.raises(ClientDisconnected):
        exchange.accept([])
    assert exchange.gone


def test_an_interim_response_may_come_before_and_says_nothing_behind(connect: Connect) -> None:
    connection = connect(wait)
    connection.receive(OFFER)
    connection.exchange.inform(103, [(b"link", b"</a>")])
    connection.exchange.accept([])
    connection.exchange.inform(103, [(b"link", b"</b>")])
    assert connection.output == b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n" + SWITCH


# Bytes from the client


def test_what_came_with_the_request_is_the_tunnels(connect: Connect) -> None:
    assert all_read(tunnel(connect, b"GET / HTTP/1.1\r\n").exchange) == [
        b"GET / HTTP/1.1\r\n",
        WAIT,
    ]


def test_no_byte_is_lost_however_the_request_and_the_tunnel_come(connect: Connect) -> None:
    for pieces in every_way(OFFER + b"more"):
        connection = connect(take)
        for piece in pieces:
            connection.receive(piece)
        data = [each for each in all_read(connection.exchange) if isinstance(each, bytes)]
        assert b"".join(data) == b"more"
        assert connection.output == SWITCH
        assert len(connection.paths) == 1


def test_what_comes_later_is_told(connect: Connect) -> None:
    connection = tunnel(connect)
    told: list[bytes | BodyState] = []
    exchange = connection.exchange
    exchange.on_change = lambda: told.append(exchange.read())
    connection.receive(b"one")
    connection.receive(b"two")
    assert told == [b"one", b"two"]


def test_a_body_that_would_be_too_large_is_none(connect: Connect) -> None:
    connection = tunnel(connect, limits=Limits(body=10))
    connection.receive(b"x" * 100)
    assert connection.exchange.read() == b"x" * 100


def test_a_client_that_sends_too_much_is_slowed(connect: Connect) -> None:
    connection = tunnel(connect)
    paused: list[bool] = []
    for size in (HIGH_WATER, 1):
        connection.receive(b"x" * size)
        paused.append(connection.channel.paused)
    assert connection.exchange.read() == b"x" * (HIGH_WATER + 1)
    assert [*paused, connection.channel.paused] == [False, True, False]


def test_a_client_that_sent_too_much_before_the_change_is_slowed(connect: Connect) -> None:
    connection = connect(wait)
    connection.receive(OFFER)
    connection.receive(b"x" * (HIGH_WATER + 1))
    assert connection.channel.paused
    connection.exchange.accept([])
    assert connection.exchange.read() == b"x" * (HIGH_WATER + 1)
    assert not connection.channel.paused


def test_nobody_asks_to_continue(connect: Connect) -> None:
    data = OFFER[:-2] + b"expect: 100-continue\r\n\r\n"
    connection = connect(take)
    connection.receive(data)
    assert connection.exchange.read() is WAIT
    assert connection.output == SWITCH


def test_the_end_of_the_clients_half_is_told_behind_its_bytes(connect: Connect) -> None:
    connection = tunnel(connect, b"last")
    exchange = connection.exchange
    told: list[bool] = []
    exchange.on_change = lambda: told.append(True)
    connection.handler.received_eof(0.0)
    assert told == [True]
    assert all_read(exchange) == [b"last", END]
    assert exchange.body_read
    assert exchange.disconnected
    assert exchange.read() is END


def test_a_client_that_ended_its_half_can_be_written_to(connect: Connect) -> None:
    connection = tunnel(connect)
    connection.handler.received_eof(0.0)
    connection.exchange.write(b"answer", more=True)
    assert connection.output == SWITCH + b"answer"
    assert not connection.channel.shut


def test_a_client_that_ended_its_half_before_the_change_has_ended_its_tunnel(
    connect: Connect,
) -> None:
    connection = connect(wait)
    connection.receive(OFFER + b"last")
    connection.handler.received_eof(0.0)
    connection.exchange.accept([])
    assert all_read(connection.exchange) == [b"last", END]


def test_a_client_that_is_lost_is_gone(connect: Connect) -> None:
    connection = tunnel(connect)
    exchange = connection.exchange
    connection.channel.abort()
    assert exchange.read() is GONE
    with pytest.raises(ClientDisconnected):
        exchange.write(b"x", more=True)


# Bytes to the client


def test_bytes_leave_as_they_are(connect: Connect) -> None:
    connection = tunnel(connect)
    assert connection.exchange.write(b"one", more=True)
    assert connection.exchange.write(b"", more=True)
    assert connection.exchange.write(b"x" * 100_000, more=True)
    assert connection.output == SWITCH + b"one" + b"x" * 100_000
    assert connection.exchange.body_sent == 100_003


@parts
def test_two_parts_leave_in_one_write(connect: Connect, size: int) -> None:
    connection = tunnel(connect)
    assert connection.exchange.write_parts(b"head", b"x" * size, more=True)
    assert connection.channel.writes == [SWITCH, b"head" + b"x" * size]
    assert connection.exchange.body_sent == 4 + size


@parts
def test_a_client_that_takes_two_parts_slowly_is_waited_for(connect: Connect, size: int) -> None:
    connection = tunnel(connect)
    connection.channel.takes = False
    assert not connection.exchange.write_parts(b"head", b"x" * size, more=True)
    assert not connection.exchange.flushed
    connection.flush()
    assert connection.exchange.flushed


@parts
def test_two_parts_may_be_the_last(connect: Connect, size: int) -> None:
    connection = tunnel(connect)
    assert connection.exchange.write_parts(b"head", b"x" * size, more=False)
    assert connection.exchange.over
    assert connection.channel.shut
    with pytest.raises(ClientDisconnected):
        connection.exchange.write_parts(b"head", b"x" * size, more=False)


@parts
def test_two_parts_of_a_body_that_no_tunnel_carries(connect: Connect, size: int) -> None:
    connection = connect(wait)
    connection.receive(GET)
    connection.exchange.start(200, [])
    connection.exchange.write_parts(b"head", b"x" * size, more=False)
    assert connection.output.endswith(b"\r\n\r\nhead" + b"x" * size)
    assert b"\r\ncontent-length: %d\r\n" % (size + 4) in connection.output


def test_a_slow_client_is_waited_for(connect: Connect) -> None:
    connection = tunnel(connect)
    exchange = connection.exchange
    told: list[bool] = []
    exchange.on_change = lambda: told.append(exchange.flushed)
    connection.channel.takes = False
    assert not exchange.write(b"one", more=True)
    assert not exchange.flushed
    connection.flush()
    assert told == [True]


def test_a_file_leaves_as_it_is(connect: Connect, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"0123456789")
    file = os.open(path, os.O_RDONLY)
    connection = tunnel(connect)
    assert connection.exchange.send_file(file, 10, more=True)
    assert connection.output == SWITCH
    assert connection.channel.files == [(file, 10)]
    os.close(file)


# Deadlines


def test_a_tunnel_has_no_deadline_of_requests(connect: Connect) -> None:
    limits = Limits(head_timeout=1.0, body_timeout=1.0, keep_alive_timeout=1.0, request_timeout=1.0)
    connection = tunnel(connect, b"more", limits)
    assert all_read(connection.exchange) == [b"more", WAIT]
    connection.settle()
    assert connection.channel.deadline == inf
    connection.receive(b"x", 100.0)
    connection.exchange.read()
    connection.settle(200.0)
    assert connection.channel.deadline == inf


def test_a_request_that_waits_for_its_change_has_its_deadline(connect: Connect) -> None:
    connection = connect(wait, Limits(request_timeout=5.0))
    connection.receive(OFFER)
    connection.sweep(5.0)
    assert connection.output.startswith(b"HTTP/1.1 503 ")


# Drains and moves


@pytest.mark.parametrize("farewell", ["close", "patient", "move"])
def test_a_drain_asks_for_a_good_bye(connect: Connect, farewell: Farewell) -> None:
    connection = tunnel(connect)
    told: list[bool] = []
    connection.exchange.on_change = lambda: told.append(connection.exchange.draining)
    connection.handler.drain(0.0, farewell)
    assert told == [True]
    assert not connection.channel.shut


def test_a_worker_that_fades_leaves_tunnels_alone(connect: Connect) -> None:
    connection = tunnel(connect)
    connection.handler.drain(0.0, "fade")
    assert not connection.exchange.draining
    connection.handler.drain(0.0, "close")
    assert connection.exchange.draining


def test_a_tunnel_is_never_given_up(connect: Connect) -> None:
    connection = tunnel(connect)
    assert connection.handler.release() is None
    connection.exchange.write(b"", more=False)
    connection.settle()
    assert connection.handler.release() is None


def test_a_tunnel_does_not_move_when_it_ends(connect: Connect) -> None:
    connection = tunnel(connect)
    connection.channel.heir = True
    connection.handler.drain(0.0, "move")
    connection.exchange.write(b"bye", more=False)
    connection.settle()
    assert connection.channel.handed_on is None
    assert connection.channel.shut


def test_a_client_that_is_to_be_given_up_is_told_so(connect: Connect) -> None:
    connection = tunnel(connect)
    connection.handler.disconnect()
    assert connection.exchange.disconnected


# Ends


def test_the_end_of_our_half_is_the_connections(connect: Connect) -> None:
    connection = tunnel(connect)
    connection.exchange.write(b"bye", more=False)
    assert connection.output == SWITCH + b"bye"
    assert connection.exchange.over
    assert connection.channel.shut
    connection.exchange.finish(None)
    assert connection.output == SWITCH + b"bye"


def test_the_end_waits_for_a_client_that_is_still_sending(connect: Connect) -> None:
    """A reset would take the last bytes along."""
    connection = tunnel(connect)
    connection.exchange.write(b"bye", more=False)
    assert connection.channel.lingers


def test_what_comes_behind_the_end_is_no_request(connect: Connect) -> None:
    connection = tunnel(connect)
    connection.exchange.write(b"bye", more=False)
    connection.receive(GET)
    connection.handler.received_eof(0.0)
    assert connection.paths == [b"/chat"]
    assert connection.output == SWITCH + b"bye"


def test_nothing_is_read_behind_the_end(connect: Connect) -> None:
    connection = tunnel(connect, b"unread")
    connection.exchange.write(b"", more=False)
    assert connection.exchange.read() is GONE


@pytest.mark.parametrize("error", [None, ValueError("broken")])
def test_a_call_that_leaves_a_tunnel_open_ends_it(
    connect: Connect, error: BaseException | None
) -> None:
    connection = tunnel(connect)
    connection.exchange.write(b"half", more=True)
    connection.exchange.finish(error)
    assert connection.output == SWITCH + b"half"
    assert connection.exchange.over
    assert connection.channel.shut
    assert connection.channel.lingers
    assert not connection.channel.aborted


def test_a_call_that_fails_before_the_change_is_a_500(connect: Connect) -> None:
    connection = connect(wait)
    connection.receive(OFFER)
    connection.exchange.finish(ValueError("broken"))
    assert connection.output.startswith(b"HTTP/1.1 500 ")


def test_a_tunnel_is_reported_once_and_as_a_101(connect: Connect) -> None:
    connection = tunnel(connect)
    assert connection.services.notes == []
    connection.exchange.write(b"bye", more=False)
    connection.exchange.finish(None)
    assert connection.services.notes == [(b"/chat", 101)]


@pytest.mark.parametrize("way", ["lost", "left open"])
def test_a_tunnel_that_breaks_off_is_reported_once(connect: Connect, way: str) -> None:
    connection = tunnel(connect)
    exchange = connection.exchange
    if way == "lost":
        connection.channel.abort()
    exchange.finish(None)
    assert connection.services.notes == [(b"/chat", 101)]


def test_a_change_within_the_first_turn_is_a_tunnel_all_the_same(connect: Connect) -> None:
    def serve(exchange: Http1Exchange) -> bool:
        exchange.accept([])
        data = exchange.read()
        assert isinstance(data, bytes)
        exchange.write(data.upper(), more=False)
        exchange.finish(None)
        return True

    connection = connect(serve)
    connection.receive(OFFER + b"hello")
    assert connection.output == SWITCH + b"HELLO"
    assert connection.channel.shut
