"""The settings of workers, each as it is read from text."""

from typing import Any

import pytest

from pounce.config.config import settings
from pounce.config.groups import worker
from pounce.protocol.setting import About


@pytest.mark.parametrize(
    ("about", "text", "value"),
    [
        (worker.WORKERS, "auto", "auto"),
        (worker.LIMIT_MAX_MEMORY, "2G", 2 * 1024**3),
        (worker.LIMIT_MAX_AGE, "3600", 3600.0),
        (worker.LIMIT_RESTARTS, "0", 0),
        (worker.LIMIT_RESTARTS, "none", None),
    ],
)
def test_reads(about: About[Any], text: str, value: object) -> None:
    assert about.kind.read(text) == value


@pytest.mark.parametrize(
    "name", [name for name, about in vars(worker).items() if isinstance(about, About)]
)
def test_has_its_settings_name(name: str) -> None:
    assert settings()[name.lower()].kind is getattr(worker, name).kind
