from typing import Any

import pytest

from pounce_ws.scope import turn_into_websocket


def scope(**parts: Any) -> dict[str, Any]:
    known = {"type": "http", "method": "GET", "scheme": "http", "path": "/", "extensions": {}}
    return known | parts


def test_it_is_a_websockets() -> None:
    made = scope(state={"a": 1})
    turn_into_websocket(made, ["chat"])
    assert made == {
        "type": "websocket",
        "scheme": "ws",
        "path": "/",
        "subprotocols": ["chat"],
        "extensions": {"websocket.http.response": {}},
        "state": {"a": 1},
    }


@pytest.mark.parametrize(
    ("scheme", "found"), [("http", "ws"), ("https", "wss"), ("ws", "ws"), ("wss", "wss")]
)
def test_the_scheme_is_a_websockets(scheme: str, found: str) -> None:
    made = scope(scheme=scheme)
    turn_into_websocket(made, [])
    assert made["scheme"] == found


def test_extensions_of_http_are_left_out_and_that_of_tls_is_kept() -> None:
    made = scope(extensions={"tls": {"version": 772}, "http.response.trailers": {}})
    turn_into_websocket(made, [])
    assert made["extensions"] == {"tls": {"version": 772}, "websocket.http.response": {}}
