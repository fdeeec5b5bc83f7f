"""What goes to and fro between the application and its client, and how either learns of the end."""

import asyncio
import gc
from typing import TYPE_CHECKING, Any

import pytest

from pounce.protocol.asgi import Message, Receive, Scope, Send
from pounce.protocol.errors import ClientDisconnected
from pounce.protocol.exchange import END

if TYPE_CHECKING:
    from tests.conftest import Lab

ACCEPT: dict[str, Any] = {"type": "websocket.accept"}
CLOSE: dict[str, Any] = {"type": "websocket.close"}
TEXT: dict[str, Any] = {"type": "websocket.send", "text": "x"}
BYE = 0x88, b"\x03\xe8bye"


def test_messages_go_both_ways(lab: Lab) -> None:
    async def test() -> None:
        talk = lab.talk(lab.echo)
        await talk.arrive(lab.masked(0x81, "é".encode()), lab.masked(0x82, b"\xff"))
        assert talk.written == lab.unmasked(0x81, "é".encode()) + lab.unmasked(0x82, b"\xff")
        await talk.arrive(lab.masked(*BYE))
        exchange = await talk.end()
        assert exchange.error is None
        assert talk.written.endswith(lab.unmasked(0x88, b"\x03\xe8"))

    lab.run(test)


def test_messages_carry_text_or_bytes(lab: Lab) -> None:
    async def test() -> None:
        heard: list[Message] = []
        frames = (lab.masked(0x81, b"a"), lab.masked(0x82, b"b"), lab.masked(0x81))
        await lab.talk(lab.hearing(heard), *frames, lab.masked(*BYE)).end()
        assert heard == [
            {"type": "websocket.receive", "text": "a"},
            {"type": "websocket.receive", "bytes": b"b"},
            {"type": "websocket.receive", "text": ""},
            {"type": "websocket.disconnect", "code": 1000, "reason": "bye"},
        ]

    lab.run(test)


def test_a_message_before_a_close_is_answered(lab: Lab) -> None:
    async def test() -> None:
        talk = lab.talk(lab.echo, lab.masked(0x81, b"x") + lab.masked(*BYE))
        await talk.end()
        assert talk.written == lab.unmasked(0x81, b"x") + lab.unmasked(0x88, b"\x03\xe8")

    lab.run(test)


def test_a_cancelled_receive_loses_nothing(lab: Lab) -> None:
    async def test() -> None:
        heard: list[Message] = []

        async def app(_scope: Scope, receive: Receive, send: Send) -> None:
            await receive()
            await send(ACCEPT)
            task = asyncio.ensure_future(receive())
            await asyncio.sleep(0)
            talk.exchange.arrive(lab.masked(0x81, b"x"))
            task.cancel()
            await asyncio.wait([task])
            heard.append(await receive())

        talk = lab.talk(app)
        await lab.settle()
        await talk.arrive(lab.masked(*BYE))
        await talk.end()
        assert heard == [{"type": "websocket.receive", "text": "x"}]

    lab.run(test)


def futures() -> int:
    return sum(type(each) is asyncio.Future for each in gc.get_objects())


def test_who_polls_leaves_nothing_behind(lab: Lab) -> None:
    async def test() -> None:
        polled = asyncio.Event()
        waits = 0

        async def app(_scope: Scope, receive: Receive, send: Send) -> None:
            nonlocal waits
            await receive()
            await send(ACCEPT)
            # What other tests have left.
            gc.collect()
            waits = -futures()
            for _ in range(100):
                task = asyncio.ensure_future(receive())
                await asyncio.sleep(0)
                task.cancel()
                await asyncio.wait([task])
            waits += futures()
            polled.set()

        talk = lab.talk(app)
        await polled.wait()
        assert waits < 50
        await talk.arrive(lab.masked(*BYE))
        await talk.end()

    lab.run(test)


def test_a_client_that_sends_without_end_lets_others_in(lab: Lab) -> None:
    async def test() -> None:
        turns = 0

        async def other() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        heard: list[Message] = []
        talk = lab.talk(lab.hearing(heard), lab.masked(0x81) * 1000)
        beside = asyncio.ensure_future(other())
        while len(heard) < 1000:  # noqa: ASYNC110 - each turn of the loop is what is counted
            await asyncio.sleep(0)
        beside.cancel()
        assert turns > 20
        await talk.arrive(lab.masked(*BYE))
        await talk.end()

    lab.run(test)


def test_pings_without_end_let_others_in(lab: Lab) -> None:
    async def test() -> None:
        heard: list[Message] = []
        talk = lab.talk(lab.hearing(heard), lab.masked(0x89) * 300 + lab.masked(0x81, b"x"))
        await asyncio.sleep(0)
        assert 0 < len(talk.written) < 2 * 300
        await lab.settle()
        assert talk.written == lab.unmasked(0x8A) * 300
        assert heard == [{"type": "websocket.receive", "text": "x"}]
        await talk.arrive(lab.masked(*BYE))
        await talk.end()

    lab.run(test)


def test_a_turn_that_comes_after_the_end_does_nothing(lab: Lab) -> None:
    async def test() -> None:
        talk = lab.talk(lab.echo, lab.masked(0x89) * 300)
        await asyncio.sleep(0)
        talk.exchange.lose()
        await talk.end()
        await lab.settle()
        assert len(talk.written) < 2 * 300

    lab.run(test)


def test_a_send_waits_for_a_client_that_reads_slowly(lab: Lab) -> None:
    async def test() -> None:
        sent: list[int] = []

        async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
            await send(ACCEPT)
            for number in range(3):
                await send(TEXT)
                sent.append(number)

        talk = lab.talk(app)
        talk.exchange.takes = False
        await lab.settle()
        assert sent == []
        talk.exchange.flush()
        await lab.settle()
        assert sent == [0]
        talk.exchange.takes = True
        talk.exchange.flush()
        await lab.settle()
        assert sent == [0, 1, 2]
        await talk.arrive(lab.masked(*BYE))
        await talk.end()

    lab.run(test)


def test_a_send_that_waits_learns_that_the_client_is_gone(lab: Lab) -> None:
    async def test() -> None:
        caught: list[BaseException] = []

        async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
            await send(ACCEPT)
            try:
                await send(TEXT)
            except OSError as error:
                caught.append(error)
                raise

        talk = lab.talk(app)
        talk.exchange.takes = False
        await lab.settle()
        talk.exchange.lose()
        await talk.end()
        assert isinstance(caught[0], ClientDisconnected)

    lab.run(test)


def test_a_send_that_finds_the_client_gone_raises(
    lab: Lab, caplog: pytest.LogCaptureFixture
) -> None:
    async def test() -> None:
        async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
            await send(ACCEPT)
            # Nobody has noticed yet.
            talk.exchange.gone = True
            await send(TEXT)

        talk = lab.talk(app)
        exchange = await talk.end()
        assert isinstance(exchange.error, ClientDisconnected)

    lab.run(test)
    assert caplog.text == ""


@pytest.mark.parametrize("message", [TEXT, CLOSE], ids=["send", "close"])
@pytest.mark.parametrize("how", ["closed", "lost"])
def test_a_send_after_the_client_went_raises(
    lab: Lab, how: str, message: Message, caplog: pytest.LogCaptureFixture
) -> None:
    async def test() -> None:
        caught: list[BaseException] = []

        async def app(_scope: Scope, receive: Receive, send: Send) -> None:
            await receive()
            await send(ACCEPT)
            await receive()
            try:
                await send(message)
            except BaseException as error:
                caught.append(error)
                raise

        talk = lab.talk(app)
        await talk.arrive(lab.masked(*BYE) if how == "closed" else END)
        await talk.end()
        assert isinstance(caught[0], OSError)

    lab.run(test)
    assert caplog.text == ""


def test_the_end_is_told_as_often_as_it_is_asked_for(lab: Lab) -> None:
    async def test() -> None:
        told: list[Message] = []

        async def app(_scope: Scope, receive: Receive, send: Send) -> None:
            await receive()
            await send(ACCEPT)
            told.extend([await receive(), await receive()])

        talk = lab.talk(app)
        await talk.arrive(lab.masked(0x88))
        await talk.end()
        assert told == [{"type": "websocket.disconnect", "code": 1005, "reason": ""}] * 2

    lab.run(test)


def test_a_broken_rule_is_told(lab: Lab) -> None:
    async def test() -> None:
        heard: list[Message] = []
        talk = lab.talk(lab.hearing(heard), lab.masked(0x83))
        exchange = await talk.end()
        assert heard[0]["code"] == 1002
        assert exchange.error is None

    lab.run(test)


def test_a_worker_that_ends_is_told(lab: Lab) -> None:
    async def test() -> None:
        heard: list[Message] = []
        talk = lab.talk(lab.hearing(heard))
        await lab.settle()
        talk.exchange.draining = True
        talk.exchange.change()
        await lab.settle()
        assert heard[0]["code"] == 1012
        assert talk.written[:4] == b"\x88\x1a\x03\xf4"
        assert not talk.ended()
        await talk.arrive(lab.masked(0x88, b"\x03\xf4"))
        await talk.end()
        assert talk.ended()

    lab.run(test)
