"""The errors of something that belongs to another loop: raised by asyncio itself where it does."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from typing import Any

import pytest

from pounce.asgi.loop_bound import EXPLANATION, explain

PATIENCE = 30.0
type Home = asyncio.AbstractEventLoop


@pytest.fixture
def home() -> Iterator[Home]:
    """Another worker's loop, on its thread."""
    loop = asyncio.new_event_loop()
    running = threading.Event()
    loop.call_soon(running.set)
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        # A loop is no thread's before it runs.
        assert running.wait(PATIENCE)
        yield loop
        at(loop, end_tasks())
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(PATIENCE)
    loop.close()


async def end_tasks() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


def at[T](home: Home, coroutine: Coroutine[Any, Any, T]) -> T:
    return asyncio.run_coroutine_threadsafe(coroutine, home).result(PATIENCE)


def error_of(use: Callable[[], Awaitable[Any]]) -> BaseException:
    """What comes of using something on a loop of this thread's."""

    async def main() -> None:
        async with asyncio.timeout(PATIENCE):
            await use()

    with pytest.raises((RuntimeError, ValueError)) as caught:
        asyncio.run(main())
    return caught.value


async def wait_for_two(acquire: Callable[[], Awaitable[Any]]) -> None:
    """Asks twice, so that one has to wait, which is what binds to a loop."""

    async def ask() -> None:
        await acquire()

    for _ in range(2):
        asyncio.create_task(ask())  # noqa: RUF006 - the fixture ends it
    await asyncio.sleep(0)


# What asyncio says


def test_a_lock(home: Home) -> None:
    lock = asyncio.Lock()
    at(home, wait_for_two(lock.acquire))
    assert explain(error_of(lock.acquire)) == EXPLANATION


def test_an_event(home: Home) -> None:
    event = asyncio.Event()
    at(home, wait_for_two(event.wait))
    assert explain(error_of(event.wait)) == EXPLANATION


def test_a_queue(home: Home) -> None:
    queue: asyncio.Queue[int] = asyncio.Queue()
    at(home, wait_for_two(queue.get))
    assert explain(error_of(queue.get)) == EXPLANATION


def test_a_semaphore(home: Home) -> None:
    semaphore = asyncio.Semaphore(1)
    at(home, wait_for_two(semaphore.acquire))
    assert explain(error_of(semaphore.acquire)) == EXPLANATION


def test_a_future(home: Home) -> None:
    future: asyncio.Future[None] = home.create_future()

    async def use() -> None:
        await future

    assert explain(error_of(use)) == EXPLANATION


def test_futures_together(home: Home) -> None:
    future: asyncio.Future[None] = home.create_future()

    async def use() -> None:
        await asyncio.gather(future)

    assert explain(error_of(use)) == EXPLANATION


def test_a_loop_in_debug_mode(home: Home) -> None:
    async def use() -> None:
        home.set_debug(True)
        try:
            home.call_soon(print)
        finally:
            home.set_debug(False)

    assert explain(error_of(use)) == EXPLANATION


def test_a_loop_that_has_ended() -> None:
    loop = asyncio.new_event_loop()
    loop.close()

    async def use() -> None:
        loop.call_soon(print)

    assert explain(error_of(use)) == EXPLANATION


def test_aiohttp() -> None:
    error = RuntimeError("Timeout context manager should be used inside a task")
    assert explain(error) == EXPLANATION


# Where it is found

CAUSE = RuntimeError("<Lock> is bound to a different event loop")


def raised(raising: Callable[[], None]) -> BaseException:
    try:
        raising()
    except BaseException as error:  # noqa: BLE001 - told to the test
        return error
    raise AssertionError("nothing was raised")


def test_an_error_that_came_of_it() -> None:
    def raising() -> None:
        raise OSError("no connection") from CAUSE

    assert explain(raised(raising)) == EXPLANATION


def test_an_error_while_it_was_handled() -> None:
    def raising() -> None:
        try:
            raise CAUSE
        except RuntimeError:
            raise KeyError("x")  # noqa: B904 - what is tested

    assert explain(raised(raising)) == EXPLANATION


def test_an_error_that_hides_it() -> None:
    def raising() -> None:
        try:
            raise CAUSE
        except RuntimeError:
            raise OSError("no connection") from None

    assert explain(raised(raising)) == EXPLANATION


def test_a_group_that_has_it() -> None:
    group = ExceptionGroup("several", [KeyError(), ExceptionGroup("more", [CAUSE])])
    assert explain(group) == EXPLANATION


# What it is not


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("a different loop"),
        KeyError("is bound to a different event loop"),
        ValueError(),
        asyncio.CancelledError(),
        SystemExit(1),
    ],
)
def test_another_error(error: BaseException) -> None:
    assert explain(error) is None


def test_an_error_that_cannot_be_shown() -> None:
    class Silent(RuntimeError):
        def __str__(self) -> str:
            raise ValueError

    assert explain(Silent()) is None


def test_a_chain_that_goes_round() -> None:
    one, two = RuntimeError("one"), RuntimeError("two")
    one.__cause__, two.__cause__ = two, one
    assert explain(one) is None


def test_a_chain_without_end() -> None:
    error = RuntimeError("is bound to a different event loop")
    for _ in range(1000):
        outer = RuntimeError()
        outer.__cause__ = error
        error = outer
    assert explain(error) is None


@pytest.mark.parametrize("way", ["lifespan", "state", "--app-scope worker", "--workers 1"])
def test_it_names_the_ways_out(way: str) -> None:
    assert way in EXPLANATION
