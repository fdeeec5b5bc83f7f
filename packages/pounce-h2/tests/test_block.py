"""Header blocks, and what of them is remembered."""

import hpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pounce.protocol.errors import ProtocolError
from pounce.protocol.limits import Limits
from pounce_h2.block import REMEMBERED, BlockReader, Pieces, announced_size
from pounce_h2.fault import ConnectionFault, StreamFault
from pounce_h2.frame import ErrorCode

type Pair = tuple[bytes, bytes]

LINE: list[Pair] = [
    (b":method", b"GET"),
    (b":scheme", b"http"),
    (b":authority", b"a"),
    (b":path", b"/"),
]
LIMITS = Limits()


@pytest.fixture
def reader() -> BlockReader:
    return BlockReader(LIMITS, frozenset(), {}, set())


def test_a_request(reader: BlockReader) -> None:
    request = reader.request(hpack.Encoder().encode([*LINE, (b"x", b"y")]), True)
    assert request.raw_path == b"/"
    assert request.headers == [(b"host", b"a"), (b"x", b"y")]


def test_a_block_that_was_seen_gives_a_request_of_its_own(reader: BlockReader) -> None:
    encoder = hpack.Encoder()
    reader.request(encoder.encode(LINE), True)
    block = encoder.encode(LINE)
    first, second = reader.request(block, True), reader.request(block, True)
    assert first is not second
    assert first.headers == second.headers
    first.headers.clear()
    assert reader.request(block, True).headers == second.headers


def test_a_block_that_was_seen_means_what_the_table_says_now(reader: BlockReader) -> None:
    request = b"\x82\x86\x84\x01\x01a"
    reader.request(request + b"\x40\x01x\x01y", True)
    for _ in range(2):
        assert reader.request(request + b"\xbe", True).headers[1:] == [(b"x", b"y")]
    # Another field takes the number that this one had.
    reader.request(request + b"\x40\x01z\x012", True)
    assert reader.request(request + b"\xbe", True).headers[1:] == [(b"z", b"2")]


def test_whether_a_body_follows_is_no_matter_of_memory(reader: BlockReader) -> None:
    block = b"\x82\x86\x84" + b"\x01\x01a" + b"\x0f\x0d\x015"
    assert reader.request(block, False).content_length == 5
    with pytest.raises(StreamFault):
        reader.request(block, True)


def test_what_is_refused_is_refused_again(reader: BlockReader) -> None:
    block = b"\x82\x86\x84\x84\x01\x01a"
    for _ in range(2):
        with pytest.raises(StreamFault):
            reader.request(block, True)


def test_the_memory_is_bounded(reader: BlockReader) -> None:
    for number in range(3 * REMEMBERED):
        path = b"/%03d" % number
        request = reader.request(b"\x82\x86\x01\x01a\x04\x04" + path, True)
        assert request.raw_path == path
    assert len(reader._known) <= REMEMBERED  # pyright: ignore[reportPrivateUsage]


@pytest.mark.parametrize(
    "block",
    [
        b"\x80",
        b"\xff\x80\x80\x80\x80\x80\x80\x01",
        b"\xfe",
        b"\x40\x05ab",
        b"\x41\x81\x00",
        b"\x3f\xff\xff\x7f",
    ],
    ids=["index-0", "10-byte-integer", "no-such-index", "cut-off", "padding", "table-too-large"],
)
def test_what_cannot_be_decoded(reader: BlockReader, block: bytes) -> None:
    with pytest.raises(ConnectionFault) as raised:
        reader.decode(block)
    assert raised.value.code is ErrorCode.COMPRESSION_ERROR


def test_a_bomb(reader: BlockReader) -> None:
    """A field of 4000 bytes in the table, and a byte for each time that it is meant."""
    encoder = hpack.Encoder()
    reader.decode(encoder.encode([(b"x", b"y" * 4000)]))
    with pytest.raises(ConnectionFault) as raised:
        reader.decode(b"\xbe" * 16_000)
    assert raised.value.code is ErrorCode.ENHANCE_YOUR_CALM


def test_what_is_little_too_large_is_answered(reader: BlockReader) -> None:
    encoder = hpack.Encoder()
    large = [(b"x%d" % number, b"y" * 4000) for number in range(9)]
    with pytest.raises(ProtocolError) as raised:
        reader.request(encoder.encode([*LINE, *large]), True)
    assert raised.value.status == 431
    # And the table is known still.
    assert reader.request(encoder.encode(LINE), True).raw_path == b"/"


def test_whatever_is_within_the_limits_is_within_what_was_announced() -> None:
    size = LIMITS.header_bytes + LIMITS.request_line
    assert announced_size(LIMITS) >= size + 32 * LIMITS.header_count


FIELDS = st.lists(
    st.tuples(
        st.sampled_from([b"a", b"b", b"cookie", b"accept", b"user-agent"]),
        st.sampled_from([b"", b"1", b"two", b"three" * 20]),
    ),
    max_size=6,
)


@given(st.lists(st.tuples(FIELDS, st.booleans()), max_size=20))
@settings(deadline=None)
def test_a_long_talk(requests: list[tuple[list[Pair], bool]]) -> None:
    """With memory or without, each block says what its client meant."""
    encoder = hpack.Encoder()
    reader = BlockReader(LIMITS, frozenset(), {}, set())
    for fields, huffman in requests:
        wanted = [(name, value) for name, value in fields if name != b"cookie"]
        request = reader.request(encoder.encode([*LINE, *fields], huffman=huffman), True)
        assert [pair for pair in request.headers[1:] if pair[0] != b"cookie"] == wanted


def test_pieces() -> None:
    pieces = Pieces(5, True, 10, 3)
    for piece in (b"ab", b"", b"c"):
        pieces.add(piece)
    assert pieces.whole() == b"abc"
    assert (pieces.number, pieces.ended) == (5, True)


@pytest.mark.parametrize("pieces", [[b"x" * 6] * 2, [b""] * 4], ids=["bytes", "frames"])
def test_too_many_pieces(pieces: list[bytes]) -> None:
    found = Pieces(1, False, 10, 3)
    for piece in pieces[:-1]:
        found.add(piece)
    with pytest.raises(ConnectionFault) as raised:
        found.add(pieces[-1])
    assert raised.value.code is ErrorCode.ENHANCE_YOUR_CALM
