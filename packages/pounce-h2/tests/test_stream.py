import gc
import sys
from pathlib import Path

import pytest

from pounce_h2.priority import DEFAULT, Priority
from pounce_h2.stream import SMALL, FileRange, MemoryRange, Outbox, Stream


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "file"
    path.write_bytes(b"0123456789")
    return path


def descriptors() -> int:
    """How many this process has open, where it can be told."""
    folder = Path("/proc/self/fd")
    return len(list(folder.iterdir())) if folder.exists() else 0


def make(number: int = 1, priority: Priority = DEFAULT) -> Stream:
    return Stream(number, False, 10, 10, -1, priority)


def test_memory_is_taken_in_order() -> None:
    outbox = Outbox()
    for piece in (b"abc", b"", b"defg"):
        outbox.add(MemoryRange(piece))
    assert outbox.size == 7
    assert [outbox.take(2), outbox.take(4), outbox.take(1)] == [b"ab", b"cdef", b"g"]
    assert outbox.size == 0


def test_a_stretch_of_a_file_is_taken_from_its_place(file: Path) -> None:
    with file.open("rb") as opened:
        stretch = FileRange(opened.fileno(), 2, 6)
    outbox = Outbox()
    outbox.add(stretch)
    outbox.add(MemoryRange(b"x"))
    assert [outbox.take(4), outbox.take(3)] == [b"2345", b"67x"]


def test_a_file_that_is_too_short(file: Path) -> None:
    with file.open("rb") as opened:
        stretch = FileRange(opened.fileno(), 0, 11)
    with pytest.raises(OSError, match="shorter"):
        stretch.take(11)
    stretch.close()


def test_small_pieces_take_little_more_than_they_hold() -> None:
    stream = make()
    for _ in range(10_000):
        stream.keep(b"ab")
    assert stream.inbox is not None
    assert b"".join(stream.inbox) == b"ab" * 10_000
    assert sum(map(sys.getsizeof, [stream.inbox, *stream.inbox])) < 30_000


def test_small_and_large_pieces_keep_their_order() -> None:
    stream = make()
    pieces = [b"a" * 5, b"b" * SMALL, b"c", b"d", b"e" * 5_000, b"f", b"g"]
    for piece in pieces:
        stream.keep(piece)
    assert stream.inbox is not None
    assert b"".join(stream.inbox) == b"".join(pieces)


def test_what_waits_is_let_go_of(file: Path) -> None:
    # What other tests have left is closed by now, and not meanwhile.
    gc.collect()
    stream = make()
    before = descriptors()
    outbox = stream.outbox = Outbox()
    with file.open("rb") as opened:
        outbox.add(FileRange(opened.fileno(), 0, 5))
        outbox.add(FileRange(opened.fileno(), 0, 0))
    stream.inbox = [b"x"]
    stream.unread = 1
    stream.discard()
    assert (stream.unread, outbox.size) == (0, 0)
    assert descriptors() == before


def test_the_rank() -> None:
    urgent, old, new = make(9, Priority(0, True)), make(3), make(5)
    shares = make(1, Priority(3, True))
    streams = sorted([shares, new, urgent, old], key=lambda stream: stream.rank)
    assert streams == [urgent, old, new, shares]


def test_a_new_priority() -> None:
    stream = make()
    stream.prioritize(Priority(1, True))
    assert stream.rank == (1, 1, 1)
    stream.turn = 7
    stream.prioritize(Priority(2, True))
    assert stream.rank == (2, 7, 1)
    stream.prioritize(Priority(2, False))
    assert stream.rank == (2, 0, 1)
