"""Shouting, without a connection."""

import asyncio
from collections.abc import Callable
from typing import Any, cast

import pytest

from pounce.protocol.exchange import END, GONE, BodyState, RequestHead
from pounce.protocol.limits import Limits
from pounce.protocol.roles import Call
from pounce.testing.channel import RecordingServices
from pounce.testing.exchange import MemoryExchange
from pounce_sample.settings import ShoutSettings
from pounce_sample.upgrade import ShoutWorker

PATIENCE = 60.0

type Step = Callable[[MemoryExchange], object]


class Caller:
    """Who keeps the calls that wait."""

    def __init__(self) -> None:
        self.returns: list[Call] = []

    def returned(self, call: Call) -> None:
        self.returns.append(call)


def offered(version: bytes | None, *pieces: bytes | BodyState) -> MemoryExchange:
    fields = [] if version is None else [(b"sec-shout-version", version)]
    return MemoryExchange(*pieces, head=RequestHead("GET", b"/", b"", "1.1", fields))


def take(exchange: MemoryExchange, caller: Caller, mark: str = "!") -> Call | None:
    worker = ShoutWorker(RecordingServices(Limits()), ShoutSettings(mark=mark))
    return worker(exchange, caller)


def shouted(*pieces: bytes | BodyState, steps: tuple[Step, ...] = (), mark: str = "!") -> Any:
    """What was written, once the call has ended; between its waits, the steps are done."""
    exchange, caller = offered(b"1", *pieces), Caller()
    call = take(exchange, caller, mark)
    assert call is not None

    async def main() -> None:
        run = call.run(cast("Any", None), {})
        task = asyncio.Task(run, loop=asyncio.get_running_loop(), eager_start=True)
        if not task.done():
            call.task = task
        for step in steps:
            step(exchange)
            await asyncio.sleep(0)
        await asyncio.wait_for(task, PATIENCE)
        assert caller.returns == ([call] if call.task is not None else [])

    asyncio.run(main())
    assert exchange.finished == 1
    return exchange


def written(exchange: MemoryExchange) -> bytes:
    return b"".join(cast("bytes", call[1]) for call in exchange.calls if call[0] == "write")


def test_an_offer_without_a_version_is_left_to_the_application() -> None:
    exchange = offered(None)
    assert take(exchange, Caller()) is None
    assert exchange.calls == []


def test_an_offer_of_another_version_is_answered() -> None:
    exchange = offered(b"2")
    assert take(exchange, Caller()) is None
    assert exchange.over
    [start, *_] = exchange.calls
    assert start[1] == 426
    assert (b"sec-shout-version", b"1") in cast("list[object]", start[2])


def test_lines_come_back_in_capitals() -> None:
    exchange = shouted(b"one\ntw", b"o\nthree", END)
    assert exchange.calls[0] == ("accept", [(b"sec-shout-version", b"1")])
    assert written(exchange) == b"ONE!\nTWO!\nTHREE"


def test_the_mark_is_a_setting() -> None:
    assert written(shouted(b"one\n", END, mark="?")) == b"ONE?\n"


def test_bytes_that_come_later_are_waited_for() -> None:
    exchange = shouted(steps=(lambda it: it.arrive(b"one\n"), lambda it: it.arrive(END)))
    assert written(exchange) == b"ONE!\n"


def test_a_slow_client_is_waited_for() -> None:
    def slow(exchange: MemoryExchange) -> None:
        exchange.takes = False
        exchange.arrive(b"one\n", b"two\n")

    def fast(exchange: MemoryExchange) -> None:
        assert written(exchange) == b"ONE!\n"
        exchange.takes = True
        exchange.flush()

    exchange = shouted(steps=(slow, fast, lambda it: it.arrive(END)))
    assert written(exchange) == b"ONE!\nTWO!\n"


def test_a_drain_says_good_bye() -> None:
    def drain(exchange: MemoryExchange) -> None:
        exchange.draining = True
        exchange.change()

    assert written(shouted(steps=(drain,))) == b"GOOD BYE\n"


@pytest.mark.parametrize("steps", [(), (lambda it: it.lose(),)], ids=["at once", "later"])
def test_a_client_that_goes_ends_it(steps: tuple[Step, ...]) -> None:
    exchange = shouted(*([] if steps else [GONE]), steps=steps)
    assert exchange.error is None


def test_a_cancellation_ends_it() -> None:
    exchange, caller = offered(b"1"), Caller()
    call = take(exchange, caller)
    assert call is not None

    async def main() -> None:
        call.task = asyncio.ensure_future(call.run(cast("Any", None), {}))
        await asyncio.sleep(0)
        call.look_after()
        call.cancel("enough")
        await asyncio.wait([call.task], timeout=PATIENCE)

    asyncio.run(main())
    assert isinstance(exchange.error, asyncio.CancelledError)
    assert caller.returns == [call]
