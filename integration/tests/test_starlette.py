"""A Starlette application, unchanged, on several workers: all that such applications do."""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from integration.apps import starlette_app
from integration.tests.client import Client, Incomplete, request
from integration.tests.conftest import Fleet, checked
from integration.tests.record import Record
from integration.tests.serving import Served

KINDS = ("threads", "processes")


@pytest.fixture(params=KINDS)
def served(fleet: Fleet, request: pytest.FixtureRequest) -> Iterator[Served]:
    yield from checked(fleet("starlette_app", request.param))


@pytest.fixture
def client(served: Served) -> Iterator[Client]:
    with Client.to(served.address) as client:
        yield client


def test_path_query_and_cookies(served: Served, client: Client) -> None:
    found = json.loads(client.get("/show/a%20%C3%A9/7?x=1&x=2&y=%26", "GET", "cookie: k=v").body)
    assert found == {
        "path": {"name": "a é", "number": 7},
        "query": [["x", "1"], ["x", "2"], ["y", "&"]],
        "cookies": {"k": "v"},
        "url": "http://test/show/a é/7?x=1&x=2&y=%26",
        "here": "http://test/show/x/1",
        "root_path": "",
    }


def test_json(client: Client) -> None:
    value = {"text": "é" * 50_000, "numbers": list(range(1000))}
    response = client.get("/json", "POST", body=json.dumps(value).encode())
    assert json.loads(response.body) == value


def test_a_form(client: Client) -> None:
    kind = "content-type: application/x-www-form-urlencoded"
    response = client.get("/form", "POST", kind, body=b"a=1&b=two+words&a=%C3%A9")
    assert json.loads(response.body) == [["a", "1"], ["b", "two words"], ["a", "é"]]


def test_a_stream_out(client: Client) -> None:
    response = client.get("/stream-out")
    assert response.value(b"transfer-encoding") == b"chunked"
    assert response.body == b"0\n1\n2\n3\n4\n"


def test_several_cookies_stay_several_fields(client: Client) -> None:
    assert len(client.get("/cookies").values(b"set-cookie")) == 2


def test_a_redirect(client: Client) -> None:
    response = client.get("/redirect")
    assert response.status == 307
    assert response.value(b"location") == b"http://test/show/there/2"


def test_an_http_exception(client: Client) -> None:
    response = client.get("/teapot")
    assert response.status == 418
    assert response.value(b"x-tea") == b"yes"
    assert response.body == b"short and stout"


def test_no_route(client: Client) -> None:
    assert client.get("/nowhere").status == 404
    assert client.get("/json").status == 405


def test_an_exception_is_a_500_and_logged(served: Served, client: Client, token: str) -> None:
    served.announce(f"Deliberate: {token}")
    response = client.get(f"/fail?token={token}")
    assert response.status == 500
    assert served.log.find(f"starlette_app.Deliberate: {token}$")


def test_an_exception_in_a_stream_leaves_it_incomplete(
    served: Served, client: Client, token: str
) -> None:
    served.announce(f"Deliberate: {token}")
    with pytest.raises(Incomplete) as error:
        client.get(f"/fail-streaming?token={token}")
    assert error.value.response.body == b"half"
    assert served.log.find(f"starlette_app.Deliberate: {token}$")


def test_a_background_task_runs_after_the_response(
    client: Client, record: Record, token: str
) -> None:
    """The connection is free for further requests while it does."""
    assert json.loads(client.get(f"/background?token={token}").body) == {"accepted": True}
    record.wait(token, "task began")
    assert client.get("/stream-out").status == 200
    assert record.now(token) == ["task began"]
    assert client.get(f"/release?token={token}").status == 204
    record.wait(token, "thread ran")
    assert record.now(token) == ["task began", "task ended", "thread ran"]


def test_a_client_that_is_there_and_then_leaves(served: Served, record: Record, token: str) -> None:
    with Client.to(served.address) as client:
        client.ask(f"/disconnected?token={token}")
        assert record.wait(token, "there") == [False]
    record.wait(token, "gone")


@pytest.mark.parametrize("path", ["endless", "waiting"])
def test_a_stream_is_closed_when_its_client_leaves(
    served: Served, record: Record, token: str, path: str
) -> None:
    with Client.to(served.address) as client:
        client.ask(f"/{path}?token={token}")
        client.until(b"piece\n")
    record.wait(token, "closed")


def test_a_stream_that_does_not_wait_is_closed_when_its_client_leaves(
    served: Served, record: Record, token: str
) -> None:
    with Client.to(served.address) as client:
        client.ask(f"/flood?token={token}")
        assert len(client.read_bytes(1 << 20)) == 1 << 20
    record.wait(token, "closed")


def test_an_upload_whose_client_leaves_raises(served: Served, record: Record, token: str) -> None:
    with Client.to(served.address) as client:
        served.announce("ClientDisconnect")
        client.send(request(f"/stream-in-noted?token={token}", "POST", "content-length: 10") + b"x")
        record.wait(token, "piece")
    record.wait(token, "left")


def test_the_state_is_a_copy_for_each_request(served: Served, token: str) -> None:
    for _ in range(4):
        with Client.to(served.address) as client:
            first, second = (json.loads(client.get(f"/state?token={token}").body) for _ in "ab")
            assert first["count"] == second["count"] == 1
            assert not first["leaked"]
            assert not second["leaked"]
            # What the state holds is the worker's, for all its requests, and of its own loop.
            # Of a worker that is kept from its loop, another takes the idle connections over.
            if second["worker"] == first["worker"]:
                assert second["visits"] == first["visits"] + 1
            assert second["own loop"]


def test_a_file_by_its_path(client: Client, record: Record, token: str) -> None:
    response = client.get(f"/file?token={token}")
    assert response.body == Path(starlette_app.__file__).read_bytes()
    assert response.value(b"content-length") == b"%d" % len(response.body)
    [extensions] = record.wait(token, "extensions")
    assert "http.response.pathsend" in extensions


def test_a_part_of_a_file(client: Client) -> None:
    response = client.get("/file", "GET", "range: bytes=10-19")
    assert response.status == 206
    assert response.body == Path(starlette_app.__file__).read_bytes()[10:20]


def test_the_head_of_a_file(client: Client) -> None:
    assert client.get("/file", "HEAD").status == 200
    assert client.get("/stream-out").status == 200


def test_middleware(client: Client) -> None:
    response = client.get("/wrapped/large", "GET", "accept-encoding: gzip")
    assert response.value(b"x-stamp") == b"/wrapped/large"
    assert gzip.decompress(response.body) == b"x" * 10_000


def test_a_mounted_application(client: Client) -> None:
    found = json.loads(client.get("/raw/deeper").body)
    assert found == {"root_path": "/raw", "path": "/raw/deeper"}


def test_static_files(client: Client) -> None:
    response = client.get("/static/starlette_app.py")
    assert response.body == Path(starlette_app.__file__).read_bytes()
    etag = (response.value(b"etag") or b"").decode()
    again = client.get("/static/starlette_app.py", "GET", f"if-none-match: {etag}")
    assert again.status == 304
    assert client.get("/static/nothing.py").status == 404


def test_a_root_path(fleet: Fleet) -> None:
    served = fleet("starlette_app", "thread", "--root-path=/api")
    with Client.to(served.address) as client:
        # The proxy has taken the prefix off.
        found = json.loads(client.get("/show/x/1").body)
        assert found["root_path"] == "/api"
        assert found["here"] == "http://test/api/show/x/1"
        assert json.loads(client.get("/raw/deeper").body)["root_path"] == "/api/raw"
