import ssl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pounce_tls.hello import NOT_HTTPS, hello_length, is_plain_http, server_name


def hello(name: str | None) -> bytes:
    """A ClientHello of OpenSSL's, without the record's header."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["h2", "http/1.1"])
    outgoing = ssl.MemoryBIO()
    client = context.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname=name)
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    return outgoing.read()[5:]


def made(name: bytes, kind: int = 0, before: bytes = b"") -> bytes:
    """A ClientHello as small as can be."""
    entry = bytes([kind]) + len(name).to_bytes(2) + name
    listed = len(entry).to_bytes(2) + entry
    extensions = before + b"\0\0" + len(listed).to_bytes(2) + listed
    body = (
        b"\x03\x03" + bytes(32) + b"\0" + b"\0\x02\x13\x01" + b"\x01\0"
        + len(extensions).to_bytes(2) + extensions
    )  # fmt: skip
    return b"\x01" + len(body).to_bytes(3) + body


def test_finds_the_name_that_openssl_asks_for() -> None:
    assert server_name(hello("www.example.org")) == "www.example.org"


def test_a_hello_without_a_name() -> None:
    assert server_name(hello(None)) is None


@pytest.mark.parametrize(
    ("name", "found"),
    [
        (b"EXAMPLE.org", "example.org"),
        (b"example.org.", "example.org"),
        (b"xn--bcher-kva.example", "xn--bcher-kva.example"),
        (b"", None),
        ("bücher.example".encode(), None),
        (b"\xff\xfe", None),
    ],
)
def test_how_names_are_read(name: bytes, found: str | None) -> None:
    assert server_name(made(name)) == found


def test_passes_over_other_extensions() -> None:
    assert server_name(made(b"a.b", before=b"\0\x17\0\0\0\x2b\0\x03\x02\x03\x04")) == "a.b"


def test_a_name_of_another_type_is_none() -> None:
    assert server_name(made(b"a.b", kind=1)) is None


def test_how_long_a_hello_is() -> None:
    message = hello("localhost")
    assert hello_length(message[:4]) == len(message)


def test_another_message_is_no_hello() -> None:
    assert hello_length(b"\x02\0\0\x05") == 0


@given(st.binary(max_size=300))
def test_no_bytes_break_it(tail: bytes) -> None:
    found = server_name(b"\x01\0\1\0\x03\x03" + bytes(32) + tail)
    assert found is None or found.isascii()


@given(st.data())
def test_no_cut_breaks_it(data: st.DataObject) -> None:
    message = made(b"a.example")
    cut = message[: data.draw(st.integers(0, len(message)))]
    found = server_name(cut)
    assert found is None or "a.example".startswith(found)


@pytest.mark.parametrize(
    "start", [b"GET /", b"GET *", b"POST ", b"HEAD ", b"PUT /", b"OPTIO", b"PRI *"]
)
def test_plain_requests_are_recognised(start: bytes) -> None:
    assert is_plain_http(start)


@pytest.mark.parametrize(
    "start",
    [b"SSH-2", b"get /", b"\x16\x03\x01\0\x05", b"PROXY", b"EHLO ", b"\0\0\0\0\0", b"QUIT\r"],
)
def test_other_protocols_are_not_http(start: bytes) -> None:
    assert not is_plain_http(start)


def test_the_answer_to_plain_http_is_whole() -> None:
    head, _, body = NOT_HTTPS.partition(b"\r\n\r\n")
    assert f"content-length: {len(body)}".encode() in head
