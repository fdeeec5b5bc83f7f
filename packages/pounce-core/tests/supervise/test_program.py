"""The server as a program, run here on the main thread: what each signal asks for, and the end."""

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pounce.protocol.asgi import Receive, Scope, Send
from pounce.protocol.errors import ApplicationLoadError
from pounce.supervise import program as module
from pounce.supervise import stop_signals, supervisor
from pounce.testing.application import hello
from pounce.testing.waiting import PATIENCE, until
from pounce.testing.wire import Wire

if TYPE_CHECKING:
    from tests.supervise.conftest import MakeRig

GET = b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n"


SERVED = """
async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        raise RuntimeError("not supported")
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"BODY"})
"""


def tell(number: int) -> None:
    os.kill(os.getpid(), number)


def end() -> None:
    tell(signal.SIGTERM)


# The end


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_until_a_signal_ends_it(rig: MakeRig, number: int) -> None:
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


def test_a_request_under_way_is_finished(rig: MakeRig) -> None:
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
    rig: MakeRig, number: int, monkeypatch: pytest.MonkeyPatch
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


def test_a_signal_that_comes_twice_is_one(rig: MakeRig, monkeypatch: pytest.MonkeyPatch) -> None:
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


def test_a_worker_that_does_not_end_is_a_failure(
    rig: MakeRig, monkeypatch: pytest.MonkeyPatch
) -> None:
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
def test_a_process_that_is_to_end_does(
    rig: MakeRig, monkeypatch: pytest.MonkeyPatch, exits: bool
) -> None:
    ends: list[tuple[int, bool]] = []
    monkeypatch.setattr(module, "end_soon", lambda status, *, now: ends.append((status, now)))
    rig(exits=exits).run(end)
    assert ends == [(0, False)] * exits


def test_a_signal_during_the_start_ends_it(rig: MakeRig) -> None:
    begun = threading.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        begun.set()
        await asyncio.Event().wait()

    assert rig(app, lifespan="on", timeout_startup=None).run(end, when=begun.is_set) == 0


def test_a_signal_that_does_not_interrupt_the_main_thread_ends_the_start_too(rig: MakeRig) -> None:
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


def test_a_signal_before_there_is_a_server_interrupts_the_start(rig: MakeRig) -> None:
    """An import may take long, and nothing is there yet that could end gracefully."""

    def factory() -> Any:
        tell(signal.SIGINT)
        return hello

    with pytest.raises(KeyboardInterrupt):
        rig(factory, factory=True).run(lambda: None, when=lambda: True)


@pytest.mark.parametrize("numbers", [(signal.SIGTERM,), (signal.SIGTERM, signal.SIGINT)])
def test_a_start_that_sigterm_breaks_off_ended_as_asked(
    rig: MakeRig, numbers: tuple[int, ...]
) -> None:
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


def test_signals_mean_what_they_meant_before_afterwards(rig: MakeRig) -> None:
    before = handlers()
    rig().run(end)
    wakeup = signal.set_wakeup_fd(-1)
    signal.set_wakeup_fd(wakeup)
    assert handlers() == before
    assert wakeup == -1


def test_a_start_that_fails_leaves_nothing(rig: MakeRig) -> None:
    before, threads = handlers(), set(threading.enumerate())
    with pytest.raises(ApplicationLoadError):
        rig("nowhere:app").program.run()
    assert handlers() == before
    # One that another test has left may have ended meanwhile.
    until(lambda: set(threading.enumerate()) <= threads)


# Other signals


def test_hang_up_reloads(rig: MakeRig, tmp_path: Path) -> None:
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


def test_workers_can_be_added_and_taken_away(rig: MakeRig) -> None:
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


def test_log_files_are_opened_again(rig: MakeRig, monkeypatch: pytest.MonkeyPatch) -> None:
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


def test_it_ends_when_a_successor_serves(rig: MakeRig, attempts: Attempts, tmp_path: Path) -> None:
    path = tmp_path / "socket"
    made = rig(uds=str(path))

    def act() -> None:
        attempts.ask(1)
        attempts.made[0][0]()

    assert made.run(act) == 0
    assert path.exists()


def test_one_upgrade_is_made_at_a_time(rig: MakeRig, attempts: Attempts) -> None:
    def act() -> None:
        for _ in range(3):
            attempts.ask(1)
        end()

    assert rig().run(act) == 0
    assert attempts.tries == 1


def test_after_one_that_failed_another_may_be_made(rig: MakeRig, attempts: Attempts) -> None:
    def act() -> None:
        attempts.ask(1)
        attempts.made[0][1]()
        attempts.ask(2)
        end()

    assert rig().run(act) == 0


# Files


def test_a_file_that_changes_is_reloaded(rig: MakeRig, tmp_path: Path) -> None:
    code = tmp_path / "watched.py"
    code.write_text(SERVED.replace("BODY", "old"))
    made = rig("watched:app", app_dir=str(tmp_path), reload=True, reload_delay=0.05)

    def act() -> None:
        until(lambda: "pounce-watcher" in {each.name for each in threading.enumerate()})
        code.write_text(SERVED.replace("BODY", "newer"))
        until(lambda: made.ask() == b"newer")
        end()

    assert made.run(act) == 0
