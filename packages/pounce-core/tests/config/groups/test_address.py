"""The settings of addresses, each as it is read from text."""

from typing import Any

import pytest

from pounce.config.config import settings
from pounce.config.groups import address
from pounce.protocol.setting import About


@pytest.mark.parametrize(
    ("about", "text", "value"),
    [
        (address.PORT, "80", 80),
        (address.BIND, "a:1,unix:/x", ("a:1", "unix:/x")),
        (address.UDS_PERMISSIONS, "660", 0o660),
    ],
)
def test_reads(about: About[Any], text: str, value: object) -> None:
    assert about.kind.read(text) == value


@pytest.mark.parametrize(
    "name", [name for name, about in vars(address).items() if isinstance(about, About)]
)
def test_has_its_settings_name(name: str) -> None:
    assert settings()[name.lower()].kind is getattr(address, name).kind
