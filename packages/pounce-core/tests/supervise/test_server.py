"""The server as its embedder sees it: start, wait and stop, from any thread and from a loop."""

import asyncio
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, cast

import pytest

from pounce.config.config import Config
from pounce.protocol.asgi import Application, Receive, Scope, Send
from pounce.protocol.errors import BindError, ConfigError, PounceError, StartupError
from pounce.supervise import supervisor as supervisor_module
from pounce.supervise.process import WorkerProcess
from pounce.supervise.server import Server
from pounce.testing.application import hello
from pounce.testing.waiting import PATIENCE, until
from pounce.testing.wire import Wire

GET = b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n"
KINDS = [1, 2]


class SlowStart:
    """An application whose start waits for the test."""

    def __init__(self) -> None:
        self.entered = threading.Event()
        self.release = threading.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            self.entered.set()
            await asyncio.to_thread(self.release.wait, PATIENCE)
        await hello(scope, receive, send)


async def failing(_scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "lifespan.startup.failed", "message": "no database"})


def make(app: Application = hello, **settings: Any) -> Server:
    defaults: dict[str, Any] = {"port": 0, "access_log": False, "worker_type": "thread"}
    return Server(cast("Callable[..., Any]", app), **(defaults | settings))


def ask(server: Server) -> bytes:
    host, port = server.addresses[0].removeprefix("http://").rsplit(":", 1)
    with Wire.connect((host, int(port)), timeout=PATIENCE) as wire:
        wire.send(GET)
        return wire.read_response().body


def threads() -> set[threading.Thread]:
    return {each for each in threading.enumerate() if each.name.startswith("pounce")}


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    """No test leaves a thread of a server."""
    before = threads()
    yield
    until(lambda: threads() <= before)


# From any thread


@pytest.mark.parametrize("workers", KINDS)
def test_it_serves_from_start_to_stop(workers: int) -> None:
    server = make(workers=workers)
    server.start()
    assert ask(server) == b"hello"
    server.stop()
    assert server.wait(PATIENCE)
    with pytest.raises(OSError, match=r"."):
        ask(server)


def test_a_server_is_made_of_a_configuration_or_of_settings() -> None:
    config = Config("module:app", port=0)
    assert Server(config).config is config
    with pytest.raises(ConfigError):
        Server(config, port=1)  # type: ignore[call-overload]


def test_it_has_no_address_before_it_is_started() -> None:
    assert make().addresses == ()


def test_a_wait_that_is_too_short_says_so() -> None:
    with make() as server:
        assert not server.wait(0.01)


def test_a_server_that_was_stopped_before_its_start_ends_at_once() -> None:
    """Another thread may have said so a moment too early."""
    server = make()
    server.stop()
    server.start()
    try:
        assert server.wait(PATIENCE)
    finally:
        server.stop()
        server.wait()


@pytest.mark.parametrize("workers", KINDS)
def test_a_stop_before_a_server_on_a_loop_has_begun_is_not_lost(workers: int) -> None:
    async def main() -> None:
        server = make(workers=workers)
        serving = asyncio.ensure_future(server.serve())
        server.stop()
        await serving

    asyncio.run(asyncio.wait_for(main(), PATIENCE))


def test_a_stop_while_a_server_on_a_loop_imports_is_not_lost() -> None:
    entered, release = threading.Event(), threading.Event()

    def factory() -> Application:
        entered.set()
        release.wait(PATIENCE)
        return hello

    server = Server(factory, factory=True, port=0, access_log=False, worker_type="thread")

    def stop() -> None:
        entered.wait(PATIENCE)
        server.stop()
        release.set()

    stopping = threading.Thread(target=stop)
    stopping.start()
    asyncio.run(asyncio.wait_for(server.serve(), PATIENCE))
    stopping.join()


@pytest.mark.parametrize("workers", KINDS)
def test_many_threads_may_start_stop_and_wait(workers: int) -> None:
    server = make(workers=workers)
    begin = threading.Barrier(12)
    started: list[int] = []
    failures: list[BaseException] = []

    def act(number: int) -> None:
        begin.wait()
        try:
            server.start()
            started.append(number)
        except StartupError:
            pass
        except BaseException as failure:  # noqa: BLE001 - told to the test's own thread
            failures.append(failure)
        try:
            server.stop()
            assert server.wait(PATIENCE)
            server.stop()
            assert server.wait(PATIENCE)
        except BaseException as failure:  # noqa: BLE001 - told to the test's own thread
            failures.append(failure)

    acting = [threading.Thread(target=act, args=(number,)) for number in range(12)]
    for thread in acting:
        thread.start()
    for thread in acting:
        thread.join()
    assert failures == []
    assert len(started) == 1


def test_a_stop_while_the_application_is_imported_is_not_lost() -> None:
    """Nothing but a flag is there yet that could take note of it."""
    entered, release = threading.Event(), threading.Event()

    def factory() -> Application:
        entered.set()
        release.wait(PATIENCE)
        return hello

    server = Server(factory, factory=True, port=0, access_log=False, worker_type="thread")
    starting = threading.Thread(target=server.start)
    starting.start()
    assert entered.wait(PATIENCE)
    server.stop()
    release.set()
    starting.join()
    try:
        assert server.wait(PATIENCE)
    finally:
        server.stop()
        server.wait()


@pytest.mark.parametrize("workers", KINDS)
def test_a_stop_during_the_applications_start_ends_the_server(workers: int) -> None:
    app = SlowStart()
    server = make(app, workers=workers)
    starting = threading.Thread(target=server.start)
    starting.start()
    assert app.entered.wait(PATIENCE)
    server.stop()
    app.release.set()
    starting.join()
    assert server.wait(PATIENCE)


def test_a_server_that_never_served_does_not_say_that_it_does(
    capfd: pytest.CaptureFixture[str],
) -> None:
    app = SlowStart()
    server = make(app)
    starting = threading.Thread(target=server.start)
    starting.start()
    assert app.entered.wait(PATIENCE)
    server.stop()
    app.release.set()
    starting.join()
    server.wait()
    assert "http://" not in capfd.readouterr().err


@pytest.mark.parametrize("workers", KINDS)
def test_a_failed_start_leaves_nothing(workers: int) -> None:
    server = make(failing, workers=workers)
    opened: list[socket.socket] = []
    server.before_import = lambda listeners: opened.extend(each.socket for each in listeners)
    with pytest.raises(StartupError, match="no database"):
        server.start()
    assert [sock.fileno() for sock in opened] == [-1]
    with pytest.raises(StartupError):
        server.start()


def test_an_address_in_use_leaves_nothing() -> None:
    before = list(logging.getLogger("pounce").handlers)
    with socket.create_server(("127.0.0.1", 0)) as other:
        server = make(port=other.getsockname()[1])
        with pytest.raises(BindError):
            server.start()
    assert logging.getLogger("pounce").handlers == before


def test_a_failure_while_it_serves_is_told_to_who_waits() -> None:
    server = make(limit_restarts=0)
    server.start()
    supervisor = server.supervisor
    assert supervisor is not None
    [member] = supervisor.everyone()
    supervisor._report(member, "ended", PounceError("the worker has gone"))
    with pytest.raises(PounceError, match="died within"):
        server.wait(PATIENCE)
    member.hurry()


def test_a_with_statement_passes_on_what_is_raised_inside() -> None:
    with pytest.raises(ValueError, match="mine"), make():
        raise ValueError("mine")


# On a loop


@pytest.mark.parametrize("workers", KINDS)
def test_a_task_that_is_cancelled_during_the_start_leaves_nothing(workers: int) -> None:
    app = SlowStart()

    async def main() -> None:
        task = asyncio.ensure_future(make(app, workers=workers).serve())
        await asyncio.to_thread(app.entered.wait, PATIENCE)
        task.cancel()
        await asyncio.sleep(0.01)
        app.release.set()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(asyncio.wait_for(main(), PATIENCE))
    # The fixture sees to it that no thread stays.


@pytest.mark.parametrize("workers", KINDS)
def test_a_stop_after_the_end_is_no_fault(workers: int) -> None:
    async def main() -> Server:
        server = make(workers=workers)
        serving = asyncio.ensure_future(server.serve())
        await asyncio.to_thread(until, lambda: server.addresses != ())
        assert await asyncio.to_thread(ask, server) == b"hello"
        server.stop()
        await serving
        server.stop()
        return server

    server = asyncio.run(asyncio.wait_for(main(), PATIENCE))
    server.stop()
    assert server.wait(PATIENCE)


@pytest.mark.parametrize("workers", KINDS)
def test_a_thread_may_wait_for_a_server_on_a_loop(workers: int) -> None:
    async def main() -> None:
        server = make(workers=workers)
        serving = asyncio.ensure_future(server.serve())
        await asyncio.to_thread(until, lambda: server.addresses != ())
        assert await asyncio.to_thread(ask, server) == b"hello"
        assert not await asyncio.to_thread(server.wait, 0.05)
        server.stop()
        await serving
        assert await asyncio.to_thread(server.wait, PATIENCE)

    asyncio.run(asyncio.wait_for(main(), PATIENCE))


# As a program


APPLICATION = """
import asyncio, time
from pathlib import Path

async def app(scope, receive, send):
    assert scope["type"] == "http"
    Path(__file__).with_name("called").touch()
    if scope["path"] == "/executor":
        await asyncio.to_thread(time.sleep, 3600)
    time.sleep(3600)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "served_blocking.py").write_text(APPLICATION)
    return tmp_path


@pytest.mark.parametrize("path", ["/executor", "/block"])
def test_an_application_that_does_not_return_does_not_keep_the_program(
    folder: Path, path: str
) -> None:
    """The interpreter waits for the loop's executor at its exit, for ever if need be."""
    command = (
        f"{sys.executable} -m pounce served_blocking:app --app-dir {folder} --port 0"
        " --workers 2 --worker-type thread --no-access-log --timeout-graceful-shutdown 0"
    )
    with ExitStack() as stack:
        process = stack.enter_context(subprocess.Popen(command.split(), stderr=subprocess.PIPE))
        stack.callback(process.kill)
        # One that says nothing is not waited for without end.
        silent = threading.Timer(PATIENCE, process.kill)
        stack.callback(silent.cancel)
        silent.start()
        assert process.stderr is not None
        port = int(process.stderr.readline().rpartition(b":")[2])
        silent.cancel()
        with Wire.connect(("127.0.0.1", port), timeout=PATIENCE) as wire:
            wire.send(GET.replace(b" / ", b" %b " % path.encode()))
            until((folder / "called").exists)
            process.send_signal(signal.SIGTERM)
            process.wait(2 * PATIENCE)


def test_no_process_worker_outlives_its_server(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor_module, "OVERTIME", 0.5)
    server = Server(
        "served_blocking:app",
        app_dir=str(folder),
        port=0,
        access_log=False,
        worker_type="process",
        timeout_graceful_shutdown=0,
    )
    server.start()
    assert server.supervisor is not None
    [member] = server.supervisor.everyone()
    assert isinstance(member, WorkerProcess)
    asking = threading.Thread(target=ask, args=(server,))
    asking.start()
    until((folder / "called").exists)
    server.stop()
    try:
        assert server.wait(PATIENCE)
        assert member.pid is not None
        assert not is_running(member.pid)
    finally:
        member.kill()
        asking.join()


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
