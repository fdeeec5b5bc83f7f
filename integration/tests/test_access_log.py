"""What the access log says of requests: who asked, and also what no application saw."""

import pytest

from integration.tests.client import Client
from integration.tests.serving import Served

FORWARDED = "x-forwarded-for: 203.0.113.7, 127.0.0.1"

REFUSED = {
    "GET /ok?{} HTTP/1.1\r\n\r\n": r'"GET /ok\?{} HTTP/1\.1" 400 Bad Request ',
    "GET /ok?{} HTTP/3.0\r\n\r\n": r'"GET /ok\?{} HTTP/3\.0" 505 HTTP Version Not Supported ',
    "GET /ok?{} HTTP/1.1\r\nx: " + "x" * 40_000: r'"GET /ok\?{} HTTP/1\.1" 431 ',
    "GET /ok?{}" + "x" * 9_000: r'"GET /ok\?{}x+\.\.\.\[\d+ more\] HTTP/-" 414 ',
}
"""What a client sends, with a token in it; and what is logged."""


def test_a_client_behind_a_proxy_is_the_one_that_is_logged(plain: Served, token: str) -> None:
    with Client.to(plain.address) as client:
        assert client.get(f"/ok?{token}", "GET", FORWARDED).body == b"ok"
    line = rf' 203\.0\.113\.7:0 - "GET /ok\?{token} HTTP/1\.1" 200 OK '
    assert plain.access.find(line) is not None


@pytest.mark.parametrize("sent", REFUSED, ids=["400", "505", "431", "414"])
def test_a_request_that_is_refused_is_logged(plain: Served, token: str, sent: str) -> None:
    with Client.to(plain.address) as client:
        client.send(sent.format(token).encode())
        client.read_until_closed()
    assert plain.access.find(r" 127\.0\.0\.1:\d+ - " + REFUSED[sent].format(token)) is not None
