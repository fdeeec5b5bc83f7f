"""Files of NAME=value lines: every form of a value, and what is refused."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pounce.config.env_file import parse_env_file, read_env_file
from pounce.protocol.errors import ConfigError


def parse(text: str, environ: dict[str, str] | None = None) -> dict[str, str]:
    return parse_env_file(text, environ or {}, ".env")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", {}),
        ("\n \n# a comment\n", {}),
        ("A=1", {"A": "1"}),
        ("A=1\nB=2\n", {"A": "1", "B": "2"}),
        ("A=1\r\nB=2\r\n", {"A": "1", "B": "2"}),
        ("\ufeffA=1", {"A": "1"}),
        ("  A = 1 \t", {"A": "1"}),
        ("export A=1", {"A": "1"}),
        ("A=", {"A": ""}),
        ("A=\nB=2", {"A": "", "B": "2"}),
        ("A= # empty", {"A": ""}),
        ("A", {}),
        ("A=b c", {"A": "b c"}),
        ("A=b # c", {"A": "b"}),
        ("A=b#c", {"A": "b#c"}),
        ("A=b=c", {"A": "b=c"}),
        ("A=it's", {"A": "it's"}),
        ("A='b # c'", {"A": "b # c"}),
        ("A='b\nc' # d\nE=f", {"A": "b\nc", "E": "f"}),
        (r"A='b\n${C}'", {"A": r"b\n${C}"}),
        ('A="b # c"', {"A": "b # c"}),
        (r'A="b\nc\t\"d\\"', {"A": 'b\nc\t"d\\'}),
        ('A="b\nc"', {"A": "b\nc"}),
        ("A.B-C_9=1", {"A.B-C_9": "1"}),
        ("A=1\nA=2", {"A": "2"}),
        ("A=\xfc", {"A": "\xfc"}),
    ],
)
def test_reads(text: str, found: dict[str, str]) -> None:
    assert parse(text) == found


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("A=${B}", "b"),
        ("A=x${B}y${B}", "xbyb"),
        ('A="${B}"', "b"),
        ("A=${MISSING}", ""),
        ("A=${MISSING:-c}", "c"),
        ("A=${B:-c}", "b"),
        ("A=${EMPTY:-c}", "c"),
        ("A=$B", "$B"),
    ],
)
def test_refers_to_the_environment(text: str, value: str) -> None:
    assert parse(text, {"B": "b", "EMPTY": ""})["A"] == value


def test_refers_to_the_lines_above() -> None:
    assert parse("A=1\nB=${A}2\n")["B"] == "12"


def test_the_environment_counts_more_than_the_lines_above() -> None:
    assert parse("A=1\nB=${A}\n", {"A": "9"})["B"] == "9"


@pytest.mark.parametrize(
    ("text", "number"),
    [("A=1\nnot this\n", 2), ("A='b\n", 1), ('\n\nA="b', 3), ("1A=b", 1), ("A='b' c", 1)],
)
def test_refuses_by_the_line(text: str, number: int) -> None:
    with pytest.raises(ConfigError, match=rf"^line {number} of \.env is not NAME=value"):
        parse(text)


@given(
    st.dictionaries(
        st.from_regex(r"[A-Z]{1,5}", fullmatch=True),
        st.text(st.characters(exclude_characters="'\r", exclude_categories=["Cs"])),
    )
)
def test_what_is_in_single_quotes_is_read_as_it_stands(values: dict[str, str]) -> None:
    assert parse("".join(f"{name}='{value}'\n" for name, value in values.items())) == values


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        found = parse(text)
    except ConfigError:
        found = {}
    assert all(isinstance(value, str) for value in found.values())


def test_reads_a_file(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("A=\xfc\n", encoding="utf-8")
    assert read_env_file(str(file), {}) == {"A": "\xfc"}


def test_a_file_that_is_missing() -> None:
    with pytest.raises(ConfigError, match=r"^the file /nowhere of --env-file cannot be read: No"):
        read_env_file("/nowhere", {})


def test_a_file_that_is_no_text(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="is not UTF-8 text"):
        read_env_file(str(file), {})
