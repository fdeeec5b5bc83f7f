"""Heads of frames."""

import pytest

from pounce_ws.frames import BINARY, FIN, PING, RSV1, TEXT, head


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        (0, b"\x82\x00"),
        (125, b"\x82\x7d"),
        (126, b"\x82\x7e\x00\x7e"),
        (65_535, b"\x82\x7e\xff\xff"),
        (65_536, b"\x82\x7f\x00\x00\x00\x00\x00\x01\x00\x00"),
    ],
)
def test_a_length_is_written_in_the_shortest_way(size: int, expected: bytes) -> None:
    assert head(FIN | BINARY, size) == expected


@pytest.mark.parametrize("first", [FIN | TEXT, FIN | RSV1 | TEXT, FIN | PING])
def test_the_first_byte_is_as_it_was_given(first: int) -> None:
    assert head(first, 1) == bytes((first, 1))
