"""A server inside of a program: started and stopped from any thread, on its own loop or beside one,
again and again, with nothing left behind.
"""

import asyncio
import gc
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

import pounce
from integration.apps.plain import Receive, Scope, Send, reply
from integration.tests.client import Client
from pounce.protocol.errors import BindError, StartupError

TIMES = 10
SOON = 60.0


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "lifespan":
        raise NotImplementedError
    await asyncio.sleep(0)
    await reply(send, b"embedded")


def make(workers: int = 1, **settings: object) -> pounce.Server:
    return pounce.Server(
        app,
        port=0,
        workers=workers,
        worker_type="thread",
        access_log=False,
        log_level="error",
        **settings,
    )


def address(server: pounce.Server) -> tuple[str, int]:
    host, _, port = server.addresses[0].removeprefix("http://").rpartition(":")
    return host, int(port)


def serves(server: pounce.Server) -> bool:
    with Client.to(address(server)) as client:
        return client.get("/").body == b"embedded"


def held() -> tuple[set[str], set[threading.Thread]]:
    """What the process holds: its descriptors, and its threads."""
    gc.collect()
    descriptors = {
        f"{number} {target}"
        for number in os.listdir("/proc/self/fd")  # noqa: PTH208 - the numbers alone
        if (target := _target(number)) is not None
    }
    return descriptors, set(threading.enumerate())


def _target(number: str) -> str | None:
    try:
        return os.readlink(f"/proc/self/fd/{number}")  # noqa: PTH115 - no path of a file
    except FileNotFoundError:
        return None  # it was that of the folder itself


@pytest.fixture(scope="module")
def imported() -> None:
    """The first server imports, which may keep something for good."""
    with make() as server:
        assert serves(server)


@pytest.fixture(autouse=True)
def nothing_left(imported: None) -> Iterator[None]:
    """Each test here leaves neither a thread nor a descriptor behind, nor a signal handler."""
    before = held()
    handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    yield
    # A thread that has done its work may not have returned yet.
    for thread in set(threading.enumerate()) - before[1]:
        thread.join(SOON)
    descriptors, threads = held()
    assert descriptors - before[0] == set()
    assert threads - before[1] == set()
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == handlers


@pytest.mark.parametrize("workers", [1, 4])
def test_a_with_statement(workers: int) -> None:
    with make(workers) as server:
        assert serves(server)
        at = address(server)
    with pytest.raises(ConnectionRefusedError):
        Client.to(at)


@pytest.mark.parametrize("workers", [1, 4])
def test_again_and_again(workers: int) -> None:
    for _ in range(TIMES):
        with make(workers) as server:
            assert serves(server)


def test_started_by_one_thread_and_stopped_by_another() -> None:
    with ThreadPoolExecutor(2) as pool:
        for _ in range(TIMES):
            server = make(2)
            pool.submit(server.start).result(SOON)
            assert serves(server)
            pool.submit(server.stop).result(SOON)
            assert server.wait(SOON)


def test_waited_for_by_several_threads() -> None:
    with ThreadPoolExecutor(8) as pool:
        server = make(2)
        server.start()
        waits = [pool.submit(server.wait, SOON) for _ in range(8)]
        server.stop()
        assert all(wait.result(SOON) for wait in waits)


def test_many_at_once() -> None:
    def one(_: int) -> bool:
        with make(2) as server:
            return serves(server)

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(one, range(16)))


def test_waiting_for_one_that_goes_on_serving() -> None:
    with make() as server:
        assert not server.wait(0.01)
        assert serves(server)


def test_stopped_twice_and_before_its_start() -> None:
    server = make()
    server.stop()
    server.start()
    server.stop()
    server.stop()
    assert server.wait(SOON)
    assert server.wait(SOON)


def test_a_second_start_is_refused() -> None:
    with make() as server:
        with pytest.raises(StartupError, match="once"):
            server.start()
        assert serves(server)


def test_a_start_that_fails_leaves_nothing_behind() -> None:
    with make() as server:
        other = pounce.Server(app, port=address(server)[1], access_log=False)
        with pytest.raises(BindError, match="in use"):
            other.start()
        assert serves(server)


async def failing(scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    raise RuntimeError("no database")


def test_an_application_that_fails_to_start() -> None:
    server = pounce.Server(failing, port=0, workers=2, worker_type="thread", log_level="critical")
    with pytest.raises(StartupError, match="no database"):
        server.start()


async def served(server: pounce.Server) -> bool:
    return await asyncio.to_thread(serves, server)


async def until_serving(server: pounce.Server, task: asyncio.Task[None]) -> None:
    async with asyncio.timeout(SOON):
        while not server.addresses:
            assert not task.done(), task.exception()
            await asyncio.sleep(0.001)
    # Its listener is there first; a connection waits there until a worker is.
    assert await served(server)


def on_loop(workers: int, scenario: Callable[[pounce.Server, asyncio.Task[None]], object]) -> None:
    """Runs a scenario beside `serve()` on one loop."""

    async def main() -> None:
        server = make(workers)
        task = asyncio.create_task(server.serve())
        await until_serving(server, task)
        scenario(server, task)
        done, _ = await asyncio.wait((task,), timeout=SOON)
        assert task in done
        assert task.cancelled() or task.exception() is None

    asyncio.run(main())


@pytest.mark.parametrize("workers", [1, 2])
def test_served_on_a_loop_until_it_is_stopped(workers: int) -> None:
    on_loop(workers, lambda server, _: server.stop())


@pytest.mark.parametrize("workers", [1, 2])
def test_served_on_a_loop_until_the_task_is_cancelled(workers: int) -> None:
    on_loop(workers, lambda _, task: task.cancel())


@pytest.mark.parametrize("workers", [1, 2])
def test_served_on_a_loop_until_a_thread_stops_it(workers: int) -> None:
    on_loop(workers, lambda server, _: threading.Thread(target=server.stop).start())


def test_a_loop_goes_on_with_its_own_while_it_serves() -> None:
    async def main() -> int:
        server = make()
        task = asyncio.create_task(server.serve())
        await until_serving(server, task)
        turns = 0

        async def turn() -> None:
            nonlocal turns
            while not task.done():
                turns += 1
                await asyncio.sleep(0)

        other = asyncio.create_task(turn())
        for _ in range(5):
            before = turns
            assert await served(server)
            assert turns > before
        server.stop()
        async with asyncio.timeout(SOON):
            await task
            await other
        return turns

    assert asyncio.run(main()) > 5
