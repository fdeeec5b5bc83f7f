"""The application's start and end: who speaks the protocol, who fails, and what is said of it."""

import asyncio
import gc
import logging
from collections.abc import Callable, Coroutine
from typing import Any, cast

import pytest

from pounce.asgi.lifespan import Lifespan, Mode
from pounce.protocol.asgi import Application, Receive, Scope, Send
from pounce.protocol.errors import StartupError

MODES: list[Mode] = ["auto", "on"]


def application(
    *steps: str | type[BaseException] | Callable[[Scope], object],
) -> Application:
    """Takes the steps in order: receives, sends a message, raises, or calls with the scope."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        for step in steps:
            if step == "receive":
                await receive()
            elif isinstance(step, str):
                await send({"type": f"lifespan.{step}"})
            elif isinstance(step, type):
                raise step("boom")
            else:
                step(scope)

    return app


WELL = ("receive", "startup.complete", "receive", "shutdown.complete")


def live[T](use: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Runs it, and sees to it that no task ends with an exception that nobody looked at."""
    tasks: list[asyncio.Task[Any]] = []

    def note(
        loop: asyncio.AbstractEventLoop, coro: Coroutine[Any, Any, Any], **options: Any
    ) -> asyncio.Task[Any]:
        tasks.append(asyncio.Task(coro, loop=loop, **options))
        return tasks[-1]

    async def main() -> T:
        asyncio.get_running_loop().set_task_factory(cast("Any", note))
        return await asyncio.wait_for(use(), 30.0)

    result = asyncio.run(main())
    # What asyncio asks itself when a task goes; the log may hold this one for longer.
    lost = [task for task in tasks if cast("Any", task)._log_traceback]
    assert lost == []
    return result


async def start(app: Application, mode: Mode = "auto") -> Lifespan:
    lifespan = Lifespan(app, mode)
    await lifespan.startup()
    return lifespan


def refused(app: Application, mode: Mode = "auto") -> str:
    """Why the start fails."""

    async def use() -> str:
        lifespan = Lifespan(app, mode)
        with pytest.raises(StartupError) as raised:
            await lifespan.startup()
        assert not lifespan.supported
        assert await lifespan.shutdown()
        # Lets the application come to its end.
        for _ in range(3):
            await asyncio.sleep(0)
        return str(raised.value)

    return live(use)


# Start


@pytest.mark.parametrize("mode", MODES)
def test_an_application_that_starts_is_supported(mode: Mode) -> None:
    async def use() -> None:
        lifespan = await start(application(*WELL), mode)
        assert lifespan.supported
        assert await lifespan.shutdown()

    live(use)


def test_the_application_gets_its_messages_in_order() -> None:
    messages: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        messages.append((await receive())["type"])
        await send({"type": "lifespan.startup.complete"})
        messages.append((await receive())["type"])
        await send({"type": "lifespan.shutdown.complete"})

    async def use() -> None:
        lifespan = await start(app)
        assert messages == ["lifespan.startup"]
        await lifespan.shutdown()
        assert messages == ["lifespan.startup", "lifespan.shutdown"]

    live(use)


def test_the_scope_says_what_it_is() -> None:
    scopes: list[Scope] = []

    async def use() -> None:
        await (await start(application(scopes.append, *WELL))).shutdown()

    live(use)
    assert scopes == [
        {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": {}}
    ]


def test_what_the_application_leaves_in_the_state_is_kept() -> None:
    async def use() -> None:
        lifespan = await start(application(lambda scope: scope["state"].update(a=1), *WELL))
        assert lifespan.state == {"a": 1}
        await lifespan.shutdown()

    live(use)


def test_an_application_without_a_lifespan_is_not_asked_where_it_is_off() -> None:
    async def use() -> None:
        lifespan = await start(application(AssertionError), "off")
        assert not lifespan.supported
        assert await lifespan.shutdown()

    live(use)


@pytest.mark.parametrize("steps", [(ValueError,), ()], ids=len)
def test_auto_takes_an_application_without_a_lifespan(steps: tuple[type[Exception], ...]) -> None:
    async def use() -> None:
        lifespan = await start(application(*steps))
        assert not lifespan.supported
        assert await lifespan.shutdown()

    live(use)


def test_an_application_without_a_lifespan_leaves_nothing_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """As with the usual `assert scope["type"] == "http"`."""

    async def use() -> None:
        await start(application(AssertionError))

    with caplog.at_level(logging.INFO):
        live(use)
    assert caplog.records == []


@pytest.mark.parametrize("steps", [(ValueError,), ()], ids=len)
def test_on_refuses_an_application_without_a_lifespan(
    steps: tuple[type[Exception], ...],
) -> None:
    assert "--lifespan auto" in refused(application(*steps), "on")


@pytest.mark.parametrize("mode", MODES)
def test_a_start_that_the_application_says_failed_is_a_failure(mode: Mode) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.failed", "message": "no database\n"})

    assert refused(app, mode) == "the application failed to start: no database"


def test_a_failure_without_a_reason_is_a_failure() -> None:
    assert "failed to start" in refused(application("receive", "startup.failed"))


@pytest.mark.parametrize("mode", MODES)
def test_a_fault_after_the_first_message_is_a_failed_start(mode: Mode) -> None:
    assert "ValueError: boom" in refused(application("receive", ValueError), mode)


@pytest.mark.parametrize("mode", MODES)
def test_an_application_that_leaves_before_it_started_has_failed(mode: Mode) -> None:
    assert "before it had started" in refused(application("receive"), mode)


@pytest.mark.parametrize("mode", MODES)
def test_an_application_that_cancels_itself_has_failed(mode: Mode) -> None:
    """As a cancel scope does that leaks."""
    refused(application("receive", asyncio.CancelledError), mode)


def test_a_failed_start_that_is_raised_as_well_is_told_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """As Starlette does: it says that the start failed, and raises what it failed of."""
    refused(application("receive", "startup.failed", ValueError))
    assert len([record for record in caplog.records if record.exc_info]) == 1


def test_a_start_that_fails_when_nobody_waits_any_more_is_not_complained_of() -> None:
    """As when one of several workers failed a moment before, and the others were told to end."""
    complaints: list[str] = []

    async def use() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _loop, context: complaints.append(context["message"]))
        go = asyncio.Event()

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await receive()
            await go.wait()
            await send({"type": "lifespan.startup.failed", "message": "no database"})

        lifespan = Lifespan(app, "auto")
        starting = asyncio.ensure_future(lifespan.startup())
        await asyncio.sleep(0.01)
        starting.cancel()
        await asyncio.wait([starting])
        go.set()
        await asyncio.sleep(0.01)
        del lifespan, starting
        gc.collect()

    asyncio.run(asyncio.wait_for(use(), 30.0))
    assert complaints == []


def test_a_start_that_takes_long_is_waited_for() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await asyncio.sleep(0.01)
        await application(*WELL[1:])(scope, receive, send)

    async def use() -> None:
        lifespan = await start(app)
        assert lifespan.supported
        await lifespan.shutdown()

    live(use)


def test_the_lifespan_runs_in_one_task_from_start_to_end() -> None:
    tasks: list[asyncio.Task[Any] | None] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        tasks.append(asyncio.current_task())
        await send({"type": "lifespan.startup.complete"})
        await receive()
        tasks.append(asyncio.current_task())
        await send({"type": "lifespan.shutdown.complete"})

    async def use() -> None:
        await (await start(app)).shutdown()
        assert tasks[0] is tasks[1] is not asyncio.current_task()

    live(use)


# End


def test_an_end_that_the_application_says_failed_is_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.failed", "message": "still busy"})

    async def use() -> bool:
        return await (await start(app)).shutdown()

    assert not live(use)
    assert [record.getMessage() for record in caplog.records] == [
        "the application failed to shut down: still busy"
    ]


@pytest.mark.parametrize("words", [(), ("shutdown.failed",)], ids=len)
def test_an_end_that_fails_with_an_exception_is_told_once(
    words: tuple[str, ...], caplog: pytest.LogCaptureFixture
) -> None:
    async def use() -> bool:
        return await (await start(application(*WELL[:3], *words, ValueError))).shutdown()

    assert not live(use)
    assert len([record for record in caplog.records if record.exc_info]) == 1


def test_a_fault_after_the_end_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    async def use() -> None:
        await (await start(application(*WELL, ValueError))).shutdown()

    live(use)
    assert len([record for record in caplog.records if record.exc_info]) == 1


def test_an_application_that_ends_without_a_word_has_ended() -> None:
    async def use() -> bool:
        return await (await start(application(*WELL[:3]))).shutdown()

    assert live(use)


def test_an_application_whose_lifespan_died_meanwhile_is_not_asked(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def use() -> None:
        lifespan = await start(application("receive", "startup.complete", ValueError))
        for _ in range(3):
            await asyncio.sleep(0)
        await lifespan.shutdown()

    live(use)
    assert len([record for record in caplog.records if record.exc_info]) == 1


def test_what_follows_the_last_message_still_runs() -> None:
    done: list[bool] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await application(*WELL)(scope, receive, send)
        await asyncio.sleep(0.01)
        done.append(True)

    async def use() -> None:
        await (await start(app)).shutdown()
        assert done

    live(use)


def test_an_application_that_does_not_end_can_be_cancelled() -> None:
    cancelled: list[bool] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await application(*WELL[:3])(scope, receive, send)
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append(True)
            raise

    async def use() -> None:
        lifespan = await start(app)
        ending = asyncio.ensure_future(lifespan.shutdown())
        await asyncio.sleep(0.01)
        assert not ending.done()
        lifespan.cancel()
        await asyncio.wait([ending])

    live(use)
    assert cancelled == [True]


# Messages out of order


@pytest.mark.parametrize(
    "steps",
    [
        ("receive", "nonsense"),
        ("receive", "startup.complete", "startup.complete"),
        ("receive", "startup.complete", "startup.failed"),
        (*WELL, "shutdown.complete"),
    ],
    ids=",".join,
)
def test_a_message_that_has_no_place_is_the_applications_fault(
    steps: tuple[str, ...], caplog: pytest.LogCaptureFixture
) -> None:
    async def use() -> None:
        lifespan = Lifespan(application(*steps), "auto")
        try:
            await lifespan.startup()
        except StartupError:
            return
        for _ in range(3):
            await asyncio.sleep(0)
        await lifespan.shutdown()

    live(use)
    [record] = [record for record in caplog.records if record.exc_info]
    assert record.exc_info is not None
    assert record.exc_info[0] is RuntimeError


def test_the_application_may_start_without_having_received() -> None:
    """The message is there; that it was not taken is the application's affair."""

    async def use() -> None:
        lifespan = await start(application("startup.complete", "receive", "receive"))
        assert lifespan.supported
        assert await lifespan.shutdown()

    live(use)
