"""What no server may take: each disguise in which a second request is smuggled behind a first.

The front must be answered 400 (or a status that says it better), the connection closed, and what
hides behind never become a request: neither a response nor the journal may know of it.
"""

import re

import pytest

from integration.tests.client import Client, request
from integration.tests.record import Record
from integration.tests.serving import Served

HIDDEN = "/ok?hidden"

CHUNKED = "transfer-encoding: chunked"
POST = "POST /echo?front HTTP/1.1\r\nhost: test\r\n"

HEADS = {
    "length and chunks": f"{POST}content-length: 4\r\n{CHUNKED}\r\n\r\n0\r\n\r\n",
    "chunks and length": f"{POST}{CHUNKED}\r\ncontent-length: 4\r\n\r\n0\r\n\r\n",
    "two lengths": f"{POST}content-length: 0\r\ncontent-length: 5\r\n\r\n",
    "two equal lengths": f"{POST}content-length: 0\r\ncontent-length: 0\r\n\r\n",
    "a list of lengths": f"{POST}content-length: 0, 5\r\n\r\n",
    "a list of equal lengths": f"{POST}content-length: 5,5\r\n\r\nhello",
    "a length with a sign": f"{POST}content-length: +5\r\n\r\nhello",
    "a negative length": f"{POST}content-length: -5\r\n\r\n",
    "a length with an underscore": f"{POST}content-length: 1_0\r\n\r\n0123456789",
    "a length in hexadecimal": f"{POST}content-length: 0x5\r\n\r\nhello",
    "a length with a space": f"{POST}content-length: 1 0\r\n\r\n0123456789",
    "a length with a vertical tab": f"{POST}content-length: \x0b5\r\n\r\nhello",
    "a length with a fraction": f"{POST}content-length: 5.0\r\n\r\nhello",
    "an empty length": f"{POST}content-length:\r\n\r\n",
    "a length in other digits": f"{POST}content-length: \xb2\r\n\r\n",
    "a length of forty digits": f"{POST}content-length: {'0' * 39}5\r\n\r\nhello",
    "a space before the colon": f"{POST}content-length : 5\r\n\r\nhello",
    "a tab before the colon": f"{POST}{CHUNKED.replace(':', '\t:')}\r\n\r\n0\r\n\r\n",
    "a vertical tab in the coding": f"{POST}transfer-encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
    "chunked twice": f"{POST}transfer-encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
    "chunked in two fields": f"{POST}{CHUNKED}\r\n{CHUNKED}\r\n\r\n0\r\n\r\n",
    "chunked not last": f"{POST}transfer-encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "an unknown coding": f"{POST}transfer-encoding: xchunked\r\n\r\n0\r\n\r\n",
    "identity": f"{POST}transfer-encoding: identity\r\n\r\n",
    "an empty coding": f"{POST}transfer-encoding:\r\n\r\n",
    "a quoted coding": f'{POST}transfer-encoding: "chunked"\r\n\r\n0\r\n\r\n',
    "a coding in HTTP/1.0": f"{POST.replace('1.1', '1.0')}{CHUNKED}\r\n\r\n0\r\n\r\n",
    "lines without CR": f"{POST}{CHUNKED}\r\n\r\n0\r\n\r\n".replace("\r\n", "\n"),
    "one line without CR": f"{POST}x: 1\ncontent-length: 0\r\n\r\n",
    "a head that ends without CR": f"{POST}content-length: 0\r\n\n",
    "a CR in a value": f"{POST}x: a\rcontent-length: 5\r\n\r\n",
    "a CR and more after the head": f"{POST}content-length: 0\r\n\rX: 1\r\n\r\n",
    "a NUL in a value": f"{POST}x: a\0b\r\n\r\n",
    "a NUL in a name": f"{POST}a\0b: x\r\n\r\n",
    "a folded line": f"{POST}x: a\r\n b\r\n\r\n",
    "a folded length": f"{POST}content-length:\r\n 5\r\n\r\nhello",
    "a folded first line": "POST /echo?front HTTP/1.1\r\n x: 1\r\nhost: test\r\n\r\n",
    "a line without a colon": f"{POST}content-length\r\n\r\n",
    "a name that is empty": f"{POST}: 5\r\n\r\n",
    "a name with a space": f"{POST}content length: 5\r\n\r\n",
    "a name in brackets": f"{POST}(content-length): 5\r\n\r\n",
    "no host": "GET /ok?front HTTP/1.1\r\n\r\n",
    "two hosts": "GET /ok?front HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n",
    "two equal hosts": "GET /ok?front HTTP/1.1\r\nhost: a\r\nhost: a\r\n\r\n",
    "a host with a path": "GET /ok?front HTTP/1.1\r\nhost: a/b\r\n\r\n",
    "a host with an at sign": "GET /ok?front HTTP/1.1\r\nhost: a@b\r\n\r\n",
    "two spaces in the first line": "GET  /ok?front HTTP/1.1\r\nhost: a\r\n\r\n",
    "a tab in the first line": "GET\t/ok?front HTTP/1.1\r\nhost: a\r\n\r\n",
    "a space in the target": "GET /ok?fr ont HTTP/1.1\r\nhost: a\r\n\r\n",
    "a control character in the target": "GET /ok?fr\x01ont HTTP/1.1\r\nhost: a\r\n\r\n",
    "no version": "GET /ok?front\r\nhost: a\r\n\r\n",
    "a version in small letters": "GET /ok?front http/1.1\r\nhost: a\r\n\r\n",
    "a version of two digits": "GET /ok?front HTTP/1.10\r\nhost: a\r\n\r\n",
    "a version of HTTP/2": "GET /ok?front HTTP/2.0\r\nhost: a\r\n\r\n",
    "a space at the end": "GET /ok?front HTTP/1.1 \r\nhost: a\r\n\r\n",
    "a fragment in the target": "GET /ok?front#part HTTP/1.1\r\nhost: a\r\n\r\n",
    "a target without a slash": "GET ok?front HTTP/1.1\r\nhost: a\r\n\r\n",
    "a method with a colon": "GE:T /ok?front HTTP/1.1\r\nhost: a\r\n\r\n",
}
"""Heads that are refused before the application hears of them."""

BODIES = {
    "a size with a sign": "+5\r\nhello\r\n0\r\n\r\n",
    "a size with 0x": "0x5\r\nhello\r\n0\r\n\r\n",
    "a size with an underscore": "0_5\r\nhello\r\n0\r\n\r\n",
    "a size of seventeen digits": "00000000000000005\r\nhello\r\n0\r\n\r\n",
    "a size too large for any number": "fffffffffffffffff\r\nhello",
    "a negative size": "-5\r\nhello\r\n0\r\n\r\n",
    "no size": "\r\nhello\r\n0\r\n\r\n",
    "a size after a space": " 5\r\nhello\r\n0\r\n\r\n",
    "a size before a space": "5 \r\nhello\r\n0\r\n\r\n",
    "letters for a size": "xyz\r\nhello\r\n0\r\n\r\n",
    "a size that ends without CR": "5\nhello\r\n0\r\n\r\n",
    "a size that ends without LF": "5\rXhello\r\n0\r\n\r\n",
    "more than the size says": "5\r\nhello world\r\n0\r\n\r\n",
    "data that ends without CR": "5\r\nhello\n0\r\n\r\n",
    "data that ends without LF": "5\r\nhello\r0\r\n\r\n",
    "a CR in an extension": "5;a\rb=c\r\nhello\r\n0\r\n\r\n",
    "a LF in an extension": "5;a\n0\r\n\r\nhello\r\n0\r\n\r\n",
    "an extension that is none": "5;\x01\r\nhello\r\n0\r\n\r\n",
    "a trailer with a space before the colon": "0\r\nx : 1\r\n\r\n",
    "a trailer that is a length": "0\r\ncontent-length: 5\r\n\r\n",
    "a trailer that is a coding": f"0\r\n{CHUNKED}\r\n\r\n",
    "a trailer folded": "0\r\nx: 1\r\n y\r\n\r\n",
    "trailers that end without CR": "0\r\nx: 1\r\n\n",
}
"""Chunked bodies that are refused while the application reads them."""

STATUSES = {"a version of HTTP/2": 505, "an unknown coding": 501, "identity": 501}
"""Where another status than 400 says it better, and RFC 9110 or 9112 has it."""


@pytest.fixture
def hidden(record: Record) -> str:
    """The token of what is hidden behind."""
    return record.token()


@pytest.mark.parametrize("name", HEADS)
def test_a_head(plain: Served, record: Record, token: str, hidden: str, name: str) -> None:
    with Client.to(plain.address) as client:
        attack = HEADS[name].replace("front", token).encode("latin-1")
        client.send(attack + request(f"/ok?{hidden}"))
        response = client.response()
        assert response.status in {400, STATUSES.get(name, 400)}
        assert response.value(b"connection") == b"close"
        assert client.ended()
    assert record.now(hidden) == []
    assert record.now(token) == []


@pytest.mark.parametrize("name", BODIES)
def test_a_chunked_body(plain: Served, record: Record, token: str, hidden: str, name: str) -> None:
    with Client.to(plain.address) as client:
        head = request(f"/echo?{token}", "POST", CHUNKED)
        client.send(head + BODIES[name].encode("latin-1") + request(f"/ok?{hidden}"))
        response = client.response()
        assert response.status == 400
        assert response.value(b"connection") == b"close"
        assert client.ended()
    assert record.now(hidden) == []
    record.wait(token, "returned")
    assert record.now(token) == ["called", "disconnect", "returned"]


@pytest.mark.parametrize("name", BODIES)
def test_a_chunked_body_that_nobody_reads(
    plain: Served, record: Record, hidden: str, name: str
) -> None:
    """The response may leave before the body is looked at; what follows must not."""
    with Client.to(plain.address) as client:
        head = request("/ignore", "POST", CHUNKED)
        client.send(head + BODIES[name].encode("latin-1") + request(f"/ok?{hidden}"))
        assert client.response().body == b"ignored"
        after = client.read_until_closed()
    assert re.match(rb"HTTP/1.1 400 |$", after)
    assert record.now(hidden) == []


@pytest.mark.parametrize("name", HEADS)
def test_a_head_byte_by_byte(
    plain: Served, record: Record, token: str, hidden: str, name: str
) -> None:
    """One opinion, however the bytes arrive."""
    with Client.to(plain.address) as client:
        attack = HEADS[name].replace("front", token).encode("latin-1")
        try:
            for byte in attack + request(f"/ok?{hidden}"):
                client.send(bytes([byte]))
        except ConnectionError:
            # Refused before its end, as it may be; the response is there all the same.
            pass
        response = client.response()
        assert response.status in {400, STATUSES.get(name, 400)}
        assert client.read_until_closed() == b""
    assert record.now(hidden) == []
    assert record.now(token) == []
