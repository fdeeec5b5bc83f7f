"""A worker on a thread of its own, from its start to what it leaves behind."""

import asyncio
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from typing import Any, cast

import pytest

from pounce.config.config import Config
from pounce.observe.access_log import AccessLog, Entry
from pounce.protocol.asgi import Application, Receive, Scope, Send
from pounce.protocol.errors import StartupError
from pounce.supervise import thread as module
from pounce.supervise.crew import Member, Occurrence
from pounce.supervise.listeners import Listener, open_listeners
from pounce.supervise.recipe import Recipe, door_of
from pounce.supervise.thread import WorkerThread
from pounce.testing.application import hello
from pounce.testing.wire import Wire
from pounce.worker import worker as worker_module
from pounce.worker.arrival import Arrival

PATIENCE = 30.0
GET = b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n"


class Diary:
    """Takes the reports of a worker."""

    def __init__(self) -> None:
        self.reports: list[tuple[str, BaseException | None]] = []
        self._changed = threading.Condition()

    def __call__(self, _member: Member, what: Occurrence, error: BaseException | None) -> None:
        with self._changed:
            self.reports.append((what, error))
            self._changed.notify_all()

    def until(self, what: str) -> BaseException | None:
        with self._changed:
            assert self._changed.wait_for(lambda: what in dict(self.reports), PATIENCE)
        return dict(self.reports)[what]

    @property
    def words(self) -> list[str]:
        return [what for what, _ in self.reports]


class Rig:
    """A worker thread with a listener of its own."""

    def __init__(
        self,
        app: Application,
        settings: dict[str, Any],
        access_log: AccessLog | None,
        accepts: bool,
    ) -> None:
        config = Config(cast("Callable[..., Any]", app), port=0, access_log=False, **settings)
        self.listener: Listener
        [self.listener] = open_listeners(config)
        self.recipe = Recipe(config)
        self.door = door_of(self.listener)
        self.diary = Diary()
        self._accepts = accepts
        self.member = WorkerThread(
            "worker-1",
            self.recipe,
            lambda: app,
            accepts=accepts,
            access_log=access_log,
            report=self.diary,
        )

    def start(self) -> None:
        self.member.start()
        self.diary.until("ready")
        if self._accepts:
            self.member.accept_from([self.door])

    def connect(self) -> Wire:
        return Wire.connect(self.listener.socket.getsockname(), timeout=PATIENCE)

    def ask(self) -> bytes:
        with self.connect() as wire:
            wire.send(GET)
            return wire.read_response().body

    def end(self) -> BaseException | None:
        self.member.end()
        return self.diary.until("ended")


type Make = Callable[..., Rig]


@pytest.fixture
def make(monkeypatch: pytest.MonkeyPatch) -> Iterator[Make]:
    monkeypatch.setattr(worker_module, "TICK", 0.05)
    with ExitStack() as stack:

        def rig(
            app: Application = hello,
            access_log: AccessLog | None = None,
            accepts: bool = True,
            **settings: Any,
        ) -> Rig:
            made = Rig(app, settings, access_log, accepts)
            stack.callback(made.listener.close)

            def finish() -> None:
                made.member.hurry()
                if made.member.ident is not None:
                    assert made.member.join(PATIENCE)

            stack.callback(finish)
            return made

        yield rig


def test_it_serves_from_ready_to_end(make: Make) -> None:
    rig = make()
    rig.start()
    assert rig.ask() == b"hello"
    assert rig.end() is None
    assert rig.member.join(PATIENCE)
    assert rig.diary.words == ["ready", "ended"]


def test_the_worker_is_there_once_it_is_ready(make: Make) -> None:
    rig = make()
    before = (rig.member.ready, rig.member.worker)
    rig.start()
    assert before == (False, None)
    assert rig.member.ready
    assert rig.member.worker is not None


def test_it_runs_on_a_daemon_thread_with_its_name(make: Make) -> None:
    rig = make()
    rig.start()
    [thread] = [each for each in threading.enumerate() if each.ident == rig.member.ident]
    assert thread.name == "pounce-worker-1"
    assert thread.daemon


def test_without_a_door_it_serves_what_it_is_handed(make: Make) -> None:
    rig = make(accepts=False)
    rig.start()
    worker = rig.member.worker
    assert worker is not None
    with rig.connect() as wire:
        sock, address = rig.listener.socket.accept()
        sock.setblocking(False)
        worker.hand_over(sock.detach(), Arrival(address, rig.door))
        wire.send(GET)
        assert wire.read_response().body == b"hello"


def test_doors_can_be_taken_away_from_it(make: Make) -> None:
    rig = make()
    rig.start()
    rig.ask()
    rig.member.accept_from(())
    done = threading.Event()
    rig.member._ask(lambda _: done.set())
    assert done.wait(PATIENCE)
    with rig.connect() as wire:
        wire.socket.settimeout(0.2)
        wire.send(GET)
        with pytest.raises(TimeoutError):
            wire.socket.recv(1)


def test_the_application_is_asked_for_on_the_workers_own_thread(make: Make) -> None:
    rig = make()
    made: list[str] = []

    def make_app() -> Application:
        made.append(threading.current_thread().name)
        return hello

    rig.member._make_app = make_app
    rig.start()
    assert made == ["pounce-worker-1"]


def test_what_is_idle_goes_to_the_heirs_when_it_retires(make: Make) -> None:
    first, heir = make(), make()
    first.start()
    heir.start()
    keep = GET.replace(b"close", b"keep-alive")
    with first.connect() as wire:
        wire.send(keep)
        wire.read_response()
        first.member.retire([heir.member])
        assert first.diary.until("ended") is None
        wire.send(keep)
        assert wire.read_response().body == b"hello"


def test_heirs_may_come_while_it_leaves(make: Make) -> None:
    """The supervisor keeps the list up to date."""
    rig, heir = make(), make()
    heirs: list[Member] = []
    workers = module._Workers(heirs)
    before = list(workers)
    heir.start()
    heirs += [rig.member, heir.member]
    assert before == []
    assert (list(workers), len(workers), workers[0]) == ([heir.member.worker], 1, workers[-1])


def test_a_worker_that_fades_tells_its_clients(make: Make) -> None:
    rig = make()
    rig.start()
    rig.member.fade()
    with rig.connect() as wire:
        wire.send(GET.replace(b"close", b"keep-alive"))
        assert (b"connection", b"close") in wire.read_response().headers


def test_a_start_that_fails_is_told_with_its_reason(make: Make) -> None:
    async def app(_scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.failed", "message": "no database"})

    rig = make(app)
    rig.member.start()
    error = rig.diary.until("ended")
    assert isinstance(error, StartupError)
    assert rig.diary.words == ["ended"]
    assert not rig.member.ready


def test_a_fault_of_the_server_is_told(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise OSError("no more descriptors")

    monkeypatch.setattr(module, "make_poller", fail)
    rig = make()
    rig.member.start()
    assert isinstance(rig.diary.until("ended"), OSError)


@pytest.mark.parametrize("how", ["end", "hurry"])
def test_an_end_asked_for_before_the_start_is_kept(make: Make, how: str) -> None:
    rig = make()
    getattr(rig.member, how)()
    rig.member.start()
    assert rig.diary.until("ended") is None
    assert "ready" not in rig.diary.words


def test_an_end_may_be_asked_for_again_after_it(make: Make) -> None:
    rig = make()
    rig.start()
    rig.end()
    assert rig.member.join(PATIENCE)
    rig.member.end()
    rig.member.hurry()
    assert rig.diary.words == ["ready", "ended"]


def test_the_end_may_be_asked_for_from_many_threads(make: Make) -> None:
    rig = make()
    threads = [threading.Thread(target=rig.member.end) for _ in range(16)]
    rig.member.start()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert rig.diary.until("ended") is None
    assert rig.diary.words.count("ended") == 1


def test_an_end_does_not_take_back_a_hurry(make: Make) -> None:
    started = threading.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            started.set()
            await asyncio.sleep(PATIENCE)
        await hello(scope, receive, send)

    rig = make(app, timeout_graceful_shutdown=None)
    rig.start()
    with rig.connect() as wire:
        wire.send(GET)
        assert started.wait(PATIENCE)
        rig.member.hurry()
        rig.member.end()
        assert rig.diary.until("ended") is None


def test_a_worn_worker_says_so_and_goes_on(make: Make) -> None:
    rig = make(limit_max_requests=2)
    rig.start()
    with rig.connect() as wire:
        for _ in range(3):
            wire.send(GET.replace(b"close", b"keep-alive"))
            assert wire.read_response().body == b"hello"
        rig.diary.until("worn")
    assert rig.ask() == b"hello"
    rig.end()
    assert rig.diary.words == ["ready", "worn", "ended"]


def test_each_request_is_logged(make: Make) -> None:
    entries: list[Entry] = []

    class Log:
        def sink(self) -> Callable[[Entry], None]:
            return entries.append

    rig = make(access_log=cast("AccessLog", Log()))
    rig.start()
    rig.ask()
    rig.ask()
    rig.end()
    assert [(entry[2], entry[6]) for entry in entries] == [("GET", 200)] * 2


# What the application leaves behind


def test_the_running_loop_is_the_threads_own(make: Make) -> None:
    loops: list[asyncio.AbstractEventLoop] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        loops.append(asyncio.get_running_loop())
        await hello(scope, receive, send)

    first, second = make(app), make(app)
    for rig in (first, second):
        rig.start()
        rig.ask()
    assert len(set(loops)) == 2


def test_tasks_that_were_left_are_cancelled(make: Make) -> None:
    ends: list[str] = []

    async def leftover() -> None:
        try:
            await asyncio.sleep(PATIENCE)
        finally:
            ends.append("cancelled")

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            tasks.append(asyncio.ensure_future(leftover()))
        await hello(scope, receive, send)

    tasks: list[asyncio.Future[None]] = []
    rig = make(app)
    rig.start()
    rig.ask()
    assert rig.end() is None
    assert ends == ["cancelled"]


def test_generators_that_were_left_are_closed(make: Make) -> None:
    ends: list[str] = []

    async def stream() -> AsyncIterator[int]:
        try:
            yield 1
        finally:
            ends.append("closed")

    kept: list[AsyncIterator[int]] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            kept.append(stream())
            await anext(kept[-1])
        await hello(scope, receive, send)

    rig = make(app)
    rig.start()
    rig.ask()
    assert rig.end() is None
    assert ends == ["closed"]


def test_a_function_that_still_runs_in_the_executor_is_waited_for(make: Make) -> None:
    ends: list[str] = []
    entered = threading.Event()

    def work() -> None:
        entered.set()
        time.sleep(0.1)
        ends.append("done")

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            asyncio.get_running_loop().run_in_executor(None, work)
        await hello(scope, receive, send)

    rig = make(app)
    rig.start()
    rig.ask()
    assert entered.wait(PATIENCE)
    assert rig.end() is None
    assert ends == ["done"]


def test_a_function_that_does_not_end_does_not_make_the_end_a_failure(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "EXECUTOR_WAIT", 0.05)
    release, entered = threading.Event(), threading.Event()

    def work() -> None:
        entered.set()
        release.wait(PATIENCE)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            asyncio.get_running_loop().run_in_executor(None, work)
        await hello(scope, receive, send)

    rig = make(app)
    rig.start()
    rig.ask()
    assert entered.wait(PATIENCE)
    try:
        assert rig.end() is None
    finally:
        release.set()


def test_no_descriptor_is_left_open(make: Make) -> None:
    rig = make()
    rig.start()
    rig.ask()
    worker = rig.member.worker
    assert worker is not None
    rig.end()
    assert rig.member.join(PATIENCE)
    with pytest.raises(ValueError, match="closed"):
        worker.poller.fileno()


def test_a_connection_handed_over_at_the_very_end_is_not_left_hanging(make: Make) -> None:
    """The acceptor may have chosen this worker a moment before it ended."""
    rig = make(accepts=False)
    rig.start()
    worker = rig.member.worker
    assert worker is not None
    rig.end()
    assert rig.member.join(PATIENCE)
    with rig.connect() as wire:
        sock, address = rig.listener.socket.accept()
        sock.setblocking(False)
        fd = sock.detach()
        try:
            worker.hand_over(fd, Arrival(address, rig.door))
        except OSError, ValueError, RuntimeError:
            # Whoever called knows that it still has it.
            socket.socket(fileno=fd).close()
        wire.socket.settimeout(PATIENCE)
        assert wire.socket.recv(1) == b""
