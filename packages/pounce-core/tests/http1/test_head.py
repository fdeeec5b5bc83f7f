"""The fast path: what it remembers and within which bounds; and beside the strict path."""

import os
from collections.abc import Callable

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pounce.http1 import head as head_module
from pounce.http1.head import HeadParser
from pounce.http1.request import Request
from pounce.http1.strict import parse_strictly
from pounce.protocol.errors import ProtocolError

EXAMPLES = int(os.environ.get("POUNCE_FUZZ_EXAMPLES", "1500"))
"""Each is two heads: as it was drawn, and edited. To draw takes longer than to read."""
GET = b"GET /a?b HTTP/1.1\r\nHost: x\r\nAccept: */*\r\n\r\n"


class HandedOver(Exception):
    pass


def hand_over(_line: bytes, _block: bytes, _count: int) -> Request:
    raise HandedOver


@pytest.fixture
def fast_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(head_module, "parse_strictly", hand_over)


def parse(parser: HeadParser, raw: bytes, header_count: int = 100) -> Request:
    return parser.parse(raw, 0, raw.index(b"\r\n"), raw.index(b"\r\n\r\n"), header_count)


def facts(request: Request) -> tuple[object, ...]:
    return (
        request.method,
        request.raw_path,
        request.query,
        request.version,
        request.headers,
        request.upgrade,
        request.accepts_trailers,
        request.forwarded,
        request.framing,
    )


def sizes(parser: HeadParser) -> list[int]:
    known = parser._known.values()
    return [
        len(parser._wholes),
        len(parser._lines),
        len(parser._fields),
        len(parser._fields.relevant),
        *(len(one.blocks) for one in known),
        *(len(one.framings) for one in known),
    ]


class TestReading:
    @pytest.mark.usefixtures("fast_only")
    def test_a_head(self) -> None:
        request = parse(HeadParser(), GET)
        assert facts(request)[:4] == ("GET", b"/a", b"b", "1.1")
        assert request.headers == [(b"host", b"x"), (b"accept", b"*/*")]

    @pytest.mark.usefixtures("fast_only")
    @pytest.mark.parametrize(
        "raw",
        [
            b"GET / HTTP/1.0\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: x\r\nCookie: " + b"c" * 4000 + b"\r\n\r\n",
            b"GET /" + b"a" * 4000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: x\r\nX: \xe4\r\n\r\n",
            b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
            b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n",
        ],
        ids=["1.0", "long field", "long target", "obs-text", "asterisk", "chunked"],
    )
    def test_what_is_not_handed_over(self, raw: bytes) -> None:
        parse(HeadParser(), raw)

    @pytest.mark.usefixtures("fast_only")
    @pytest.mark.parametrize(
        "raw",
        [
            b"GET http://x/ HTTP/1.1\r\nHost: x\r\n\r\n",
            b"GET / HTTP/1.1\r\nX-Forwarded-For: " + b"1" * 600 + b"\r\nHost: x\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost : x\r\n\r\n",
            b"GET / HTTP/1.1\r\n\r\n",
            b"GET / HTTP/2.0\r\nHost: x\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: +1\r\n\r\n",
        ],
        ids=["absolute", "long relevant field", "bad field", "no host", "version", "bad length"],
    )
    def test_what_is_handed_over(self, raw: bytes) -> None:
        with pytest.raises(HandedOver):
            parse(HeadParser(), raw)

    def test_from_the_middle_of_what_was_received(self) -> None:
        data = b"before" + GET + b"after"
        end = data.index(b"\r\n\r\n")
        request = HeadParser().parse(data, 6, data.index(b"\r\n"), end, 100)
        assert facts(request) == facts(parse(HeadParser(), GET))

    @pytest.mark.parametrize("count", [99, 100, 101])
    def test_fields_are_counted(self, count: int) -> None:
        raw = b"GET / HTTP/1.1\r\nHost: x\r\n" + b"a: b\r\n" * (count - 1) + b"\r\n"
        if count <= 100:
            assert len(parse(HeadParser(), raw).headers) == count
            return
        with pytest.raises(ProtocolError) as caught:
            parse(HeadParser(), raw)
        assert caught.value.status == 431


class TestMemory:
    def test_an_unknown_head_is_not_recalled(self) -> None:
        assert HeadParser().recall(GET) is None

    def test_a_head_is_recalled_after_both_its_halves_came_before(self) -> None:
        parser = HeadParser()
        first = parse(parser, GET)
        assert parser.recall(GET) is None
        parse(parser, GET)
        recalled = parser.recall(GET)
        assert recalled is not None
        assert facts(recalled) == facts(first)

    def test_a_head_with_a_body_to_come_is_not_recalled(self) -> None:
        parser = HeadParser()
        raw = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n"
        for _ in range(3):
            parse(parser, raw)
        assert parser.recall(raw) is None

    def test_a_head_that_was_not_received_alone_is_not_recalled(self) -> None:
        parser = HeadParser()
        for _ in range(3):
            parse(parser, GET + b"GET")
        assert parser.recall(GET + b"GET") is None

    @pytest.mark.parametrize("known", [1, 2, 3])
    def test_every_request_has_a_list_of_its_own(self, known: int) -> None:
        parser = HeadParser()
        for _ in range(known):
            request = parser.recall(GET) or parse(parser, GET)
            request.headers.clear()
        again = parser.recall(GET) or parse(parser, GET)
        assert len(again.headers) == 2

    def test_what_a_field_means_in_one_version_is_not_taken_for_the_other(self) -> None:
        parser = HeadParser()
        modern = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
        for _ in range(2):
            assert parse(parser, modern).framing.keep_alive
            assert not parse(parser, modern.replace(b"1.1", b"1.0")).framing.keep_alive

    def test_framing_is_remembered_by_every_relevant_field(self) -> None:
        parser = HeadParser()
        raw = b"POST / HTTP/1.1\r\nHost: x\r\n%bContent-Length: %d\r\n\r\n"
        for number in range(50):
            request = parse(parser, raw % (b"X: %d\r\n" % number, number % 3))
            assert request.framing.content_length == number % 3

    @pytest.mark.parametrize(
        "raw",
        [
            lambda n: b"GET /%d HTTP/1.1\r\nHost: x\r\n\r\n" % n,
            lambda n: b"GET / HTTP/1.1\r\nHost: x\r\nX: %d\r\n\r\n" % n,
            lambda n: b"GET / HTTP/1.1\r\nHost: h%d\r\n\r\n" % n,
            lambda n: b"GET / HTTP/1.0\r\nX-Forwarded-For: %d\r\n\r\n" % n,
            lambda n: (
                b"GET / HTTP/1.1\r\nHost: x\r\n"
                + b"".join(b"X-Forwarded-%d: %d\r\n" % (i, n) for i in range(20))
                + b"\r\n"
            ),
        ],
        ids=["lines", "fields", "hosts", "framings", "many relevant fields"],
    )
    def test_is_bounded(self, raw: Callable[[int], bytes]) -> None:
        parser = HeadParser()
        for number in range(6000):
            parse(parser, raw(number))
            parse(parser, raw(number))
            assert max(sizes(parser)) <= head_module._FIELDS + 100
        assert len(parser._wholes) <= head_module._WHOLES
        assert all(len(one.blocks) <= head_module._BLOCKS for one in parser._known.values())

    @pytest.mark.parametrize(
        "raw",
        [
            b"GET /" + b"a" * 3000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 3000 + b"\r\n\r\n",
        ],
        ids=["line", "field"],
    )
    def test_keeps_nothing_that_is_long(self, raw: bytes) -> None:
        parser = HeadParser()
        for _ in range(3):
            parse(parser, raw)
        held = [
            *parser._wholes,
            *parser._lines,
            *parser._fields,
            *(block for one in parser._known.values() for block in one.blocks),
        ]
        assert max(map(len, held)) <= 2048

    def test_a_field_list_is_emptied_between_heads_only(self) -> None:
        parser = HeadParser()
        count = head_module._FIELDS
        for number in range(count - 2):
            parse(parser, b"GET / HTTP/1.1\r\nHost: x\r\nX: %d\r\n\r\n" % number)
        # This one passes the bound between its first line and its last.
        lines = b"".join(b"Y%d: 1\r\n" % number for number in range(50))
        request = parse(parser, b"GET / HTTP/1.1\r\nHost: x\r\n" + lines + b"TE: trailers\r\n\r\n")
        assert request.accepts_trailers
        assert parse(parser, GET).framing.keep_alive


METHODS = st.sampled_from([b"GET", b"POST", b"OPTIONS", b"CONNECT", b"get", b"G T", b"", b"A" * 33])
TARGETS = st.sampled_from(
    [b"/", b"/a?b=c", b"*", b"http://h/p?q", b"https://u@h/", b"h:80", b"/#a", b"/\xe4", b"//", b""]
)
VERSIONS = st.sampled_from([b"HTTP/1.1", b"HTTP/1.0", b"HTTP/1.2", b"HTTP/2.0", b"http/1.1", b""])
NAMES = st.sampled_from(
    [
        b"Host",
        b"host",
        b"Content-Length",
        b"content-length",
        b"Transfer-Encoding",
        b"Connection",
        b"Upgrade",
        b"Expect",
        b"TE",
        b"X-Forwarded-For",
        b"Forwarded",
        b"Accept",
        b"X_y",
        b"Trailer",
        b"",
        b"a b",
        b"Host ",
        b" Host",
    ]
)
VALUES = st.one_of(
    st.sampled_from(
        [
            b"example.com",
            b"[::1]:80",
            b"a@b",
            b"5",
            b"+5",
            b"5,5",
            b"0x5",
            b"chunked",
            b"Chunked",
            b"gzip, chunked",
            b"chunked, chunked",
            b"\x0bchunked",
            b"close",
            b"keep-alive, Upgrade",
            b"websocket",
            b"100-continue",
            b"trailers",
            b"",
            b" \t",
            b"a\x00b",
            b"\xff",
            b"a\rb",
        ]
    ),
    st.binary(max_size=12),
)
FIELDS = st.builds(
    lambda name, space, value, tail, end: name + b":" + space + value + tail + end,
    NAMES,
    st.sampled_from([b" ", b"", b"\t ", b"\n ", b"\r\n "]),
    VALUES,
    st.sampled_from([b"", b"", b"", b" \t"]),
    st.sampled_from([b"\r\n"] * 9 + [b"\n", b"\r"]),
)
LIKELY = st.builds(
    lambda method, target, version, fields: (
        b" ".join((method, target, version)) + b"\r\nHost: example.com\r\n" + fields + b"\r\n"
    ),
    st.sampled_from([b"GET", b"POST"]),
    st.sampled_from([b"/", b"/a?b"]),
    st.sampled_from([b"HTTP/1.1", b"HTTP/1.0"]),
    st.lists(FIELDS, max_size=3).map(b"".join),
)
ODD = st.builds(
    lambda method, target, version, fields: (
        b" ".join((method, target, version)) + b"\r\n" + fields + b"\r\n"
    ),
    METHODS,
    TARGETS,
    VERSIONS,
    st.lists(FIELDS, max_size=5).map(b"".join),
)
# Mostly right, so that the fast path has something to read.
RIGHT = st.builds(
    lambda start, fields: start + b"".join(fields) + b"\r\n",
    st.sampled_from(
        [
            b"GET / HTTP/1.1\r\nHost: x\r\n",
            b"POST /a?b=c HTTP/1.1\r\nhost:[::1]:80\r\n",
            b"OPTIONS * HTTP/1.1\r\nHOST:\t\r\n",
            b"GET http://h:1/a HTTP/1.1\r\nHost: x\r\n",
            b"GET / HTTP/1.0\r\n",
        ]
    ),
    st.lists(
        st.sampled_from(
            [
                b"Accept: */*\r\n",
                b"X_y:\r\n",
                b"Cookie: a=\xe4 \r\n",
                b"Connection: close\r\n",
                b"connection: keep-alive,Upgrade\r\n",
                b"Upgrade: WebSocket\r\n",
                b"TE: trailers\r\n",
                b"X-Forwarded-For: 1.2.3.4\r\n",
                b"Forwarded: for=1.2.3.4\r\n",
                b"Content-Length: 5\r\n",
                b"content-length:0\t\r\n",
                b"Transfer-Encoding: Chunked\r\n",
                b"Expect: 100-continue\r\n",
            ]
        ),
        max_size=4,
    ),
)
HEADS = st.integers(0, 9).flatmap(lambda kind: RIGHT if kind < 6 else LIKELY if kind < 8 else ODD)
EDITS = st.lists(
    st.tuples(
        st.integers(0, 400),
        st.integers(0, 2),
        st.sampled_from(
            [b"", b"\r", b"\n", b"\r\n", b" ", b"\t", b":", b"\0", b",", b"\x0b", b"5"]
        ),
    ),
    max_size=3,
)


def edited(raw: bytes, edits: list[tuple[int, int, bytes]]) -> bytes:
    for place, taken, put in edits:
        place %= len(raw) + 1
        raw = raw[:place] + put + raw[place + taken :]
    return raw


REMEMBERING = HeadParser()


@settings(max_examples=EXAMPLES, deadline=None)
@given(HEADS, EDITS)
@example(GET, [])
def test_reads_as_the_strict_path_does_or_hands_over(
    raw: bytes, edits: list[tuple[int, int, bytes]]
) -> None:
    for head in dict.fromkeys((raw, edited(raw, edits))):
        read_both_ways(head)


def read_both_ways(raw: bytes) -> None:
    end = raw.find(b"\r\n\r\n")
    line_end = raw.find(b"\r\n")
    if end < 0 or not line_end:
        return
    raw = raw[: end + 4]
    line, block = raw[:line_end], raw[line_end + 2 : end]
    # One parser for all examples, each of them three times: whatever it remembers must not matter.
    for _ in range(3):
        request = REMEMBERING.recall(raw)
        if request is None:
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(head_module, "parse_strictly", hand_over)
                try:
                    request = parse(REMEMBERING, raw)
                except HandedOver:
                    return
        assert facts(request) == facts(parse_strictly(line, block, 100))
