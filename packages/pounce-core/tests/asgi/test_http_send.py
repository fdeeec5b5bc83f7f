"""What an application may send, in which order, and when that waits."""

import asyncio
import threading
from collections.abc import Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

import pytest

from pounce.asgi import http
from pounce.content.pathsend import open_path
from pounce.protocol.asgi import Application, Message, Receive, Scope, Send
from pounce.protocol.errors import ResponseError
from pounce.protocol.exchange import END

if TYPE_CHECKING:
    from tests.asgi.conftest import Lab

START = {"type": "http.response.start", "status": 200, "headers": []}
BODY = {"type": "http.response.body", "body": b"body"}
MORE = BODY | {"more_body": True}
TRAILERS = {"type": "http.response.trailers", "headers": [(b"x-sum", b"1")]}
PATHSEND = {"type": "http.response.pathsend", "path": "/nothing"}
HINT = {"type": "http.response.early_hint", "links": [b"</style.css>"]}


def sending(*messages: Message) -> Application:
    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        for message in messages:
            await send(message)

    return app


async def settle() -> None:
    """Lets everything that can go on go on."""
    for _ in range(5):
        await asyncio.sleep(0)


def short(message: Message) -> str:
    flags = [key for key in ("trailers", "more_body") if key in message]
    return "+".join([message["type"].rpartition(".")[2], *flags])


# send


def test_a_response_is_start_and_body(lab: Lab) -> None:
    exchange = lab.run(sending(START | {"headers": [(b"a", b"b")]}, MORE, BODY))
    assert exchange.calls == [
        ("start", 200, [(b"a", b"b")], False),
        ("write", b"body", True),
        ("write", b"body", False),
    ]
    assert exchange.error is None
    assert exchange.finished == 1


def test_headers_and_body_may_be_left_out(lab: Lab) -> None:
    start: Message = {"type": "http.response.start", "status": 204}
    exchange = lab.run(sending(start, {"type": "http.response.body"}))
    assert exchange.calls == [("start", 204, [], False), ("write", b"", False)]


@pytest.mark.parametrize(
    "body", [bytearray(b"body"), memoryview(b"body"), memoryview(b"bXoXdXyX")[::2]]
)
def test_a_body_of_bytes_in_another_shape_is_taken(lab: Lab, body: object) -> None:
    exchange = lab.run(sending(START, BODY | {"body": body}))
    assert exchange.calls[1] == ("write", b"body", False)


@pytest.mark.parametrize("body", ["text", None, 7, [b"list"]], ids=repr)
def test_a_body_that_is_not_bytes_is_refused(lab: Lab, body: object) -> None:
    exchange = lab.run(sending(START, BODY | {"body": body}))
    assert isinstance(exchange.error, ResponseError)
    assert len(exchange.calls) == 1


@pytest.mark.parametrize(
    "messages",
    [
        [BODY],
        [START, START],
        [START, BODY, BODY],
        [START, BODY, MORE],
        [START, BODY, START],
        [TRAILERS],
        [START, TRAILERS],
        [START, BODY, TRAILERS],
        [START | {"trailers": True}, TRAILERS],
        [START | {"trailers": True}, MORE, TRAILERS],
        [START | {"trailers": True}, BODY, BODY],
        [START | {"trailers": True}, BODY, TRAILERS, TRAILERS],
        [START | {"trailers": True}, BODY, TRAILERS, BODY],
        [PATHSEND],
        [START, BODY, PATHSEND],
        [START | {"trailers": True}, BODY, PATHSEND],
        [{"type": "http.response.nonsense"}],
        [{"type": "websocket.accept"}],
        [START, BODY, {"type": "http.response.nonsense"}],
    ],
    ids=lambda messages: " ".join(map(short, messages)),
)
def test_messages_in_a_wrong_order_are_refused(lab: Lab, messages: list[Message]) -> None:
    taken: list[Message] = []

    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        for message in messages:
            await send(message)
            taken.append(message)

    exchange = lab.run(app)
    assert isinstance(exchange.error, ResponseError)
    assert taken == messages[:-1]


@pytest.mark.parametrize("message", [{}, {"type": "http.response.start"}], ids=repr)
def test_a_message_without_what_it_needs_is_the_applications_fault(
    lab: Lab, message: Message
) -> None:
    assert isinstance(lab.run(sending(message)).error, KeyError)


def test_a_refused_message_does_not_count_as_sent(lab: Lab) -> None:
    exchange = lab.exchange(END)
    start = exchange.start

    def refuse(*_args: Any, **_kwargs: Any) -> None:
        exchange.start = start  # type: ignore[method-assign]
        raise ResponseError("no such status")

    exchange.start = refuse  # type: ignore[method-assign]

    async def app(_scope: Scope, receive: Receive, send: Send) -> None:
        with pytest.raises(ResponseError):
            await send(START | {"status": 99})
        await sending(START, BODY)(_scope, receive, send)

    assert lab.run(app, exchange).error is None


def test_send_waits_until_what_was_written_has_left(lab: Lab) -> None:
    exchange = lab.exchange(END)
    exchange.takes = False

    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send(START)
        waiting = asyncio.ensure_future(cast("Coroutine[Any, Any, None]", send(BODY)))
        await settle()
        exchange.change()
        await settle()
        assert not waiting.done()
        exchange.flush()
        await waiting

    assert lab.run(app, exchange).error is None


def test_a_send_that_waits_for_a_client_that_goes_fails(lab: Lab) -> None:
    exchange = lab.exchange(END)
    exchange.takes = False

    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send(START)
        asyncio.get_running_loop().call_soon(exchange.lose)
        await send(MORE)

    assert isinstance(lab.run(app, exchange).error, OSError)


def test_a_task_that_outlives_the_call_is_told_when_its_output_left(lab: Lab) -> None:
    async def main() -> None:
        exchange = lab.exchange(END)
        exchange.takes = False
        call = lab.call(exchange)
        left: list[asyncio.Task[None]] = []

        async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
            await send(START)
            left.append(asyncio.ensure_future(cast("Coroutine[Any, Any, None]", send(BODY))))
            await settle()

        await call.run(app, {})
        await settle()
        exchange.flush()
        await settle()
        assert left[0].done()

    asyncio.run(main())


# Extensions


def test_trailers_follow_the_body(lab: Lab) -> None:
    exchange = lab.run(sending(START | {"trailers": True}, MORE, BODY, TRAILERS))
    assert exchange.calls == [
        ("start", 200, [], True),
        ("write", b"body", True),
        ("write", b"body", True),
        ("trailers", [(b"x-sum", b"1")]),
    ]
    assert exchange.error is None


def test_trailers_in_several_messages_leave_together(lab: Lab) -> None:
    start = START | {"trailers": True}
    exchange = lab.run(sending(start, BODY, TRAILERS | {"more_trailers": True}, TRAILERS))
    assert exchange.calls[2:] == [("trailers", [(b"x-sum", b"1"), (b"x-sum", b"1")])]


def test_trailers_that_were_promised_and_not_sent_leave_the_response_incomplete(lab: Lab) -> None:
    exchange = lab.run(sending(START | {"trailers": True}, BODY))
    assert isinstance(exchange.error, ResponseError)


def test_early_hints_leave_as_an_interim_response(lab: Lab) -> None:
    exchange = lab.run(sending(HINT, START, BODY))
    assert exchange.calls[0] == ("inform", 103, [(b"link", b"</style.css>")])
    assert exchange.error is None


def test_a_file_is_sent_in_place_of_a_body(lab: Lab, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"0123456789")
    exchange = lab.run(sending(START, PATHSEND | {"path": str(path)}))
    assert exchange.calls[1:] == [("file", 10, False)]
    assert exchange.error is None


def test_trailers_follow_a_file(lab: Lab, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"0123456789")
    start = START | {"trailers": True}
    exchange = lab.run(sending(start, PATHSEND | {"path": str(path)}, TRAILERS))
    assert exchange.calls[1:] == [("file", 10, True), ("trailers", [(b"x-sum", b"1")])]
    assert exchange.error is None


def test_the_head_is_held_while_a_file_is_opened(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"0123456789")
    exchange = lab.exchange(END)
    held: list[bool] = []
    disk = threading.Event()

    def open_slowly(path: object) -> tuple[BinaryIO, int]:
        assert disk.wait(30.0)
        return open_path(path)

    monkeypatch.setattr(http, "open_path", open_slowly)

    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send(START)
        opening = asyncio.ensure_future(
            cast("Coroutine[Any, Any, None]", send(PATHSEND | {"path": str(path)}))
        )
        await asyncio.sleep(0)
        held.append(exchange.holds)
        disk.set()
        await opening

    lab.run(app, exchange)
    assert held == [True]
    assert not exchange.holds


@pytest.mark.parametrize(
    ("path", "error"),
    [("/nothing/there", FileNotFoundError), ("relative", ResponseError), (None, ResponseError)],
)
def test_a_file_that_cannot_be_sent_is_the_applications_fault(
    lab: Lab, path: object, error: type[Exception]
) -> None:
    exchange = lab.run(sending(START, PATHSEND | {"path": path}))
    assert isinstance(exchange.error, error)
    assert not exchange.holds
