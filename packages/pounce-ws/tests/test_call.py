"""What the application is told and may say, at its start and at its end."""

import asyncio
import gc
import logging
from typing import TYPE_CHECKING, Any

import pytest

from pounce.protocol.asgi import Application, Message, Receive, Scope, Send
from pounce.protocol.errors import ClientDisconnected, ResponseError
from pounce.protocol.exchange import END
from pounce_ws.session import Session

if TYPE_CHECKING:
    from tests.conftest import Lab

ACCEPT: dict[str, Any] = {"type": "websocket.accept"}
CLOSE: dict[str, Any] = {"type": "websocket.close"}
TEXT: dict[str, Any] = {"type": "websocket.send", "text": "x"}
START: dict[str, Any] = {"type": "websocket.http.response.start", "status": 401, "headers": []}
BODY: dict[str, Any] = {"type": "websocket.http.response.body", "body": b"no"}
BYE = 0x88, b"\x03\xe8bye"


class Deliberate(Exception):
    pass


def raising(error: BaseException, *first: Message) -> Application:
    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        for message in first:
            await send(message)
        raise error

    return app


# The handshake


def test_an_application_is_told_of_the_connection_and_accepts(lab: Lab) -> None:
    async def test() -> None:
        told: list[object] = []

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            told.extend((dict(scope), await receive()))
            await send(ACCEPT | {"subprotocol": "b", "headers": [(b"x-a", b"1")]})
            await receive()

        talk = lab.talk(app, head=lab.head((b"sec-websocket-protocol", b"a, b")))
        await lab.settle()
        scope, connect = told
        assert isinstance(scope, dict)
        assert connect == {"type": "websocket.connect"}
        assert scope["type"] == "websocket"
        assert scope["scheme"] == "ws"
        assert scope["subprotocols"] == ["a", "b"]
        assert "method" not in scope
        assert talk.exchange.calls == [
            (
                "accept",
                [
                    (b"sec-websocket-accept", b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
                    (b"sec-websocket-protocol", b"b"),
                    (b"x-a", b"1"),
                ],
            )
        ]
        await talk.arrive(lab.masked(*BYE))
        await talk.end()

    lab.run(test)


def test_frames_may_come_with_the_handshake(lab: Lab) -> None:
    async def test() -> None:
        heard: list[Message] = []
        talk = lab.talk(lab.hearing(heard), lab.masked(0x81, b"x") + lab.masked(*BYE))
        await talk.end()
        assert [message["type"] for message in heard] == [
            "websocket.receive",
            "websocket.disconnect",
        ]

    lab.run(test)


def test_a_close_before_the_acceptance_is_a_403(lab: Lab) -> None:
    async def test() -> None:
        talk = lab.talk(lab.sending(CLOSE))
        exchange = await talk.end()
        assert exchange.calls[0][:2] == ("start", 403)
        assert talk.ended()
        assert exchange.error is None
        assert exchange.finished == 1

    lab.run(test)


def test_a_handshake_can_be_answered_by_a_response(lab: Lab) -> None:
    async def test() -> None:
        headers = [(b"x-why", b"none")]
        messages = (START | {"headers": headers}, BODY | {"more_body": True}, BODY)
        exchange = await lab.talk(lab.sending(*messages)).end()
        assert exchange.calls == [
            ("start", 401, headers, False),
            ("write", b"no", True),
            ("write", b"no", False),
        ]
        assert exchange.error is None

    lab.run(test)


def test_a_refused_client_is_gone(lab: Lab) -> None:
    async def test() -> None:
        told: list[Message] = []

        async def app(_scope: Scope, receive: Receive, send: Send) -> None:
            await receive()
            await send(CLOSE)
            told.append(await receive())

        await lab.talk(app).end()
        assert told == [{"type": "websocket.disconnect", "code": 1006, "reason": ""}]

    lab.run(test)


@pytest.mark.parametrize("how", ["gone", "disconnected"])
def test_a_client_may_go_before_it_is_accepted(lab: Lab, how: str) -> None:
    async def test() -> None:
        told: list[Message] = []

        async def app(_scope: Scope, receive: Receive, _send: Send) -> None:
            await receive()
            told.append(await receive())

        talk = lab.talk(app)
        await lab.settle()
        if how == "gone":
            talk.exchange.lose()
        else:
            talk.exchange.disconnected = True
            talk.exchange.change()
        exchange = await talk.end()
        assert told == [{"type": "websocket.disconnect", "code": 1006, "reason": ""}]
        assert exchange.error is None

    lab.run(test)


def test_an_application_has_so_long_to_answer(lab: Lab, caplog: pytest.LogCaptureFixture) -> None:
    async def test() -> None:
        async def app(_scope: Scope, _receive: Receive, _send: Send) -> None:
            await asyncio.Event().wait()

        slow = lab.like(handshake_timeout=5.0)
        talk = slow.talk(app)
        await lab.settle()
        slow.tick(4.9)
        assert talk.exchange.calls == []
        slow.tick(5.0)
        await talk.end()
        assert talk.exchange.calls == [("refuse", 503)]

    lab.run(test)
    assert "did not answer the handshake for b'/chat' within 5 s" in caplog.text


# Order


@pytest.mark.parametrize(
    "messages",
    [
        (TEXT,),
        (BODY,),
        (ACCEPT, ACCEPT),
        (ACCEPT, START),
        (ACCEPT, BODY),
        (ACCEPT, CLOSE, TEXT),
        (ACCEPT, CLOSE, CLOSE),
        (ACCEPT, {"type": "websocket.send"}),
        (ACCEPT, {"type": "websocket.close", "code": 1005}),
        (ACCEPT, {"type": "http.response.early_hint"}),
        (ACCEPT | {"subprotocol": "not offered"},),
        (CLOSE, ACCEPT),
        (CLOSE, CLOSE),
        (START, START),
        (START, ACCEPT),
        (START, CLOSE),
        (START, BODY, BODY),
        ({"type": "something"},),
        ({"type": None},),
    ],
    ids=lambda messages: "-".join(str(each["type"]).rpartition(".")[2] for each in messages),
)
def test_messages_out_of_order(lab: Lab, messages: tuple[dict[str, Any], ...]) -> None:
    async def test() -> None:
        talk = lab.talk(lab.sending(*messages))
        await lab.settle()
        await talk.arrive(lab.masked(0x88))
        exchange = await talk.end()
        assert isinstance(exchange.error, ResponseError)

    lab.run(test)


# Ends


@pytest.mark.parametrize(
    ("app", "code"),
    [
        (lambda lab: lab.sending(ACCEPT), 1000),
        (lambda lab: lab.sending(ACCEPT, CLOSE | {"code": 4000}), 4000),
        (lambda _lab: raising(Deliberate(), ACCEPT), 1011),
        (lambda _lab: raising(SystemExit(), ACCEPT), 1011),
        (lambda lab: lab.sending(ACCEPT, CLOSE | {"code": 1}), 1011),
    ],
    ids=["returns", "closes", "raises", "exits", "errs"],
)
def test_how_the_application_ends_is_told_to_the_client(lab: Lab, app: Any, code: int) -> None:
    async def test() -> None:
        talk = lab.talk(app(lab))
        await lab.settle()
        assert talk.written == lab.unmasked(0x88, code.to_bytes(2))
        assert not talk.ended()
        assert not talk.task.done()
        await talk.arrive(lab.masked(0x88, code.to_bytes(2)))
        exchange = await talk.end()
        assert talk.ended()
        assert exchange.finished == 1
        assert talk.caller.back == [talk.call]
        assert exchange.on_change is None

    lab.run(test)


def test_a_client_that_does_not_answer_our_close(lab: Lab) -> None:
    async def test() -> None:
        quick = lab.like(close_timeout=5.0)
        talk = quick.talk(lab.sending(ACCEPT))
        await lab.settle()
        quick.tick(100.0, 105.0)
        await talk.end()
        assert talk.ended()

    lab.run(test)


@pytest.mark.parametrize(
    "app",
    [
        lambda _lab: raising(Deliberate()),
        lambda lab: lab.sending(),
        lambda lab: lab.sending(START),
    ],
    ids=["raises", "returns", "half a response"],
)
def test_a_handshake_that_is_not_answered_is_an_error(lab: Lab, app: Any) -> None:
    async def test() -> None:
        exchange = await lab.talk(app(lab)).end()
        assert exchange.error is not None
        assert exchange.finished == 1

    lab.run(test)


def test_an_error_is_logged(lab: Lab, caplog: pytest.LogCaptureFixture) -> None:
    async def test() -> None:
        await lab.talk(raising(Deliberate("once"))).end()

    lab.run(test)
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert "'/chat'" in record.getMessage()
    assert record.exc_info is not None


def test_a_result_is_no_way_to_answer(lab: Lab) -> None:
    async def test() -> None:
        async def app(_scope: Scope, _receive: Receive, _send: Send) -> object:
            return "something"

        exchange = await lab.talk(app).end()
        assert isinstance(exchange.error, ResponseError)

    lab.run(test)


def test_what_an_application_raises_once_it_was_told_is_no_fault(
    lab: Lab, caplog: pytest.LogCaptureFixture
) -> None:
    async def test() -> None:
        async def app(_scope: Scope, receive: Receive, send: Send) -> None:
            await receive()
            await send(ACCEPT)
            await receive()
            raise Deliberate

        talk = lab.talk(app)
        await talk.arrive(END)
        await talk.end()

    caplog.set_level(logging.INFO)
    lab.run(test)
    (record,) = [each for each in caplog.records if each.name == "pounce.error"]
    assert record.levelno == logging.INFO
    assert record.getMessage().endswith("test_call.Deliberate")


@pytest.mark.parametrize("answer", [ACCEPT, CLOSE, START])
def test_a_client_that_vanishes_before_the_answer_leaves_is_no_fault(
    lab: Lab, caplog: pytest.LogCaptureFixture, answer: Message
) -> None:
    async def test() -> None:
        talk = lab.talk(lab.sending(answer))
        exchange = talk.exchange

        def vanish(*_: object, **__: object) -> None:
            exchange.gone = exchange.disconnected = True
            raise ClientDisconnected

        exchange.accept = exchange.start = vanish  # type: ignore[method-assign]
        await talk.end()
        assert isinstance(exchange.error, ClientDisconnected)

    lab.run(test)
    assert caplog.text == ""


def test_a_client_that_vanishes_while_it_is_refused_is_no_fault(
    lab: Lab, caplog: pytest.LogCaptureFixture
) -> None:
    async def test() -> None:
        talk = lab.talk(lab.sending(CLOSE))
        talk.exchange.takes = False
        await lab.settle()
        talk.exchange.lose()
        await talk.end()

    lab.run(test)
    assert caplog.text == ""


def test_what_an_application_raises_after_its_own_close_is_a_fault(
    lab: Lab, caplog: pytest.LogCaptureFixture
) -> None:
    async def test() -> None:
        async def app(_scope: Scope, receive: Receive, send: Send) -> None:
            await send(ACCEPT)
            await send(CLOSE)
            await receive()
            await receive()
            raise Deliberate

        talk = lab.talk(app)
        await lab.settle()
        await talk.arrive(lab.masked(*BYE))
        await talk.end()

    lab.run(test)
    (record,) = caplog.records
    assert record.levelno == logging.ERROR


def test_an_error_that_cannot_be_told_ends_its_call_all_the_same(
    lab: Lab, caplog: pytest.LogCaptureFixture
) -> None:
    class Untold(ResponseError):
        @property
        def __traceback__(self) -> None:  # type: ignore[override]
            raise Deliberate

    async def test() -> None:
        talk = lab.talk(raising(Untold(), ACCEPT), lab.masked(*BYE))
        exchange = await talk.end()
        assert exchange.finished == 1
        assert talk.caller.back == [talk.call]

    lab.run(test)
    assert caplog.messages == ["an error of the application cannot be told: Deliberate"]


@pytest.mark.parametrize("accepts", [True, False])
def test_a_call_can_be_cancelled(lab: Lab, accepts: bool) -> None:
    async def test() -> None:
        async def app(_scope: Scope, receive: Receive, send: Send) -> None:
            await receive()
            if accepts:
                await send(ACCEPT)
            await receive()

        talk = lab.talk(app)
        await lab.settle()
        talk.call.cancel()
        exchange = await talk.end()
        assert isinstance(exchange.error, asyncio.CancelledError)
        assert talk.ended() == accepts

    lab.run(test)


def test_a_call_that_says_goodbye_can_be_cancelled(lab: Lab) -> None:
    async def test() -> None:
        talk = lab.talk(lab.sending(ACCEPT))
        await lab.settle()
        talk.call.cancel()
        await talk.end()
        assert talk.ended()

    lab.run(test)


def test_a_call_that_is_over_leaves_nothing_for_the_collector(lab: Lab) -> None:
    async def test() -> None:
        talk = lab.talk(lab.echo, lab.masked(0x81, b"x") + lab.masked(*BYE))
        await talk.end()
        talk.caller.back.clear()

    gc.collect()
    gc.disable()
    try:
        lab.run(test)
        assert not [each for each in gc.get_objects() if type(each) is Session]
    finally:
        gc.enable()
