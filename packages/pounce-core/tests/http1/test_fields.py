"""A field line read, and the name of each fault."""

import pytest

from pounce.http1.fields import parse_field
from pounce.protocol.errors import ProtocolError

IN_VALUES = frozenset([0x09, *range(0x20, 0x7F), *range(0x80, 0x100)])


def reason(line: bytes) -> str:
    with pytest.raises(ProtocolError) as caught:
        parse_field(line)
    assert caught.value.status == 400
    return caught.value.reason


def test_the_name_is_lowered_and_the_value_stripped() -> None:
    assert parse_field(b"X-Some_Name: \t a b\t ") == (b"x-some_name", b"a b")


def test_a_value_may_be_empty() -> None:
    assert parse_field(b"a:") == (b"a", b"")


def test_a_value_may_hold_colons() -> None:
    assert parse_field(b"Host: [::1]:80") == (b"host", b"[::1]:80")


@pytest.mark.parametrize("byte", sorted(set(range(256)) - IN_VALUES))
def test_a_control_character_in_a_value_is_refused(byte: int) -> None:
    reason(b"a: b" + bytes([byte]) + b"c")


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        (b"", "field-empty"),
        (b" folded: x", "field-folded"),
        (b"\tfolded", "field-folded"),
        (b"a: b\rc", "bare-cr-or-lf"),
        (b"a: b\nc", "bare-cr-or-lf"),
        (b"a: b\0c", "field-nul"),
        (b"a\0: b", "field-nul"),
        (b"no colon", "field-without-colon"),
        (b"a : b", "space-before-colon"),
        (b"a\t: b", "space-before-colon"),
        (b": b", "field-name"),
        (b"a b: c", "field-name"),
        (b"\xe4: c", "field-name"),
        (b"a: \x0bchunked", "field-value"),
        (b"a: \x7f", "field-value"),
    ],
)
def test_each_fault_has_its_name(line: bytes, fault: str) -> None:
    assert reason(line) == fault
