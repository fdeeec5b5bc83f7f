from typing import TYPE_CHECKING

import pytest

from pounce_ws.handshake import Handshake, Refused, read_request
from pounce_ws.settings import Settings

if TYPE_CHECKING:
    from tests.conftest import Lab

ACCEPT = (b"sec-websocket-accept", b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")  # RFC 6455 section 1.3


def refused(lab: Lab, *more: tuple[bytes, bytes], **parts: object) -> Refused:
    with pytest.raises(Refused) as caught:
        read_request(lab.head(*more, **parts), Settings())  # type: ignore[arg-type]
    return caught.value


def accepted(lab: Lab, *more: tuple[bytes, bytes], settings: Settings | None = None) -> Handshake:
    return read_request(lab.head(*more), settings or Settings())


def test_a_request_is_answered_by_its_key(lab: Lab) -> None:
    assert accepted(lab).answer(None, []) == [ACCEPT]


def test_what_the_application_adds_comes_last(lab: Lab) -> None:
    handshake = accepted(lab, (b"sec-websocket-protocol", b"a, b"))
    assert handshake.subprotocols == ["a", "b"]
    assert handshake.answer("b", [(b"x", b"y")]) == [
        ACCEPT,
        (b"sec-websocket-protocol", b"b"),
        (b"x", b"y"),
    ]


def test_fields_that_are_given_twice_are_one_list(lab: Lab) -> None:
    handshake = accepted(
        lab, (b"sec-websocket-protocol", b"a"), (b"sec-websocket-protocol", b"b,c")
    )
    assert handshake.subprotocols == ["a", "b", "c"]


def test_compression_is_agreed_on(lab: Lab) -> None:
    offer = (b"sec-websocket-extensions", b"permessage-deflate; client_max_window_bits")
    assert accepted(lab, offer).answer(None, [])[1:] == [
        (
            b"sec-websocket-extensions",
            b"permessage-deflate; server_max_window_bits=12; client_max_window_bits=12",
        )
    ]
    off = Settings(per_message_deflate=False)
    assert accepted(lab, offer, settings=off).answer(None, []) == [ACCEPT]


@pytest.mark.parametrize("method", ["POST", "HEAD", "get", "CONNECT"])
def test_the_method_is_get(lab: Lab, method: str) -> None:
    assert refused(lab, method=method).status == 400


@pytest.mark.parametrize("version", [b"12", b"8", b"013", b"13, 8", b"", b"x"])
def test_another_version_is_told_which_there_is(lab: Lab, version: bytes) -> None:
    found = refused(lab, (b"sec-websocket-version", version), without=b"sec-websocket-version")
    headers, body = found.answer()
    assert found.status == 426
    assert (b"sec-websocket-version", b"13") in headers
    assert (b"upgrade", b"websocket") in headers
    assert (b"connection", b"upgrade") in headers
    assert body == b"426 Upgrade Required\n"


def test_the_version_is_said_once(lab: Lab) -> None:
    assert refused(lab, without=b"sec-websocket-version").status == 400
    assert refused(lab, (b"sec-websocket-version", b"13")).status == 400


@pytest.mark.parametrize(
    "key",
    [
        b"",
        b"dGhlIHNhbXBsZSBub25jZQ",
        b"dGhlIHNhbXBsZSBub25jZQ=",
        b"dGhlIHNhbXBsZSBub25jZ===",
        b"dGhlIHNhbXBsZSBub25jZTE=",
        b"dGhlIHNhbXBsZSBub25j",
        b"dGhl IHNhbXBsZSBub25jZQ==",
        b"dGhlIHNhbXBsZSBub25jZQ==, x",
        b"-_hlIHNhbXBsZSBub25jZQ==",
        b"\xff" * 24,
    ],
)
def test_the_key_is_16_bytes_in_base64(lab: Lab, key: bytes) -> None:
    assert refused(lab, (b"sec-websocket-key", key), without=b"sec-websocket-key").status == 400


def test_the_key_is_said_once(lab: Lab) -> None:
    assert refused(lab, without=b"sec-websocket-key").status == 400
    again = (b"sec-websocket-key", b"dGhlIHNhbXBsZSBub25jZQ==")
    assert refused(lab, again).status == 400


@pytest.mark.parametrize("value", [b"", b",", b"a b", b"a, a", b"a;b"])
def test_subprotocols_are_tokens_each_once(lab: Lab, value: bytes) -> None:
    assert refused(lab, (b"sec-websocket-protocol", value)).status == 400


@pytest.mark.parametrize("value", [b"", b";", b"a;", b"permessage-deflate;;", b'a;b="c d"'])
def test_extensions_are_well_formed(lab: Lab, value: bytes) -> None:
    assert refused(lab, (b"sec-websocket-extensions", value)).status == 400


@pytest.mark.parametrize("http", ["2", "3"])
def test_an_extended_connect_has_no_key(lab: Lab, http: str) -> None:
    head = lab.head(without=b"sec-websocket-key", method="CONNECT", version=http)
    assert read_request(head, Settings()).answer(None, []) == []


def test_an_extended_connect_of_another_version(lab: Lab) -> None:
    found = refused(
        lab,
        (b"sec-websocket-version", b"8"),
        without=b"sec-websocket-version",
        method="CONNECT",
        version="2",
    )
    assert found.status == 426
    assert found.headers == [(b"sec-websocket-version", b"13")]


def test_the_method_of_http2_is_connect(lab: Lab) -> None:
    assert refused(lab, method="GET", version="2").status == 400
