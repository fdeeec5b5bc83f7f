"""What a client may send, fed whole, byte by byte, and split in two at every place."""

import os
import zlib
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pounce_ws.closing import Closed, Failed
from pounce_ws.connection import EMPTY_FRAGMENTS, MORE, PONG_CAME, Connection, Event, Ping
from pounce_ws.deflate import TAIL, Deflater, Terms
from pounce_ws.frames import head

FIN, RSV1, RSV2, RSV3 = 0x80, 0x40, 0x20, 0x10
CONT, TEXT, BIN, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
TERMS = Terms(15, 15, True, True, b"")
MEBIBYTE = 1 << 20

type Feed = Callable[[Connection, bytes], Iterator[bytes]]


def masked(first: int, payload: bytes = b"", length: int | None = None) -> bytes:
    """A frame of a client; `length` is what its head says, instead of the truth."""
    key = b"\x11\x22\x33\x44"
    size = len(payload) if length is None else length
    if size < 126:
        start = bytes((first, 0x80 | size))
    elif size < 65_536:
        start = bytes((first, 0xFE)) + size.to_bytes(2)
    else:
        start = bytes((first, 0xFF)) + size.to_bytes(8)
    return start + key + bytes(byte ^ key[at % 4] for at, byte in enumerate(payload))


def events(connection: Connection, *pieces: bytes) -> list[Event]:
    found: list[Event] = []
    for piece in pieces:
        connection.feed(piece)
        while (event := connection.next()) is not None:
            if event is not MORE:
                found.append(event)
    return found


def show(found: list[Event]) -> list[object]:
    """As values that can be compared."""
    return [("ping", event.payload) if isinstance(event, Ping) else event for event in found]


def say(*pieces: bytes, limit: int = MEBIBYTE, terms: Terms | None = None) -> list[object]:
    """The events of some bytes, which do not depend on how they are cut."""
    data = b"".join(pieces)
    whole = show(events(Connection(limit, terms), data))
    single = [data[at : at + 1] for at in range(len(data))]
    assert show(events(Connection(limit, terms), *single)) == whole
    if len(data) < 300:
        for at in range(1, len(data)):
            split = show(events(Connection(limit, terms), data[:at], data[at:]))
            assert split == whole, f"split at {at}"
    return whole


def failure(*pieces: bytes, limit: int = MEBIBYTE, terms: Terms | None = None) -> int:
    """The code with which some bytes end in a failure."""
    found = say(*pieces, limit=limit, terms=terms)[-1]
    assert isinstance(found, Failed)
    return found.code


# Messages


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 700, 65_535, 65_536])
def test_a_message_of_bytes(size: int) -> None:
    payload = os.urandom(size)
    assert events(Connection(MEBIBYTE, None), masked(FIN | BIN, payload)) == [payload]


@pytest.mark.parametrize("text", ["", "Hello", "κόσμε", "\U0001f600" * 30, "x" * 126, "é" * 100])
def test_a_message_of_text(text: str) -> None:
    assert say(masked(FIN | TEXT, text.encode())) == [text]


def test_a_message_is_bytes_or_text() -> None:
    (found,) = say(masked(FIN | BIN, b"x" * 1000))
    assert type(found) is bytes
    (found,) = say(masked(BIN, b"x"), masked(FIN | CONT, b"y"))
    assert type(found) is bytes


def test_a_message_in_fragments() -> None:
    frames = [masked(TEXT, b"a\xc3"), masked(CONT), masked(CONT, b"\xa9"), masked(FIN | CONT, b"b")]
    assert say(*frames) == ["aéb"]


def test_messages_one_after_another() -> None:
    frames = [masked(FIN | TEXT, b"a"), masked(FIN | BIN, b"b"), masked(BIN), masked(FIN | CONT)]
    assert say(*frames, masked(FIN | TEXT, b"c")) == ["a", b"b", b"", "c"]


def test_control_frames_between_fragments() -> None:
    frames = [masked(BIN, b"a"), masked(FIN | PING, b"?"), masked(FIN | CONT, b"b")]
    assert say(*frames, masked(FIN | PONG, b"!")) == [("ping", b"?"), b"ab", PONG_CAME]


@given(
    st.lists(st.one_of(st.text(max_size=60), st.binary(max_size=200)), max_size=6),
    st.data(),
)
def test_any_messages_in_any_fragments_and_pieces(
    messages: list[str | bytes], data: st.DataObject
) -> None:
    wire = b""
    for message in messages:
        payload = message.encode() if isinstance(message, str) else message
        cuts = sorted(data.draw(st.lists(st.integers(0, len(payload)), max_size=4)))
        parts = [payload[a:b] for a, b in zip([0, *cuts], [*cuts, len(payload)], strict=True)]
        for number, part in enumerate(parts):
            opcode = CONT if number else TEXT if isinstance(message, str) else BIN
            wire += masked((FIN if number == len(parts) - 1 else 0) | opcode, part)
    places = sorted(data.draw(st.lists(st.integers(0, len(wire)), max_size=8)))
    pieces = [wire[a:b] for a, b in zip([0, *places], [*places, len(wire)], strict=True)]
    assert events(Connection(MEBIBYTE, None), *pieces) == messages


# Closing


def test_a_close() -> None:
    assert say(masked(FIN | CLOSE, b"\x0f\xa0bye")) == [Closed(4000, "bye")]
    assert say(masked(FIN | CLOSE)) == [Closed(1005)]


def test_nothing_follows_a_close() -> None:
    wire = masked(FIN | CLOSE, b"\x03\xe8") + masked(FIN | TEXT, b"x")
    assert say(wire) == [Closed(1000)]


@pytest.mark.parametrize(
    ("payload", "code"),
    [(b"\x03", 1002), (b"\x03\xed", 1002), (b"\x03\xee", 1002), (b"\x03\xe8\xff", 1007)],
)
def test_a_close_that_says_nothing(payload: bytes, code: int) -> None:
    assert failure(masked(FIN | CLOSE, payload)) == code


# Rules of frames


@pytest.mark.parametrize("opcode", [3, 4, 5, 6, 7, 11, 12, 13, 14, 15])
def test_frames_of_unknown_kinds(opcode: int) -> None:
    assert failure(masked(FIN | opcode)) == 1002


@pytest.mark.parametrize("bit", [RSV1, RSV2, RSV3, RSV2 | RSV3])
@pytest.mark.parametrize("opcode", [TEXT, BIN, CLOSE, PING, PONG])
def test_reserved_bits(bit: int, opcode: int) -> None:
    assert failure(masked(FIN | bit | opcode)) == 1002


@pytest.mark.parametrize("first", [RSV1 | FIN | PING, RSV2 | FIN | TEXT])
def test_reserved_bits_with_compression(first: int) -> None:
    assert failure(masked(first), terms=TERMS) == 1002


def test_only_the_first_frame_says_that_a_message_is_compressed() -> None:
    assert failure(masked(TEXT, b"a"), masked(FIN | RSV1 | CONT, b"b"), terms=TERMS) == 1002


def test_a_frame_without_a_mask() -> None:
    assert failure(b"\x81\x01x") == 1002
    assert failure(b"\x89\x00") == 1002


def test_a_failure_is_told_by_the_first_byte_that_is_wrong() -> None:
    assert isinstance(events(Connection(100, None), b"\x83")[0], Failed)
    assert isinstance(events(Connection(100, None), b"\x81\x01")[0], Failed)


@pytest.mark.parametrize("opcode", [CLOSE, PING, PONG])
def test_control_frames_are_short_and_whole(opcode: int) -> None:
    assert failure(masked(opcode)) == 1002
    assert failure(masked(FIN | opcode, b"x" * 126)) == 1002


@pytest.mark.parametrize("size", [0, 125])
def test_a_ping_carries_up_to_125_bytes(size: int) -> None:
    assert say(masked(FIN | PING, b"x" * size)) == [("ping", b"x" * size)]


def test_a_continuation_of_nothing() -> None:
    assert failure(masked(FIN | CONT, b"x")) == 1002
    assert failure(masked(FIN | TEXT, b"x"), masked(CONT, b"x")) == 1002


def test_a_message_within_a_message() -> None:
    assert failure(masked(TEXT, b"x"), masked(FIN | TEXT, b"x")) == 1002
    assert failure(masked(TEXT), masked(BIN)) == 1002


@pytest.mark.parametrize(
    "length",
    [b"\xfe\x00\x7d", b"\xff" + bytes(6) + b"\xff\xff", b"\xff\x80" + bytes(7)],
    ids=["16 bits for 125", "64 bits for 65535", "the highest bit"],
)
def test_a_length_is_written_in_the_shortest_way(length: bytes) -> None:
    assert failure(b"\x82" + length + bytes(4)) == 1002


# UTF-8


@pytest.mark.parametrize(
    "text", [b"\xff", b"a\xc3", b"\xed\xa0\x80", b"\xc0\xaf", b"\xf4\x90\x80\x80", b"\xe2\x82"]
)
def test_text_is_utf8(text: bytes) -> None:
    assert failure(masked(FIN | TEXT, text)) == 1007
    assert failure(masked(TEXT, text[:1]), masked(FIN | CONT, text[1:])) == 1007


def test_text_is_refused_where_it_goes_wrong() -> None:
    frame = masked(TEXT, b"ab\xffcd", length=5)
    found = events(Connection(100, None), frame[:6], *(frame[at : at + 1] for at in range(6, 9)))
    assert isinstance(found[0], Failed)


def test_bytes_need_not_be_text() -> None:
    assert say(masked(FIN | BIN, b"\xff\xc3")) == [b"\xff\xc3"]


# Limits


def test_the_largest_message() -> None:
    assert say(masked(FIN | BIN, bytes(100)), limit=100) == [bytes(100)]
    assert failure(masked(FIN | BIN, bytes(101)), limit=100) == 1009
    assert failure(masked(FIN | BIN, bytes(3)), limit=2) == 1009


def test_the_largest_message_in_fragments() -> None:
    assert say(masked(BIN, bytes(60)), masked(FIN | CONT, bytes(40)), limit=100) == [bytes(100)]
    assert failure(masked(BIN, bytes(60)), masked(FIN | CONT, bytes(41)), limit=100) == 1009


@pytest.mark.parametrize("length", [101, 65_536, 1 << 31, 1 << 62, (1 << 63) - 1])
def test_a_frame_that_is_too_large_is_refused_by_its_head(length: int) -> None:
    start = masked(FIN | BIN, length=length)[:-4]
    (found,) = events(Connection(100, None), start)
    assert isinstance(found, Failed)
    assert found.code == 1009


def test_empty_fragments_are_bounded() -> None:
    wire = masked(BIN) + masked(CONT) * (EMPTY_FRAGMENTS - 1)
    assert events(Connection(9, None), wire, masked(FIN | CONT)) == [b""]
    (found,) = events(Connection(9, None), wire, masked(CONT))
    assert isinstance(found, Failed)
    assert found.code == 1008


def test_empty_fragments_are_counted_for_each_message() -> None:
    message = masked(BIN) + masked(CONT) * (EMPTY_FRAGMENTS - 1) + masked(FIN | CONT)
    assert events(Connection(9, None), message * 3) == [b""] * 3


def test_a_message_in_fragments_of_a_byte() -> None:
    wire = masked(BIN, b"x") + masked(CONT, b"x") * 4998 + masked(FIN | CONT, b"x")
    assert events(Connection(5000, None), wire) == [b"x" * 5000]


def test_a_message_in_very_many_fragments_is_read_in_steps() -> None:
    connection = Connection(5000, None)
    connection.feed(masked(BIN, b"x") + masked(CONT, b"x") * 4998 + masked(FIN | CONT, b"x"))
    steps = 0
    while (event := connection.next()) is MORE:
        steps += 1
    assert event == b"x" * 5000
    assert steps > 50


# Compression


def deflated(message: bytes) -> bytes:
    return Deflater(TERMS).compress(message)


@pytest.mark.parametrize("message", [b"", b"x", b"x" * 1000, "é".encode() * 300])
def test_a_compressed_message(message: bytes) -> None:
    wire = masked(FIN | RSV1 | TEXT, deflated(message))
    assert say(wire, terms=TERMS) == [message.decode()]


def test_a_compressed_message_in_fragments() -> None:
    data = deflated(b"hello hello hello")
    frames = [masked(RSV1 | BIN, data[:5]), masked(CONT), masked(FIN | PING)]
    found = say(*frames, masked(FIN | CONT, data[5:]), terms=TERMS)
    assert found == [("ping", b""), b"hello hello hello"]


def test_plain_and_compressed_messages_by_turns() -> None:
    wire = masked(FIN | TEXT, b"plain") + masked(FIN | RSV1 | TEXT, deflated(b"small"))
    assert say(wire, masked(FIN | TEXT, b"plain"), terms=TERMS) == ["plain", "small", "plain"]


def test_compressed_text_is_utf8() -> None:
    assert failure(masked(FIN | RSV1 | TEXT, deflated(b"\xff")), terms=TERMS) == 1007
    assert failure(masked(FIN | RSV1 | TEXT, deflated(b"\xe2\x82")), terms=TERMS) == 1007


def test_what_is_no_deflate_stream() -> None:
    assert failure(masked(FIN | RSV1 | BIN, b"\xff\xff\xff\xff"), terms=TERMS) == 1007


@pytest.mark.parametrize("size", [1_001, 100_000, 20_000_000])
def test_a_bomb_is_cut_off(size: int) -> None:
    wire = masked(FIN | RSV1 | BIN, deflated(bytes(size)))
    connection = Connection(1000, TERMS)
    connection.feed(wire)
    found = connection.next()
    assert isinstance(found, Failed)
    assert found.code == 1009


def test_a_bomb_in_fragments_with_pings_between() -> None:
    data = deflated(bytes(100_000))
    frames = [masked(CONT, data[at : at + 1]) + masked(FIN | PING) for at in range(1, len(data))]
    found = events(Connection(50_000, TERMS), masked(RSV1 | BIN, data[:1]), *frames)
    assert isinstance(found[-1], Failed)
    assert found[-1].code == 1009


def test_the_largest_message_of_what_cannot_be_compressed() -> None:
    message = os.urandom(100_000)
    wire = masked(FIN | RSV1 | BIN, deflated(message))
    assert events(Connection(100_000, TERMS), wire) == [message]
    (found,) = events(Connection(99_999, TERMS), wire)
    assert isinstance(found, Failed)


def test_compression_of_nothing_without_end() -> None:
    # Empty stored blocks: nothing ever comes out of them.
    piece = (b"\x00" + TAIL) * 200
    found = events(Connection(1000, TERMS), masked(RSV1 | BIN, piece), masked(CONT, piece))
    assert isinstance(found[-1], Failed)
    assert found[-1].code == 1009


# What goes out


@pytest.mark.parametrize("size", [0, 125, 126, 65_536])
def test_messages_that_go_out(size: int) -> None:
    connection = Connection(100, None)
    assert connection.message(bytes(size)) == (head(FIN | BIN, size), bytes(size))
    assert connection.message("x" * size) == (head(FIN | TEXT, size), b"x" * size)


def test_bytes_that_go_out_are_not_copied() -> None:
    data = bytes(100)
    assert Connection(100, None).message(data)[1] is data


def test_short_messages_are_not_compressed() -> None:
    connection = Connection(100, TERMS)
    assert connection.message("x" * 63) == (b"\x81\x3f", b"x" * 63)
    assert connection.message(b"x" * 63) == (b"\x82\x3f", b"x" * 63)


def test_long_messages_are_compressed() -> None:
    connection = Connection(100, TERMS)
    start, payload = connection.message("x" * 64)
    assert start == head(FIN | RSV1 | TEXT, len(payload))
    inflater = zlib.decompressobj(-15)
    assert inflater.decompress(payload + TAIL) == b"x" * 64
    start, payload = connection.message(b"x" * 64)
    assert start == head(FIN | RSV1 | BIN, len(payload))
    assert inflater.decompress(payload + TAIL) == b"x" * 64


def test_text_without_an_encoding() -> None:
    with pytest.raises(UnicodeEncodeError):
        Connection(100, None).message("\ud800")


def test_control_frames_that_go_out() -> None:
    connection = Connection(100, None)
    assert connection.ping() == b"\x89\x00"
    assert connection.pong(b"x") == b"\x8a\x01x"
    assert connection.close(Closed(1000, "bye")) == b"\x88\x05\x03\xe8bye"
    assert connection.close(Closed(1005)) == b"\x88\x00"


# Midway


def test_midway_is_within_a_frame() -> None:
    connection = Connection(100, None)
    frame = masked(TEXT, b"abc")
    assert not connection.midway
    for at in range(len(frame)):
        assert events(connection, frame[at : at + 1]) == []
        assert connection.midway == (at < len(frame) - 1)
