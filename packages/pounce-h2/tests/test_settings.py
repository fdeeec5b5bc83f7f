import dataclasses

import pytest

from pounce.protocol.setting import Protocol, settings_of
from pounce_h2.settings import Settings

SETTINGS = settings_of(Settings, Protocol("h2", "h2"))


def test_has_a_default_for_everything() -> None:
    assert Settings() == Settings()


def test_is_frozen() -> None:
    with pytest.raises((dataclasses.FrozenInstanceError, TypeError)):
        Settings().max_streams = 1  # type: ignore[misc]


@pytest.mark.parametrize("name", SETTINGS)
def test_says_what_each_is_for(name: str) -> None:
    setting = SETTINGS[name]
    assert setting.help
    assert setting.reason


@pytest.mark.parametrize(
    "name", [name for name, setting in SETTINGS.items() if not isinstance(setting.default, bool)]
)
def test_names_the_unit_of_each_number(name: str) -> None:
    assert SETTINGS[name].unit


def test_refuses_what_is_out_of_range() -> None:
    with pytest.raises(ValueError, match="max_streams must be a whole number from 1"):
        Settings(max_streams=0)


def test_refuses_a_window_smaller_than_the_first() -> None:
    with pytest.raises(ValueError, match="stream_window must be"):
        Settings(stream_window=1000)
