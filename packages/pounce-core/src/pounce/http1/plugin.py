"""HTTP/1.1's descriptor: the protocol of a connection that nothing else claims."""

from typing import Any

from pounce.http1.settings import Http1Settings
from pounce.protocol.descriptor import API, ConnectionDescriptor


def _load() -> Any:
    from pounce.http1.worker import Http1Worker

    return Http1Worker


descriptor = ConnectionDescriptor(
    name="http1",
    title="HTTP/1.1",
    api=API,
    distribution="bengal-pounce",
    settings=Http1Settings,
    load=_load,
    alpn=(b"http/1.1", b"http/1.0"),
    default=True,
)
