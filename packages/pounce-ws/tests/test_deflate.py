import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pounce_ws.deflate import STEP, Deflater, Inflater, Terms, TooLarge, agree
from pounce_ws.extensions import read_extensions

PLAIN = Terms(15, 15, True, True, b"")
FORGETFUL = Terms(15, 15, False, False, b"")


def fed(inflater: Inflater, *pieces: bytes, room: int) -> bytes:
    """What comes out of a whole message."""
    found = b""
    for piece in pieces:
        found += b"".join(inflater.feed(piece, room - len(found)))
    return found + b"".join(inflater.end(room - len(found)))


def answer(offer: bytes, bits: int = 15, *, takeover: bool = True) -> bytes | None:
    offers = read_extensions(offer)
    assert offers is not None
    terms = agree(offers, bits, takeover=takeover)
    return None if terms is None else terms.answer


# What is agreed on


@pytest.mark.parametrize(
    ("offer", "bits", "agreed"),
    [
        (b"permessage-deflate", 15, b"permessage-deflate"),
        (b"permessage-deflate", 12, b"permessage-deflate; server_max_window_bits=12"),
        (
            b"permessage-deflate; client_max_window_bits",
            12,
            b"permessage-deflate; server_max_window_bits=12; client_max_window_bits=12",
        ),
        (b"permessage-deflate; client_max_window_bits", 15, b"permessage-deflate"),
        (
            b"permessage-deflate; client_max_window_bits=8",
            15,
            b"permessage-deflate; client_max_window_bits=8",
        ),
        (
            b'permessage-deflate; server_max_window_bits="9"',
            12,
            b"permessage-deflate; server_max_window_bits=9",
        ),
        (
            b"permessage-deflate; server_max_window_bits=15",
            12,
            b"permessage-deflate; server_max_window_bits=12",
        ),
        (
            b"permessage-deflate; server_no_context_takeover; client_no_context_takeover",
            15,
            b"permessage-deflate; server_no_context_takeover; client_no_context_takeover",
        ),
    ],
)
def test_an_offer_that_can_be_kept(offer: bytes, bits: int, agreed: bytes) -> None:
    assert answer(offer, bits) == agreed


@pytest.mark.parametrize(
    "parameter",
    [
        b"server_max_window_bits",
        b"server_max_window_bits=0",
        b"server_max_window_bits=7",
        b"server_max_window_bits=8",  # which zlib cannot do
        b"server_max_window_bits=16",
        b"server_max_window_bits=015",
        b"server_max_window_bits=-15",
        b"server_max_window_bits=99999999999999999999",
        b"server_max_window_bits=a",
        b"server_max_window_bits=10; server_max_window_bits=10",
        b"client_max_window_bits=7",
        b"client_max_window_bits=16",
        b"client_max_window_bits=x",
        b"client_max_window_bits; client_max_window_bits",
        b"server_no_context_takeover=1",
        b"client_no_context_takeover=true",
        b"server_no_context_takeover; server_no_context_takeover",
        b"something",
        b"something=else",
    ],
)
def test_an_offer_that_cannot_be_kept_is_declined(parameter: bytes) -> None:
    offer = b"permessage-deflate; " + parameter
    assert answer(offer) is None
    assert answer(offer + b", permessage-deflate") == b"permessage-deflate"


def test_other_extensions_are_not_taken() -> None:
    assert answer(b"x-webkit-deflate-frame, permessage-bzip2") is None


def test_a_server_that_keeps_no_history_says_so() -> None:
    agreed = answer(b"permessage-deflate", takeover=False)
    assert agreed == (b"permessage-deflate; server_no_context_takeover; client_no_context_takeover")


# Compression


@pytest.mark.parametrize("terms", [PLAIN, FORGETFUL, Terms(9, 8, True, True, b"")])
@given(st.lists(st.binary(max_size=400), max_size=5), st.integers(1, 50))
def test_what_is_compressed_is_inflated(terms: Terms, messages: list[bytes], step: int) -> None:
    deflater, inflater = Deflater(terms), Inflater(terms)
    for message in messages:
        data = deflater.compress(message)
        pieces = [data[at : at + step] for at in range(0, len(data), step)]
        assert fed(inflater, *pieces, room=400) == message


def test_history_makes_the_second_message_smaller() -> None:
    message = bytes(range(256))
    kept, forgotten = Deflater(PLAIN), Deflater(FORGETFUL)
    assert len(kept.compress(message)) > 200 > len(kept.compress(message))
    assert len(forgotten.compress(message)) == len(forgotten.compress(message))


@pytest.mark.parametrize("size", [101, 10_000, 50_000_000])
def test_no_more_is_inflated_than_there_is_room_for(size: int) -> None:
    data = Deflater(PLAIN).compress(bytes(size))
    with pytest.raises(TooLarge):
        next(Inflater(PLAIN).feed(data, 100))


@pytest.mark.parametrize("size", [0, 100, STEP - 1, STEP, STEP + 1, 3 * STEP])
def test_room_for_all_of_it(size: int) -> None:
    data = Deflater(PLAIN).compress(bytes(size))
    assert fed(Inflater(PLAIN), data, room=size) == bytes(size)
    assert max(map(len, Inflater(PLAIN).feed(data, size))) <= STEP


def test_room_that_is_used_up_takes_nothing_more() -> None:
    with pytest.raises(TooLarge):
        fed(Inflater(PLAIN), Deflater(PLAIN).compress(b"x"), room=0)


def test_what_is_no_deflate_stream() -> None:
    with pytest.raises(zlib.error):
        fed(Inflater(PLAIN), b"\xff\xff\xff", room=100)


def test_a_message_that_ends_its_stream() -> None:
    # RFC 7692 section 7.2.3.5.
    data = bytes.fromhex("f348cdc9c9070000")
    inflater = Inflater(PLAIN)
    for _ in range(2):
        assert fed(inflater, data, room=100) == b"Hello"


def test_a_message_that_ends_its_stream_again_and_again() -> None:
    with pytest.raises(zlib.error, match="second"):
        fed(Inflater(PLAIN), b"\x03\x00" * 1000, room=100)
