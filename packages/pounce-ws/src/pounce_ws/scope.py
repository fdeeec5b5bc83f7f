"""Makes the `websocket` scope of a request (ASGI WebSocket spec 2.5, "Connection Scope").

Decides what differs from the `http` scope, which core has made; never reads the request again.
"""

from typing import Final

from pounce.protocol.asgi import Scope

SCHEMES: Final = {"http": "ws", "https": "wss"}


def turn_into_websocket(scope: Scope, subprotocols: list[str]) -> None:
    """Changes an `http` scope, made of fresh objects, into the one of a WebSocket."""
    scope["type"] = "websocket"
    scope["scheme"] = SCHEMES.get(scope["scheme"], scope["scheme"])
    scope["subprotocols"] = subprotocols
    scope.pop("method", None)
    kept = {name: value for name, value in scope["extensions"].items() if name == "tls"}
    scope["extensions"] = {"websocket.http.response": {}, **kept}
