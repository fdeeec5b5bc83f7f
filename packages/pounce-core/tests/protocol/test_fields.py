"""Each byte in each place of a name and a value; authorities, lists and lengths."""

import pytest

from pounce.protocol.fields import LOWER, VALUE, is_authority, is_token, members, parse_length

TCHAR = frozenset(b"!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
IN_VALUES = frozenset([0x09, *range(0x20, 0x7F), *range(0x80, 0x100)])


@pytest.mark.parametrize("byte", range(256))
def test_a_name_holds_tchar_only(byte: int) -> None:
    assert is_token(bytes([byte])) == (byte in TCHAR)


@pytest.mark.parametrize("byte", sorted(TCHAR))
def test_a_name_is_lowered_as_ascii_is(byte: int) -> None:
    assert LOWER[byte : byte + 1] == bytes([byte]).lower()


@pytest.mark.parametrize("byte", range(256))
def test_a_value_holds_no_control_character_but_tab(byte: int) -> None:
    assert (VALUE[byte] == byte) == (byte in IN_VALUES)


def test_an_empty_name_is_no_token() -> None:
    assert not is_token(b"")


@pytest.mark.parametrize(
    "value",
    [
        b"example.com",
        b"example.com:8000",
        b"example.com:",
        b"127.0.0.1",
        b"[::1]",
        b"[2001:db8::1]:443",
        b"a_b",
        b"%41",
        b"a,b;c=d",
    ],
)
def test_an_authority(value: bytes) -> None:
    assert is_authority(value)


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b":80",
        b"a@b",
        b"a b",
        b"a/b",
        b"a?b",
        b"a#b",
        b"a\\b",
        b"a:b",
        b"a:80:80",
        b"a:123456",
        b"::1",
        b"[::1",
        b"[]",
        b"[::1]x",
        b"[fe80::1%25lo]",
        b"%4",
        b"%zz",
        b"\xe4",
        b"<a>",
        b'"a"',
        b"a\n",
    ],
)
def test_no_authority(value: bytes) -> None:
    assert not is_authority(value)


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (b"", []),
        (b",", []),
        (b"a", [b"a"]),
        (b"A , b\t,,", [b"a", b"b"]),
        (b"keep-alive, Upgrade", [b"keep-alive", b"upgrade"]),
    ],
)
def test_the_members_of_a_list(value: bytes, found: list[bytes]) -> None:
    assert members(value) == found


@pytest.mark.parametrize(
    ("digits", "length"),
    [(b"0", 0), (b"0007", 7), (b"9" * 18, int("9" * 18))],
)
def test_a_length_is_digits(digits: bytes, length: int) -> None:
    assert parse_length(digits) == length


@pytest.mark.parametrize(
    "digits", [b"", b"+5", b"-5", b"1_0", b" 5", b"5,5", b"0x5", b"5\x0b", b"\xb2", b"9" * 19]
)
def test_no_length(digits: bytes) -> None:
    assert parse_length(digits) is None
