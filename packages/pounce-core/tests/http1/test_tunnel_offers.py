"""Which change of protocols a request offers."""

from typing import TYPE_CHECKING

import pytest

from pounce.http1.exchange import Http1Exchange

if TYPE_CHECKING:
    from tests.http1.conftest import Connect

OFFER = b"GET /chat HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: Chat\r\n\r\n"
GET = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"


def wait(_exchange: Http1Exchange) -> bool:
    return False


def offered(connect: Connect, data: bytes) -> bytes | None:
    connection = connect(wait)
    connection.receive(data)
    upgrade: bytes | None = connection.exchange.head.upgrade
    return upgrade


def test_the_first_of_several_is_offered(connect: Connect) -> None:
    assert offered(connect, OFFER.replace(b"Chat", b"chat, websocket")) == b"chat"


def test_a_version_belongs_to_the_name(connect: Connect) -> None:
    assert offered(connect, OFFER.replace(b"Chat", b"Chat/2")) == b"chat/2"


@pytest.mark.parametrize(
    "data",
    [
        OFFER.replace(b"HTTP/1.1", b"HTTP/1.0"),
        OFFER.replace(b"connection: upgrade\r\n", b""),
        OFFER.replace(b"upgrade: Chat\r\n", b""),
        OFFER.replace(b"Chat", b" , "),
        OFFER[:-2] + b"content-length: 1\r\n\r\nx",
        OFFER[:-2] + b"transfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    ],
    ids=["1.0", "no connection", "no upgrade", "empty", "length", "chunked"],
)
def test_nothing_is_offered(connect: Connect, data: bytes) -> None:
    assert offered(connect, data) is None


def test_an_offer_with_an_empty_body_is_one(connect: Connect) -> None:
    assert offered(connect, OFFER[:-2] + b"content-length: 0\r\n\r\n") == b"chat"


def test_what_nobody_takes_is_a_request_like_any_other(connect: Connect) -> None:
    connection = connect()
    connection.receive(OFFER + GET)
    assert connection.paths == [b"/chat", b"/"]
