"""The settings of the application, each as it is read from text."""

from typing import Any

import pytest

from pounce.config.config import settings
from pounce.config.groups import application
from pounce.protocol.setting import About


@pytest.mark.parametrize(
    ("about", "text", "value"),
    [
        (application.APP_SCOPE, "Worker", "worker"),
        (application.FACTORY, "yes", True),
        (application.LIFESPAN, "off", "off"),
    ],
)
def test_reads(about: About[Any], text: str, value: object) -> None:
    assert about.kind.read(text) == value


@pytest.mark.parametrize(
    "name", [name for name, about in vars(application).items() if isinstance(about, About)]
)
def test_has_its_settings_name(name: str) -> None:
    assert settings()[name.lower()].kind is getattr(application, name).kind
