"""Each kind by itself: what it reads from text, accepts from Python and TOML, and refuses."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pounce.protocol.kind import (
    ApplicationName,
    Choice,
    Kind,
    Optional,
    OrWord,
    PathText,
    Repeated,
    Seconds,
    Switch,
    Text,
    Unlimited,
    Whole,
    shown,
)

SWITCH = Switch()
WHOLE = Whole(1, 9)
SECONDS = Seconds()
CHOICE = Choice[str](("auto", "on"))
LIMIT = Unlimited(Whole(1))
WORD = OrWord[float, None](Seconds(), "none", None)
LIST = Repeated(Whole(1), ",")


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (SWITCH, "true", True),
        (SWITCH, " Yes ", True),
        (SWITCH, "on", True),
        (SWITCH, "1", True),
        (SWITCH, "false", False),
        (SWITCH, "NO", False),
        (SWITCH, "off", False),
        (SWITCH, "0", False),
        (WHOLE, "1", 1),
        (WHOLE, " 9 ", 9),
        (Whole(0), "1_000", 1000),
        (SECONDS, "2", 2.0),
        (SECONDS, "0.5", 0.5),
        (Seconds(zero=True), "0", 0.0),
        (CHOICE, "AUTO", "auto"),
        (Text(), "a b", "a b"),
        (PathText(), "a/b", "a/b"),
        (LIMIT, "none", None),
        (LIMIT, "None", None),
        (LIMIT, "0", None),
        (LIMIT, "7", 7),
        (WORD, "none", None),
        (WORD, "7", 7.0),
        (OrWord[int, str](WHOLE, "auto", "auto"), "auto", "auto"),
        (Optional(PathText()), "", None),
        (Optional(PathText()), "x", "x"),
        (LIST, "1, 2,,3", (1, 2, 3)),
        (LIST, "", ()),
        (ApplicationName(), " a:b ", "a:b"),
    ],
)
def test_reads(kind: Kind[Any], text: str, value: object) -> None:
    assert kind.read(text) == value


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (SWITCH, "maybe"),
        (SWITCH, ""),
        (WHOLE, "0"),
        (WHOLE, "10"),
        (WHOLE, "1.0"),
        (WHOLE, "one"),
        (WHOLE, ""),
        (SECONDS, "0"),
        (SECONDS, "-1"),
        (SECONDS, "nan"),
        (SECONDS, "inf"),
        (SECONDS, "5s"),
        (CHOICE, "off"),
        (Text(), "a\nb"),
        (Text(), "\x7f"),
        (Text(), "\udcff"),
        (PathText(), ""),
        (PathText(), "a\0b"),
        (LIMIT, "-1"),
        (LIMIT, "many"),
        (WORD, "0"),
        (LIST, "1,x"),
        (ApplicationName(), " "),
    ],
)
def test_refuses_text(kind: Kind[Any], text: str) -> None:
    with pytest.raises(ValueError, match="must be"):
        kind.read(text)


@pytest.mark.parametrize(
    ("kind", "value", "accepted"),
    [
        (SWITCH, True, True),
        (WHOLE, 9, 9),
        (SECONDS, 3, 3.0),
        (CHOICE, "ON", "on"),
        (PathText(), Path("a/b"), "a/b"),
        (LIMIT, None, None),
        (LIMIT, 0, None),
        (LIMIT, "none", None),
        (WORD, None, None),
        (WORD, "none", None),
        (Optional(PathText()), None, None),
        (Optional(PathText()), "", None),
        (LIST, [1, 2], (1, 2)),
        (LIST, (1,), (1,)),
        (LIST, "1,2", (1, 2)),
        (ApplicationName(), len, len),
    ],
)
def test_accepts(kind: Kind[Any], value: object, accepted: object) -> None:
    assert kind.accept(value) == accepted


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (SWITCH, 1),
        (SWITCH, "true"),
        (WHOLE, True),
        (WHOLE, 1.0),
        (WHOLE, "1"),
        (SECONDS, True),
        (SECONDS, "1"),
        (SECONDS, None),
        (CHOICE, 1),
        (Text(), None),
        (PathText(), 1),
        (PathText(), None),
        (LIMIT, False),
        (LIMIT, -1),
        (WORD, 0),
        (LIST, 1),
        (LIST, [0]),
        (ApplicationName(), None),
        (ApplicationName(), 1),
    ],
)
def test_refuses_a_value(kind: Kind[Any], value: object) -> None:
    with pytest.raises(ValueError, match="must be"):
        kind.accept(value)


def test_a_refusal_says_what_is_expected_and_what_was_given() -> None:
    with pytest.raises(ValueError, match=r"^must be a whole number from 1 to 9, not '12'$"):
        WHOLE.read("12")


def test_a_refusal_of_a_limit_names_the_word_that_lifts_it() -> None:
    with pytest.raises(ValueError, match="1 or more, or none for no limit, not 'x'"):
        LIMIT.read("x")


def test_a_long_value_is_cut_off_in_a_message() -> None:
    assert len(shown("x" * 1000)) == 60


def test_a_value_of_several_lines_is_shown_on_one() -> None:
    assert "\n" not in shown("a\nb")


def test_of_repeated_options_the_last_counts() -> None:
    assert WHOLE.read_each(["3", "4"]) == 4


def test_of_a_repeated_list_all_count() -> None:
    assert LIST.read_each(["3,4", "5"]) == (3, 4, 5)


@given(st.integers(1, 9))
def test_what_a_number_shows_it_reads(value: int) -> None:
    assert WHOLE.read(WHOLE.show(value)) == value


@given(st.lists(st.integers(min_value=1)).map(tuple))
def test_what_a_list_shows_it_reads(value: tuple[int, ...]) -> None:
    assert LIST.read(LIST.show(value)) == value


@pytest.mark.parametrize("value", [True, False])
def test_what_a_switch_shows_it_reads(value: bool) -> None:
    assert SWITCH.read(SWITCH.show(value)) is value


@pytest.mark.parametrize(
    ("kind", "value", "text"),
    [
        (LIMIT, None, "none"),
        (LIMIT, 5, "5"),
        (WORD, None, "none"),
        (WORD, 2.5, "2.5"),
        (Optional(PathText()), None, ""),
        (SECONDS, 75.0, "75"),
        (ApplicationName(), "a:b", "a:b"),
    ],
)
def test_shows(kind: Kind[Any], value: object, text: str) -> None:
    assert kind.show(value) == text


@pytest.mark.parametrize(
    ("kind", "metavar"),
    [
        (WHOLE, "N"),
        (SECONDS, "SECONDS"),
        (CHOICE, "{auto,on}"),
        (LIMIT, "N"),
        (PathText("DIR"), "DIR"),
        (Optional(PathText("FILE")), "FILE"),
        (WORD, "SECONDS"),
        (LIST, "N"),
        (SWITCH, "BOOL"),
        (Text(), "TEXT"),
        (ApplicationName(), "APP"),
    ],
)
def test_stands_in_help_as(kind: Kind[Any], metavar: str) -> None:
    assert kind.metavar == metavar
