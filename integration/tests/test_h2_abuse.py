"""Attacks on HTTP/2 over real sockets, and a neighbour of the attacker that is served meanwhile.

Each is bounded in memory and in processor time, and ended with the right error.
"""

import itertools
from collections.abc import Callable, Iterator
from typing import Final

import pytest

from integration.tests.conftest import Fleet, checked
from integration.tests.record import Record
from integration.tests.serving import Served
from integration.tests.streams import (
    CALM,
    CONTINUATION,
    DATA,
    HEADERS,
    PING,
    PRIORITY,
    RST_STREAM,
    SETTINGS,
    WINDOW_UPDATE,
    Frames,
    Streams,
    frame,
    word,
)

type Attack = Callable[[Frames], Iterator[bytes]]

GROWTH: Final = 64 << 20
"""Bytes by which the server may grow, with all that its allocator keeps."""
PROCESSOR: Final = 10.0
"""Seconds of its time that an attack may cost, many times what it does on a slow machine."""
MOST: Final = 2_000
"""Pieces of an attack."""


@pytest.fixture
def served(fleet: Fleet) -> Iterator[Served]:
    """One worker, so that the attacker has neighbours there."""
    yield from checked(fleet("plain", "thread"))


def rapid_reset(frames: Frames) -> Iterator[bytes]:
    while True:
        yield frames.head(b"/wait") + frame(RST_STREAM, 0, frames.next - 2, word(8))


def made_you_reset(frames: Frames) -> Iterator[bytes]:
    while True:
        head = frames.head(b"/wait", method=b"POST")
        yield head + frame(WINDOW_UPDATE, 0, frames.next - 2, word(0))


def made_you_reset_by_overflow(frames: Frames) -> Iterator[bytes]:
    while True:
        head = frames.head(b"/wait", method=b"POST")
        yield head + frame(WINDOW_UPDATE, 0, frames.next - 2, word(0x7FFF_FFFF))


def made_you_reset_by_data(frames: Frames) -> Iterator[bytes]:
    while True:
        yield frames.head(b"/wait") + frame(DATA, 0, frames.next - 2, b"x")


def too_many_streams(frames: Frames) -> Iterator[bytes]:
    while True:
        yield frames.head(b"/wait")


def continuations(frames: Frames) -> Iterator[bytes]:
    yield frame(HEADERS, 0, 1, b"\x82")
    while True:
        yield frame(CONTINUATION, 0, 1, b"\x00\x01a\x7f\x81\x7d" + b"x" * 16_000)


def empty_continuations(frames: Frames) -> Iterator[bytes]:
    yield frame(HEADERS, 0, 1, b"\x82")
    while True:
        yield frame(CONTINUATION, 0, 1)


def empty_data(frames: Frames) -> Iterator[bytes]:
    yield frames.head(b"/wait", method=b"POST")
    while True:
        yield frame(DATA, 0, 1)


def bomb(frames: Frames) -> Iterator[bytes]:
    yield frames.head(b"/ok", (b"x", b"y" * 3_900))
    while True:
        yield frame(HEADERS, 5, 3, b"\xbe" * 16_000)


def without_names(frames: Frames) -> Iterator[bytes]:
    while True:
        yield frames.head(b"/ok", *[(b"", b"")] * 100)


def repeated(piece: bytes) -> Attack:
    return lambda _frames: itertools.repeat(piece)


ATTACKS: dict[str, Attack] = {
    "rapid-reset": rapid_reset,
    "made-you-reset": made_you_reset,
    "made-you-reset-by-overflow": made_you_reset_by_overflow,
    "made-you-reset-by-data": made_you_reset_by_data,
    "too-many-streams": too_many_streams,
    "continuations": continuations,
    "empty-continuations": empty_continuations,
    "empty-data": empty_data,
    "bomb": bomb,
    "without-names": without_names,
    "pings": repeated(frame(PING, 0, 0, b"12345678")),
    "settings": repeated(frame(SETTINGS, 0, 0)),
    "priorities": repeated(frame(PRIORITY, 0, 1, bytes(5))),
    "window-updates": repeated(frame(WINDOW_UPDATE, 0, 0, word(1))),
}


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
def test_an_attack(served: Served, attack: Attack) -> None:
    served.announce("was cancelled before its end")
    before, processor = served.memory, served.cpu
    served.forget_peak()
    with Streams.to(served.address) as neighbour, Frames.to(served.address) as frames:
        assert neighbour.get("/ok").body == b"ok"
        cut = False
        for count, piece in enumerate(itertools.islice(attack(frames), MOST)):
            cut = not frames.say(piece)
            if cut:
                break
            if count % 500 == 0:
                assert neighbour.get("/ok").body == b"ok"
        # What is sent to a closed connection may take its last words with it.
        code = frames.goaway()
        assert code == CALM or (cut and code is None)
        assert neighbour.get("/ok").body == b"ok"
    assert served.peak - before < GROWTH
    assert served.cpu - processor < PROCESSOR


@pytest.mark.parametrize(
    ("said", "code"),
    [
        (frame(WINDOW_UPDATE, 0, 0, word(0x7FFF_FFFF)), 3),
        (frame(SETTINGS, 0, 0, b"\x00\x04" + word(0x8000_0000)), 3),
        (frame(HEADERS, 5, 1, b"\xff" + b"\x80" * 9 + b"\x01"), 9),
        (frame(HEADERS, 5, 1, b"\x3f\xe2\x1f"), 9),
        (frame(HEADERS, 5, 1, b"\x41\x81\xfe"), 9),
        (frame(DATA, 0, 0, b"x"), 1),
        (b"\x01\x00\x00\x00\x00\x00\x00\x00\x01", 6),
    ],
    ids=["window", "settings", "integer", "table", "padding", "no-stream", "frame"],
)
def test_a_broken_rule(served: Served, said: bytes, code: int) -> None:
    with Frames.to(served.address) as frames:
        frames.say(said)
        assert frames.goaway() == code


def test_who_never_reads(served: Served, record: Record, token: str) -> None:
    """A hundred downloads with open windows, and not a byte of them is read."""
    before = served.memory
    served.forget_peak()
    with Streams.to(served.address) as neighbour, Frames.to(served.address) as frames:
        windows = frame(SETTINGS, 0, 0, b"\x00\x04" + word(0x7FFF_FFFF))
        windows += frame(WINDOW_UPDATE, 0, 0, word(0x7FFF_0000 - 65_535))
        # All at once: who does not read is not read for long either.
        frames.say(windows + b"".join(frames.head(b"/push?" + token.encode()) for _ in range(100)))
        record.wait(token, "called", 50)
        for _ in range(100):
            assert neighbour.get("/ok").body == b"ok"
        assert served.peak - before < GROWTH
    record.wait(token, "left", 50)
    called = record.now(token).count("called")
    record.wait(token, "left", called)


def test_who_never_opens_a_window(served: Served, record: Record, token: str) -> None:
    before = served.memory
    served.forget_peak()
    with Streams.to(served.address) as neighbour, Frames.to(served.address) as frames:
        frames.say(frame(SETTINGS, 0, 0, b"\x00\x04" + word(0)))
        for _ in range(100):
            frames.say(frames.head(b"/push?" + token.encode()))
        record.wait(token, "called", 100)
        for _ in range(100):
            assert neighbour.get("/ok").body == b"ok"
        assert served.peak - before < GROWTH
    record.wait(token, "left", 100)


def test_who_drips_a_head() -> None:
    with (
        Served("plain", "--timeout-head", "3") as served,
        Frames.to(served.address) as frames,
        Streams.to(served.address) as neighbour,
    ):
        frames.say(frame(HEADERS, 0, 1, b"\x82"))
        assert neighbour.get("/ok").body == b"ok"
        assert frames.goaway() == CALM


def test_who_drips_a_body() -> None:
    with (
        Served("plain", "--timeout-body", "3") as served,
        Streams.to(served.address) as streams,
    ):
        number = streams.ask("/count", "POST", end=False)
        streams.send(number, b"x", end=False)
        assert streams.answer(number).status == 408
        assert streams.get("/ok").body == b"ok"
