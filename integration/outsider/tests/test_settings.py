"""The settings of both protocols."""

import pytest

from pounce_sample.settings import LineSettings, ShoutSettings


def test_they_can_be_made_without_arguments() -> None:
    assert (LineSettings().greeting, LineSettings().longest) == ("hello", 8192)
    assert ShoutSettings().mark == "!"


def test_a_size_may_be_written_as_people_do() -> None:
    assert LineSettings(longest="1K").longest == 1024  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]


def test_a_value_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="longest must be a size, 1 or more"):
        LineSettings(longest=0)


@pytest.mark.parametrize("path", ["lines", "", "/\xe4"])
def test_a_path_begins_with_a_slash(path: str) -> None:
    with pytest.raises(ValueError, match="path must begin with a slash"):
        LineSettings(path=path)


def test_a_greeting_is_one_line() -> None:
    with pytest.raises(ValueError, match="greeting must be text without control"):
        LineSettings(greeting="a\nb")
