"""Builds the ASGI `http` scope of a request (ASGI HTTP spec 2.5, "Connection Scope").

Decides what the application is told of a request; never what is done with it. Every scope is
made of fresh objects: what one request changes, no other sees. Hot path: `build`; benchmark:
integration/bench.
"""

from typing import Any, Final
from urllib.parse import quote, unquote_to_bytes

from pounce.guard.proxies import TrustedProxies
from pounce.protocol.exchange import RequestHead
from pounce.protocol.roles import Peer

SPEC_VERSION: Final = "2.5"


class ScopeBuilder:
    """Makes scopes for one worker, which owns it.

    Args:
        root_path: where the application is mounted, `""` or a path such as `"/api"`.
        state: the lifespan's state, copied for each request; None without a lifespan.
        proxies: reads forwarding fields, for peers that are trusted.
    """

    def __init__(
        self, root_path: str, state: dict[str, Any] | None, proxies: TrustedProxies | None
    ) -> None:
        self._root_path = root_path
        self._raw_root = quote(root_path).encode()
        self._state = state
        self._proxies = proxies

    def build(self, head: RequestHead, peer: Peer) -> dict[str, Any]:
        """The scope of one request. Hot path."""
        raw_path = head.raw_path
        # The server as a whole ("*") is under no path.
        root_path = self._root_path if raw_path.startswith(b"/") else ""
        path = (
            raw_path.decode("ascii")
            if b"%" not in raw_path
            else unquote_to_bytes(raw_path).decode("utf-8", "replace")
        )
        client, scheme = peer.client, peer.scheme
        if head.forwarded and peer.trusted and self._proxies is not None:
            client, scheme = self._proxies.origin(head, peer)
        scope: dict[str, Any] = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": SPEC_VERSION},
            "http_version": head.version,
            "method": head.method,
            "scheme": scheme,
            "path": root_path + path if root_path else path,
            "raw_path": self._raw_root + raw_path if root_path else raw_path,
            "query_string": head.query,
            "root_path": self._root_path,
            "headers": head.headers,
            "client": client,
            "server": peer.server,
            "extensions": {
                "http.response.pathsend": {},
                "http.response.trailers": {},
                "http.response.early_hint": {},
            },
        }
        if self._state is not None:
            scope["state"] = self._state.copy()
        if peer.tls is not None:
            scope["extensions"]["tls"] = dict(peer.tls)
        return scope
