"""The settings for a server behind a proxy, each as it is read from text."""

from typing import Any

import pytest

from pounce.config.config import settings
from pounce.config.groups import proxy
from pounce.protocol.setting import About


@pytest.mark.parametrize(
    ("about", "text", "value"),
    [
        (proxy.PROXY_HEADERS, "off", False),
        (proxy.FORWARDED_ALLOW_IPS, "10.0.0.0/8,::1", ("10.0.0.0/8", "::1")),
    ],
)
def test_reads(about: About[Any], text: str, value: object) -> None:
    assert about.kind.read(text) == value


@pytest.mark.parametrize(
    "name", [name for name, about in vars(proxy).items() if isinstance(about, About)]
)
def test_has_its_settings_name(name: str) -> None:
    assert settings()[name.lower()].kind is getattr(proxy, name).kind
