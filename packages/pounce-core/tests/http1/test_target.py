"""Each form of a target, and each refusal of a request line."""

import pytest

from pounce.http1.target import glimpse, parse_request_line
from pounce.protocol.errors import ProtocolError


def refusal(line: bytes) -> tuple[int, str]:
    with pytest.raises(ProtocolError) as caught:
        parse_request_line(line)
    return caught.value.status, caught.value.reason


def target(value: bytes, method: bytes = b"GET") -> tuple[bytes, bytes, bytes | None]:
    _, path, query, _, authority = parse_request_line(b"%b %b HTTP/1.1" % (method, value))
    return path, query, authority


@pytest.mark.parametrize(
    ("value", "path", "query"),
    [
        (b"/", b"/", b""),
        (b"/a/b", b"/a/b", b""),
        (b"/a?b=c", b"/a", b"b=c"),
        (b"/a?", b"/a", b""),
        (b"/a?b?c", b"/a", b"b?c"),
        (b"//a/../b", b"//a/../b", b""),
        (b"/%2e%2E?%00", b"/%2e%2E", b"%00"),
        (b'/a"<>\\^`{|}', b'/a"<>\\^`{|}', b""),
        (b"/http://b", b"/http://b", b""),
    ],
)
def test_origin_form_is_left_as_sent(value: bytes, path: bytes, query: bytes) -> None:
    assert target(value) == (path, query, None)


@pytest.mark.parametrize(
    ("value", "path", "query", "authority"),
    [
        (b"http://a/b?c", b"/b", b"c", b"a"),
        (b"HTTPS://a:1/b", b"/b", b"", b"a:1"),
        (b"http://a", b"/", b"", b"a"),
        (b"http://a?b", b"/", b"b", b"a"),
        (b"http://[::1]:1/b?c/d", b"/b", b"c/d", b"[::1]:1"),
        (b"http://a//b", b"//b", b"", b"a"),
    ],
)
def test_absolute_form(value: bytes, path: bytes, query: bytes, authority: bytes) -> None:
    assert target(value) == (path, query, authority)


def test_the_server_as_a_whole_can_be_asked_for_its_options() -> None:
    assert target(b"*", b"OPTIONS") == (b"*", b"", None)


@pytest.mark.parametrize("value", [b"http://a", b"http://a:1"])
def test_the_server_as_a_whole_in_absolute_form(value: bytes) -> None:
    assert target(value, b"OPTIONS") == (b"*", b"", value[7:])


@pytest.mark.parametrize("value", [b"http://a/", b"http://a?"])
def test_a_path_or_a_query_is_not_the_server_as_a_whole(value: bytes) -> None:
    assert target(value, b"OPTIONS")[0] == b"/"


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_versions_that_are_served(version: str) -> None:
    assert parse_request_line(b"GET / HTTP/" + version.encode())[3] == version


@pytest.mark.parametrize("version", [b"0.9", b"1.2", b"1.9", b"2.0", b"3.0"])
def test_versions_that_are_not_served(version: bytes) -> None:
    assert refusal(b"GET / HTTP/" + version) == (505, "version-unsupported")


@pytest.mark.parametrize(
    "version",
    [
        b"HTTP/1",
        b"HTTP/1.",
        b"HTTP/1.10",
        b"HTTP/11.1",
        b"HTTP/1,1",
        b"HTTP/x.y",
        b"HTTP/+.1",
        b"http/1.1",
        b"HTTP1.1.",
        b"HTTPS/1.1",
        b"",
        b"HTTP/1.\xb9",
    ],
)
def test_versions_that_are_none(version: bytes) -> None:
    assert refusal(b"GET / " + version) == (400, "version-invalid")


@pytest.mark.parametrize("method", ["GET", "get", "M-SEARCH", "!#$%&'*+-.^_`|~09", "A" * 32])
def test_a_method_is_a_token_whose_case_is_kept(method: str) -> None:
    assert parse_request_line(method.encode() + b" / HTTP/1.1")[0] == method


@pytest.mark.parametrize("method", [b"", b"G@T", b"G\tT", b"\x16\x03", b"G\xc4T", b"GET:"])
def test_a_method_is_nothing_else(method: bytes) -> None:
    assert refusal(method + b" / HTTP/1.1") == (400, "method-invalid")


def test_a_method_that_is_too_long_is_not_implemented() -> None:
    assert refusal(b"A" * 33 + b" / HTTP/1.1") == (501, "method-too-long")


def test_connect_is_not_implemented() -> None:
    assert refusal(b"CONNECT example.com:443 HTTP/1.1") == (501, "connect")


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"GET",
        b"GET /",
        b"GET  / HTTP/1.1",
        b"GET /  HTTP/1.1",
        b" GET / HTTP/1.1",
        b"GET / HTTP/1.1 ",
        b"GET /a b HTTP/1.1",
        b"GET\t/\tHTTP/1.1",
    ],
)
def test_one_space_separates_three_parts(line: bytes) -> None:
    assert refusal(line) == (400, "request-line")


@pytest.mark.parametrize(
    "value",
    [
        b"a",
        b"*",
        b"example.com:80",
        b"ftp://a/",
        b"http:/a",
        b"http:a",
        b"://a/",
        b"javascript:x",
        b"?a",
    ],
)
def test_targets_of_no_form(value: bytes) -> None:
    assert refusal(b"GET %b HTTP/1.1" % value) == (400, "target-invalid")


@pytest.mark.parametrize("byte", [*range(0x20), 0x7F, *range(0x80, 0x100), ord("#")])
def test_bytes_that_are_in_no_target(byte: int) -> None:
    line = b"GET /a%b HTTP/1.1" % bytes([byte])
    assert refusal(line) == (400, "target-invalid")


@pytest.mark.parametrize("byte", sorted(set(range(0x21, 0x7F)) - set(b"#?")))
def test_bytes_that_may_be_in_a_target(byte: int) -> None:
    assert target(b"/" + bytes([byte])) == (b"/" + bytes([byte]), b"", None)


@pytest.mark.parametrize(
    "value",
    [
        b"http://u@a/",
        b"http://u:p@a/",
        b"http:///a",
        b"http://",
        b"http://?a",
        b"http://a b/",
        b"http://a:b/",
        b"http://a\\b/",
        b"http://:80/",
    ],
)
def test_an_absolute_target_names_an_authority_and_no_user(value: bytes) -> None:
    status, _ = refusal(b"GET %b HTTP/1.1" % value)
    assert status == 400


@pytest.mark.parametrize(
    ("line", "seen"),
    [
        (b"GET /a?b HTTP/2.0", ("GET", b"/a", b"b", "2.0")),
        (b"GET /a b HTTP/1.1", ("GET", b"/a b", b"", "1.1")),
        (b"get  HTTP/1.1", ("get", b"-", b"", "1.1")),
        (b"GET /a HTTP/", ("GET", b"/a", b"", "-")),
        (b"GET /a\xff\n", ("GET", b"/a\xff\n", b"", "-")),
        (b"GET /a", ("GET", b"/a", b"", "-")),
        (b"GET", ("GET", b"-", b"", "-")),
        (b"", ("-", b"-", b"", "-")),
        (b"\x16\x03\x01 a HTTP/1.1", ("-", b"-", b"", "-")),
    ],
)
def test_what_can_be_seen_of_any_line(line: bytes, seen: tuple[str, bytes, bytes, str]) -> None:
    head = glimpse(line)
    assert (head.method, head.raw_path, head.query, head.version) == seen
    assert head.headers == []
