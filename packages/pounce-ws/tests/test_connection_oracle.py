"""The same bytes to us and to wsproto: both find the same messages, and both refuse or neither.

wsproto is the judge of what the protocol is, but for what it does not look at: sizes, how a length
is written, codes that were registered after it was written, and what a compressed message has
behind the end of its deflate stream, which is ours to read and which it drops.
"""

import os
from collections.abc import Callable
from itertools import pairwise
from typing import Final

import wsproto.extensions
import wsproto.frame_protocol as oracle
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pounce_ws.closing import Closed, Failed
from pounce_ws.connection import Connection, Event, Ping, Pong
from pounce_ws.deflate import Deflater, Terms

EXAMPLES: Final = int(os.environ.get("POUNCE_FUZZ_EXAMPLES", "300"))
TERMS: Final = Terms(15, 15, True, True, b"")
LATER: Final = frozenset((1012, 1013, 1014))
STREAM_ENDED: Final = ("the deflate stream ended",)
"""What wsproto finds from here on says nothing."""

type Found = list[tuple[object, ...]]


def masked(first: int, payload: bytes) -> bytes:
    key = b"\xa1\x5b\x00\xff"
    size = len(payload)
    head = bytes((first, 0x80 | size)) if size < 126 else bytes((first, 0xFE)) + size.to_bytes(2)
    return head + key + bytes(byte ^ key[at % 4] for at, byte in enumerate(payload))


def ours(pieces: list[bytes], *, compression: bool) -> Found:
    connection = Connection(1 << 20, TERMS if compression else None)
    found: Found = []
    for piece in pieces:
        connection.feed(piece)
        while (event := connection.next()) is not None:
            found.append(as_told(event))
            if isinstance(event, Closed):
                return found
    return found


def as_told(event: Event) -> tuple[object, ...]:
    if isinstance(event, Ping):
        return "ping", event.payload
    if isinstance(event, Pong):
        return ("pong",)
    if isinstance(event, Failed):
        return ("failed",)
    if isinstance(event, Closed):
        return "closed", event.code, event.reason
    return "message", event


def theirs(pieces: list[bytes], *, compression: bool) -> Found:
    extensions: list[wsproto.extensions.Extension] = []
    deflate = wsproto.extensions.PerMessageDeflate()
    if compression:
        deflate._enabled = True
        extensions.append(deflate)
    protocol = oracle.FrameProtocol(client=False, extensions=extensions)
    found: Found = []
    message: list[str | bytes] = []
    for piece in pieces:
        protocol.receive_bytes(piece)
        try:
            for frame in protocol.received_frames():
                if deflate._decompressor is not None and deflate._decompressor.eof:
                    found.append(STREAM_ENDED)
                    return found
                payload = frame.payload
                if frame.opcode is oracle.Opcode.PING:
                    found.append(("ping", payload))
                elif frame.opcode is oracle.Opcode.PONG:
                    found.append(("pong",))
                elif frame.opcode is oracle.Opcode.CLOSE:
                    assert isinstance(payload, tuple)
                    found.append(("closed", int(payload[0]), payload[1] or ""))
                    return found
                else:
                    assert isinstance(payload, str | bytes)
                    message.append(payload)
                    if frame.message_finished:
                        empty: str | bytes = "" if isinstance(payload, str) else b""
                        found.append(("message", empty.join(message)))  # type: ignore[arg-type]
                        message = []
        except oracle.ParseFailed:
            found.append(("failed",))
            return found
    return found


def compressed(payload: bytes) -> bytes:
    return Deflater(Terms(15, 15, False, False, b"")).compress(payload)


payloads = st.one_of(
    st.binary(max_size=140),
    st.text(max_size=40).map(str.encode),
    st.sampled_from([b"", b"\xff", b"\xe2\x82", b"\xac", b"\x03\xe8", b"\x0f\xa0bye", b"x" * 126]),
    st.text(max_size=60).map(str.encode).map(compressed),
)
good = st.sampled_from([0x81, 0x82, 0x01, 0x02, 0x00, 0x80, 0x89, 0x8A, 0x88, 0xC1, 0x41])
firsts = st.one_of(good, good, good, st.integers(0, 255))
wires = st.lists(st.builds(masked, firsts, payloads), max_size=7).map(b"".join)


def cut(wire: bytes, places: list[int]) -> list[bytes]:
    ends = sorted({place % (len(wire) + 1) for place in places} | {0, len(wire)})
    return [wire[a:b] for a, b in pairwise(ends)]


def same(wire: bytes, places: list[int], *, compression: bool) -> None:
    expected = theirs([wire], compression=compression)
    for pieces in ([wire] if wire else [], cut(wire, places)):
        found = ours(pieces, compression=compression)
        if found and found[-1][0] == "closed" and found[-1][1] in LATER:
            expected = [*expected[:-1], found[-1]]
        if expected[-1:] == [STREAM_ENDED]:
            assert found[: len(expected) - 1] == expected[:-1]
        else:
            assert found == expected


fuzz: Callable[[Callable[..., None]], Callable[..., None]] = settings(
    max_examples=EXAMPLES, deadline=None
)


@fuzz
@given(wires, st.lists(st.integers(0, 2000), max_size=6))
def test_plain(wire: bytes, places: list[int]) -> None:
    same(wire, places, compression=False)


@fuzz
@given(wires, st.lists(st.integers(0, 2000), max_size=6))
@example(masked(0x81, b"a") + masked(0xC1, b"\x03\x00\x01") + masked(0x81, b"b"), [])
def test_compressed(wire: bytes, places: list[int]) -> None:
    same(wire, places, compression=True)


@fuzz
@given(st.binary(max_size=60), st.lists(st.integers(0, 60), max_size=6))
def test_noise(wire: bytes, places: list[int]) -> None:
    # A head that wsproto has not read whole may be refused by us.
    found, expected = ours(cut(wire, places), compression=False), theirs([wire], compression=False)
    if found[-1:] == [("failed",)]:
        expected = [*expected[: len(found) - 1], ("failed",)]
    assert found == expected


@fuzz
@given(st.one_of(st.text(max_size=300), st.binary(max_size=300)))
def test_what_we_send_a_client_of_wsproto_reads(message: str | bytes) -> None:
    frame = b"".join(Connection(100, None).message(message))
    client = oracle.FrameProtocol(client=True, extensions=[])
    client.receive_bytes(frame)
    (found,) = client.received_frames()
    assert found.payload == message
    assert found.message_finished
