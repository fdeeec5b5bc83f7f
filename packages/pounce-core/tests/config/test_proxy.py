"""Trusted proxies: which entries can be meant."""

import pytest

from pounce.config.proxy import ProxyText

PROXY = ProxyText()


@pytest.mark.parametrize(
    "text", ["127.0.0.1", "::1", "10.0.0.0/8", "10.0.0.1/8", "fd00::/8", "*", "/run/proxy.sock"]
)
def test_takes(text: str) -> None:
    assert PROXY.accept(f" {text} ") == text


@pytest.mark.parametrize("value", ["", "10.0.0.0/33", "10.0.0", "a b", "12::34::56", 1])
def test_refuses(value: object) -> None:
    with pytest.raises(ValueError, match="must be an IP address, a network"):
        PROXY.accept(value)
