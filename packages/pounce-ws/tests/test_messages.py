from typing import Any

import pytest

from pounce.protocol.errors import ResponseError
from pounce_ws.closing import Closed
from pounce_ws.messages import acceptance_of, body_of, closing_of, content_of


@pytest.mark.parametrize(
    ("message", "content"),
    [
        ({"text": "é"}, "é"),
        ({"text": "", "bytes": None}, ""),
        ({"bytes": b"x"}, b"x"),
        ({"bytes": b"", "text": None}, b""),
        ({"bytes": bytearray(b"x")}, b"x"),
        ({"bytes": memoryview(b"xyz")[::2]}, b"xz"),
    ],
)
def test_content(message: dict[str, Any], content: object) -> None:
    found = content_of(message)
    assert found == content
    assert type(found) is type(content)


@pytest.mark.parametrize(
    "message",
    [
        {},
        {"text": None, "bytes": None},
        {"text": "x", "bytes": b"x"},
        {"text": "", "bytes": b""},
        {"text": b"x"},
        {"bytes": "x"},
        {"bytes": [1]},
    ],
    ids=repr,
)
def test_content_that_is_none(message: dict[str, Any]) -> None:
    with pytest.raises(ResponseError):
        content_of(message)


@pytest.mark.parametrize(
    ("message", "closed"),
    [
        ({}, Closed(1000)),
        ({"code": None, "reason": None}, Closed(1000)),
        ({"code": 4000, "reason": "why"}, Closed(4000, "why")),
        ({"reason": "é" * 61}, Closed(1000, "é" * 61)),
    ],
)
def test_closing(message: dict[str, Any], closed: Closed) -> None:
    assert closing_of(message) == closed


@pytest.mark.parametrize(
    "message",
    [
        {"code": 0},
        {"code": 999},
        {"code": 1005},
        {"code": 1006},
        {"code": 5000},
        {"code": -1},
        {"code": 10**9},
        {"code": "1000"},
        {"code": True},
        {"reason": b"why"},
        {"reason": "x" * 124},
        {"reason": "\ud800"},
    ],
    ids=repr,
)
def test_closing_that_cannot_be(message: dict[str, Any]) -> None:
    with pytest.raises(ResponseError):
        closing_of(message)


def test_an_acceptance() -> None:
    message = {"subprotocol": "b", "headers": [(b"x-a", b"1"), [b"x-b", b"2"]]}
    assert acceptance_of(message, ["a", "b"]) == ("b", [(b"x-a", b"1"), (b"x-b", b"2")])


@pytest.mark.parametrize("message", [{}, {"subprotocol": None, "headers": None}], ids=repr)
def test_an_acceptance_of_nothing_more(message: dict[str, Any]) -> None:
    assert acceptance_of(message, ["a"]) == (None, [])


@pytest.mark.parametrize(
    "message",
    [
        {"subprotocol": "c"},
        {"subprotocol": ""},
        {"subprotocol": b"a"},
        {"subprotocol": "a\r\nx: y"},
        {"headers": [(b"sec-websocket-protocol", b"a")]},
        {"headers": [(b"Sec-WebSocket-Accept", b"a")]},
        {"headers": [(b"sec-websocket-extensions", b"permessage-deflate")]},
        {"headers": [("x", b"y")]},
        {"headers": [(b"x",)]},
        {"headers": 7},
    ],
    ids=repr,
)
def test_an_acceptance_that_cannot_be(message: dict[str, Any]) -> None:
    with pytest.raises(ResponseError):
        acceptance_of(message, ["a"])


def test_a_body() -> None:
    assert body_of({}) == b""
    assert body_of({"body": b"x"}) == body_of({"body": bytearray(b"x")}) == b"x"
    with pytest.raises(ResponseError):
        body_of({"body": "x"})
