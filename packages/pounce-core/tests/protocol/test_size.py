"""Sizes: what their letters stand for, and what is none."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pounce.protocol.size import Size

SIZE = Size(16)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("16", 16),
        ("99b", 99),
        ("1K", 1024),
        ("1kb", 1024),
        ("2KiB", 2048),
        (" 512M ", 512 * 1024**2),
        ("2 G", 2 * 1024**3),
        ("1t", 1024**4),
    ],
)
def test_reads(text: str, size: int) -> None:
    assert SIZE.read(text) == size


@pytest.mark.parametrize("text", ["", "K", "1.5G", "-1", "+1", "1_0", "1 K 2", "0x10", "1X", "٣"])
def test_is_no_size(text: str) -> None:
    with pytest.raises(ValueError, match="must be a size, 16 or more, in bytes or such as"):
        SIZE.read(text)


def test_is_too_small() -> None:
    with pytest.raises(ValueError, match="16 or more"):
        SIZE.read("15")


@pytest.mark.parametrize(("value", "size"), [(16, 16), ("1K", 1024)])
def test_accepts(value: Any, size: int) -> None:
    assert SIZE.accept(value) == size


@pytest.mark.parametrize("value", [15, True, 16.0, None, b"1K"])
def test_accepts_no(value: Any) -> None:
    with pytest.raises(ValueError, match="must be a size"):
        SIZE.accept(value)


@given(st.integers(16))
def test_reads_what_it_shows(size: int) -> None:
    assert SIZE.read(SIZE.show(size)) == size


def test_has_a_name_in_help() -> None:
    assert SIZE.metavar == "SIZE"
