"""The settings of the reload, each as it is read from text."""

from typing import Any

import pytest

from pounce.config.config import settings
from pounce.config.groups import reloading
from pounce.protocol.setting import About


@pytest.mark.parametrize(
    ("about", "text", "value"),
    [
        (reloading.RELOAD, "1", True),
        (reloading.RELOAD_DIRS, "src,lib", ("src", "lib")),
        (reloading.RELOAD_DELAY, "0", 0.0),
        (reloading.RELOAD_EXCLUDES, "*_pb2.py", ("*_pb2.py",)),
    ],
)
def test_reads(about: About[Any], text: str, value: object) -> None:
    assert about.kind.read(text) == value


@pytest.mark.parametrize(
    "name", [name for name, about in vars(reloading).items() if isinstance(about, About)]
)
def test_has_its_settings_name(name: str) -> None:
    assert settings()[name.lower()].kind is getattr(reloading, name).kind
