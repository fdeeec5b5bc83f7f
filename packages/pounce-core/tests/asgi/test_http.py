"""One call of an application against an exchange in memory: what it receives, how it ends."""

import asyncio
import gc
import logging
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, cast

import pytest

from pounce.protocol.asgi import Application, Message, Receive, Scope, Send
from pounce.protocol.errors import ResponseError
from pounce.protocol.exchange import END, GONE, WAIT

if TYPE_CHECKING:
    from tests.asgi.conftest import Lab

    from pounce.asgi.http import HttpCall
    from pounce.testing.exchange import MemoryExchange

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


# receive


def received(lab: Lab, exchange: MemoryExchange, count: int) -> list[Message]:
    messages: list[Message] = []

    async def app(_scope: Scope, receive: Receive, send: Send) -> None:
        messages.extend([await receive() for _ in range(count)])
        await sending(START, BODY)(_scope, receive, send)

    lab.run(app, exchange)
    return messages


def request(body: bytes, more: bool) -> Message:
    return {"type": "http.request", "body": body, "more_body": more}


def test_a_request_without_a_body_is_one_empty_message(lab: Lab) -> None:
    assert received(lab, lab.exchange(END), 1) == [request(b"", more=False)]


def test_each_piece_of_a_body_is_a_message_and_the_last_says_so(lab: Lab) -> None:
    assert received(lab, lab.exchange(b"one", b"two", END), 2) == [
        request(b"one", more=True),
        request(b"two", more=False),
    ]


def test_an_end_that_comes_by_itself_is_an_empty_message(lab: Lab) -> None:
    exchange = lab.exchange(b"one", b"", END)
    exchange.pieces = [b"one", WAIT, END]
    got: list[Message] = []

    async def app(_scope: Scope, receive: Receive, send: Send) -> None:
        got.append(await receive())
        asyncio.get_running_loop().call_soon(exchange.change)
        got.append(await receive())
        await sending(START, BODY)(_scope, receive, send)

    lab.run(app, exchange)
    assert got == [request(b"one", more=True), request(b"", more=False)]


def test_receive_waits_for_body_bytes(lab: Lab) -> None:
    exchange = lab.exchange(WAIT)
    got: list[Message] = []

    async def app(_scope: Scope, receive: Receive, send: Send) -> None:
        waiting = asyncio.ensure_future(receive())
        await settle()
        assert not waiting.done()
        exchange.arrive(b"body", END)
        got.append(await waiting)
        await sending(START, BODY)(_scope, receive, send)

    lab.run(app, exchange)
    assert got == [request(b"body", more=False)]


def test_a_change_that_brings_no_body_bytes_ends_no_wait(lab: Lab) -> None:
    exchange = lab.exchange(WAIT, WAIT, b"body", END)

    async def app(_scope: Scope, receive: Receive, send: Send) -> None:
        waiting = asyncio.ensure_future(receive())
        await settle()
        exchange.change()
        await settle()
        assert not waiting.done()
        exchange.change()
        assert (await waiting)["body"] == b"body"
        await sending(START, BODY)(_scope, receive, send)

    assert lab.run(app, exchange).error is None


def test_a_body_that_will_never_be_complete_is_a_disconnect_for_good(lab: Lab) -> None:
    assert received(lab, lab.exchange(b"some", GONE, GONE), 3) == [
        request(b"some", more=True),
        {"type": "http.disconnect"},
        {"type": "http.disconnect"},
    ]


def test_after_the_body_receive_waits_for_the_disconnect(lab: Lab) -> None:
    exchange = lab.exchange(END)

    async def app(_scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        waiting = asyncio.ensure_future(receive())
        await settle()
        exchange.change()
        await settle()
        assert not waiting.done()
        exchange.disconnected = True
        exchange.change()
        assert await waiting == {"type": "http.disconnect"}
        assert await receive() == {"type": "http.disconnect"}

    assert lab.run(app, exchange).error is None


def test_after_the_response_receive_tells_of_the_disconnect(lab: Lab) -> None:
    async def app(_scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await sending(START, BODY)(_scope, receive, send)
        assert await receive() == {"type": "http.disconnect"}

    assert lab.run(app).error is None


def test_several_tasks_may_wait_at_once(lab: Lab) -> None:
    exchange = lab.exchange(WAIT)
    bodies: list[bytes] = []

    async def app(_scope: Scope, receive: Receive, send: Send) -> None:
        waiting = [asyncio.ensure_future(receive()) for _ in range(3)]
        await settle()
        exchange.arrive(b"one")
        await settle()
        exchange.arrive(b"two", END)
        await settle()
        exchange.disconnected = True
        exchange.change()
        messages = await asyncio.gather(*waiting)
        bodies.extend(message.get("body", b"gone") for message in messages)
        await sending(START, BODY)(_scope, receive, send)

    lab.run(app, exchange)
    assert sorted(bodies) == [b"gone", b"one", b"two"]


def test_a_cancelled_wait_takes_no_message_with_it(lab: Lab) -> None:
    exchange = lab.exchange(WAIT)

    async def app(_scope: Scope, receive: Receive, send: Send) -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(receive(), 0.001)
        exchange.arrive(b"body", END)
        assert await receive() == request(b"body", more=False)
        await sending(START, BODY)(_scope, receive, send)

    assert lab.run(app, exchange).error is None


def test_who_polls_leaves_nothing_behind(lab: Lab) -> None:
    """As frameworks do, to find out whether the client is still there."""
    waits: list[int] = []

    def futures() -> int:
        gc.collect()
        return sum(type(each) is asyncio.Future for each in gc.get_objects())

    async def app(_scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        before = futures()
        for _ in range(100):
            task = asyncio.ensure_future(cast("Coroutine[Any, Any, Message]", receive()))
            await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait([task])
        waits.append(futures() - before)
        await sending(START, BODY)(_scope, receive, send)

    lab.run(app, lab.exchange(END))
    assert waits[0] < 50


def test_a_task_that_outlives_the_call_is_told_of_the_disconnect(lab: Lab) -> None:
    left: list[asyncio.Task[Message]] = []

    async def main() -> Message:
        exchange = lab.exchange(END)
        call = lab.call(exchange)

        async def app(_scope: Scope, receive: Receive, send: Send) -> None:
            await receive()
            left.append(asyncio.ensure_future(cast("Coroutine[Any, Any, Message]", receive())))
            await settle()
            await sending(START, BODY)(_scope, receive, send)

        await call.run(app, {})
        return await asyncio.wait_for(left[0], 30.0)

    assert asyncio.run(main()) == {"type": "http.disconnect"}


# How a call ends


@pytest.mark.parametrize(
    "fault", [ValueError, KeyboardInterrupt, SystemExit, GeneratorExit, asyncio.CancelledError]
)
def test_whatever_the_application_raises_is_told_to_the_exchange(
    lab: Lab,
    fault: type[BaseException],
) -> None:
    async def app(_scope: Scope, _receive: Receive, _send: Send) -> None:
        raise fault

    exchange = lab.run(app)
    assert isinstance(exchange.error, fault)
    assert exchange.finished == 1


@pytest.mark.parametrize("messages", [[], [START], [START, MORE]], ids=len)
def test_a_call_that_returns_too_early_is_a_fault(lab: Lab, messages: list[Message]) -> None:
    assert isinstance(lab.run(sending(*messages)).error, ResponseError)


def test_a_call_that_returns_something_is_a_fault(lab: Lab) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> str:
        await sending(START, BODY)(scope, receive, send)
        return "response"

    assert isinstance(lab.run(cast("Application", app)).error, ResponseError)


def test_something_that_cannot_be_awaited_is_a_fault(lab: Lab) -> None:
    def app(_scope: Scope, _receive: Receive, _send: Send) -> None:
        return None

    assert isinstance(lab.run(cast("Application", app)).error, TypeError)


def test_a_call_whose_client_went_may_return_too_early(lab: Lab) -> None:
    exchange = lab.exchange(GONE)

    async def app(_scope: Scope, receive: Receive, _send: Send) -> None:
        await receive()
        exchange.lose()

    assert lab.run(app, exchange).error is None


def logged(caplog: pytest.LogCaptureFixture) -> list[tuple[int, bool]]:
    """Level, and whether a traceback is there, of each record above debug."""
    return [
        (record.levelno, record.exc_info is not None)
        for record in caplog.records
        if record.name == "pounce.error" and record.levelno > logging.DEBUG
    ]


def test_a_fault_is_logged_with_its_traceback(lab: Lab, caplog: pytest.LogCaptureFixture) -> None:
    async def app(_scope: Scope, _receive: Receive, _send: Send) -> None:
        raise ValueError

    lab.run(app)
    assert logged(caplog) == [(logging.ERROR, True)]


def test_an_early_return_is_logged_without_one(lab: Lab, caplog: pytest.LogCaptureFixture) -> None:
    lab.run(sending(START))
    assert logged(caplog) == [(logging.ERROR, False)]


@pytest.mark.parametrize("raises", [OSError, asyncio.CancelledError])
def test_giving_up_when_the_client_left_is_no_fault(
    lab: Lab, caplog: pytest.LogCaptureFixture, raises: type[BaseException]
) -> None:
    exchange = lab.exchange(GONE)

    async def app(_scope: Scope, receive: Receive, _send: Send) -> None:
        await receive()
        exchange.lose()
        raise raises

    lab.run(app, exchange)
    assert logged(caplog) == []


def test_a_fault_after_the_response_is_logged_though_the_client_left(
    lab: Lab,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def app(_scope: Scope, receive: Receive, send: Send) -> None:
        await sending(START, BODY)(_scope, receive, send)
        raise ValueError

    exchange = lab.run(app)
    assert isinstance(exchange.error, ValueError)
    assert logged(caplog) == [(logging.ERROR, True)]


def test_the_log_names_the_request_such_that_it_cannot_forge_a_line(
    lab: Lab,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def main() -> None:
        call = lab.call(lab.exchange(END))
        await call.run(sending(), {"method": "GET", "path": "/\nERROR forged"})

    asyncio.run(main())
    assert "\n" not in caplog.records[0].getMessage()


# Cancelling


def test_a_call_that_waits_can_be_cancelled(lab: Lab) -> None:
    async def main() -> tuple[MemoryExchange, HttpCall]:
        exchange = lab.exchange(WAIT)
        call = lab.call(exchange)

        async def app(_scope: Scope, receive: Receive, _send: Send) -> None:
            await receive()

        call.task = asyncio.ensure_future(call.run(app, {}))
        await settle()
        call.cancel()
        await call.task
        return exchange, call

    exchange, call = asyncio.run(main())
    assert isinstance(exchange.error, asyncio.CancelledError)
    assert lab.worker.back == [call]


def test_a_call_that_swallows_its_cancellation_goes_on(lab: Lab) -> None:
    async def main() -> MemoryExchange:
        exchange = lab.exchange(WAIT)
        call = lab.call(exchange)

        async def app(_scope: Scope, receive: Receive, send: Send) -> None:
            try:
                await receive()
            except asyncio.CancelledError:
                await sending(START, BODY)(_scope, receive, send)

        call.task = asyncio.ensure_future(call.run(app, {}))
        await settle()
        call.cancel()
        await call.task
        return exchange

    assert asyncio.run(main()).error is None


def test_a_call_that_is_over_leaves_no_callback_behind(lab: Lab) -> None:
    exchange = lab.run(sending(START, BODY))
    assert exchange.on_change is None
