"""The plain transport's descriptor: the socket as it is, with nothing around it."""

from dataclasses import dataclass
from typing import Any

from pounce.protocol.descriptor import API, TransportDescriptor


@dataclass(frozen=True, slots=True, kw_only=True)
class PlainSettings:
    """The plain transport has no settings."""


def _load() -> Any:
    from pounce.worker.channel import Channel

    return Channel


descriptor = TransportDescriptor(
    name="plain",
    api=API,
    distribution="bengal-pounce",
    settings=PlainSettings,
    load=_load,
    scheme="http",
)
