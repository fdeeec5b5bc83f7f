"""Each rule of the reader whole, in two pieces at each place, and byte by byte."""

import os
from itertools import pairwise
from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pounce.http1 import reader as reader_module
from pounce.http1.head import HeadParser
from pounce.http1.reader import RequestReader
from pounce.protocol.errors import ProtocolError
from pounce.protocol.exchange import END, GONE, WAIT, BodyState
from pounce.protocol.limits import Limits
from pounce.testing.wire import every_way

EXAMPLES = int(os.environ.get("POUNCE_FUZZ_EXAMPLES", "1000"))
"""Each is two streams: as it was drawn, and edited. To draw takes longer than to read."""

GET = b"GET /a?b HTTP/1.1\r\nHost: x\r\n\r\n"
POST = b"POST /p HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = (
    b"PUT /c HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"5;a=b\r\nhello\r\n1\r\n!\r\n0\r\nt: u\r\n\r\n"
)


def new_reader(**limits: Any) -> RequestReader:
    return RequestReader(Limits(**limits), HeadParser())


type Seen = list[tuple[str, ...] | tuple[Literal["body"], bytes] | tuple[int, str]]


def transcript(reader: RequestReader, pieces: list[bytes], *, eof: bool = False) -> Seen:
    """Feeds the pieces and takes all that can be had after each: targets, bodies, the refusal."""
    seen: Seen = []
    body: bytes | None = None
    try:
        for piece in [*pieces, b""]:
            if piece:
                reader.feed(piece)
            elif eof:
                reader.feed_eof()
            while True:
                if body is None:
                    request = reader.next_head()
                    if request is None:
                        break
                    seen.append((request.method, (request.raw_path + request.query).decode()))
                    body = b""
                part = reader.read()
                if isinstance(part, bytes):
                    body += part
                elif part is WAIT:
                    break
                else:
                    seen.append(("body", body))
                    body = None
                    if part is GONE:
                        seen.append(("gone",))
                        return seen
    except ProtocolError as error:
        seen.append((error.status, error.reason))
    return seen


def refusals(data: bytes, **limits: Any) -> set[tuple[int, str]]:
    """How the data is refused, in each of the ways that it may arrive."""
    found: set[tuple[int, str]] = set()
    for pieces in every_way(data):
        last = transcript(new_reader(**limits), pieces)[-1]
        assert isinstance(last[0], int), (pieces, last)
        found.add((last[0], str(last[1])))
    return found


class TestRequests:
    def test_one_without_a_body(self) -> None:
        for pieces in every_way(GET):
            assert transcript(new_reader(), pieces) == [("GET", "/ab"), ("body", b"")]

    def test_one_with_a_length(self) -> None:
        for pieces in every_way(POST):
            assert transcript(new_reader(), pieces) == [("POST", "/p"), ("body", b"hello")]

    def test_one_with_chunks(self) -> None:
        for pieces in every_way(CHUNKED):
            assert transcript(new_reader(), pieces) == [("PUT", "/c"), ("body", b"hello!")]

    def test_several_in_a_row(self) -> None:
        expected = [
            ("GET", "/ab"),
            ("body", b""),
            ("POST", "/p"),
            ("body", b"hello"),
            ("PUT", "/c"),
            ("body", b"hello!"),
            ("GET", "/ab"),
            ("body", b""),
        ]
        for pieces in every_way(GET + POST + CHUNKED + GET):
            assert transcript(new_reader(), pieces) == expected

    def test_several_before_the_first_is_asked_for(self) -> None:
        for pieces in every_way(POST + CHUNKED + GET):
            reader = new_reader()
            for piece in pieces:
                reader.feed(piece)
            assert [seen[0] for seen in transcript(reader, [])] == [
                "POST",
                "body",
                "PUT",
                "body",
                "GET",
                "body",
            ]

    def test_one_that_came_before_is_read_the_same(self) -> None:
        reader = new_reader()
        for _ in range(4):
            assert transcript(reader, [GET]) == [("GET", "/ab"), ("body", b"")]

    def test_the_next_is_not_given_before_the_body_was_read(self) -> None:
        reader = new_reader()
        reader.feed(POST + GET)
        reader.next_head()
        with pytest.raises(RuntimeError, match="not read to its end"):
            reader.next_head()

    def test_nothing_is_there_at_first(self) -> None:
        reader = new_reader()
        assert reader.next_head() is None
        assert reader.done
        assert not reader.started


class TestEmptyLines:
    @pytest.mark.parametrize("count", [1, 2])
    def test_a_couple_before_a_request_line_are_overlooked(self, count: int) -> None:
        for pieces in every_way(b"\r\n" * count + GET + b"\r\n" * count + GET):
            assert transcript(new_reader(), pieces) == [("GET", "/ab"), ("body", b"")] * 2

    def test_many_are_refused(self) -> None:
        assert refusals(b"\r\n" * 3 + GET) == {(400, "empty-lines")}

    def test_are_counted_anew_for_each_request(self) -> None:
        reader = new_reader()
        for _ in range(9):
            reader.feed(b"\r\n")
            assert reader.next_head() is None
            assert not reader.started
            reader.feed(GET)
            assert reader.next_head() is not None


class TestState:
    def test_started_as_soon_as_a_byte_of_a_head_is_there(self) -> None:
        reader = new_reader()
        reader.feed(b"G")
        assert reader.next_head() is None
        assert reader.started

    def test_not_started_within_a_body(self) -> None:
        reader = new_reader()
        reader.feed(POST[:-1])
        reader.next_head()
        assert not reader.started

    def test_started_by_what_follows_a_body(self) -> None:
        reader = new_reader()
        reader.feed(POST + b"G")
        reader.next_head()
        assert reader.read() == b"hello"
        assert reader.started

    def test_done_when_there_is_no_body(self) -> None:
        reader = new_reader()
        reader.feed(GET)
        reader.next_head()
        assert reader.done
        assert reader.read() is END

    def test_done_with_the_last_byte_of_a_body(self) -> None:
        reader = new_reader()
        reader.feed(POST)
        reader.next_head()
        before = reader.done
        assert reader.read() == b"hello"
        assert (before, reader.done) == (False, True)
        assert reader.read() is END

    def test_buffered_counts_what_is_held(self) -> None:
        for pieces in every_way(POST + GET):
            reader = new_reader()
            for piece in pieces:
                reader.feed(piece)
            assert reader.buffered == len(POST + GET)
            reader.next_head()
            assert reader.buffered == 5 + len(GET)
            reader.read()
            assert reader.buffered == len(GET)
            reader.next_head()
            assert reader.buffered == 0

    def test_remaining_is_what_is_left_of_a_length(self) -> None:
        reader = new_reader()
        assert reader.remaining == 0
        reader.feed(POST[:-2])
        reader.next_head()
        assert reader.remaining == 5
        reader.read()
        assert reader.remaining == 2

    def test_a_feed_of_a_body_is_handed_on_uncopied(self) -> None:
        reader = new_reader()
        reader.feed(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n")
        reader.next_head()
        data = bytes(65_536)
        reader.feed(data)
        assert reader.read() is data


class TestRest:
    def test_gives_what_was_not_used(self) -> None:
        for pieces in every_way(GET + b"\x81\x00more"):
            reader = new_reader()
            for piece in pieces:
                reader.feed(piece)
            reader.next_head()
            assert reader.rest() == b"\x81\x00more"
            assert reader.buffered == 0

    def test_is_empty_when_all_was_used(self) -> None:
        reader = new_reader()
        reader.feed(GET)
        reader.next_head()
        assert reader.rest() == b""


class TestSkip:
    @pytest.mark.parametrize(
        "request_bytes", [GET, POST, CHUNKED], ids=["none", "length", "chunks"]
    )
    def test_drops_a_body(self, request_bytes: bytes) -> None:
        for pieces in every_way(request_bytes):
            reader = new_reader()
            for piece in pieces:
                reader.feed(piece)
            reader.next_head()
            assert reader.skip()
            assert reader.done

    def test_says_when_more_is_to_come(self) -> None:
        reader = new_reader()
        reader.feed(POST[:-1])
        reader.next_head()
        assert not reader.skip()
        reader.feed(b"o" + GET)
        assert reader.skip()
        assert reader.next_head() is not None

    def test_refuses_as_reading_does(self) -> None:
        reader = new_reader()
        reader.feed(CHUNKED.replace(b"5;a=b", b"+5"))
        reader.next_head()
        with pytest.raises(ProtocolError, match="chunk-size"):
            reader.skip()


class TestEnd:
    @pytest.mark.parametrize("request_bytes", [POST, CHUNKED], ids=["length", "chunks"])
    def test_within_a_body_is_gone(self, request_bytes: bytes) -> None:
        for pieces in every_way(request_bytes[:-1]):
            assert transcript(new_reader(), pieces, eof=True)[-1] == ("gone",)

    def test_after_a_body_is_its_end(self) -> None:
        for pieces in every_way(CHUNKED):
            expected = [("PUT", "/c"), ("body", b"hello!")]
            assert transcript(new_reader(), pieces, eof=True) == expected

    def test_within_a_head_is_no_request(self) -> None:
        reader = new_reader()
        reader.feed(GET[:-1])
        reader.feed_eof()
        assert reader.next_head() is None
        assert reader.started
        assert reader.at_eof

    def test_what_came_before_is_read_first(self) -> None:
        reader = new_reader()
        reader.feed(POST[:-1])
        reader.feed_eof()
        reader.next_head()
        assert reader.read() == b"hell"
        assert reader.read() is GONE
        assert reader.read() is GONE


class TestLimits:
    def test_a_request_line_at_the_limit_passes(self) -> None:
        line = GET.index(b"\r\n")
        for pieces in every_way(GET):
            assert len(transcript(new_reader(request_line=line), pieces)) == 2

    def test_a_request_line_over_the_limit_is_refused(self) -> None:
        line = GET.index(b"\r\n")
        assert refusals(GET, request_line=line - 1) == {(414, "request-line-too-long")}

    def test_a_request_line_without_an_end_is_refused(self) -> None:
        assert refusals(b"G" * 51, request_line=50) == {(414, "request-line-too-long")}

    def test_a_request_line_whose_end_is_half_there_is_not(self) -> None:
        for pieces in every_way(b"G" * 50 + b"\r"):
            assert transcript(new_reader(request_line=50), pieces) == []

    def test_fields_at_the_limit_pass(self) -> None:
        for pieces in every_way(GET):
            assert len(transcript(new_reader(header_bytes=len(b"Host: x\r\n")), pieces)) == 2

    def test_fields_over_the_limit_are_refused(self) -> None:
        found = refusals(GET, header_bytes=len(b"Host: x\r\n") - 1)
        assert found == {(431, "header-bytes")}

    def test_fields_without_an_end_are_refused(self) -> None:
        head = GET[:-2] + b"a: " + b"b" * 100
        found = refusals(head, header_bytes=100)
        assert found == {(431, "header-bytes")}

    def test_the_limits_are_of_one_request(self) -> None:
        limits = {"request_line": GET.index(b"\r\n"), "header_bytes": len(b"Host: x\r\n")}
        for pieces in every_way(GET + GET + GET):
            assert len(transcript(new_reader(**limits), pieces)) == 6

    @pytest.mark.parametrize("count", [2, 3])
    def test_fields_are_counted(self, count: int) -> None:
        head = GET[:-2] + b"a: b\r\n" * (count - 1) + b"\r\n"
        if count == 2:
            for pieces in every_way(head):
                assert len(transcript(new_reader(header_count=2), pieces)) == 2
        else:
            assert refusals(head, header_count=2) == {(431, "header-count")}

    def test_a_length_at_the_limit_passes(self) -> None:
        for pieces in every_way(POST):
            assert len(transcript(new_reader(body=5), pieces)) == 2

    def test_a_length_over_the_limit_is_refused_with_the_head(self) -> None:
        reader = new_reader(body=4)
        reader.feed(POST)
        with pytest.raises(ProtocolError) as caught:
            reader.next_head()
        assert (caught.value.status, caught.value.reason) == (413, "body-too-large")

    def test_chunks_at_the_limit_pass(self) -> None:
        for pieces in every_way(CHUNKED):
            assert transcript(new_reader(body=6), pieces)[-1] == ("body", b"hello!")

    def test_chunks_over_the_limit_are_refused(self) -> None:
        assert refusals(CHUNKED, body=5) == {(413, "body-too-large")}

    def test_trailers_have_the_limits_of_a_head(self) -> None:
        trailers = CHUNKED.replace(b"t: u\r\n", b"t: u\r\n" * 3)
        assert refusals(trailers, header_count=2) == {(431, "trailers-too-large")}


class TestRefusals:
    @pytest.mark.parametrize(
        "data",
        [
            b"GET / HTTP/1.1\nHost: x\n\n",
            b"GET / HTTP/1.1\r\nHost: x\n\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: x\r\n\n" + GET,
            b"GET / HTTP/1.1\r\nHost: x\n\rX\r\n\r\n",
            b"GET / HTTP/1.1\r\rHost: x\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: x\r\nA: b\rc\r\n\r\n",
            b"\nGET / HTTP/1.1\r\nHost: x\r\n\r\n",
            b"GET / HTTP/1.1\r\n Host: x\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: x\r\nA : b\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: x\0\r\n\r\n",
            b"GET / HTTP/1.1\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: x@y\r\n\r\n",
            b"GET /\r\n\r\n",
            b"GET / HTTP/1.1 \r\nHost: x\r\n\r\n",
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        ],
    )
    def test_a_malformed_head(self, data: bytes) -> None:
        assert {status for status, _ in refusals(data)} == {400}

    @pytest.mark.parametrize(
        "fields",
        [
            b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
            b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
            b"Content-Length: 5\r\nContent-Length: 5\r\n",
            b"Content-Length: 5\r\nContent-Length: 6\r\n",
            b"Content-Length: 5,5\r\n",
            b"Content-Length: +5\r\n",
            b"Content-Length: 0x5\r\n",
            b"Content-Length: 5_0\r\n",
            b"Content-Length: 5\x0b\r\n",
            b"Content-Length: \x0c5\r\n",
            b"Content-Length:\r\n",
            b"Content-Length : 5\r\n",
            b"Content-Length\t: 5\r\n",
            b" Content-Length: 5\r\n",
            b"Content-Length: 9999999999999999999\r\n",
            b"Transfer-Encoding: chunked, chunked\r\n",
            b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
            b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
            b"Transfer-Encoding: \x0bchunked\r\n",
            b"Transfer-Encoding: chunked\x1c\r\n",
            b"Transfer-Encoding: ,chunked\r\n",
            b"Transfer-Encoding: chunked;a\r\n",
            b"Transfer-Encoding : chunked\r\n",
            b"Transfer-Encoding:\n chunked\r\n",
            b"Transfer-Encoding\r\n: chunked\r\n",
            b"A: b\rTransfer-Encoding: chunked\r\n",
            b"A: b\nTransfer-Encoding: chunked\r\n",
            b"Transfer-Encoding: chunked\r\n\rX: y\r\n",
        ],
    )
    def test_smuggling_by_length_and_coding(self, fields: bytes) -> None:
        """In every disguise: refused, and what follows is never a second request."""
        data = b"POST / HTTP/1.1\r\nHost: x\r\n%b\r\n0\r\n\r\n%b" % (fields, GET)
        for pieces in every_way(data):
            seen = transcript(new_reader(), pieces)
            assert [one[0] for one in seen] == [400]

    @pytest.mark.parametrize("coding", [b"gzip", b"identity", b"xchunked", b"gzip, chunked"])
    def test_an_unknown_coding(self, coding: bytes) -> None:
        data = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: %b\r\n\r\n" % coding
        assert refusals(data + GET) == {(501, "coding-unknown")}

    def test_a_coding_of_1_0(self) -> None:
        data = b"POST / HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
        assert refusals(data) == {(400, "coding-in-1.0")}

    @pytest.mark.parametrize(
        "chunks",
        [
            b"+1\r\nx\r\n0\r\n\r\n",
            b"0x1\r\nx\r\n0\r\n\r\n",
            b"00000000000000001\r\nx\r\n0\r\n\r\n",
            b"1\r\nxy\r\n0\r\n\r\n",
            b"1\r\nx\n0\r\n\r\n",
            b"1;a\rb\r\nx\r\n0\r\n\r\n",
            b"1;\n\r\nx\r\n0\r\n\r\n",
            b"1\nx\r\n0\r\n\r\n",
            b"0\r\n\n",
            b"0\n\r\n",
        ],
    )
    def test_smuggling_by_chunks(self, chunks: bytes) -> None:
        head = CHUNKED[: CHUNKED.index(b"\r\n\r\n") + 4]
        for pieces in every_way(head + chunks + GET):
            seen = transcript(new_reader(), pieces)
            assert [one[0] for one in seen] == ["PUT", 400]

    @pytest.mark.parametrize(
        ("line", "status"),
        [
            (b"GET / HTTP/2.0", 505),
            (b"PRI * HTTP/2.0", 505),
            (b"GET / HTTP/1.2", 505),
            (b"CONNECT x:1 HTTP/1.1", 501),
        ],
    )
    def test_what_is_not_served(self, line: bytes, status: int) -> None:
        assert {found for found, _ in refusals(line + b"\r\nHost: x\r\n\r\n")} == {status}

    def test_an_unknown_expectation(self) -> None:
        data = b"GET / HTTP/1.1\r\nHost: x\r\nExpect: more\r\n\r\n"
        assert refusals(data) == {(417, "expectation")}

    def test_are_for_good(self) -> None:
        reader = new_reader()
        reader.feed(b"GET / HTTP/9.9\r\n\r\n")
        for _ in range(2):
            with pytest.raises(ProtocolError, match="version-unsupported"):
                reader.next_head()
            with pytest.raises(ProtocolError, match="version-unsupported"):
                reader.read()
            with pytest.raises(ProtocolError, match="version-unsupported"):
                reader.skip()
            assert not reader.done
            assert not reader.started
            reader.feed(GET)

    def test_in_a_body_are_for_good(self) -> None:
        reader = new_reader()
        reader.feed(CHUNKED.replace(b"5;a=b", b"+5"))
        reader.next_head()
        for _ in range(2):
            with pytest.raises(ProtocolError, match="chunk-size"):
                reader.read()
            with pytest.raises(ProtocolError, match="chunk-size"):
                reader.next_head()
            reader.feed(GET)


class CountingBytes(bytes):
    """Counts the bytes that are cut out of it or searched."""

    moved = 0

    def __getitem__(self, key: Any) -> Any:
        found = super().__getitem__(key)
        if isinstance(found, bytes):
            CountingBytes.moved += len(found)
        return found

    def find(self, sub: Any, start: Any = 0, end: Any = None) -> int:
        found = super().find(sub, start, end)
        CountingBytes.moved += (len(self) if found < 0 else found) - (start or 0)
        return found


class CountingArray(bytearray):
    """Counts the bytes that come in, go out, or are searched. Dropping at its front is free."""

    moved = 0

    def __init__(self, source: memoryview) -> None:
        CountingArray.moved += len(source)
        super().__init__(source)

    def __iadd__(self, more: Any) -> CountingArray:  # type: ignore[misc]
        CountingArray.moved += len(more)
        super().__iadd__(more)
        return self

    def __getitem__(self, key: Any) -> Any:
        found = super().__getitem__(key)
        if isinstance(found, bytearray):
            CountingArray.moved += len(found)
        return found

    def find(self, sub: Any, start: Any = 0, end: Any = None) -> int:
        found = super().find(sub, start, end)
        CountingArray.moved += (len(self) if found < 0 else found) - (start or 0)
        return found


class TestWork:
    """Counts the bytes that the reader moves or searches: a fixed number for each that comes."""

    @pytest.fixture(autouse=True)
    def counting(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(reader_module, "bytearray", CountingArray, raising=False)
        CountingArray.moved = CountingBytes.moved = 0

    def moved(self) -> int:
        return CountingArray.moved + CountingBytes.moved

    @pytest.mark.parametrize("size", [4_000, 30_000])
    def test_of_a_head_byte_by_byte(self, size: int) -> None:
        head = GET[:-2] + b"a: " + b"b" * size + b"\r\n\r\n"
        assert len(transcript(new_reader(), [bytes([byte]) for byte in head])) == 2
        assert self.moved() <= 20 * len(head)

    @pytest.mark.parametrize("size", [1_000, 8_000])
    def test_of_a_request_line_byte_by_byte(self, size: int) -> None:
        head = GET.replace(b"/a", b"/" + b"a" * size)
        assert len(transcript(new_reader(), [bytes([byte]) for byte in head])) == 2
        assert self.moved() <= 20 * len(head)

    def test_of_many_requests_in_one_feed(self) -> None:
        data = CountingBytes(GET * 1000)
        assert len(transcript(new_reader(), [data])) == 2000
        assert self.moved() <= 20 * len(data)

    def test_of_many_requests_byte_by_byte(self) -> None:
        data = GET * 100 + CHUNKED * 100
        assert len(transcript(new_reader(), [bytes([byte]) for byte in data])) == 400
        assert self.moved() <= 20 * len(data)

    def test_of_many_requests_that_wait_while_more_trickles_in(self) -> None:
        reader = new_reader()
        reader.feed(CountingBytes((POST + CHUNKED) * 300))
        total = 300 * len(POST + CHUNKED)
        for number in range(600):
            reader.feed(GET[number % len(GET) :][:1])
            assert reader.next_head() is not None
            assert reader.skip()
        assert self.moved() <= 20 * total

    def test_of_a_body_byte_by_byte(self) -> None:
        reader = new_reader()
        reader.feed(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 20000\r\n\r\n")
        reader.next_head()
        before = self.moved()
        for _ in range(20_000):
            reader.feed(b"x")
            assert reader.read() == b"x"
        assert self.moved() - before <= 20_000


class TestTunnel:
    def test_what_is_held_and_what_comes_belongs_to_it(self) -> None:
        for pieces in every_way(GET + b"one" + GET):
            reader = new_reader()
            found = b""
            for piece in pieces:
                reader.feed(piece)
                if not reader.tunnels and reader.next_head() is not None:
                    reader.change_protocols()
                if reader.tunnels and isinstance(data := reader.read(), bytes):
                    found += data
            assert found == b"one" + GET

    def test_waits_for_bytes(self) -> None:
        reader = new_reader()
        reader.change_protocols()
        assert reader.read() is WAIT
        assert not reader.done

    def test_ends_where_the_client_does(self) -> None:
        reader = new_reader()
        reader.change_protocols()
        reader.feed(b"last")
        reader.feed_eof()
        assert [reader.read(), reader.read(), reader.read()] == [b"last", END, END]

    def test_has_no_limit(self) -> None:
        reader = new_reader(body=1, request_line=1, header_bytes=1)
        reader.change_protocols()
        reader.feed(b"x" * 100_000)
        assert reader.read() == b"x" * 100_000

    def test_holds_nothing_that_was_read(self) -> None:
        reader = new_reader()
        reader.change_protocols()
        for _ in range(3):
            reader.feed(b"x" * 10)
            reader.feed(b"y" * 10)
            assert reader.read() == b"x" * 10 + b"y" * 10
            assert reader.buffered == 0


STREAMS = st.lists(
    st.sampled_from(
        [
            GET,
            POST,
            CHUNKED,
            b"\r\n",
            b"GET / HTTP/1.0\r\n\r\n",
            b"GET http://h/ HTTP/1.1\r\nHost: x\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: x\r\nX: \xe4\r\n\r\n",
            b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n",
        ]
    ),
    min_size=1,
    max_size=5,
).map(b"".join)
EDITS = st.lists(
    st.tuples(
        st.integers(0, 500),
        st.integers(0, 2),
        st.sampled_from([b"", b"\r", b"\n", b"\r\n", b" ", b":", b"\0", b"5", b"\x80"]),
    ),
    max_size=2,
)


@settings(max_examples=EXAMPLES, deadline=None)
@given(STREAMS, EDITS, st.lists(st.integers(0, 600), max_size=12), st.booleans())
def test_how_the_bytes_are_split_does_not_matter(
    data: bytes, edits: list[tuple[int, int, bytes]], places: list[int], eof: bool
) -> None:
    edited = data
    for place, taken, put in edits:
        place %= len(edited) + 1
        edited = edited[:place] + put + edited[place + taken :]
    for stream in dict.fromkeys((data, edited)):
        read_both_ways(stream, places, eof=eof)


def read_both_ways(data: bytes, places: list[int], *, eof: bool) -> None:
    cuts = sorted({0, len(data), *(place % (len(data) + 1) for place in places)})
    pieces = [data[start:stop] for start, stop in pairwise(cuts)]
    whole = transcript(new_reader(), [data] if data else [], eof=eof)
    split = transcript(new_reader(), pieces, eof=eof)
    refused = [isinstance(seen[-1][0], int) if seen else False for seen in (whole, split)]
    if whole != split:
        # A fault may be named for what of the head was there; but it is one, in the same place.
        assert refused == [True, True]
        assert whole[:-1] == split[:-1]


def test_a_state_is_not_taken_for_bytes() -> None:
    assert isinstance(new_reader().read(), BodyState)


class TestGlimpse:
    @staticmethod
    def read(reader: RequestReader, pieces: list[bytes]) -> None:
        for piece in pieces:
            reader.feed(piece)
            reader.next_head()

    @pytest.mark.parametrize(
        ("data", "seen"),
        [
            (b"GET /a?b HTTP/3.0\r\nHost: x\r\n\r\n", ("GET", b"/a")),
            (b"\r\n\r\nGET /a HTTP/1.1\r\nA : b\r\n\r\n", ("GET", b"/a")),
            (b"\r\n" * 3, ("-", b"-")),
            (b"\x16\x03\x01\x02\x00", ("-", b"-")),
        ],
    )
    def test_of_a_head_that_is_refused(self, data: bytes, seen: tuple[str, bytes]) -> None:
        for pieces in every_way(data):
            reader = new_reader()
            with pytest.raises(ProtocolError):
                self.read(reader, pieces)
            head = reader.glimpse()
            assert (head.method, head.raw_path) == seen

    def test_of_a_line_that_is_too_long_is_no_longer_than_the_limit(self) -> None:
        reader = new_reader(request_line=20)
        reader.feed(b"GET /" + b"a" * 50)
        with pytest.raises(ProtocolError):
            reader.next_head()
        assert reader.glimpse().raw_path == b"/" + b"a" * 15

    def test_of_a_body_that_is_too_large_is_the_whole_head(self) -> None:
        reader = new_reader(body=4)
        reader.feed(POST)
        with pytest.raises(ProtocolError):
            reader.next_head()
        assert (b"content-length", b"5") in reader.glimpse().headers

    def test_of_a_head_that_has_not_come_whole(self) -> None:
        reader = new_reader()
        reader.feed(GET + b"HEAD /b HTTP/1.1\r\nHo")
        while reader.next_head() is not None:
            pass
        assert (reader.glimpse().method, reader.glimpse().raw_path) == ("HEAD", b"/b")

    def test_of_a_body_that_breaks_a_rule_is_nothing(self) -> None:
        reader = new_reader()
        reader.feed(CHUNKED.partition(b"5;a=b")[0] + b"nonsense\r\n")
        reader.next_head()
        with pytest.raises(ProtocolError):
            reader.skip()
        assert reader.glimpse().raw_path == b"-"
