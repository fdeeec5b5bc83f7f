"""The settings of logs, each as it is read from text."""

from typing import Any

import pytest

from pounce.config.config import settings
from pounce.config.groups import logs
from pounce.protocol.setting import About


@pytest.mark.parametrize(
    ("about", "text", "value"),
    [
        (logs.LOG_LEVEL, "DEBUG", "debug"),
        (logs.USE_COLORS, "auto", None),
        (logs.ACCESS_LOG_FORMAT, "json", "json"),
    ],
)
def test_reads(about: About[Any], text: str, value: object) -> None:
    assert about.kind.read(text) == value


@pytest.mark.parametrize(
    "name", [name for name, about in vars(logs).items() if isinstance(about, About)]
)
def test_has_its_settings_name(name: str) -> None:
    assert settings()[name.lower()].kind is getattr(logs, name).kind
