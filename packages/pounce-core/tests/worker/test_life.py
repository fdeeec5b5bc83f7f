"""A worker's life on its loop: the start, the end that is asked for, the drain."""

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

from pounce.http1 import handler
from pounce.http1.settings import Http1Settings
from pounce.http1.worker import Http1Worker
from pounce.protocol.asgi import Application, Receive, Scope, Send
from pounce.protocol.errors import StartupError
from pounce.protocol.limits import Limits
from pounce.testing.wire import Response, Wire
from pounce.worker import life as module
from pounce.worker import worker as worker_module
from pounce.worker.door import Door
from pounce.worker.life import Life, LifeSettings
from pounce.worker.poller import make_poller
from pounce.worker.protocols import Protocols
from pounce.worker.selector import WorkerSelector
from pounce.worker.settings import WorkerSettings
from pounce.worker.worker import Worker

if TYPE_CHECKING:
    from tests.worker.conftest import Serve

PATIENCE = 30.0
GET = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"


class Stage:
    """An application that notes what happens, and waits behind gates that are open or shut."""

    def __init__(self, *shut: str, stubborn: bool = False) -> None:
        self.notes: list[str] = []
        self.gates = {name: asyncio.Event() for name in ("start", "request", "end")}
        for name in self.gates.keys() - set(shut):
            self.gates[name].set()
        self.called = asyncio.Event()
        self.stubborn = stubborn

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await receive()
            self.notes.append("start")
            self.called.set()
            await self.wait("start")
            await send({"type": "lifespan.startup.complete"})
            self.called.clear()
            await receive()
            self.notes.append("end")
            self.called.set()
            await self.wait("end")
            await send({"type": "lifespan.shutdown.complete"})
        else:
            self.notes.append("request")
            self.called.set()
            await self.wait("request")
            await send({"type": "http.response.start", "status": 200})
            await send({"type": "http.response.body", "body": b"done"})

    async def wait(self, gate: str) -> None:
        while not self.gates[gate].is_set():
            try:
                await self.gates[gate].wait()
            except asyncio.CancelledError:
                self.notes.append(f"{gate} cancelled")
                if not self.stubborn:
                    raise


def speak_http1(worker: Worker) -> Protocols:
    return Protocols(Http1Worker(worker, Http1Settings()))


class Rig:
    """A worker on the running loop, and the life that it is to live."""

    def __init__(self, worker: Worker, listener: socket.socket) -> None:
        self.worker = worker
        self.listener = listener
        self.address: tuple[str, int] = listener.getsockname()
        self.ready = asyncio.Event()
        self.life: Life

    def begin(
        self,
        app: Application,
        speak: Callable[[Worker], Protocols] = speak_http1,
        started: Callable[[], None] | None = None,
        **options: Any,
    ) -> asyncio.Task[None]:
        defaults: dict[str, Any] = {
            "lifespan": "auto",
            "root_path": "",
            "proxies": None,
            "startup_timeout": PATIENCE,
            "grace": PATIENCE,
        }
        settings = LifeSettings(**(defaults | options))
        self.life = Life(self.worker, app, settings, speak)
        return asyncio.ensure_future(self.life.run(started or self.open))

    def open(self) -> None:
        """The worker serves: accepts, as whoever runs its life has it do now."""
        self.worker.open_door(Door(self.listener, ("127.0.0.1", 80), "http"))
        self.ready.set()

    async def serve(self, app: Application, **options: Any) -> asyncio.Task[None]:
        """Begins, and waits until it serves."""
        task = self.begin(app, **options)
        await self.ready.wait()
        return task

    async def connect(self) -> Wire:
        return await asyncio.to_thread(Wire.connect, self.address, timeout=PATIENCE)

    async def settled(self, connections: int) -> None:
        """Waits until it has so many connections."""
        while self.worker.connections != connections:  # noqa: ASYNC110 - no event tells of it
            await asyncio.sleep(0)

    async def asked(self, stage: Stage) -> Wire:
        """A client whose request the application has got."""
        wire = await self.connect()
        stage.called.clear()
        wire.send(GET)
        await stage.called.wait()
        return wire


async def response(wire: Wire) -> Response:
    return await asyncio.to_thread(wire.read_response)


type Scene = Callable[[Rig], Awaitable[None]]
type Play = Callable[[Scene], None]


@pytest.fixture
def play(monkeypatch: pytest.MonkeyPatch) -> Play:
    """Plays a scene on a loop that runs on the worker's selector."""
    monkeypatch.setattr(module, "LAST_WORDS", 0.05)
    # On a busy machine, an innocent client may need more time than most have.
    monkeypatch.setattr(module, "PATIENCE", PATIENCE)
    monkeypatch.setattr(handler, "FIRST_REQUEST", PATIENCE)

    def run(scene: Scene) -> None:
        settings = WorkerSettings(
            proxies=None,
            most_connections=None,
            most_requests=None,
            limits=Limits(),
            upgrades=frozenset(),
            extra_headers=(),
            date_header=False,
        )
        with ExitStack() as stack:
            listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
            listener.setblocking(False)
            worker = Worker("worker-1", settings, make_poller())
            selector = WorkerSelector(worker.poller, worker.turn)

            async def main() -> None:
                await asyncio.wait_for(scene(Rig(worker, listener)), PATIENCE)

            factory = lambda: asyncio.SelectorEventLoop(selector)  # noqa: E731 - the runner's form
            with asyncio.Runner(loop_factory=factory) as runner:
                runner.run(main())

    return run


# The start


def test_it_serves_once_the_application_has_started(play: Play) -> None:
    async def scene(rig: Rig) -> None:
        stage = Stage("start")
        task = rig.begin(stage)
        await stage.called.wait()
        with await rig.connect() as wire:
            assert not rig.ready.is_set()
            assert rig.worker.connections == 0
            stage.gates["start"].set()
            await rig.ready.wait()
            wire.send(GET)
            assert (await response(wire)).body == b"done"
        rig.life.end()
        await task

    play(scene)


def test_requests_get_what_the_lifespan_left(play: Play) -> None:
    states: list[object] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            scope["state"]["a"] = 1
        else:
            states.append(scope["state"])
        await Stage()(scope, receive, send)

    async def scene(rig: Rig) -> None:
        task = await rig.serve(app)
        with await rig.connect() as wire:
            wire.send(GET)
            await response(wire)
        rig.life.end()
        await task

    play(scene)
    assert states == [{"a": 1}]


def test_a_failed_start_is_an_error_and_nobody_is_served(play: Play) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.failed", "message": "no database"})

    async def scene(rig: Rig) -> None:
        with pytest.raises(StartupError, match="no database"):
            await rig.begin(app)
        assert not rig.ready.is_set()
        with await rig.connect():
            await asyncio.sleep(0.01)
            assert rig.worker.connections == 0

    play(scene)


def test_a_start_that_takes_too_long_is_an_error(play: Play) -> None:
    async def scene(rig: Rig) -> None:
        stage = Stage("start")
        with pytest.raises(StartupError, match=r"0\.01 seconds"):
            await rig.begin(stage, startup_timeout=0.01)
        await asyncio.sleep(0.01)
        assert stage.notes == ["start", "start cancelled"]

    play(scene)


@pytest.mark.parametrize("how", ["end", "hurry"])
def test_an_end_that_is_asked_for_during_the_start_is_no_error(play: Play, how: str) -> None:
    async def scene(rig: Rig) -> None:
        stage = Stage("start")
        task = rig.begin(stage)
        await stage.called.wait()
        getattr(rig.life, how)()
        await task
        await asyncio.sleep(0)
        assert not rig.ready.is_set()
        assert stage.notes == ["start", "start cancelled"]

    play(scene)


def test_an_end_that_is_asked_for_before_the_start_is_no_error(play: Play) -> None:
    async def scene(rig: Rig) -> None:
        task = rig.begin(Stage("start"))
        rig.life.end()
        await task
        assert not rig.ready.is_set()

    play(scene)


@pytest.mark.parametrize("where", ["speak", "started"])
def test_a_fault_after_the_start_ends_the_application(play: Play, where: str) -> None:
    def fault(*_args: object) -> Any:
        raise RuntimeError("boom")

    async def scene(rig: Rig) -> None:
        stage = Stage()
        options: dict[str, Any] = {where: fault}
        with pytest.raises(RuntimeError, match="boom"):
            await rig.begin(stage, **options)
        assert stage.notes == ["start", "end"]

    play(scene)


# The end


def test_an_idle_worker_ends_with_its_application(play: Play) -> None:
    async def scene(rig: Rig) -> None:
        stage = Stage()
        task = await rig.serve(stage)
        rig.life.end()
        await task
        assert stage.notes == ["start", "end"]

    play(scene)


def test_idle_connections_are_closed_at_the_end(play: Play) -> None:
    async def scene(rig: Rig) -> None:
        task = await rig.serve(Stage())
        with await rig.connect() as wire:
            wire.send(GET)
            await response(wire)
            rig.life.end()
            await task
            assert await asyncio.to_thread(wire.read_until_closed) == b""
            assert wire.end == "closed"

    play(scene)


def test_a_request_under_way_is_finished_before_the_application_ends(play: Play) -> None:
    async def scene(rig: Rig) -> None:
        stage = Stage("request")
        task = await rig.serve(stage)
        with await rig.asked(stage) as wire:
            rig.life.end()
            await asyncio.sleep(0.01)
            assert not task.done()
            stage.gates["request"].set()
            assert (await response(wire)).body == b"done"
        await task
        assert stage.notes == ["start", "request", "end"]

    play(scene)


def test_a_call_that_goes_on_after_its_response_is_waited_for(play: Play) -> None:
    """Such as a background task of Starlette's."""
    notes: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await Stage()(scope, receive, send)
            await asyncio.sleep(0.02)
            notes.append("background")
        else:
            await Stage()(scope, receive, send)
            notes.append("end")

    async def scene(rig: Rig) -> None:
        task = await rig.serve(app)
        with await rig.connect() as wire:
            wire.send(GET)
            await response(wire)
            rig.life.end()
        await task

    play(scene)
    assert notes == ["background", "end"]


def test_who_comes_while_the_server_ends_is_refused(play: Play) -> None:
    async def scene(rig: Rig) -> None:
        stage = Stage("request")
        task = await rig.serve(stage)
        with await rig.asked(stage) as wire:
            rig.life.end()
            await asyncio.sleep(0.01)
            with pytest.raises(ConnectionRefusedError):
                await rig.connect()
            stage.gates["request"].set()
            await response(wire)
        await task

    play(scene)


def test_who_comes_while_its_worker_retires_is_left_to_the_next_one(play: Play) -> None:
    async def scene(rig: Rig) -> None:
        stage = Stage("request")
        task = await rig.serve(stage)
        with await rig.asked(stage) as wire:
            rig.life.retire()
            await asyncio.sleep(0)
            with await rig.connect():
                await asyncio.sleep(0.01)
                assert rig.worker.connections == 1
            stage.gates["request"].set()
            await response(wire)
        await task

    play(scene)


def test_who_is_in_the_queue_when_the_server_ends_is_answered(play: Play) -> None:
    async def scene(rig: Rig) -> None:
        task = await rig.serve(Stage())
        # The loop does not get to accept them in between.
        wires = [Wire.connect(rig.address, timeout=PATIENCE) for _ in range(3)]
        for wire in wires:
            wire.send(GET)
        rig.life.end()
        for wire in wires:
            got = await response(wire)
            assert got.body == b"done"
            assert got.value(b"connection") == b"close"
            wire.close()
        await task

    play(scene)


def test_a_new_connection_may_make_its_first_request_while_the_server_ends(play: Play) -> None:
    async def scene(rig: Rig) -> None:
        task = await rig.serve(Stage())
        with await rig.connect() as wire:
            await rig.settled(1)
            rig.life.end()
            await asyncio.sleep(0.05)
            assert not task.done()
            wire.send(GET)
            got = await response(wire)
            assert got.body == b"done"
            assert got.value(b"connection") == b"close"
        await task

    play(scene)


def test_a_new_connection_that_says_nothing_does_not_hold_up_the_end(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handler, "FIRST_REQUEST", 0.05)
    monkeypatch.setattr(worker_module, "TICK", 0.05)
    monkeypatch.setattr("pounce.worker.clock.TICK", 0.05)

    async def scene(rig: Rig) -> None:
        task = await rig.serve(Stage())
        with await rig.connect() as wire:
            await rig.settled(1)
            rig.life.end()
            await task
            assert await asyncio.to_thread(wire.read_until_closed) == b""
            assert wire.end == "closed"

    play(scene)


# The end of a worker in a server that goes on


def test_a_worker_that_fades_serves_on_and_says_that_connections_end(play: Play) -> None:
    async def scene(rig: Rig) -> None:
        task = await rig.serve(Stage())
        with await rig.connect() as idle:
            idle.send(GET)
            assert (await response(idle)).value(b"connection") is None
            rig.life.fade()
            with await rig.connect() as later:
                for wire in (idle, later):
                    wire.send(GET)
                    assert (await response(wire)).value(b"connection") == b"close"
        assert not task.done()
        rig.life.end()
        await task

    play(scene)


def test_an_idle_connection_may_make_a_last_request_while_its_worker_retires(play: Play) -> None:
    async def scene(rig: Rig) -> None:
        task = await rig.serve(Stage())
        with await rig.connect() as wire:
            wire.send(GET)
            await response(wire)
            rig.life.retire()
            await asyncio.sleep(0.02)
            assert not task.done()
            wire.send(GET)
            assert (await response(wire)).value(b"connection") == b"close"
        await task

    play(scene)


def test_an_idle_connection_does_not_hold_up_its_worker_for_long(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.05)

    async def scene(rig: Rig) -> None:
        task = await rig.serve(Stage())
        with await rig.connect() as wire:
            wire.send(GET)
            await response(wire)
            rig.life.retire()
            await task
            assert await asyncio.to_thread(wire.read_until_closed) == b""
            assert wire.end == "closed"

    play(scene)


def test_an_idle_connection_goes_to_an_heir(play: Play, serve: Serve) -> None:
    async def heir(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.body", "body": b"heir"})

    following = serve(heir)

    async def scene(rig: Rig) -> None:
        stage = Stage("request")
        task = await rig.serve(stage)
        with await rig.connect() as idle, await rig.asked(stage) as busy:
            rig.life.retire([following.worker])
            await rig.settled(1)
            idle.send(GET)
            assert (await response(idle)).body == b"heir"
            assert not task.done()
            stage.gates["request"].set()
            got = await response(busy)
            assert got.body == b"done"
            assert got.value(b"connection") is None
            await task
            busy.send(GET)
            assert (await response(busy)).body == b"heir"

    play(scene)


def test_a_request_that_outlives_the_grace_is_cancelled(
    play: Play, caplog: pytest.LogCaptureFixture
) -> None:
    async def scene(rig: Rig) -> None:
        stage = Stage("request")
        task = await rig.serve(stage, grace=0.01)
        with await rig.asked(stage) as wire:
            rig.life.end()
            await task
            assert (await response(wire)).status == 500
        assert stage.notes == ["start", "request", "request cancelled", "end"]

    with caplog.at_level(logging.WARNING, "pounce.worker"):
        play(scene)
    assert any("0.01 seconds of grace" in record.getMessage() for record in caplog.records)


def test_a_request_that_listens_ends_by_itself_before_it_is_cancelled(play: Play) -> None:
    notes: list[str] = []
    called = asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await Stage()(scope, receive, send)
            return
        await receive()
        called.set()
        notes.append((await receive())["type"])

    async def scene(rig: Rig) -> None:
        task = await rig.serve(app, grace=0.01)
        with await rig.connect() as wire:
            wire.send(GET)
            await called.wait()
            rig.life.end()
            await task

    play(scene)
    assert notes == ["http.disconnect"]


def test_a_request_that_does_not_end_even_then_does_not_hold_up_the_end(
    play: Play, caplog: pytest.LogCaptureFixture
) -> None:
    async def scene(rig: Rig) -> None:
        stage = Stage("request", stubborn=True)
        task = await rig.serve(stage, grace=0.01)
        with await rig.asked(stage) as wire:
            rig.life.end()
            try:
                await task
                await asyncio.to_thread(wire.read_until_closed)
                assert stage.notes[-1] == "end"
            finally:
                # Else the loop, which waits for all of its tasks, would not end either.
                stage.gates["request"].set()
        await asyncio.sleep(0.01)

    with caplog.at_level(logging.WARNING, "pounce.worker"):
        play(scene)
    assert any("do not end" in record.getMessage() for record in caplog.records)


@pytest.mark.parametrize("grace", [PATIENCE, None])
def test_a_hurry_cuts_short_what_is_under_way(play: Play, grace: float | None) -> None:
    async def scene(rig: Rig) -> None:
        stage = Stage("request")
        task = await rig.serve(stage, grace=grace)
        with await rig.asked(stage):
            rig.life.end()
            await asyncio.sleep(0.01)
            assert not task.done()
            rig.life.hurry()
            await task
        assert "request cancelled" in stage.notes

    play(scene)


def test_without_grace_what_is_under_way_is_cut_short(play: Play) -> None:
    async def scene(rig: Rig) -> None:
        stage = Stage("request")
        task = await rig.serve(stage, grace=0.0)
        with await rig.asked(stage):
            rig.life.end()
            await task
        assert "request cancelled" in stage.notes

    play(scene)


def test_without_a_limit_the_drain_waits(play: Play) -> None:
    async def scene(rig: Rig) -> None:
        stage = Stage("request")
        task = await rig.serve(stage, grace=None)
        with await rig.asked(stage) as wire:
            rig.life.end()
            await asyncio.sleep(0.02)
            assert not task.done()
            stage.gates["request"].set()
            assert (await response(wire)).complete
        await task

    play(scene)


# The application's end


def test_an_application_that_takes_too_long_to_end_is_cancelled(
    play: Play, caplog: pytest.LogCaptureFixture
) -> None:
    async def scene(rig: Rig) -> None:
        stage = Stage("end")
        task = await rig.serve(stage, grace=0.01)
        rig.life.end()
        await task
        await asyncio.sleep(0)
        assert stage.notes == ["start", "end", "end cancelled"]

    with caplog.at_level(logging.WARNING, "pounce.worker"):
        play(scene)
    assert any("takes too long to shut down" in each.getMessage() for each in caplog.records)


def test_a_hurry_cuts_short_the_applications_end(play: Play) -> None:
    async def scene(rig: Rig) -> None:
        stage = Stage("end")
        task = await rig.serve(stage, grace=None)
        rig.life.end()
        await stage.called.wait()
        rig.life.hurry()
        await task
        await asyncio.sleep(0)
        assert stage.notes == ["start", "end", "end cancelled"]

    play(scene)


def test_a_life_that_is_cancelled_drains_and_ends_its_application(play: Play) -> None:
    async def scene(rig: Rig) -> None:
        stage = Stage("request")
        task = await rig.serve(stage)
        with await rig.asked(stage) as wire:
            task.cancel()
            await asyncio.sleep(0.01)
            assert not task.done()
            stage.gates["request"].set()
            assert (await response(wire)).body == b"done"
        with pytest.raises(asyncio.CancelledError):
            await task
        assert stage.notes == ["start", "request", "end"]

    play(scene)
