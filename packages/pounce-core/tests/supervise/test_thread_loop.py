"""What an application may do to a worker thread's loop without ending the worker."""

import asyncio
from collections.abc import Callable
from contextlib import ExitStack
from queue import SimpleQueue
from typing import cast

import pytest

from pounce.config.config import Config
from pounce.protocol.asgi import Application, Receive, Scope, Send
from pounce.protocol.errors import PounceError
from pounce.supervise.listeners import open_listeners
from pounce.supervise.recipe import Recipe, door_of
from pounce.supervise.thread import WorkerThread
from pounce.testing.application import hello
from pounce.testing.wire import Wire

PATIENCE = 30.0
GET = b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n"


def ask(app: Application, times: int = 2) -> tuple[list[bytes], list[tuple[str, object]]]:
    """What a worker answers from its start to its end, and what it reports."""
    reports: SimpleQueue[tuple[str, object]] = SimpleQueue()
    config = Config(cast("Callable[..., object]", app), port=0)
    [listener] = open_listeners(config)
    member = WorkerThread(
        "worker-1",
        Recipe(config),
        lambda: app,
        accepts=True,
        access_log=None,
        report=lambda _, what, error: reports.put((what, error)),
    )
    answers: list[bytes] = []
    with ExitStack() as stack:
        address = listener.socket.getsockname()
        stack.callback(listener.close)
        member.start()
        said: list[tuple[str, object]] = [reports.get(timeout=PATIENCE)]
        member.accept_from([door_of(listener)])
        for _ in range(times):
            with Wire.connect(address, timeout=PATIENCE) as wire:
                wire.send(GET)
                answers.append(wire.read_response().body)
        member.end()
        said.append(reports.get(timeout=PATIENCE))
        assert member.join(PATIENCE)
    return answers, said


@pytest.mark.parametrize("fault", [SystemExit, KeyboardInterrupt])
def test_a_task_that_wants_to_end_the_program_does_not_end_the_worker(
    fault: type[BaseException],
) -> None:
    kept: list[asyncio.Future[None]] = []

    async def leave() -> None:
        raise fault

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            kept.append(asyncio.ensure_future(leave()))
        await hello(scope, receive, send)

    answers, said = ask(app)
    assert answers == [b"hello"] * 2
    assert said == [("ready", None), ("ended", None)]
    assert [type(task.exception()) for task in kept] == [fault] * 2


def test_an_application_that_stops_its_loop_does_not_end_the_worker() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            asyncio.get_running_loop().stop()
        await hello(scope, receive, send)

    answers, said = ask(app)
    assert answers == [b"hello"] * 2
    assert said == [("ready", None), ("ended", None)]


def test_an_application_that_cancels_all_tasks_is_told_what_it_did() -> None:
    """Its lifespan is one of them: a worker that lived on would serve what has ended."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await hello(scope, receive, send)
        if scope["type"] == "http":
            for task in asyncio.all_tasks():
                task.cancel()

    answers, said = ask(app, times=1)
    assert answers == [b"hello"]
    [ready, (what, error)] = said
    assert (ready, what) == (("ready", None), "ended")
    assert isinstance(error, PounceError)
    assert str(error).startswith("worker-1 died: the application cancelled all tasks of its loop")
