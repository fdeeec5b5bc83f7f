"""An application that breaks the rules: it pays for that itself, and no other request does.

What it does wrong before a response is under way is a 500; after that the client can tell that the
response is incomplete. It is called once in any case, the log says what was wrong, the worker
lives, and nothing that it wanted to smuggle into a head is on the wire.
"""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from integration.apps.plain import ERRORS
from integration.tests.client import Client, Incomplete
from integration.tests.record import Record
from integration.tests.serving import Served

type Script = list[dict[str, Any]]

START = {"type": "http.response.start", "status": 200, "headers": []}
BODY = {"type": "http.response.body", "body": "body"}
MORE = {"type": "http.response.body", "body": "more", "more_body": True}
TRAILED = START | {"trailers": True}
TRAILERS = {"type": "http.response.trailers", "headers": [["x-sum", "1"]]}
PATH = {"type": "http.response.pathsend", "path": "/dev/null"}


def start(status: object = 200, *headers: object) -> dict[str, Any]:
    return START | {"status": status, "headers": list(headers)}


def value(text: str) -> Script:
    return [start(200, ["x-evil", text]), BODY]


def name(text: str) -> Script:
    return [start(200, [text, "x-evil"]), BODY]


REFUSED: dict[str, Script] = {
    "nothing": [],
    "body first": [BODY],
    "trailers first": [TRAILERS],
    "path first": [PATH],
    "start twice": [START, START],
    "start alone": [START],
    "trailers before the body": [TRAILED, TRAILERS],
    "an unknown message": [{"type": "http.response.end"}],
    "a message of another protocol": [{"type": "websocket.accept"}],
    "a message without a type": [{}],
    "a start without a status": [{"type": "http.response.start"}, BODY],
    "a path that is relative": [START, PATH | {"path": "relative"}],
    "a path of no file": [START, PATH | {"path": "/nowhere/at/all"}],
    "a path of a folder": [START, PATH | {"path": "/"}],
    "a path of a device": [START, PATH],
    "a body of text": [START, BODY | {"body": "!text"}],
    "a body of None": [START, BODY | {"body": None}],
    "a body of a number": [START, BODY | {"body": 7}],
    "headers of text": [start(200, ["!x", "!y"]), BODY],
    "a header of three": [start(200, ["x", "y", "z"]), BODY],
    "headers that are a number": [START | {"headers": 7}, BODY],
    "a body longer than its length": [start(200, ["content-length", "3"]), BODY],
    "a body shorter than its length": [start(200, ["content-length", "5"]), BODY],
    "no body where a length is": [start(200, ["content-length", "5"])],
    "two lengths": [start(200, ["content-length", "4"], ["content-length", "4"]), BODY],
    "a length that is none": [start(200, ["content-length", "+4"]), BODY],
    "a length and a coding": [
        start(200, ["content-length", "4"], ["transfer-encoding", "chunked"]),
        BODY,
    ],
    "another coding": [start(200, ["transfer-encoding", "gzip"]), BODY],
    "a hint with a second line": [
        {"type": "http.response.early_hint", "links": ["</a>\r\nx-evil: 1"]},
        START,
        BODY,
    ],
    **{f"status {status!r}": [start(status), BODY] for status in (0, 99, 100, 101, 600, 1000, -1)},
    **{f"status {status!r}": [start(status), BODY] for status in ("200", None, 200.5, True)},
    **{f"value {text!r}": value(text) for text in ("a\r\nx: b", "a\nb", "a\rb", "a\0b", "a\x0bb")},
    **{f"value {text!r}": value(text) for text in ("a\x0cb", "a\x1cb", "a\x1eb", "a\x7fb")},
    **{f"name {text!r}": name(text) for text in ("", "a b", "a:b", "a\r\nb", "a\nb", "a\0b", "é")},
}
"""Scripts of `send`, each wrong before anything of the response was on its way."""

CUT_OFF: dict[str, Script] = {
    "no end": [START, MORE],
    "no end of a length": [start(200, ["content-length", "9"]), MORE],
    "a second start": [START, MORE, START],
    "a path after a piece": [START, MORE, PATH],
    "trailers that were not announced": [START, MORE, TRAILERS],
    "an unknown message": [START, MORE, {"type": "http.response.end"}],
    "a piece of text": [START, MORE, BODY | {"body": "!text"}],
    "more than the length": [start(200, ["content-length", "6"]), MORE, BODY],
    "less than the length": [start(200, ["content-length", "9"]), MORE, BODY],
    "trailers that never come": [TRAILED, BODY],
    "a trailer with a second line": [
        TRAILED,
        BODY,
        TRAILERS | {"headers": [["x-sum", "1\r\nx-evil: 1"]]},
    ],
    "a body after announced trailers' body": [TRAILED, BODY, BODY],
}
"""Scripts that go wrong after a piece of the body has left."""

TOO_MUCH: dict[str, Script] = {
    "a second body": [START, BODY, BODY],
    "a second response": [START, BODY, START, BODY],
    "trailers that were not announced": [START, BODY, TRAILERS],
    "a path": [START, BODY, PATH],
    "trailers twice": [TRAILED, BODY, TRAILERS, TRAILERS],
}
"""Scripts that go on after the response was complete."""


@pytest.fixture(scope="module")
def expected() -> Iterator[list[tuple[Served, str]]]:
    """The faults that are bound to be in a log; that is looked at when all have happened."""
    faults: list[tuple[Served, str]] = []
    yield faults
    missing = [what for served, what in faults if not served.log.find(what)]
    assert not missing


@pytest.fixture
def served(plain: Served, token: str, expected: list[tuple[Served, str]]) -> Iterator[Served]:
    """The server, of which a fault is expected at this test's path."""
    plain.announce(f"/{token}'")
    expected.append((plain, f"/{token}'"))
    yield plain
    with Client.to(plain.address) as client:
        assert client.get("/ok").body == b"ok"


def ask(client: Client, script: Script, token: str) -> None:
    target = f"/script/{token}?{token}"
    client.ask(target, "POST", "te: trailers", "connection: te", body=json.dumps(script).encode())


@pytest.mark.parametrize("script", REFUSED.values(), ids=REFUSED)
def test_a_response_that_is_none_is_a_500(
    served: Served, record: Record, token: str, script: Script
) -> None:
    with Client.to(served.address) as client:
        ask(client, script, token)
        response = client.response()
        assert response.status == 500
        assert b"evil" not in response.raw
        assert not response.informational
    assert record.now(token).count("called") == 1


@pytest.mark.parametrize("script", CUT_OFF.values(), ids=CUT_OFF)
def test_a_response_that_breaks_off_is_incomplete(
    served: Served, record: Record, token: str, script: Script
) -> None:
    with Client.to(served.address) as client:
        ask(client, script, token)
        with pytest.raises(Incomplete) as error:
            client.response()
        assert b"evil" not in error.value.response.raw
    assert record.now(token).count("called") == 1


def test_a_response_to_http_1_0_that_breaks_off_is_reset(served: Served, token: str) -> None:
    """The end of the connection is the end of the body there: only a reset tells."""
    with Client.to(served.address) as client:
        client.send(f"GET /raise-after/{token}?{token} HTTP/1.0\r\nhost: a\r\n\r\n".encode())
        with pytest.raises(Incomplete) as error:
            client.response()
        assert error.value.response.reset


@pytest.mark.parametrize("script", TOO_MUCH.values(), ids=TOO_MUCH)
def test_a_complete_response_stays_complete(
    served: Served, record: Record, token: str, script: Script
) -> None:
    with Client.to(served.address) as client:
        ask(client, script, token)
        response = client.response()
        assert response.status == 200
        assert response.body == b"body"
        assert client.get("/ok").body == b"ok"
    record.wait(token, "raised")
    assert record.now(token).count("called") == 1


@pytest.mark.parametrize("error", ERRORS)
def test_an_exception_before_the_response_is_a_500(
    served: Served, record: Record, token: str, error: str
) -> None:
    with Client.to(served.address) as client:
        assert client.get(f"/raise-before/{error}/{token}?{token}").status == 500
    assert record.now(token) == ["called", "raised"]


def test_an_exception_after_the_start_is_no_success(
    served: Served, record: Record, token: str
) -> None:
    with Client.to(served.address) as client:
        assert client.get(f"/raise-started/{token}?{token}").status == 500
    assert record.now(token) == ["called", "raised"]


def test_an_exception_in_the_body_leaves_it_incomplete(
    served: Served, record: Record, token: str
) -> None:
    with Client.to(served.address) as client:
        with pytest.raises(Incomplete) as error:
            client.get(f"/raise-after/{token}?{token}")
        assert error.value.response.body == b"half"
    assert record.now(token) == ["called", "raised"]


def test_the_log_has_the_traceback(served: Served, token: str) -> None:
    with Client.to(served.address) as client:
        client.get(f"/raise-before/Deliberate/{token}?{token}")
    assert served.log.find(f"error .*exception in the application for GET '.*/{token}'")
    assert served.log.find(r"^\s+integration\.apps\.plain\.Deliberate")


def test_what_follows_in_the_pipeline_is_not_answered_after_a_500(
    served: Served, record: Record, token: str
) -> None:
    """Nobody knows what the failed request did to the connection; its client asks again."""
    with Client.to(served.address) as client:
        client.ask(f"/raise-before/Deliberate/{token}?{token}")
        response = client.response()
        assert response.status == 500
        assert response.value(b"connection") == b"close"
        assert client.ended()
