"""The server as a program, run here on the main thread: signals, and what belongs to a service."""

import asyncio
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pounce.config.config import Config
from pounce.protocol.asgi import Receive, Scope, Send
from pounce.protocol.errors import ApplicationLoadError, StartupError
from pounce.supervise import program as module
from pounce.supervise import stop_signals, supervisor, systemd
from pounce.supervise.listeners import Listener
from pounce.supervise.pid_file import PidFile
from pounce.supervise.privileges import Identity
from pounce.supervise.program import Program
from pounce.testing.wire import Wire

PATIENCE = 30.0
GET = b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n"


async def hello(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "lifespan":
        while True:
            kind = (await receive())["type"]
            await send({"type": f"{kind}.complete"})
            if kind == "lifespan.shutdown":
                return
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"hello"})


SERVED = """
async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        raise RuntimeError("not supported")
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"BODY"})
"""


def until(condition: Callable[[], Any]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.001)


class Rig:
    """A program on this thread, and what somebody does to it from another one."""

    def __init__(self, app: Any, exits: bool, settings: dict[str, Any]) -> None:
        defaults: dict[str, Any] = {"port": 0, "access_log": False, "worker_type": "thread"}
        self.program = Program(Config(app, **(defaults | settings)), exits=exits)
        self.server = self.program._server

    def run(self, act: Callable[[], object], *, when: Callable[[], object] | None = None) -> int:
        """Runs it until it ends; `act` is done when the server is ready, or at another time."""
        failures: list[BaseException] = []

        def play() -> None:
            try:
                until(when or (lambda: self.server.ready))
                act()
            except BaseException as failure:  # noqa: BLE001 - told to the test's own thread
                failures.append(failure)
                self.server.stop()

        thread = threading.Thread(target=play)
        thread.start()
        status = self.program.run()
        thread.join(2 * PATIENCE)
        assert not thread.is_alive()
        if failures:
            raise failures[0]
        return status

    def connect(self) -> Wire:
        address = self.server.listeners[0].socket.getsockname()
        return Wire.connect(address, timeout=PATIENCE)

    def ask(self) -> bytes:
        with self.connect() as wire:
            wire.send(GET)
            return wire.read_response().body

    @property
    def workers(self) -> int:
        assert self.server.supervisor is not None
        return sum(member.ready for member in self.server.supervisor.everyone())


def rig(app: Any = hello, *, exits: bool = False, **settings: Any) -> Rig:
    return Rig(app, exits, settings)


def tell(number: int) -> None:
    os.kill(os.getpid(), number)


def end() -> None:
    tell(signal.SIGTERM)


# The end


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_until_a_signal_ends_it(number: int) -> None:
    made = rig()
    answers: list[bytes] = []

    def act() -> None:
        answers.append(made.ask())
        tell(number)

    assert made.run(act) == 0
    assert answers == [b"hello"]


def wait_for(begun: threading.Event, go_on: threading.Event) -> Callable[..., Any]:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            begun.set()
            await asyncio.to_thread(go_on.wait, PATIENCE)
        await hello(scope, receive, send)

    return app


def test_a_request_under_way_is_finished() -> None:
    begun, go_on = threading.Event(), threading.Event()
    answers: list[bytes] = []
    made = rig(wait_for(begun, go_on))

    def act() -> None:
        with made.connect() as wire:
            wire.send(GET)
            assert begun.wait(PATIENCE)
            end()
            until(lambda: not made.server.ready)
            go_on.set()
            answers.append(wire.read_response().body)

    assert made.run(act) == 0
    assert answers == [b"hello"]


def wait_for_ever(begun: threading.Event) -> Callable[..., Any]:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            begun.set()
            await asyncio.Event().wait()
        await hello(scope, receive, send)

    return app


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_second_signal_ends_it_at_once_and_is_the_status(
    number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stop_signals, "AGAIN", 0.0)
    begun = threading.Event()
    made = rig(wait_for_ever(begun), timeout_graceful_shutdown=None)

    def act() -> None:
        with made.connect() as wire:
            wire.send(GET)
            assert begun.wait(PATIENCE)
            end()
            until(lambda: not made.server.ready)
            tell(number)
            while wire.socket.recv(1000):
                pass

    assert made.run(act) == 128 + number


def test_a_signal_that_comes_twice_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """As from a terminal, and from a launcher that the terminal has told too."""
    monkeypatch.setattr(stop_signals, "AGAIN", PATIENCE)
    begun, go_on = threading.Event(), threading.Event()
    answers: list[bytes] = []
    made = rig(wait_for(begun, go_on))

    def act() -> None:
        with made.connect() as wire:
            wire.send(GET)
            assert begun.wait(PATIENCE)
            tell(signal.SIGINT)
            until(lambda: not made.server.ready)
            tell(signal.SIGINT)
            tell(signal.SIGTERM)
            go_on.set()
            answers.append(wire.read_response().body)

    assert made.run(act) == 0
    assert answers == [b"hello"]


def test_a_worker_that_does_not_end_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "OVERTIME", 0.1)
    begun, go_on = threading.Event(), threading.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            begun.set()
            go_on.wait(PATIENCE)
        await hello(scope, receive, send)

    made = rig(app, timeout_graceful_shutdown=0)
    kept: list[Wire] = []

    def act() -> None:
        kept.append(made.connect())
        kept[0].send(GET)
        assert begun.wait(PATIENCE)
        end()

    try:
        status = made.run(act)
    finally:
        go_on.set()
    kept[0].close()
    until(lambda: not [each for each in threading.enumerate() if "worker" in each.name])
    assert status == 1


@pytest.mark.parametrize("exits", [True, False])
def test_a_process_that_is_to_end_does(monkeypatch: pytest.MonkeyPatch, exits: bool) -> None:
    ends: list[tuple[int, bool]] = []
    monkeypatch.setattr(module, "end_soon", lambda status, *, now: ends.append((status, now)))
    rig(exits=exits).run(end)
    assert ends == [(0, False)] * exits


def test_a_signal_during_the_start_ends_it() -> None:
    begun = threading.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        begun.set()
        await asyncio.Event().wait()

    assert rig(app, lifespan="on", timeout_startup=None).run(end, when=begun.is_set) == 0


def test_a_signal_that_does_not_interrupt_the_main_thread_ends_the_start_too() -> None:
    """As one that comes just before that thread goes to sleep; here another thread takes it."""
    begun, main = threading.Event(), threading.get_ident()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        begun.set()
        await asyncio.Event().wait()

    def act() -> None:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
        signal.pthread_kill(threading.get_ident(), signal.SIGTERM)

    def sleeps() -> bool:
        frame = sys._current_frames()[main]  # pyright: ignore[reportPrivateUsage]
        return begun.is_set() and frame.f_code.co_name == "wait"

    made = rig(app, lifespan="on", timeout_startup=None)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    try:
        assert made.run(act, when=sleeps) == 0
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})


def test_a_signal_before_there_is_a_server_interrupts_the_start() -> None:
    """An import may take long, and nothing is there yet that could end gracefully."""

    def factory() -> Any:
        tell(signal.SIGINT)
        return hello

    with pytest.raises(KeyboardInterrupt):
        rig(factory, factory=True).run(lambda: None, when=lambda: True)


@pytest.mark.parametrize("numbers", [(signal.SIGTERM,), (signal.SIGTERM, signal.SIGINT)])
def test_a_start_that_sigterm_breaks_off_ended_as_asked(numbers: tuple[int, ...]) -> None:
    def factory() -> Any:
        try:
            tell(numbers[0])
        finally:
            # What is cleaned up then is not interrupted once more.
            for number in numbers[1:]:
                tell(number)
        return hello

    assert rig(factory, factory=True).run(lambda: None, when=lambda: True) == 0


def handlers() -> list[Any]:
    numbers = ("SIGINT", "SIGTERM", "SIGHUP", "SIGTTIN", "SIGTTOU", "SIGUSR1", "SIGUSR2")
    return [signal.getsignal(signal.Signals[name]) for name in numbers]


def test_signals_mean_what_they_meant_before_afterwards() -> None:
    before = handlers()
    rig().run(end)
    wakeup = signal.set_wakeup_fd(-1)
    signal.set_wakeup_fd(wakeup)
    assert handlers() == before
    assert wakeup == -1


def test_a_start_that_fails_leaves_nothing() -> None:
    before, threads = handlers(), set(threading.enumerate())
    with pytest.raises(ApplicationLoadError):
        rig("nowhere:app").program.run()
    assert handlers() == before
    # One that another test has left may have ended meanwhile.
    until(lambda: set(threading.enumerate()) <= threads)


# Other signals


def test_hang_up_reloads(tmp_path: Path) -> None:
    code = tmp_path / "hung_up.py"
    code.write_text(SERVED.replace("BODY", "old"))
    made = rig("hung_up:app", app_dir=str(tmp_path))
    answers: list[bytes] = []

    def act() -> None:
        answers.append(made.ask())
        code.write_text(SERVED.replace("BODY", "newer"))
        tell(signal.SIGHUP)
        until(lambda: made.ask() == b"newer")
        end()

    assert made.run(act) == 0
    assert answers == [b"old"]


def test_workers_can_be_added_and_taken_away() -> None:
    made = rig(workers=1)
    counts: list[int] = []

    def act() -> None:
        for number, wanted in ((signal.SIGTTIN, 2), (signal.SIGTTIN, 3), (signal.SIGTTOU, 2)):
            tell(number)
            until(lambda n=wanted: made.workers == n)  # type: ignore[misc]
            counts.append(made.workers)
        end()

    made.run(act)
    assert counts == [2, 3, 2]


def test_log_files_are_opened_again(monkeypatch: pytest.MonkeyPatch) -> None:
    made = rig()
    opened = threading.Event()
    monkeypatch.setattr(made.server, "reopen_logs", opened.set)

    def act() -> None:
        tell(signal.SIGUSR1)
        assert opened.wait(PATIENCE)
        end()

    assert made.run(act) == 0


class Attempts:
    """Takes the place of upgrades; the test says what comes of each."""

    def __init__(self) -> None:
        self.made: list[tuple[Callable[[], None], Callable[[], None]]] = []
        self.tries = 0

    def __call__(
        self, _: object, succeeded: Callable[[], None], failed: Callable[[], None]
    ) -> Attempts:
        self.made.append((succeeded, failed))
        return self

    def start(self) -> None:
        self.tries += 1

    def ask(self, count: int) -> None:
        """Asks for an upgrade, of which there have been so many then."""
        tell(signal.SIGUSR2)
        until(lambda: not [each for each in threading.enumerate() if "upgrade" in each.name])
        until(lambda: self.tries == count)


@pytest.fixture
def attempts(monkeypatch: pytest.MonkeyPatch) -> Attempts:
    made = Attempts()
    monkeypatch.setattr(module, "Upgrade", made)
    return made


def test_it_ends_when_a_successor_serves(attempts: Attempts, tmp_path: Path) -> None:
    path = tmp_path / "socket"
    made = rig(uds=str(path))

    def act() -> None:
        attempts.ask(1)
        attempts.made[0][0]()

    assert made.run(act) == 0
    assert path.exists()


def test_one_upgrade_is_made_at_a_time(attempts: Attempts) -> None:
    def act() -> None:
        for _ in range(3):
            attempts.ask(1)
        end()

    assert rig().run(act) == 0
    assert attempts.tries == 1


def test_after_one_that_failed_another_may_be_made(attempts: Attempts) -> None:
    def act() -> None:
        attempts.ask(1)
        attempts.made[0][1]()
        attempts.ask(2)
        end()

    assert rig().run(act) == 0


# The PID file


def test_its_number_is_to_be_found_while_it_serves(tmp_path: Path) -> None:
    path = tmp_path / "pounce.pid"
    found: list[str] = []

    def act() -> None:
        until(path.exists)
        found.append(path.read_text())
        end()

    rig(pid_file=str(path)).run(act)
    assert found == [f"{os.getpid()}\n"]
    assert not path.exists()


def test_the_file_of_a_server_that_runs_is_found_before_the_start(tmp_path: Path) -> None:
    path = tmp_path / "pounce.pid"
    path.write_text("no number")
    made = rig("nowhere:app", pid_file=str(path))
    with pytest.raises(StartupError, match="is no PID file"):
        made.program.run()
    assert path.read_text() == "no number"


def test_a_start_that_fails_leaves_no_file(tmp_path: Path) -> None:
    path = tmp_path / "pounce.pid"
    with pytest.raises(ApplicationLoadError):
        rig("nowhere:app", pid_file=str(path)).program.run()
    assert not path.exists()


def test_a_file_that_cannot_be_removed_is_told_of_while_there_is_a_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "pounce.pid"

    def refuse(file: Path, *, missing_ok: bool = False) -> None:
        raise PermissionError(13, "Permission denied")

    def act() -> None:
        until(path.exists)
        monkeypatch.setattr(Path, "unlink", refuse)
        end()

    assert rig(pid_file=str(path), access_log=False).run(act) == 0
    assert f"warning  the PID file {path} is left empty" in capfd.readouterr().err


# Privileges


def test_it_is_somebody_else_before_it_runs_the_application(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """But after the sockets were opened and the PID file was written."""
    steps: list[str] = []
    identity = Identity(os.getuid(), os.getgid(), None)
    path = tmp_path / "pounce.pid"

    def give_to(listener: Listener, user: int, group: int) -> None:
        steps.append(f"listening {listener.socket.fileno() >= 0}")

    def write(_file: PidFile, user: int, group: int) -> None:
        steps.append("written")

    def factory() -> Any:
        steps.append("imported")
        return hello

    monkeypatch.setattr(module, "find_identity", lambda *_: identity)
    monkeypatch.setattr(module, "drop_privileges", lambda _: steps.append("dropped"))
    monkeypatch.setattr(Listener, "give_to", give_to)
    monkeypatch.setattr(PidFile, "write", write)
    rig(factory, factory=True, pid_file=str(path)).run(end)
    assert steps == ["listening True", "written", "dropped", "imported"]


# The service manager


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the service manager was told."""
    states: list[str] = []

    def note(state: str) -> bool:
        states.append(state.split("\n", maxsplit=1)[0])
        return True

    monkeypatch.setattr(systemd, "notify", note)
    return states


def test_the_service_manager_knows_when_it_serves_and_when_it_ends(heard: list[str]) -> None:
    rig().run(end, when=lambda: "READY=1" in heard)
    assert heard == [f"MAINPID={os.getpid()}", "READY=1", "STOPPING=1"]


def test_the_service_manager_knows_of_a_reload(heard: list[str]) -> None:
    def act() -> None:
        tell(signal.SIGHUP)
        until(lambda: heard.count("READY=1") == 2)
        end()

    rig().run(act, when=lambda: "READY=1" in heard)
    assert heard[1:] == ["READY=1", "RELOADING=1", "READY=1", "STOPPING=1"]


def test_the_service_manager_is_not_told_of_a_start_that_fails(heard: list[str]) -> None:
    with pytest.raises(ApplicationLoadError):
        rig("nowhere:app").program.run()
    assert heard == []


def test_the_service_manager_hears_that_it_is_alive(
    heard: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", "20000")
    rig().run(end, when=lambda: heard.count("WATCHDOG=1") > 2)
    assert heard.count("WATCHDOG=1") > 2


# Files


def test_a_file_that_changes_is_reloaded(tmp_path: Path) -> None:
    code = tmp_path / "watched.py"
    code.write_text(SERVED.replace("BODY", "old"))
    made = rig("watched:app", app_dir=str(tmp_path), reload=True, reload_delay=0.05)

    def act() -> None:
        until(lambda: "pounce-watcher" in {each.name for each in threading.enumerate()})
        code.write_text(SERVED.replace("BODY", "newer"))
        until(lambda: made.ask() == b"newer")
        end()

    assert made.run(act) == 0
