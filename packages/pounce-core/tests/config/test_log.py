"""Log levels by name and number, and where a logging configuration is."""

from pathlib import Path

import pytest

from pounce.config.log import LEVELS, LevelName, LogConfigSource


@pytest.mark.parametrize("name", list(LEVELS))
def test_a_level_by_its_number(name: str) -> None:
    assert LevelName().accept(dict(LEVELS)[name]) == name  # type: ignore[index]


def test_a_level_in_capitals() -> None:
    assert LevelName().read("WARNING") == "warning"


@pytest.mark.parametrize("value", ["loud", 7, True, None])
def test_no_level(value: object) -> None:
    with pytest.raises(ValueError, match="must be one of critical"):
        LevelName().accept(value)


@pytest.mark.parametrize(
    ("value", "source"),
    [
        ("log.json", "log.json"),
        (Path("log.json"), "log.json"),
        ({"version": 1}, {"version": 1}),
        ("", None),
        (None, None),
    ],
)
def test_a_source(value: object, source: object) -> None:
    assert LogConfigSource().accept(value) == source


@pytest.mark.parametrize("value", [1, ["log.json"], "a\0b"])
def test_no_source(value: object) -> None:
    with pytest.raises(ValueError, match=r"must be a \.json"):
        LogConfigSource().accept(value)


@pytest.mark.parametrize(("value", "text"), [(None, ""), ("a", "a"), ({"a": 1}, "{'a': 1}")])
def test_shows(value: str | dict[str, object] | None, text: str) -> None:
    assert LogConfigSource().show(value) == text
