"""WebSockets with a real client, on each kind of worker: handshake, messages, ends.

A test asks `open_socket` for its connection. Each way of carrying one is a parameter there: what
a test looks at is the same for all.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from socket import SHUT_RDWR
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from integration.tests.client import TIMEOUT, Client
from integration.tests.conftest import Fleet, checked
from integration.tests.record import Record
from integration.tests.serving import Served

WAYS = {"http1": "an Upgrade"}
KEY = "dGhlIHNhbXBsZSBub25jZQ=="
MESSAGES: list[str | bytes] = [
    "Hello",
    b"\x00\xff",
    "",
    b"",
    "é" * 100,
    "x" * 126,
    b"y" * 65_535,
    b"z" * 65_536,
    "κόσμε" * 20_000,
    bytes(3_000_000),
]

type OpenSocket = Callable[..., AbstractContextManager[ClientConnection]]


@pytest.fixture
def served(fleet: Fleet, kind: str) -> Iterator[Served]:
    yield from checked(fleet("sockets", kind))


@pytest.fixture(params=WAYS)
def open_socket(served: Served) -> OpenSocket:
    """Opens a path of the application; keyword arguments are the client's."""

    def opened(path: str, **options: Any) -> AbstractContextManager[ClientConnection]:
        host, port = served.address
        known: dict[str, Any] = {"max_size": None, "proxy": None, "open_timeout": TIMEOUT}
        socket: ClientConnection = connect(f"ws://{host}:{port}/{path}", **(known | options))
        return socket

    return opened


def closed_with(socket: ClientConnection) -> tuple[int, str]:
    """The code and reason with which the server ends it, after any messages."""
    with pytest.raises(ConnectionClosed) as caught:
        list(iter(lambda: socket.recv(TIMEOUT), None))
    assert caught.value.rcvd is not None
    return caught.value.rcvd.code, caught.value.rcvd.reason


# The handshake


def test_the_scope_is_a_websockets(open_socket: OpenSocket) -> None:
    with open_socket("who?x=1", subprotocols=["a", "b"]) as socket:
        scope = json.loads(socket.recv(TIMEOUT))
        assert socket.subprotocol == "b"
        assert socket.response is not None
        assert socket.response.headers["x-said"] == "by the application"
    assert scope["type"] == "websocket"
    assert scope["scheme"] == "ws"
    assert scope["path"] == "/who"
    assert scope["subprotocols"] == ["a", "b"]
    assert scope["extensions"] == {"websocket.http.response": {}}
    # Each connection has a state of its own.
    assert scope["state"] == {"count": 1}


def test_a_refused_handshake(open_socket: OpenSocket) -> None:
    with pytest.raises(InvalidStatus) as caught, open_socket("refuse"):
        pass
    assert caught.value.response.status_code == 403


def test_a_handshake_answered_by_a_response(open_socket: OpenSocket) -> None:
    with pytest.raises(InvalidStatus) as caught, open_socket("deny"):
        pass
    response = caught.value.response
    assert response.status_code == 401
    assert response.headers["x-why"] == "none"
    assert response.body == b"who are you"


def test_an_application_that_fails_before_it_answers(
    served: Served, open_socket: OpenSocket
) -> None:
    served.announce("exception in the application")
    with pytest.raises(InvalidStatus) as caught, open_socket("fail-before"):
        pass
    assert caught.value.response.status_code == 500


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        (("sec-websocket-version: 8", f"sec-websocket-key: {KEY}"), 426),
        ((f"sec-websocket-key: {KEY}",), 400),
        (("sec-websocket-version: 13",), 400),
        (("sec-websocket-version: 13", "sec-websocket-key: short"), 400),
    ],
)
def test_a_malformed_handshake(served: Served, fields: tuple[str, ...], status: int) -> None:
    with Client.to(served.address) as client:
        response = client.get("/echo", "GET", "connection: upgrade", "upgrade: websocket", *fields)
        assert response.status == status
        if status == 426:
            assert response.value(b"sec-websocket-version") == b"13"
        # It was a request like any other.
        assert client.get("/").body == b"http"


# Messages


@pytest.mark.parametrize("compression", ["deflate", None])
def test_messages_come_back(open_socket: OpenSocket, compression: str | None) -> None:
    with open_socket("echo", compression=compression) as socket:
        for message in MESSAGES:
            socket.send(message)
            assert socket.recv(TIMEOUT) == message


def test_messages_in_fragments_and_pings_between(open_socket: OpenSocket) -> None:
    with open_socket("echo") as socket:
        socket.send(["Hel", "", "lo"])
        assert socket.recv(TIMEOUT) == "Hello"
        assert socket.ping().wait(TIMEOUT)
        socket.send([b"x"] * 100)
        assert socket.recv(TIMEOUT) == b"x" * 100


def test_many_messages_at_once(open_socket: OpenSocket) -> None:
    with open_socket("echo") as socket:
        for number in range(500):
            socket.send(str(number))
        assert [socket.recv(TIMEOUT) for _ in range(500)] == [str(number) for number in range(500)]


# Ends


def test_the_application_is_told_how_the_client_ended(
    open_socket: OpenSocket, record: Record, token: str
) -> None:
    with open_socket(f"echo?{token}") as socket:
        socket.close(4001, "enough")
    assert record.wait(token, "disconnect") == [[4001, "enough"]]


def test_the_application_is_told_that_the_client_vanished(
    open_socket: OpenSocket, record: Record, token: str
) -> None:
    with open_socket(f"echo?{token}") as socket:
        # Shut and not closed: the client's own thread is still reading it.
        socket.socket.shutdown(SHUT_RDWR)
    assert record.wait(token, "disconnect") == [[1006, ""]]


@pytest.mark.parametrize(
    ("path", "code", "reason"), [("close", 4321, "enough"), ("leave", 1000, "")]
)
def test_the_client_is_told_how_the_application_ended(
    open_socket: OpenSocket, path: str, code: int, reason: str
) -> None:
    with open_socket(path) as socket:
        assert closed_with(socket) == (code, reason)


def test_the_client_is_told_that_the_application_failed(
    served: Served, open_socket: OpenSocket
) -> None:
    served.announce("exception in the application")
    with open_socket("fail-after") as socket:
        assert closed_with(socket) == (1011, "")
