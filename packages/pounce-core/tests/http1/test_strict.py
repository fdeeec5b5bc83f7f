"""What the strict path refuses, and what it makes of heads that are rare but right."""

import pytest

from pounce.http1 import strict
from pounce.http1.strict import parse_strictly
from pounce.protocol.errors import ProtocolError

GET = b"GET / HTTP/1.1"


def refusal(block: bytes, line: bytes = GET) -> tuple[int, str]:
    with pytest.raises(ProtocolError) as caught:
        parse_strictly(line, block, 100)
    return caught.value.status, caught.value.reason


def test_a_head_is_read() -> None:
    block = b"Host: a\r\nX: \t1 2 \r\nContent-Length: 3"
    request = parse_strictly(b"POST /a?b HTTP/1.1", block, 100)
    assert (request.method, request.raw_path, request.query) == ("POST", b"/a", b"b")
    assert request.headers == [(b"host", b"a"), (b"x", b"1 2"), (b"content-length", b"3")]
    assert request.framing.content_length == 3


def test_a_head_without_fields_is_read() -> None:
    assert parse_strictly(b"GET / HTTP/1.0", b"", 100).headers == []


def test_obs_text_is_read() -> None:
    request = parse_strictly(GET, b"Host: a\r\nX: \xe4\xff", 100)
    assert request.headers[1] == (b"x", b"\xe4\xff")


def test_a_coding_keeps_its_case() -> None:
    request = parse_strictly(GET, b"Host: a\r\nTransfer-Encoding: Chunked", 100)
    assert request.headers[1] == (b"transfer-encoding", b"Chunked")


@pytest.mark.parametrize(
    ("block", "fault"),
    [
        (b"Host: a\r\n b", "field-folded"),
        (b"Host: a\r\n\tb: c", "field-folded"),
        (b" Host: a", "field-folded"),
        (b"Host: a\r\nb : c", "space-before-colon"),
        (b"Host: a\nb: c", "bare-cr-or-lf"),
        (b"Host: a\rb: c", "bare-cr-or-lf"),
        (b"Host: a\r\nb: c\r", "bare-cr-or-lf"),
        (b"Host: a\r\nb: \0", "field-nul"),
        (b"Host: a\r\nb: \x1b[0m", "field-value"),
        (b"Host: a\r\nb", "field-without-colon"),
        (b"Host: a\r\n: b", "field-name"),
        (b"\r\nHost: a", "field-empty"),
        (b"b: c", "host-missing"),
        (b"Host: a\r\nhost: a", "host-repeated"),
        (b"Host: a\r\nContent-Length: 5\r\nContent-Length: 5", "length-repeated"),
        (b"Host: a\r\nContent-Length: 5, 5", "length-invalid"),
        (b"Host: a\r\nContent-Length: \x0b5", "field-value"),
        (b"Host: a\r\nTransfer-Encoding: \x0bchunked", "field-value"),
        (b"Host: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked", "length-and-coding"),
    ],
)
def test_each_fault_has_its_name(block: bytes, fault: str) -> None:
    assert refusal(block) == (400, fault)


def test_the_request_line_is_judged_first() -> None:
    assert refusal(b"no field", b"GET / HTTP/3.0") == (505, "version-unsupported")


@pytest.mark.parametrize("count", [3, 4])
def test_fields_are_counted(count: int) -> None:
    block = b"\r\n".join([b"Host: a", *[b"b: c"] * (count - 1)])
    if count == 3:
        assert len(parse_strictly(GET, block, 3).headers) == 3
        return
    with pytest.raises(ProtocolError) as caught:
        parse_strictly(GET, block, 3)
    assert (caught.value.status, caught.value.reason) == (431, "header-count")


class TestAbsoluteTarget:
    def test_replaces_the_host(self) -> None:
        request = parse_strictly(b"GET http://b:1/c HTTP/1.1", b"A: 1\r\nHost: a\r\nB: 2", 100)
        assert request.raw_path == b"/c"
        assert request.headers == [(b"a", b"1"), (b"host", b"b:1"), (b"b", b"2")]

    def test_is_the_host_of_a_1_0_client_that_sent_none(self) -> None:
        request = parse_strictly(b"GET http://b/ HTTP/1.0", b"", 100)
        assert request.headers == [(b"host", b"b")]

    def test_does_not_excuse_a_missing_host(self) -> None:
        assert refusal(b"", b"GET http://b/ HTTP/1.1") == (400, "host-missing")

    def test_does_not_excuse_an_invalid_host(self) -> None:
        assert refusal(b"Host: a/b", b"GET http://b/ HTTP/1.1") == (400, "host-invalid")


class TestH11:
    """Our rules leave nothing for h11 to refuse; so they are switched off one at a time."""

    def test_what_it_refuses_is_refused(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(strict, "parse_field", lambda line: tuple(line.split(b": ")))
        assert refusal(b"host: a\r\nb : c") == (400, "head-refused")

    def test_what_it_reads_otherwise_is_refused(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(strict, "parse_field", lambda _: (b"host", b"another"))
        assert refusal(b"host: a") == (400, "head-ambiguous")

    def test_its_status_is_taken_over(self, monkeypatch: pytest.MonkeyPatch) -> None:
        framing = parse_strictly(GET, b"Host: a", 100).framing
        monkeypatch.setattr(strict, "read_framing", lambda *_: framing)
        assert refusal(b"Host: a\r\nTransfer-Encoding: gzip") == (501, "head-refused")
