"""The decoder, beside hpack's."""

from typing import Any

import hpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pounce_h2.decoder import CAPACITY, STATIC, Decoder
from pounce_h2.fault import ConnectionFault
from pounce_h2.frame import ErrorCode

type Pair = tuple[bytes, bytes]

MOST = 1 << 16


def make(most: int = MOST) -> Decoder:
    return Decoder(most, {})


def test_the_static_table() -> None:
    decoder = make()
    for index in range(1, len(STATIC)):
        (field,) = hpack.Decoder().decode(bytes((0x80 | index,)), raw=True)
        assert decoder.decode(bytes((0x80 | index,))) == [tuple(field)]
    assert not decoder.changed


# RFC 7541, appendix C.4: three requests of one connection, in Huffman's code.
EXAMPLES = [
    ("828684418cf1e3c2e5f23a6ba0ab90f4ff", []),
    ("828684be5886a8eb10649cbf", [(b"cache-control", b"no-cache")]),
    (
        "828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf",
        [(b"custom-key", b"custom-value")],
    ),
]


def test_the_examples_of_the_rfc() -> None:
    decoder = make()
    for coded, last in EXAMPLES:
        fields = decoder.decode(bytes.fromhex(coded))
        assert fields[0] == (b":method", b"GET")
        assert fields[3] == (b":authority", b"www.example.com")
        assert fields[4:] == last
        assert decoder.changed


@pytest.mark.parametrize(
    ("block", "changed"),
    [
        (b"", False),
        (b"\x82", False),
        (b"\x04\x02/a", False),
        (b"\x14\x02/a", False),
        (b"\x00\x01a\x01b", False),
        (b"\x0f\x0d\x015", False),
        (b"\x44\x02/a", True),
        (b"\x40\x01a\x01b", True),
        (b"\x20\x82", True),
    ],
)
def test_whether_the_table_has_changed(block: bytes, changed: bool) -> None:
    decoder = make()
    decoder.decode(b"\x40\x01a\x01b")
    decoder.decode(block)
    assert decoder.changed is changed


@pytest.mark.parametrize(
    "block",
    [
        b"\x80",
        b"\xbe",
        b"\xff",
        b"\xff\x80\x80\x80\x80\x01",
        b"\x04",
        b"\x04\x05/",
        b"\x04\x7f\xff\xff\xff\x7f",
        b"\x40\x01",
        b"\x7e\x01a",
        b"\x82\x20",
        b"\x3f\xe2\x1f",
        b"\x04\x81\x00",
        b"\x04\x84\xff\xff\xff\xff",
    ],
)
def test_what_is_no_block(block: bytes) -> None:
    with pytest.raises(ConnectionFault) as raised:
        make().decode(block)
    assert raised.value.code is ErrorCode.COMPRESSION_ERROR
    with pytest.raises(hpack.HPACKError):
        hpack.Decoder().decode(block, raw=True)


def test_a_bomb_is_cut_off_while_it_is_decoded() -> None:
    decoder = make(most=10_000)
    decoder.decode(hpack.Encoder().encode([(b"x", b"y" * 4000)]))
    with pytest.raises(ConnectionFault) as raised:
        decoder.decode(b"\xbe" * 1_000_000)
    assert raised.value.code is ErrorCode.ENHANCE_YOUR_CALM


def test_what_is_larger_than_the_table_empties_it() -> None:
    decoder = make()
    decoder.decode(b"\x40\x01a\x01b")
    decoder.decode(hpack.Encoder().encode([(b"x", b"y" * CAPACITY)], huffman=False))
    with pytest.raises(ConnectionFault):
        decoder.decode(b"\xbe")


def test_the_words_are_bounded() -> None:
    words: dict[bytes, bytes] = {}
    decoder = Decoder(MOST, words)
    encoder = hpack.Encoder()
    for number in range(5_000):
        decoder.decode(encoder.encode([(b"x", b"word %d" % number)]))
    assert len(words) <= 2_048


NAMES = st.sampled_from([b":path", b"cookie", b"x-a", b"x-b"]) | st.binary(max_size=8)
VALUES = st.sampled_from([b"", b"1", b"value" * 30, b"v" * 1_500]) | st.binary(max_size=40)
BLOCKS = st.lists(
    st.tuples(
        st.lists(st.tuples(NAMES, VALUES, st.booleans()), max_size=8),
        st.booleans(),
        st.none() | st.integers(0, CAPACITY),
    ),
    max_size=12,
)


@given(BLOCKS)
@settings(deadline=None)
def test_says_what_the_encoder_meant(blocks: list[Any]) -> None:
    encoder, decoder = hpack.Encoder(), make()
    for fields, huffman, size in blocks:
        if size is not None:
            encoder.header_table_size = size
        block = encoder.encode(fields, huffman=huffman)
        assert decoder.decode(block) == [(name, value) for name, value, _ in fields]


@given(st.lists(st.lists(st.binary(min_size=1, max_size=12), max_size=6).map(b"".join), max_size=6))
@settings(max_examples=500, deadline=None)
def test_agrees_with_hpack_on_any_bytes(blocks: list[bytes]) -> None:
    theirs, ours = hpack.Decoder(), make()
    for block in blocks:
        try:
            wanted = [tuple(field) for field in theirs.decode(block, raw=True)]
        except hpack.HPACKError:
            with pytest.raises(ConnectionFault):
                ours.decode(block)
            return
        assert ours.decode(block) == wanted
