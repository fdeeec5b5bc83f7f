"""A FastAPI application, unchanged, on several workers: all that such applications do."""

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from signal import SIGTERM

import httpx
import pytest

from integration.apps import fastapi_app
from integration.tests.client import TIMEOUT, Client
from integration.tests.conftest import Fleet, checked
from integration.tests.record import Record
from integration.tests.serving import Served


@pytest.fixture(params=["threads", "processes"])
def served(fleet: Fleet, request: pytest.FixtureRequest) -> Iterator[Served]:
    yield from checked(fleet("fastapi_app", request.param))


@pytest.fixture
def client(served: Served) -> Iterator[httpx.Client]:
    """A client as people have them."""
    with httpx.Client(base_url=served.urls[0], timeout=TIMEOUT, trust_env=False) as client:
        yield client


def test_the_lifespan_state(client: httpx.Client) -> None:
    assert client.get("/").json() == {"hello": "world", "started": True}


def test_a_model(client: httpx.Client) -> None:
    response = client.post("/items", json={"name": "ä", "price": 1.5, "tags": ["x"]})
    assert response.status_code == 201
    assert response.json() == {"name": "ä", "price": 1.5, "tags": ["x", "created"]}


def test_a_model_that_is_not_valid(client: httpx.Client) -> None:
    response = client.post("/items", json={"name": "", "price": -1})
    assert response.status_code == 422
    assert [each["loc"] for each in response.json()["detail"]] == [
        ["body", "name"],
        ["body", "price"],
    ]


def test_path_query_and_header(client: httpx.Client) -> None:
    response = client.get("/items/7", params={"q": ["a b", "&"]}, headers={"x-agent": "7"})
    assert response.json() == {"number": 7, "q": ["a b", "&"], "agent": "7"}
    assert client.get("/items/seven").status_code == 422
    assert client.get("/items/404").json() == {"detail": "no such item"}


def test_a_form(client: httpx.Client) -> None:
    response = client.post("/form", data={"name": "Jo & Co", "age": "7"})
    assert response.json() == {"name": "Jo & Co", "age": 7}


def test_an_upload(client: httpx.Client) -> None:
    file = ("ä.bin", b"\0" * 3_000_000)
    response = client.post("/upload", files={"file": file}, data={"remark": "r"})
    assert response.json() == {"name": "ä.bin", "size": 3_000_000, "remark": "r"}


def test_plain_functions_run_in_threads_of_their_own(served: Served, client: httpx.Client) -> None:
    threads = {client.get("/sync").json()["thread"] for _ in range(5)}
    assert threads
    assert client.get("/stream-sync").text == "0\n1\n2\n3\n4\n"


def test_a_dependency_is_closed_after_the_response(
    client: httpx.Client, record: Record, token: str
) -> None:
    assert client.get("/depends", params={"token": token}).json() == {"given": "resource"}
    record.wait(token, "closed")
    assert record.now(token) == ["opened", "closed"]


def test_a_background_task(client: httpx.Client, record: Record, token: str) -> None:
    assert client.get("/background", params={"token": token}).json() == {"accepted": True}
    record.wait(token, "task ran")


def test_a_stream(client: httpx.Client) -> None:
    assert client.get("/stream").text == "0\n1\n2\n3\n4\n"


def test_a_file(client: httpx.Client) -> None:
    assert client.get("/file").content == Path(fastapi_app.__file__).read_bytes()


def test_context_variables_are_fresh_for_each_request(client: httpx.Client) -> None:
    assert [client.get("/context").json() for _ in range(3)] == ["fresh"] * 3


def test_an_exception_is_a_500_and_logged(served: Served, client: httpx.Client, token: str) -> None:
    served.announce(f"Deliberate: {token}")
    assert client.get("/fail", params={"token": token}).status_code == 500
    assert served.log.find(f"fastapi_app.Deliberate: {token}$")


def test_the_pages_that_fastapi_makes(client: httpx.Client) -> None:
    assert client.get("/openapi.json").json()["info"]["title"] == "FastAPI"
    assert "swagger" in client.get("/docs").text


def test_a_root_path(fleet: Fleet) -> None:
    served = fleet("fastapi_app", "thread", "--root-path=/api")
    with Client.to(served.address) as client:
        found = json.loads(client.get("/where").body)
        assert found == {"url": "http://test/api/where", "root_path": "/api"}
        page = json.loads(client.get("/openapi.json").body)
        assert page["servers"] == [{"url": "/api"}]


def test_many_clients_at_once(served: Served) -> None:
    """Every kind of request from many threads; nobody gets somebody else's answer."""
    barrier = threading.Barrier(16, timeout=TIMEOUT)

    def one(number: int) -> bool:
        with httpx.Client(base_url=served.urls[0], timeout=TIMEOUT, trust_env=False) as client:
            barrier.wait()
            for turn in range(5):
                mine = number * 1000 + turn
                if client.get(f"/items/{mine}").json()["number"] != mine:
                    return False
                made = client.post("/items", json={"name": str(mine), "price": 1}).json()
                if made["name"] != str(mine) or client.get("/sync").status_code != 200:
                    return False
            return True

    with ThreadPoolExecutor(16) as pool:
        assert all(pool.map(one, range(1, 17)))


def test_a_function_that_never_returns_does_not_keep_the_server(record: Record, token: str) -> None:
    with (
        Served("fastapi_app", "--timeout-graceful-shutdown=0.5", env=record.env) as served,
        Client.to(served.address) as client,
    ):
        client.ask(f"/sleep?token={token}")
        record.wait(token, "sleeps")
        served.signal(SIGTERM)
        assert served.wait() in {0, 1}
