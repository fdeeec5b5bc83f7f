"""The demo does what its README says, on each kind of worker."""

import hashlib
import json
import re
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from integration.tests.client import TIMEOUT, Client
from integration.tests.conftest import KINDS, NATURAL
from integration.tests.serving import ROOT, Served

PAGES = ["/", "/upload", "/stream", "/live", "/workers"]


@pytest.fixture(scope="module", params=KINDS)
def demo(request: pytest.FixtureRequest) -> Iterator[Served]:
    flags = KINDS[request.param]
    with Served("demo:app", *flags, cwd=ROOT / "integration" / "demo") as served:
        yield served


@pytest.fixture
def client(demo: Served) -> Iterator[Client]:
    with Client.to(demo.address) as client:
        yield client


def parsed(client: Client, target: str, method: str = "GET", body: bytes = b"") -> Any:
    response = client.get(target, method, body=body)
    assert response.status == 200
    return json.loads(response.body)


def next_event(client: Client, name: str) -> Any:
    """The data of the next event of that name; others may come before it."""
    until = time.monotonic() + TIMEOUT
    while time.monotonic() < until:
        client.read_until(b"event: ")
        event, data = client.read_until(b"\n\n").decode().strip().split("\n")
        if event == name:
            return json.loads(data.removeprefix("data: "))
    raise AssertionError(f"no {name} in {TIMEOUT:g} s")


@pytest.mark.parametrize("path", PAGES)
def test_each_page_is_there(client: Client, path: str) -> None:
    response = client.get(path)
    assert response.value(b"content-type") == b"text/html; charset=utf-8"


@pytest.mark.parametrize("path", PAGES)
def test_each_link_of_a_page_leads_somewhere(client: Client, path: str) -> None:
    links = set(re.findall(r'(?:href|src)="(/[^"]*)"', client.get(path).body.decode()))
    statuses = {link: client.get(link).status for link in links - {"/nowhere"}}
    assert set(statuses.values()) == {200}, statuses


def test_a_page_that_is_not_there_says_so(client: Client) -> None:
    response = client.get("/nowhere")
    assert (response.status, b"Back to the start" in response.body) == (404, True)


def test_json(client: Client) -> None:
    assert parsed(client, "/api/hello?name=you") == {"hello": "you"}


def test_an_upload_is_read_in_pieces_and_summed_up(client: Client) -> None:
    body = b"0123456789" * 300_000
    answer = parsed(client, "/api/upload", "PUT", body)
    assert (answer["bytes"], answer["sha256"], answer["pieces"] > 1) == (
        3_000_000,
        hashlib.sha256(body).hexdigest(),
        True,
    )


def test_a_stream_arrives_line_by_line(client: Client) -> None:
    client.ask("/api/stream?lines=3&pause=10")
    # It is here while the next is seconds away; the client leaves in the middle.
    assert client.read_until(b"of 3\n").endswith(b"line 1 of 3\n")
    assert client.idle()


def test_a_stream_comes_to_its_end(client: Client) -> None:
    lines = client.get("/api/stream?lines=3&pause=0").body.splitlines()
    assert lines == [b"line 1 of 3", b"line 2 of 3", b"line 3 of 3"]


@pytest.mark.parametrize("query", ["lines=x", "lines=-1", "pause=nan", "pause=1e9"])
def test_a_stream_of_nonsense_is_refused(client: Client, query: str) -> None:
    assert client.get(f"/api/stream?{query}").status == 400


def test_live_events_tick(client: Client) -> None:
    client.ask("/api/events")
    assert b"\r\ncontent-type: text/event-stream" in client.read_until(b"\r\n\r\n")
    assert next_event(client, "tick")["listeners"] >= 1


def test_an_empty_message_is_refused(client: Client) -> None:
    assert client.get("/api/messages", "POST", body=b" ").status == 400


def test_who_counts_what_each_thread_served(client: Client) -> None:
    first, second = (parsed(client, "/api/who") for _ in range(2))

    def counted(answer: Any) -> Counter[int]:
        return Counter({each["id"]: each["requests"] for each in answer["threads"]})

    assert counted(second) - counted(first) == {second["thread"]["id"]: 1}


@pytest.mark.skipif(NATURAL != "threads", reason="threads are for builds without a GIL")
def test_threads_share_one_copy_and_its_messages() -> None:
    flags = KINDS["threads"]
    with (
        Served("demo:app", *flags, cwd=ROOT / "integration" / "demo") as served,
        Client.to(served.address) as one,
        Client.to(served.address) as other,
        Client.to(served.address) as writer,
    ):
        answers = [parsed(client, "/api/who") for client in (one, other)]
        assert len({answer["thread"]["id"] for answer in answers}) == 2
        assert len({(answer["process"], answer["copy"]) for answer in answers}) == 1
        for client in (one, other):
            client.ask("/api/events")
            next_event(client, "tick")
        assert parsed(writer, "/api/messages", "POST", b"to all") == {"reached": 2}
        assert [next_event(client, "message") for client in (one, other)] == [
            {"text": "to all"},
            {"text": "to all"},
        ]
