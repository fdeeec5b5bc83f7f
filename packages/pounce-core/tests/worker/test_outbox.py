"""What leaves a socket: all of it, in order, whatever the kernel takes at once."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pounce.protocol.roles import Need
from pounce.worker.outbox import FILE_PIECE, FILE_SLICE, JOIN, VECTOR, Outbox

TURNED = bytes(byte ^ 1 for byte in range(256))
type Pair = tuple[socket.socket, socket.socket]


@contextmanager
def connected() -> Iterator[Pair]:
    """Ours takes little at once; neither blocks."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        ours.setblocking(False)
        theirs.setblocking(False)
        yield ours, theirs


@pytest.fixture
def pair() -> Iterator[Pair]:
    with connected() as both:
        yield both


@pytest.fixture
def file(tmp_path: Path) -> Iterator[tuple[int, bytes]]:
    """A file, and what is in it: a slice and a half."""
    data = bytes(range(256)) * (FILE_SLICE * 3 // 2 // 256)
    path = tmp_path / "file"
    path.write_bytes(data)
    fd = os.open(path, os.O_RDONLY)
    yield fd, data
    os.close(fd)


def read(theirs: socket.socket) -> bytes:
    """All that is there."""
    got = bytearray()
    try:
        while piece := theirs.recv(1 << 20):
            got += piece
    except BlockingIOError:
        pass
    return bytes(got)


def deliver(outbox: Outbox, theirs: socket.socket) -> bytes:
    """Sends and reads in turn until nothing is left."""
    got = b""
    while not outbox.flush():
        got += read(theirs)
    return got + read(theirs)


def test_an_empty_outbox_is_through(pair: Pair) -> None:
    outbox = Outbox(pair[0])
    assert not outbox
    assert outbox.flush()


def test_pieces_leave_in_order(pair: Pair) -> None:
    ours, theirs = pair
    outbox = Outbox(ours)
    for piece in (b"one", b"two", b"three"):
        outbox.add(piece)
    assert outbox
    assert outbox.flush()
    assert not outbox
    assert read(theirs) == b"onetwothree"


def test_empty_pieces_are_none(pair: Pair) -> None:
    outbox = Outbox(pair[0])
    outbox.add(b"")
    outbox.add_file(0, 0, 0)
    assert not outbox


def test_what_the_kernel_does_not_take_stays(pair: Pair) -> None:
    ours, theirs = pair
    outbox = Outbox(ours)
    data = os.urandom(200_000)
    outbox.add(data)
    assert not outbox.flush()
    assert 0 < outbox.sent < len(data)
    assert deliver(outbox, theirs) == data


def test_more_pieces_than_one_vector_holds_leave(pair: Pair) -> None:
    ours, theirs = pair
    outbox = Outbox(ours)
    pieces = [b"%d," % number for number in range(VECTOR * 3 + 1)]
    for piece in pieces:
        outbox.add(piece)
    assert deliver(outbox, theirs) == b"".join(pieces)


def test_bytes_taken_are_counted_over_all_pieces(pair: Pair, file: tuple[int, bytes]) -> None:
    ours, theirs = pair
    fd, data = file
    outbox = Outbox(ours)
    outbox.add(b"head")
    outbox.add_file(fd, 0, len(data))
    outbox.add(b"tail")
    deliver(outbox, theirs)
    assert outbox.sent == len(data) + 8


def test_a_view_of_memory_leaves_like_bytes(pair: Pair) -> None:
    ours, theirs = pair
    outbox = Outbox(ours)
    outbox.add(memoryview(b"0123456789")[2:5])
    assert outbox.flush()
    assert read(theirs) == b"234"


def test_a_stretch_of_a_file_leaves(pair: Pair, file: tuple[int, bytes]) -> None:
    ours, theirs = pair
    fd, data = file
    outbox = Outbox(ours)
    outbox.add_file(fd, 1000, 50_000)
    assert deliver(outbox, theirs) == data[1000:51_000]


def test_a_file_leaves_between_memory(pair: Pair, file: tuple[int, bytes]) -> None:
    ours, theirs = pair
    fd, data = file
    outbox = Outbox(ours)
    outbox.add(b"head")
    outbox.add_file(fd, 0, len(data))
    outbox.add(b"tail")
    assert deliver(outbox, theirs) == b"head" + data + b"tail"


def test_the_position_of_a_file_is_not_moved(pair: Pair, file: tuple[int, bytes]) -> None:
    ours, theirs = pair
    fd, _ = file
    outbox = Outbox(ours)
    outbox.add_file(fd, 10, 100)
    deliver(outbox, theirs)
    assert os.lseek(fd, 0, os.SEEK_CUR) == 0


def test_one_flush_sends_a_bounded_stretch_of_a_file(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reader so fast that the kernel never says stop must not hold the worker."""
    asked: list[tuple[int, int]] = []

    def sendfile(_out: int, _in: int, offset: int, count: int) -> int:
        asked.append((offset, count))
        return count

    monkeypatch.setattr(os, "sendfile", sendfile)
    outbox = Outbox(pair[0])
    outbox.add_file(0, 5, FILE_SLICE + 1)
    assert not outbox.flush()
    assert asked == [(5, FILE_SLICE)]
    assert outbox.flush()
    assert asked == [(5, FILE_SLICE), (5 + FILE_SLICE, 1)]


def test_a_file_that_became_shorter_is_an_error(pair: Pair, tmp_path: Path) -> None:
    ours, theirs = pair
    path = tmp_path / "file"
    path.write_bytes(b"x" * 1000)
    fd = os.open(path, os.O_RDONLY)
    outbox = Outbox(ours)
    outbox.add_file(fd, 0, 1000)
    os.truncate(path, 600)
    with pytest.raises(OSError, match="shorter"):
        deliver(outbox, theirs)
    assert outbox.sent == 600
    os.close(fd)


def test_a_client_that_went_is_an_error(pair: Pair) -> None:
    ours, theirs = pair
    outbox = Outbox(ours)
    outbox.add(b"x")
    theirs.close()
    with pytest.raises(BrokenPipeError):
        outbox.flush()


def test_what_is_cleared_does_not_leave(pair: Pair) -> None:
    ours, theirs = pair
    outbox = Outbox(ours)
    outbox.add(b"x")
    outbox.clear()
    assert not outbox
    assert outbox.flush()
    assert read(theirs) == b""


@given(st.lists(st.integers(0, 30_000), max_size=12), st.integers(1, 20_000))
def test_whatever_is_added_while_the_kernel_is_slow_leaves_whole_and_in_order(
    sizes: list[int], bite: int
) -> None:
    expected = b"".join(bytes([number]) * size for number, size in enumerate(sizes))
    got = b""
    with connected() as (ours, theirs):
        outbox = Outbox(ours)
        for number, size in enumerate(sizes):
            outbox.add(bytes([number]) * size)
            outbox.flush()
            try:
                got += theirs.recv(bite)
            except BlockingIOError:
                pass
        got += deliver(outbox, theirs)
    assert got == expected
    assert outbox.sent == len(expected)


# Through a transport


class Veil:
    """A transport that turns each byte by a bit, and takes so much at once."""

    alpn: bytes | None = None
    tls: dict[str, Any] | None = None

    def __init__(self, sock: socket.socket, most: int = 1 << 20) -> None:
        self.socket = sock
        self.most = most
        self.asked: list[bytes] = []
        self.blocks = 0
        """How often it still takes nothing."""

    def open(self) -> Need | None: ...

    def recv(self, size: int) -> bytes:
        return b""

    def send(self, data: bytes | memoryview) -> int:
        self.asked.append(bytes(data))
        if self.blocks:
            self.blocks -= 1
            raise BlockingIOError
        return self.socket.send(turned(bytes(data[: self.most])))

    def end(self) -> None: ...


def turned(data: bytes) -> bytes:
    return data.translate(TURNED)


def test_small_pieces_are_joined_for_a_transport(pair: Pair) -> None:
    ours, theirs = pair
    veil = Veil(ours)
    outbox = Outbox(ours, veil)
    for piece in (b"one", b"two", b"three"):
        outbox.add(piece)
    assert outbox.flush()
    assert veil.asked == [b"onetwothree"]
    assert read(theirs) == turned(b"onetwothree")


def test_large_pieces_are_not_joined(pair: Pair) -> None:
    veil = Veil(pair[0])
    outbox = Outbox(pair[0], veil)
    pieces = [b"x" * JOIN, b"y" * JOIN]
    for piece in pieces:
        outbox.add(piece)
    outbox.flush()
    assert veil.asked[0] == pieces[0]


def test_what_a_transport_did_not_take_is_asked_for_again(pair: Pair) -> None:
    ours, theirs = pair
    veil = Veil(ours)
    veil.blocks = 2
    outbox = Outbox(ours, veil)
    outbox.add(b"one")
    outbox.add(b"two")
    assert not outbox.flush()
    outbox.add(b"three")
    assert not outbox.flush()
    assert outbox.sent == 0
    assert outbox.flush()
    assert all(later.startswith(veil.asked[0]) for later in veil.asked)
    assert (read(theirs), outbox.sent) == (turned(b"onetwothree"), 11)


def test_what_a_transport_took_in_part_goes_on_behind_that(pair: Pair) -> None:
    ours, theirs = pair
    veil = Veil(ours, most=4)
    outbox = Outbox(ours, veil)
    outbox.add(b"onetwothree")
    assert [outbox.flush(), outbox.sent] == [False, 4]
    assert [outbox.flush(), outbox.sent] == [False, 8]
    assert [outbox.flush(), outbox.sent] == [True, 11]
    assert veil.asked == [b"onetwothree", b"wothree", b"ree"]
    assert read(theirs) == turned(b"onetwothree")


def test_a_file_leaves_through_a_transport(pair: Pair, file: tuple[int, bytes]) -> None:
    ours, theirs = pair
    fd, data = file
    outbox = Outbox(ours, Veil(ours))
    outbox.add(b"head")
    outbox.add_file(fd, 1000, 500_000)
    outbox.add(b"tail")
    expected = b"head" + data[1000:501_000] + b"tail"
    assert deliver(outbox, theirs) == turned(expected)
    assert outbox.sent == len(expected)
    assert os.lseek(fd, 0, os.SEEK_CUR) == 0


def test_a_piece_of_a_file_that_a_transport_did_not_take_is_asked_for_again(
    pair: Pair, file: tuple[int, bytes]
) -> None:
    ours, theirs = pair
    fd, data = file
    veil = Veil(ours, most=10)
    veil.blocks = 1
    outbox = Outbox(ours, veil)
    outbox.add_file(fd, 0, 25)
    assert [outbox.flush() for _ in range(4)] == [False, False, False, True]
    assert veil.asked == [data[:25], data[:25], data[10:25], data[20:25]]
    assert read(theirs) == turned(data[:25])


def test_one_flush_reads_a_bounded_stretch_of_a_file(pair: Pair, file: tuple[int, bytes]) -> None:
    veil = Veil(pair[0])
    outbox = Outbox(pair[0], veil)
    outbox.add_file(file[0], 0, FILE_PIECE * 2)
    assert not outbox.flush()
    assert [len(data) for data in veil.asked] == [FILE_PIECE]


def test_a_file_that_became_shorter_is_an_error_through_a_transport(
    pair: Pair, tmp_path: Path
) -> None:
    ours, theirs = pair
    path = tmp_path / "file"
    path.write_bytes(b"x" * 1000)
    fd = os.open(path, os.O_RDONLY)
    outbox = Outbox(ours, Veil(ours))
    outbox.add_file(fd, 0, 1000)
    os.truncate(path, 600)
    with pytest.raises(OSError, match="shorter"):
        deliver(outbox, theirs)
    assert outbox.sent == 600
    outbox.clear()
    os.close(fd)


@given(
    st.lists(st.integers(0, 30_000), max_size=12), st.integers(1, 20_000), st.integers(500, 40_000)
)
def test_whatever_is_added_leaves_whole_and_in_order_through_a_transport(
    sizes: list[int], bite: int, most: int
) -> None:
    expected = b"".join(bytes([number]) * size for number, size in enumerate(sizes))
    got = b""
    with connected() as (ours, theirs):
        outbox = Outbox(ours, Veil(ours, most))
        for number, size in enumerate(sizes):
            outbox.add(bytes([number]) * size)
            outbox.flush()
            try:
                got += theirs.recv(bite)
            except BlockingIOError:
                pass
        got += deliver(outbox, theirs)
    assert got == turned(expected)
    assert outbox.sent == len(expected)
