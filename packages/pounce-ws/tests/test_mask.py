"""The mask, by C and by Python: both are an exclusive or, and either serves without the other."""

import importlib.util
import sys
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

import pounce_ws.mask
from pounce_ws.mask import LANES, VIEW, mask, mask_plainly

type Mask = Callable[[bytes, int, int, bytes], bytes | bytearray]

both = pytest.mark.parametrize("lay", [mask, mask_plainly], ids=["mask", "plainly"])
KEYS = st.binary(min_size=4, max_size=4)


def one_by_one(data: bytes, key: bytes) -> bytes:
    return bytes(byte ^ key[at % 4] for at, byte in enumerate(data))


@both
@given(st.binary(max_size=40), st.binary(max_size=4), KEYS)
def test_a_mask_is_an_exclusive_or(lay: Mask, data: bytes, before: bytes, key: bytes) -> None:
    start, end = len(before), len(before) + len(data)
    assert lay(before + data + b"behind", start, end, key) == one_by_one(data, key)


@both
@pytest.mark.parametrize(
    "size",
    [0, 1, LANES - 1, LANES, LANES + 1, LANES + 2, LANES + 3, VIEW - 1, VIEW, VIEW + 1, 70_000],
)
def test_a_mask_over_much(lay: Mask, size: int) -> None:
    data = bytes(range(256)) * (size // 256 + 1)
    key = b"\x00\xff\x5a\x13"
    assert lay(data, 0, size, key) == one_by_one(data[:size], key)


@given(st.binary(max_size=64), st.integers(1, 400), st.integers(0, 9), KEYS)
def test_both_agree(piece: bytes, times: int, start: int, key: bytes) -> None:
    data = piece * times
    end = max(start, len(data))
    data += bytes(end - len(data))
    assert mask(data, start, end, key) == mask_plainly(data, start, end, key)


def test_without_the_extension_python_does_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "websockets.speedups", None)
    spec = importlib.util.spec_from_file_location("mask_alone", pounce_ws.mask.__file__)
    assert spec is not None
    assert spec.loader is not None
    alone = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(alone)
    assert alone.mask is alone.mask_plainly
