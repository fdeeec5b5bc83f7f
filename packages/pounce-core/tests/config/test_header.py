"""Fields that the operator adds: their notation, and what could split or unframe a response."""

import pytest

from pounce.config.header import HeaderList, HeaderText

HEADER = HeaderText()


@pytest.mark.parametrize(
    ("text", "pair"),
    [
        ("x-a: b", ("x-a", "b")),
        ("X-A:b", ("x-a", "b")),
        ("x-a:\t b: c \t", ("x-a", "b: c")),
        ("x-a:", ("x-a", "")),
        ("x-a: caf\xe9", ("x-a", "caf\xe9")),
    ],
)
def test_reads(text: str, pair: tuple[str, str]) -> None:
    assert HEADER.read(text) == pair


@pytest.mark.parametrize(
    "text",
    [
        "x-a",
        ": b",
        "x a: b",
        "x-\xe9: b",
        "x-a: b\r\nx-b: c",
        "x-a: b\nc",
        "x-a: b\rc",
        "x-a: \0",
        "x-a: \x7f",
        "x-a: \u20ac",
    ],
)
def test_refuses(text: str) -> None:
    with pytest.raises(ValueError, match=r"must be a field|HTTP does not allow"):
        HEADER.read(text)


@pytest.mark.parametrize("name", ["Content-Length", "transfer-encoding", "connection", "upgrade"])
def test_refuses_a_field_that_frames(name: str) -> None:
    with pytest.raises(ValueError, match="which pounce itself keeps right"):
        HEADER.read(f"{name}: 1")


def test_accepts_a_pair() -> None:
    assert HEADER.accept(["X-A", "b"]) == ("x-a", "b")


@pytest.mark.parametrize("value", [1, ("a",), ("a", 1), (b"a", b"b"), ("a", "b", "c")])
def test_refuses_what_is_no_pair(value: object) -> None:
    with pytest.raises(ValueError, match="must be a field"):
        HEADER.accept(value)


def test_a_list_takes_pairs_and_lines() -> None:
    assert HeaderList().accept([("a", "b"), "c: d"]) == (("a", "b"), ("c", "d"))


def test_a_list_takes_a_table() -> None:
    assert HeaderList().accept({"a": "b", "c": "d"}) == (("a", "b"), ("c", "d"))


def test_a_list_as_text_has_a_field_on_each_line() -> None:
    assert HeaderList().read("a: b, c\nd: e\n") == (("a", "b, c"), ("d", "e"))


def test_a_list_reads_what_it_shows() -> None:
    value = (("a", "b"), ("c", "d"))
    assert HeaderList().read(HeaderList().show(value)) == value
