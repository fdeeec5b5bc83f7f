"""The settings of timeouts, each as it is read from text."""

from typing import Any

import pytest

from pounce.config.config import settings
from pounce.config.groups import timeouts
from pounce.protocol.setting import About


@pytest.mark.parametrize(
    ("about", "text", "value"),
    [
        (timeouts.TIMEOUT_HEAD, "none", None),
        (timeouts.TIMEOUT_DRAIN_DELAY, "5", 5.0),
        (timeouts.TIMEOUT_STALL, "0", None),
        (timeouts.TIMEOUT_GRACEFUL_SHUTDOWN, "0", 0.0),
    ],
)
def test_reads(about: About[Any], text: str, value: object) -> None:
    assert about.kind.read(text) == value


@pytest.mark.parametrize(
    "name", [name for name, about in vars(timeouts).items() if isinstance(about, About)]
)
def test_has_its_settings_name(name: str) -> None:
    assert settings()[name.lower()].kind is getattr(timeouts, name).kind
