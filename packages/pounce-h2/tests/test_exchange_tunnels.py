"""A tunnel through a stream (RFC 8441), as the application's side sees it."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from pounce.protocol.errors import ResponseError
from pounce.protocol.exchange import END, WAIT
from pounce_h2 import frame
from pounce_h2.frame import ErrorCode

if TYPE_CHECKING:
    from tests.conftest import Client, Connect

type Data = Callable[..., bytes]

TOKEN = frozenset((b"websocket",))


@pytest.fixture
def tunnel(connect: Connect, wait: Any) -> Client:
    client = connect(wait, upgrades=TOKEN)
    client.say(client.head(b"CONNECT", b"/chat", end=False))
    client.resets.clear()
    fields = [
        (b":method", b"CONNECT"),
        (b":protocol", b"websocket"),
        (b":scheme", b"http"),
        (b":path", b"/chat"),
        (b":authority", b"a"),
    ]
    client.say(client.block(fields, end=False))
    return client


def test_a_tunnel_is_asked_for(tunnel: Client) -> None:
    head = tunnel.exchange.head
    assert (head.method, head.upgrade, head.raw_path) == ("CONNECT", b"websocket", b"/chat")


def test_a_tunnel_carries_bytes_both_ways(tunnel: Client, data: Data) -> None:
    exchange = tunnel.exchange
    exchange.accept([(b"sec-websocket-protocol", b"chat")])
    tunnel.turn()
    answered = tunnel.answers[3]
    assert answered.status == 200
    assert answered.fields[b"sec-websocket-protocol"] == b"chat"
    assert not answered.ended
    tunnel.say(data(3, b"hello"))
    assert exchange.read() == b"hello"
    assert exchange.read() is WAIT
    exchange.write(b"world", more=True)
    tunnel.turn()
    assert answered.body == b"world"
    assert exchange.body_sent == 5


@pytest.mark.parametrize("size", [0, frame.FRAME_SIZE, frame.FRAME_SIZE + 1])
def test_a_tunnel_carries_two_parts_as_one(tunnel: Client, size: int) -> None:
    exchange = tunnel.exchange
    exchange.accept([])
    tunnel.turn()
    before = len(tunnel.channel.writes)
    exchange.write_parts(b"head", b"x" * size, more=False)
    tunnel.turn()
    assert tunnel.answers[3].body == b"head" + b"x" * size
    assert tunnel.answers[3].ended
    assert exchange.body_sent == 4 + size
    assert len(tunnel.channel.writes) == before + 1


def test_a_client_that_leaves_its_half_open_and_goes(tunnel: Client) -> None:
    exchange = tunnel.exchange
    exchange.accept([])
    exchange.write(b"", more=False)
    exchange.finish(None)
    tunnel.turn()
    assert tunnel.answers[3].ended
    tunnel.handler.received_eof(0.0)
    tunnel.turn()
    assert tunnel.ended()


def test_the_client_ends_its_half(tunnel: Client, data: Data) -> None:
    exchange = tunnel.exchange
    exchange.accept([])
    tunnel.say(data(3, b"last", end=True))
    assert exchange.read() == b"last"
    assert not exchange.body_read
    assert exchange.read() is END
    exchange.write(b"bye", more=False)
    tunnel.turn()
    assert tunnel.answers[3].ended
    assert tunnel.resets == {}
    assert tunnel.handler._engine.streams == {}


def test_we_end_our_half_first(tunnel: Client, data: Data) -> None:
    exchange = tunnel.exchange
    exchange.accept([])
    exchange.write(b"bye", more=False)
    exchange.finish(None)
    tunnel.turn()
    assert tunnel.answers[3].ended
    assert tunnel.resets == {}
    tunnel.say(data(3, b"bye"), data(3, b"", end=True))
    assert tunnel.handler._engine.streams == {}
    assert tunnel.error is None


def test_an_unfinished_tunnel_is_cut_off(tunnel: Client) -> None:
    exchange = tunnel.exchange
    exchange.accept([])
    exchange.finish(ValueError())
    tunnel.turn()
    assert tunnel.resets == {3: ErrorCode.INTERNAL_ERROR}


def test_no_trailers_end_a_tunnel(tunnel: Client) -> None:
    tunnel.exchange.accept([])
    tunnel.say(tunnel.block([(b"a", b"b")], number=3))
    assert tunnel.resets == {3: ErrorCode.PROTOCOL_ERROR}


def test_a_tunnel_is_accepted_once(tunnel: Client) -> None:
    tunnel.exchange.accept([])
    with pytest.raises(ResponseError):
        tunnel.exchange.accept([])


def test_a_tunnel_may_be_declined(tunnel: Client) -> None:
    tunnel.exchange.start(403, [])
    tunnel.exchange.write(b"no", more=False)
    tunnel.turn()
    assert tunnel.answers[3].status == 403
    assert tunnel.answers[3].ended


def test_a_plain_connect_is_refused(connect: Connect) -> None:
    client = connect()
    client.say(client.block([(b":method", b"CONNECT"), (b":authority", b"a:443")], end=False))
    assert client.answers[1].status == 501
    assert client.get().status == 200
