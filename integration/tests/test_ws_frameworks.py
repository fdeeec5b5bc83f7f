"""WebSocket endpoints of Starlette and FastAPI, unchanged, on several workers."""

import json
from collections.abc import Iterator

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from integration.tests.client import TIMEOUT
from integration.tests.conftest import Fleet, checked
from integration.tests.record import Record
from integration.tests.serving import Served

WORKERS = ["threads", "processes"]


@pytest.fixture(params=WORKERS)
def starlette(fleet: Fleet, request: pytest.FixtureRequest) -> Iterator[Served]:
    yield from checked(fleet("starlette_app", request.param))


@pytest.fixture(params=WORKERS)
def fastapi(fleet: Fleet, request: pytest.FixtureRequest) -> Iterator[Served]:
    yield from checked(fleet("fastapi_app", request.param))


def open_socket(served: Served, path: str, *subprotocols: str) -> ClientConnection:
    host, port = served.address
    return connect(
        f"ws://{host}:{port}{path}",
        proxy=None,
        open_timeout=TIMEOUT,
        subprotocols=[Subprotocol(each) for each in subprotocols] or None,
        additional_headers={"x-agent": "a test"},
    )


def test_a_loop_over_messages(starlette: Served, record: Record, token: str) -> None:
    with open_socket(starlette, f"/shout?token={token}", "loud", "low") as socket:
        assert socket.subprotocol == "loud"
        assert socket.response is not None
        assert socket.response.headers["x-a"] == "b"
        for text in ("hello", "ä" * 1000):
            socket.send(text)
            assert socket.recv(TIMEOUT) == text.upper()
    record.wait(token, "left")


def test_sending_and_receiving_side_by_side(starlette: Served) -> None:
    with open_socket(starlette, "/ticker") as socket:
        assert [socket.recv(TIMEOUT) for _ in range(5)] == [b"tick"] * 5
        socket.send("enough")
        with pytest.raises(ConnectionClosed) as caught:
            list(iter(lambda: socket.recv(TIMEOUT), None))
        assert caught.value.rcvd is not None
        assert (caught.value.rcvd.code, caught.value.rcvd.reason) == (4000, "enough")


def test_a_response_instead_of_a_connection(starlette: Served) -> None:
    with pytest.raises(InvalidStatus) as caught, open_socket(starlette, "/members"):
        pass
    assert caught.value.response.status_code == 401
    assert caught.value.response.body == b"members only"


def test_a_path_that_is_none(starlette: Served) -> None:
    with pytest.raises(InvalidStatus) as caught, open_socket(starlette, "/nothing"):
        pass
    assert caught.value.response.status_code == 403


def test_parameters_and_json(fastapi: Served, record: Record, token: str) -> None:
    with open_socket(fastapi, f"/rooms/7?name={token}") as socket:
        greeting = {"room": 7, "name": token, "agent": "a test"}
        assert json.loads(socket.recv(TIMEOUT)) == greeting
        socket.send(json.dumps({"a": [1, 2]}))
        assert json.loads(socket.recv(TIMEOUT)) == {"said": {"a": [1, 2]}}
        socket.close(4004, "tired")
    assert record.wait(token, "left") == [[4004, "tired"]]


@pytest.mark.parametrize("path", ["/rooms/x?name=a", "/rooms/7", "/rooms/7?name=nobody"])
def test_what_the_framework_refuses(fastapi: Served, path: str) -> None:
    with pytest.raises(InvalidStatus) as caught, open_socket(fastapi, path):
        pass
    assert caught.value.response.status_code == 403
