import sys
import tracemalloc

from hypothesis import given
from hypothesis import strategies as st

from pounce_ws.pieces import SMALL, SOME, Pieces


@given(st.lists(st.text(max_size=20)))
def test_the_whole_is_its_pieces(texts: list[str]) -> None:
    pieces = Pieces[str]("".join)
    for text in texts:
        pieces.add(text)
    assert pieces.take() == "".join(texts)
    assert pieces.take() == ""


def test_small_and_large_pieces_keep_their_order() -> None:
    pieces = Pieces[bytes](b"".join)
    sizes = [1, SMALL, 2, 3, SMALL - 1, SMALL + 1] + [1] * (2 * SOME + 1) + [SMALL, 1]
    parts = [bytes([number % 256]) * size for number, size in enumerate(sizes)]
    for part in parts:
        pieces.add(part)
    assert pieces.take() == b"".join(parts)


def test_a_piece_alone_is_not_copied() -> None:
    piece = bytes(SMALL)
    pieces = Pieces[bytes](b"".join)
    pieces.add(piece)
    assert pieces.take() is piece


def test_many_small_pieces_take_no_more_than_the_whole() -> None:
    pieces = Pieces[bytes](b"".join)
    count = 300_000
    tracemalloc.start()
    for _ in range(count):
        pieces.add(bytes(2))
    used, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert used < 2 * count + (SOME * sys.getsizeof(bytes(2))) + count // 2
