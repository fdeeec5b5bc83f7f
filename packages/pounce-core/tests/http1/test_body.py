"""Both decoders: whole, in two pieces at each place, byte by byte; and beside h11."""

import os
from itertools import pairwise
from typing import Any

import h11
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pounce.http1 import body as body_module
from pounce.http1.body import (
    EXTENSION_BYTES,
    BodyDecoder,
    ChunkedDecoder,
    LengthDecoder,
    TunnelDecoder,
)
from pounce.protocol.errors import ProtocolError
from pounce.testing.wire import every_way

EXAMPLES = int(os.environ.get("POUNCE_FUZZ_EXAMPLES", "1500"))
"""Each is two bodies: as it was drawn, and edited. To draw takes longer than to read."""


def chunked(
    limit: int | None = None, trailer_count: int = 10, trailer_bytes: int = 100
) -> ChunkedDecoder:
    return ChunkedDecoder(limit, trailer_count, trailer_bytes)


def decoded(decoder: BodyDecoder, pieces: list[bytes]) -> tuple[bytes, bytes]:
    """The body, and what follows it."""
    found = b""
    for number, piece in enumerate(pieces):
        taken, position = decoder.decode(piece, 0)
        found += taken
        if decoder.done:
            return found, piece[position:] + b"".join(pieces[number + 1 :])
        assert position == len(piece)
    return found, b""


def refusal(decoder: ChunkedDecoder, pieces: list[bytes]) -> tuple[int, str]:
    with pytest.raises(ProtocolError) as caught:
        decoded(decoder, pieces)
    return caught.value.status, caught.value.reason


class TestTunnel:
    def test_takes_all_that_comes(self) -> None:
        for pieces in every_way(b"hello, and more"):
            assert decoded(TunnelDecoder(), pieces) == (b"hello, and more", b"")

    def test_begins_where_it_is_told(self) -> None:
        assert TunnelDecoder().decode(bytearray(b"GET hello"), 4) == (b"hello", 9)

    def test_hands_a_whole_piece_on_uncopied(self) -> None:
        data = b"hello"
        assert TunnelDecoder().decode(data, 0)[0] is data

    def test_has_no_end(self) -> None:
        decoder = TunnelDecoder()
        decoder.decode(b"", 0)
        assert (decoder.done, decoder.left) == (False, 0)


class TestLength:
    def test_ends_after_its_bytes(self) -> None:
        for pieces in every_way(b"hello, and more"):
            assert decoded(LengthDecoder(5), pieces) == (b"hello", b", and more")

    def test_is_not_done_before(self) -> None:
        decoder = LengthDecoder(5)
        decoder.decode(b"hell", 0)
        assert not decoder.done
        assert decoder.left == 1

    def test_hands_a_whole_feed_on_uncopied(self) -> None:
        data = bytes(65_536)
        piece, _ = LengthDecoder(1_000_000).decode(data, 0)
        assert piece is data

    def test_gives_bytes_for_a_bytearray(self) -> None:
        assert type(LengthDecoder(3).decode(bytearray(b"abcd"), 0)[0]) is bytes


class TestChunked:
    @pytest.mark.parametrize(
        ("data", "body"),
        [
            (b"0\r\n\r\n", b""),
            (b"5\r\nhello\r\n0\r\n\r\n", b"hello"),
            (b"1\r\na\r\n1\r\nb\r\n000\r\n\r\n", b"ab"),
            (b"a\r\n0123456789\r\n0\r\n\r\n", b"0123456789"),
            (b"A\r\n0123456789\r\n0\r\n\r\n", b"0123456789"),
            (b"000000000000000a\r\n0123456789\r\n0\r\n\r\n", b"0123456789"),
            (b"4\r\n\r\n\r\n\r\n0\r\n\r\n", b"\r\n\r\n"),
            (b"1;a\r\nx\r\n0;b=c;d\r\n\r\n", b"x"),
            (b'1; a = b ;c="d;\\"\xe4"\r\nx\r\n0\r\n\r\n', b"x"),
            (b"1\r\nx\r\n0\r\nA: b\r\nC:\r\n\r\n", b"x"),
        ],
    )
    def test_is_read(self, data: bytes, body: bytes) -> None:
        for pieces in every_way(data + b"GET"):
            assert decoded(chunked(), pieces) == (body, b"GET")

    @pytest.mark.parametrize(
        ("data", "fault"),
        [
            (b"\r\n", "chunk-size"),
            (b"+5\r\n", "chunk-size"),
            (b"-5\r\n", "chunk-size"),
            (b"0x5\r\n", "chunk-size"),
            (b"5_0\r\n", "chunk-size"),
            (b" 5\r\n", "chunk-size"),
            (b"5 \r\n", "chunk-size"),
            (b"5\t;a\r\n", "chunk-size"),
            (b"g\r\n", "chunk-size"),
            (b"\xb2\r\n", "chunk-size"),
            (b";a\r\n", "chunk-size"),
            (b"00000000000000001\r\n", "chunk-size"),
            (b"5\n", "bare-cr-or-lf"),
            (b"5\r\r\n", "chunk-size"),
            (b"5;\r\n", "chunk-extension"),
            (b"5;=a\r\n", "chunk-extension"),
            (b"5;a=\r\n", "chunk-extension"),
            (b"5;a \r\n", "chunk-extension"),
            (b"5;a b\r\n", "chunk-extension"),
            (b'5;a="b\r\n', "chunk-extension"),
            (b'5;a="b"c\r\n', "chunk-extension"),
            (b"5;a\rb\r\n", "chunk-extension"),
            (b"5;a=\x00\r\n", "chunk-extension"),
            (b'5;a="\n"\r\n', "bare-cr-or-lf"),
            (b"1\r\nabc", "chunk-end"),
            (b"1\r\na\n", "chunk-end"),
            (b"1\r\na\r\r", "chunk-end"),
            (b"1\r\na\rX", "chunk-end"),
            (b"0\r\n\n", "bare-cr-or-lf"),
            (b"0\r\n\rX\r\n", "bare-cr-or-lf"),
            (b"0\r\na: b\n", "bare-cr-or-lf"),
            (b"0\r\na : b\r\n", "space-before-colon"),
            (b"0\r\na\r\n", "field-without-colon"),
            (b"0\r\na: b\r\n c\r\n", "field-folded"),
            (b"0\r\na: \0\r\n", "field-nul"),
            (b"0\r\nContent-Length: 5\r\n", "trailer-forbidden"),
            (b"0\r\nTransfer-Encoding: chunked\r\n", "trailer-forbidden"),
            (b"0\r\nHost: a\r\n", "trailer-forbidden"),
        ],
    )
    def test_is_refused(self, data: bytes, fault: str) -> None:
        for pieces in every_way(data):
            status, reason = refusal(chunked(), pieces)
            assert (status, reason) == (400, fault)

    def test_pieces_of_one_feed_are_merged(self) -> None:
        piece, _ = chunked().decode(b"1\r\na\r\n2\r\nbc\r\n1\r\nd", 0)
        assert piece == b"abcd"

    def test_a_feed_within_a_chunk_is_handed_on_uncopied(self) -> None:
        decoder = chunked()
        decoder.decode(b"100000\r\n", 0)
        data = bytes(65_536)
        assert decoder.decode(data, 0)[0] is data

    def test_tells_what_is_left_of_a_chunk(self) -> None:
        decoder = chunked()
        decoder.decode(b"a\r\n123", 0)
        assert decoder.left == 7
        decoder.decode(b"4567890", 0)
        assert decoder.left == 0


class TestLimits:
    BODY = b"5\r\nhello\r\n5\r\nworld\r\n0\r\n\r\n"

    def test_a_body_at_the_limit_passes(self) -> None:
        for pieces in every_way(self.BODY):
            assert decoded(chunked(10), pieces)[0] == b"helloworld"

    def test_a_body_over_the_limit_is_refused(self) -> None:
        for pieces in every_way(self.BODY):
            assert refusal(chunked(9), pieces) == (413, "body-too-large")

    def test_a_body_is_refused_as_soon_as_its_size_is_known(self) -> None:
        assert refusal(chunked(9), [b"a\r\n"]) == (413, "body-too-large")

    def test_extensions_at_the_limit_pass(self) -> None:
        half = b";" + b"a" * (EXTENSION_BYTES // 2 - 1)
        data = b"1%b\r\nx\r\n0%b\r\n\r\n" % (half, half)
        for pieces in ([data], [data[i : i + 1] for i in range(len(data))]):
            assert decoded(chunked(), pieces)[0] == b"x"

    def test_extensions_over_the_limit_are_refused(self) -> None:
        half = b";" + b"a" * (EXTENSION_BYTES // 2 - 1)
        data = b"1%b\r\nx\r\n0%ba\r\n\r\n" % (half, half)
        for pieces in ([data], [data[i : i + 1] for i in range(len(data))]):
            assert refusal(chunked(), pieces)[0] == 400

    @pytest.mark.parametrize("data", [b"1" * 5000, b"1;" + b"a" * 5000])
    def test_a_size_line_without_an_end_is_refused(self, data: bytes) -> None:
        for pieces in ([data], [data[i : i + 1] for i in range(len(data))]):
            assert refusal(chunked(), pieces) == (400, "chunk-line-too-long")

    def test_trailers_at_the_limits_pass(self) -> None:
        data = b"0\r\n" + b"a:34567890123456\r\n" * 2 + b"\r\n"
        for pieces in every_way(data):
            assert decoded(chunked(None, 2, 36), pieces)[0] == b""

    @pytest.mark.parametrize(("count", "size"), [(1, 36), (2, 35)])
    def test_trailers_over_a_limit_are_refused(self, count: int, size: int) -> None:
        data = b"0\r\n" + b"a:34567890123456\r\n" * 2 + b"\r\n"
        for pieces in every_way(data):
            assert refusal(chunked(None, count, size), pieces) == (431, "trailers-too-large")

    def test_a_trailer_without_an_end_is_refused(self) -> None:
        data = b"0\r\na:" + b"b" * 200
        for pieces in every_way(data):
            assert refusal(chunked(), pieces) == (431, "trailers-too-large")


class TestWork:
    """Counts the bytes that pass through the one buffer of a decoder."""

    def work(self, monkeypatch: pytest.MonkeyPatch, data: bytes) -> int:
        moved = 0

        class Counting(bytearray):
            def __iadd__(self, more: Any) -> Counting:  # type: ignore[misc]
                nonlocal moved
                moved += len(more)
                super().__iadd__(more)
                return self

            def __bytes__(self) -> bytes:
                nonlocal moved
                moved += len(self)
                return memoryview(self).tobytes()

        monkeypatch.setattr(body_module, "bytearray", Counting, raising=False)
        decoder = chunked(None, 10_000, 1_000_000)
        for place in range(len(data)):
            decoder.decode(data[place : place + 1], 0)
        assert decoder.done
        return moved

    @pytest.mark.parametrize(
        "unit", [b"1\r\nx\r\n", b"0001\r\nx\r\n"], ids=["short size lines", "longer size lines"]
    )
    def test_is_linear_in_tiny_chunks_byte_by_byte(
        self, monkeypatch: pytest.MonkeyPatch, unit: bytes
    ) -> None:
        data = unit * 2000 + b"0\r\n\r\n"
        assert self.work(monkeypatch, data) <= 2 * len(data)

    def test_is_linear_in_long_lines_byte_by_byte(self, monkeypatch: pytest.MonkeyPatch) -> None:
        data = b"0;" + b"a" * 4000 + b"\r\n" + b"a:" + b"b" * 30_000 + b"\r\n\r\n"
        assert self.work(monkeypatch, data) <= 2 * len(data)


HEAD = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"


def by_h11(data: bytes) -> tuple[bytes, bytes] | None:
    """The body and what follows it as h11 reads them; None if it refuses or wants more."""
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=1_000_000)
    connection.receive_data(HEAD + data)
    found = b""
    while True:
        try:
            event = connection.next_event()
        except h11.RemoteProtocolError:
            return None
        if isinstance(event, h11.Data):
            found += event.data
        elif isinstance(event, h11.EndOfMessage):
            return found, connection.trailing_data[0]
        elif not isinstance(event, h11.Request):
            return None


def bodies(*, right: bool) -> st.SearchStrategy[bytes]:
    """Chunked bodies: right ones, or such as have a fault here and there."""
    wrong = not right
    extensions = st.sampled_from(
        [b"", b";a", b";a=b", b'; a = "b\\"c" ; d']
        + [b" ;a", b";", b" ", b';a="', b";\xe4"] * wrong
    )
    chunk = st.builds(
        lambda data, form, extension, end: form % len(data) + extension + b"\r\n" + data + end,
        st.binary(min_size=1, max_size=20),
        st.sampled_from([b"%x", b"%X", b"%016x"] + [b"%017x", b"0x%x", b"+%x", b"%d"] * wrong),
        extensions,
        st.sampled_from([b"\r\n"] + [b"\n", b"", b"\r\nX"] * wrong),
    )
    return st.builds(
        lambda chunks, last, extension, trailers, end, after: (
            b"".join(chunks) + last + extension + b"\r\n" + trailers + end + after
        ),
        st.lists(chunk, max_size=5),
        st.sampled_from([b"0", b"000"]),
        extensions,
        st.sampled_from(
            [b"", b"a: b\r\n", b"a:\xe4\r\nb:\r\n"]
            + [b"a : b\r\n", b"a: b\r\n c\r\n", b"content-length: 5\r\n"] * wrong
        ),
        st.sampled_from([b"\r\n"] + [b"\n", b"\r"] * wrong),
        st.sampled_from([b"", b"GET / HTTP/1.1\r\n"]),
    )


RIGHT, WRONG = bodies(right=True), bodies(right=False)
BODIES = st.integers(0, 9).flatmap(lambda kind: RIGHT if kind < 7 else WRONG)
EDITS = st.lists(
    st.tuples(
        st.integers(0, 400),
        st.integers(0, 2),
        st.sampled_from([b"", b"\r", b"\n", b"\r\n", b" ", b";", b"\0", b"0", b"5", b"f", b'"']),
    ),
    max_size=2,
)


@settings(max_examples=EXAMPLES, deadline=None)
@given(BODIES, EDITS, st.lists(st.integers(0, 200), max_size=6))
def test_what_is_accepted_is_what_h11_reads(
    data: bytes, edits: list[tuple[int, int, bytes]], places: list[int]
) -> None:
    edited = data
    for place, taken, put in edits:
        place %= len(edited) + 1
        edited = edited[:place] + put + edited[place + taken :]
    for body in dict.fromkeys((data, edited)):
        read_both_ways(body, places)


def read_both_ways(data: bytes, places: list[int]) -> None:
    decoder = chunked()
    try:
        whole = decoded(decoder, [data])
    except ProtocolError:
        whole = None
    done = decoder.done

    cuts = sorted({0, len(data), *(place % (len(data) + 1) for place in places)})
    pieces = [data[start:stop] for start, stop in pairwise(cuts)]
    split_decoder = chunked()
    try:
        assert decoded(split_decoder, pieces) == whole
    except ProtocolError:
        assert whole is None
    assert split_decoder.done == done

    if whole is not None and done:
        assert by_h11(data) == whole
