"""What the registry is told of WebSocket.

It decides by which token a request asks for WebSocket, and when there is one at all. It never
speaks the protocol, and imports nothing heavy: that is for `load`, when it is first needed.
"""

from typing import Any

from pounce.protocol.descriptor import UpgradeDescriptor
from pounce_ws.settings import Settings


def load() -> Any:
    """Imports what serves WebSocket in a worker."""
    from pounce_ws.worker import WebSocketWorker

    return WebSocketWorker


def wanted(settings: Settings) -> bool:
    """Whether WebSocket is served: unless `--ws none`."""
    return settings.implementation != "none"


descriptor = UpgradeDescriptor(
    name="ws",
    title="WebSocket",
    # The interface that this was written for, not the one that happens to be installed.
    api=1,
    distribution="bengal-pounce-ws",
    settings=Settings,
    load=load,
    wanted=wanted,
    token=b"websocket",
)
