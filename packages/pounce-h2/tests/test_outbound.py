"""What leaves when: windows, priorities, batches."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pounce_h2 import frame
from pounce_h2.outbound import BATCH, Outbound
from pounce_h2.priority import Priority
from pounce_h2.stream import FileRange, Stream


class Desk:
    """An outbound, and what it called."""

    def __init__(self) -> None:
        self.ended: list[int] = []
        self.failed: list[int] = []
        self.outbound = Outbound(self._end, lambda stream: self.failed.append(stream.number))

    def _end(self, stream: Stream) -> None:
        self.ended.append(stream.number)

    def stream(
        self, number: int, urgency: int = 3, *, shares: bool = False, window: int = 65_535
    ) -> Stream:
        return Stream(number, True, 0, window, -1, Priority(urgency, shares))

    def sent(self) -> list[tuple[int, int, bool]]:
        """Stream, size and end of each DATA frame that is ready."""
        data = self.outbound.take()
        found: list[tuple[int, int, bool]] = []
        while data:
            word, flags, number = frame.HEADER.unpack_from(data)
            if word & 0xFF == frame.DATA:
                found.append((number, word >> 8, bool(flags & frame.END_STREAM)))
            data = data[9 + (word >> 8) :]
        return found


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_a_whole_response_is_one_piece(desk: Desk) -> None:
    assert desk.outbound.respond(desk.stream(1), b"\x88", b"ok")
    assert desk.ended == [1]
    assert len(desk.outbound.frames) == 1
    assert desk.outbound.size == 9 + 1 + 9 + 2
    assert desk.outbound.window == frame.FIRST_WINDOW - 2


@pytest.mark.parametrize(
    "spoil",
    [
        lambda outbound, stream: setattr(outbound, "blocked", True),
        lambda outbound, stream: setattr(outbound, "window", 1),
        lambda outbound, stream: setattr(stream, "send_window", 1),
        lambda outbound, stream: setattr(outbound, "prefix", b"\x20"),
        lambda outbound, stream: outbound.add(b"x" * (BATCH + 1)),
    ],
    ids=["blocked", "connection-window", "stream-window", "prefix", "batch"],
)
def test_a_response_that_cannot_leave_whole(
    desk: Desk, spoil: Callable[[Outbound, Stream], Any]
) -> None:
    stream = desk.stream(1)
    spoil(desk.outbound, stream)
    assert not desk.outbound.respond(stream, b"\x88", b"ok")
    assert desk.ended == []


def test_a_body_waits_for_the_windows(desk: Desk) -> None:
    stream = desk.stream(1, window=10)
    outbound = desk.outbound
    outbound.send(stream, b"x" * 25, end=True)
    outbound.pump()
    assert desk.sent() == [(1, 10, False)]
    assert outbound.shut == {1: stream}
    stream.send_window += 20
    outbound.reopen(stream)
    outbound.pump()
    assert desk.sent() == [(1, 15, True)]
    assert desk.ended == [1]
    assert not outbound.waiting
    assert stream.outbox is None


def test_a_stream_that_is_shut_keeps_no_other_back(desk: Desk) -> None:
    outbound = desk.outbound
    outbound.send(desk.stream(1, window=0), b"x", end=True)
    outbound.pump()
    assert outbound.respond(desk.stream(3), b"\x88", b"ok")
    assert desk.ended == [3]


def test_the_window_of_the_connection_keeps_all_back(desk: Desk) -> None:
    outbound = desk.outbound
    outbound.window = 0
    outbound.send(desk.stream(1), b"x", end=True)
    outbound.pump()
    assert desk.sent() == []
    outbound.window = 5
    outbound.pump()
    assert desk.sent() == [(1, 1, True)]


def test_an_end_needs_no_window(desk: Desk) -> None:
    outbound = desk.outbound
    first, second = desk.stream(1), desk.stream(3)
    outbound.window = 0
    outbound.send(first, b"x", end=True)
    outbound.send(second, b"", end=True)
    outbound.pump()
    assert desk.sent() == [(3, 0, True)]


def test_an_end_needs_no_window_of_its_stream(desk: Desk) -> None:
    """Below zero, too: the client has shrunk it in the middle of a response."""
    stream = desk.stream(1, window=-10)
    desk.outbound.send(stream, b"", end=True)
    desk.outbound.pump()
    assert desk.sent() == [(1, 0, True)]
    assert desk.ended == [1]
    assert stream.send_window == -10


def test_the_more_urgent_leaves_first(desk: Desk) -> None:
    outbound = desk.outbound
    outbound.blocked = True
    for number, urgency in ((1, 5), (3, 1), (5, 3)):
        outbound.send(desk.stream(number, urgency), b"x" * 20_000, end=True)
    outbound.pump()
    assert [number for number, _, _ in desk.sent()] == [3, 3, 5, 5, 1, 1]


def test_of_the_same_urgency_the_older_leaves_first(desk: Desk) -> None:
    outbound = desk.outbound
    outbound.blocked = True
    for number in (5, 1, 3):
        outbound.send(desk.stream(number), b"x" * 20_000, end=True)
    outbound.pump()
    assert [number for number, _, _ in desk.sent()] == [1, 1, 3, 3, 5, 5]


def test_those_that_share_take_turns(desk: Desk) -> None:
    outbound = desk.outbound
    outbound.blocked = True
    outbound.window = 10**9
    for number in (1, 3, 5):
        outbound.send(desk.stream(number, shares=True), b"x" * 40_000, end=True)
    outbound.pump()
    assert [number for number, _, _ in desk.sent()] == [1, 3, 5] * 3


def test_no_more_is_made_ready_than_a_batch(desk: Desk) -> None:
    outbound = desk.outbound
    outbound.window = 10**9
    outbound.send(desk.stream(1, window=10**9), b"x" * (3 * BATCH), end=True)
    outbound.pump()
    assert BATCH <= outbound.size < BATCH + frame.FRAME_SIZE + 9


def test_trailers_leave_after_what_waits(desk: Desk) -> None:
    outbound = desk.outbound
    stream = desk.stream(1, window=0)
    outbound.send(stream, b"x", end=False)
    outbound.send_trailers(stream, b"\x88")
    outbound.pump()
    assert desk.ended == []
    stream.send_window = 1
    outbound.reopen(stream)
    outbound.pump()
    assert desk.ended == [1]
    assert outbound.take() == frame.frame(0, 0, 1, b"x") + frame.headers(1, b"\x88", end=True)


def test_the_first_block_says_that_the_table_is_not_used(desk: Desk) -> None:
    outbound = desk.outbound
    outbound.prefix = b"\x20"
    outbound.send_head(desk.stream(1), b"\x88")
    outbound.send_head(desk.stream(3), b"\x88")
    blocks = [b"\x20\x88", b"\x88"]
    assert outbound.take() == b"".join(
        frame.headers(number, block, end=False)
        for number, block in zip((1, 3), blocks, strict=True)
    )


def test_a_file(desk: Desk, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"y" * 40_000)
    outbound = desk.outbound
    with path.open("rb") as file:
        outbound.send_file(desk.stream(1), FileRange(file.fileno(), 0, 40_000), end=True)
    outbound.pump()
    assert desk.sent() == [(1, 16_384, False), (1, 16_384, False), (1, 7_232, True)]


def test_a_file_that_became_shorter(desk: Desk, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"y")
    outbound = desk.outbound
    stream = desk.stream(1)
    with path.open("rb") as file:
        outbound.send_file(stream, FileRange(file.fileno(), 0, 2), end=True)
    outbound.pump()
    assert desk.failed == [1]
    assert desk.ended == []


def test_what_is_forgotten_does_not_leave(desk: Desk) -> None:
    outbound = desk.outbound
    waiting, shut = desk.stream(1), desk.stream(3, window=0)
    outbound.blocked = True
    outbound.send(waiting, b"x", end=True)
    outbound.send(shut, b"x", end=True)
    outbound.pump()
    for stream in (waiting, shut):
        outbound.forget(stream)
    outbound.pump()
    assert not outbound.waiting
    assert not outbound.shut
