"""A worker in a process of its own, as its parent sees it."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from pounce.config.config import Config
from pounce.protocol.errors import ConfigError, StartupError
from pounce.supervise.crew import Member, Occurrence
from pounce.supervise.listeners import open_listeners
from pounce.supervise.memory import resident_bytes
from pounce.supervise.process import Order, ProcessCrew, ProcessFront, WorkerProcess
from pounce.testing.wire import Wire

PATIENCE = 60.0
GET = b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n"

APPLICATION = """
import asyncio, os, time
from pathlib import Path

async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        while True:
            kind = (await receive())["type"]
            await send({"type": f"{kind}.complete"})
            if kind == "lifespan.shutdown":
                return
    Path(__file__).with_name(scope["path"][1:] or "index").touch()
    if scope["path"] == "/block":
        time.sleep(3600)
    if scope["path"] == "/exit":
        os._exit(7)
    if scope["path"] == "/wait":
        await asyncio.sleep(3600)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": str(os.getpid()).encode()})

async def failing(scope, receive, send):
    await receive()
    await send({"type": "lifespan.startup.failed", "message": "no database"})
"""


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


class Rig:
    """A worker process, and the listener that it accepts from."""

    def __init__(self, folder: Path, settings: dict[str, Any]) -> None:
        self.folder = folder
        app = settings.pop("app", "served:app")
        config = Config(app, app_dir=str(folder), port=0, worker_type="process", **settings)
        [self.listener] = open_listeners(config)
        self.address = self.listener.socket.getsockname()
        self.diary = Diary()
        self.crew = ProcessCrew(config, [self.listener], 1)
        member = self.crew.make("worker-1", self.diary)
        assert isinstance(member, WorkerProcess)
        self.member = member
        self.front = ProcessFront([self.listener])

    def start(self) -> int:
        self.member.start()
        self.diary.until("ready")
        self.front.serve([self.member])
        assert self.member.pid is not None
        return self.member.pid

    def connect(self) -> Wire:
        return Wire.connect(self.address, timeout=PATIENCE)

    def ask(self, path: str = "/") -> bytes:
        with self.connect() as wire:
            wire.send(GET.replace(b" / ", b" %b " % path.encode()))
            return wire.read_response().body

    def begin(self, path: str) -> Wire:
        """A request that the application has got, and does not answer."""
        wire = self.connect()
        wire.send(GET.replace(b" / ", b" %b " % path.encode()))
        wait_for((self.folder / path[1:]).exists)
        return wire


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


type Make = Callable[..., Rig]


@pytest.fixture
def make(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Iterator[Make]:
    (tmp_path / "served.py").write_text(APPLICATION)
    with ExitStack() as stack:

        def rig(**settings: Any) -> Rig:
            made = Rig(tmp_path, settings)
            stack.callback(made.listener.close)

            def finish() -> None:
                if made.member.pid is not None:
                    made.member.kill()
                    made.diary.until("ended")

            stack.callback(finish)
            return made

        yield rig


def test_it_serves_from_ready_to_end(make: Make) -> None:
    rig = make()
    pid = rig.start()
    assert pid != os.getpid()
    assert rig.ask() == str(pid).encode()
    rig.member.end()
    assert rig.diary.until("ended") is None
    assert rig.member.join(PATIENCE)


def test_it_finishes_what_is_under_way(make: Make) -> None:
    rig = make(timeout_graceful_shutdown=None)
    rig.start()
    with rig.begin("/wait"):
        rig.member.end()
        assert not rig.member.join(0.3)
        rig.member.hurry()
        assert rig.diary.until("ended") is None


def test_an_end_asked_for_during_the_start_is_an_end(make: Make) -> None:
    rig = make()
    rig.member.start()
    rig.member.end()
    assert rig.diary.until("ended") is None


def test_a_start_that_fails_is_told_in_the_applications_words(make: Make) -> None:
    rig = make(app="served:failing")
    rig.member.start()
    error = rig.diary.until("ended")
    assert isinstance(error, StartupError)
    assert str(error) == "the application failed to start: no database"


@pytest.mark.parametrize("app", ["served:nothing", "nowhere:app"])
def test_an_application_that_is_not_there_is_told_in_a_sentence(make: Make, app: str) -> None:
    rig = make(app=app)
    rig.member.start()
    error = rig.diary.until("ended")
    assert isinstance(error, StartupError)
    assert app.partition(":")[2 if app.startswith("served") else 0] in str(error)
    assert "Traceback" not in str(error)


def test_a_worn_worker_says_so(make: Make) -> None:
    rig = make(limit_max_requests=1)
    rig.start()
    deadline = time.monotonic() + PATIENCE
    while "worn" not in dict(rig.diary.reports):
        assert time.monotonic() < deadline
        rig.ask()
        time.sleep(0.05)


# How it ends otherwise


def test_a_child_that_is_killed_has_died(make: Make) -> None:
    rig = make()
    os.kill(rig.start(), signal.SIGKILL)
    error = rig.diary.until("ended")
    assert isinstance(error, StartupError)
    assert "SIGKILL" in str(error)
    assert f"pid {rig.member.pid}" in str(error)


def test_a_child_that_exits_has_died(make: Make) -> None:
    rig = make()
    rig.start()
    rig.ask("/exit")
    assert "exit status 7" in str(rig.diary.until("ended"))


def test_a_child_that_was_asked_to_end_may_end_in_any_way(make: Make) -> None:
    rig = make(timeout_graceful_shutdown=None)
    pid = rig.start()
    with rig.begin("/wait"):
        rig.member.end()
        os.kill(pid, signal.SIGKILL)
        assert rig.diary.until("ended") is None


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_signals_of_a_terminal_are_the_parents_to_act_on(make: Make, number: int) -> None:
    rig = make()
    pid = rig.start()
    os.kill(pid, number)
    assert rig.ask() == str(pid).encode()


def test_words_to_a_child_that_has_gone_are_no_fault(make: Make) -> None:
    rig = make()
    os.kill(rig.start(), signal.SIGKILL)
    rig.diary.until("ended")
    rig.member.end()
    rig.member.hurry()


def test_a_child_that_does_not_end_can_be_killed(make: Make) -> None:
    rig = make()
    rig.start()
    with rig.begin("/block"):
        rig.member.hurry()
        assert not rig.member.join(0.2)
        rig.member.kill()
        assert rig.member.join(0)


def test_a_child_that_was_never_started_has_ended(make: Make) -> None:
    assert make().member.join(0)


def test_what_cannot_be_started_leaves_nothing_open(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_args: Any, **_kwargs: Any) -> None:
        raise OSError("no more processes")

    monkeypatch.setattr(subprocess, "Popen", fail)
    rig = make()
    before = len(list(Path("/dev/fd").iterdir()))
    with pytest.raises(OSError, match="no more processes"):
        rig.member.start()
    assert len(list(Path("/dev/fd").iterdir())) == before


# What it inherits


def test_it_inherits_the_listeners_and_nothing_else(make: Make, tmp_path: Path) -> None:
    inodes = "' '.join(str(os.stat(f'/dev/fd/{fd}').st_ino) for fd in fds())"
    (tmp_path / "served.py").write_text(
        APPLICATION.replace("str(os.getpid())", inodes)
        + "\ndef fds():\n    return [fd for fd in os.listdir('/dev/fd') if is_open(fd)]\n"
        + "\ndef is_open(fd):\n    return os.path.exists(f'/dev/fd/{fd}')\n"
    )
    rig = make()
    with socket.socket() as kept, (tmp_path / "served.py").open() as file:
        rig.start()
        found = {int(each) for each in rig.ask().split()}
        assert os.fstat(rig.listener.socket.fileno()).st_ino in found
        assert found.isdisjoint({os.fstat(each.fileno()).st_ino for each in (kept, file)})


def test_it_searches_modules_where_its_parent_does() -> None:
    made = ProcessCrew(Config("module:app", worker_type="process"), [], 3)
    member = made.make("worker-5", Diary())
    assert isinstance(member, WorkerProcess)
    order: Order = member._order
    assert order.path == tuple(sys.path)
    assert (order.name, order.shares, order.listeners) == ("worker-5", 3, ())


def test_a_child_does_not_accept_before_it_is_to_serve(make: Make) -> None:
    """A new generation is ready one by one, and takes over when all of it is."""
    rig = make()
    rig.member.start()
    rig.diary.until("ready")
    with rig.connect() as wire:
        wire.send(GET)
        wire.socket.settimeout(0.2)
        with pytest.raises(TimeoutError):
            wire.socket.recv(1)
        rig.front.serve([rig.member])
        wire.socket.settimeout(PATIENCE)
        assert wire.read_response().status == 200


def test_a_child_that_serves_may_be_told_to_again(make: Make) -> None:
    rig = make()
    pid = rig.start()
    rig.front.serve([rig.member])
    assert rig.ask() == str(pid).encode()


def test_who_comes_after_the_end_is_refused(make: Make) -> None:
    """The parent's copies of the listening sockets are the last ones."""
    rig = make()
    rig.start()
    rig.front.stop()
    rig.front.stop()
    rig.member.end()
    rig.diary.until("ended")
    with pytest.raises(ConnectionRefusedError):
        rig.connect()


def test_settings_that_cannot_be_told_to_a_process_are_refused_in_a_sentence() -> None:
    """A logging configuration in Python may hold anything."""
    config = Config(
        "module:app",
        worker_type="process",
        log_config={"version": 1, "filters": {"mine": {"()": lambda: None}}},
    )
    with pytest.raises(ConfigError, match="cannot be pickled"):
        ProcessCrew(config, [], 2)


def test_the_crew_has_no_memory_that_its_workers_share() -> None:
    made = ProcessCrew(Config("module:app", worker_type="process"), [], 3)
    assert made.memory() is None


# What else it hears and tells


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="Linux only")
def test_its_memory_is_the_childs(make: Make) -> None:
    rig = make()
    before = rig.member.memory()
    pid = rig.start()
    during = rig.member.memory()
    assert before is None
    assert during is not None
    assert during // 2 < (resident_bytes(pid) or 0) < during * 2


def test_it_retires_when_nothing_is_under_way(make: Make) -> None:
    rig = make()
    rig.start()
    rig.member.retire(())
    assert rig.diary.until("ended") is None


def test_a_child_that_fades_tells_its_clients(make: Make) -> None:
    rig = make()
    rig.start()
    keep = GET.replace(b"close", b"keep-alive")
    with rig.connect() as wire:
        wire.send(keep)
        assert (b"connection", b"close") not in wire.read_response().headers
        rig.member.fade()

        def told() -> bool:
            wire.send(keep)
            return (b"connection", b"close") in wire.read_response().headers

        wait_for(told)


def test_a_child_opens_its_log_files_again(make: Make, tmp_path: Path) -> None:
    file = tmp_path / "child.log"
    config = {
        "version": 1,
        "disable_existing_loggers": False,
        "handlers": {"file": {"class": "logging.FileHandler", "filename": str(file)}},
        "loggers": {"pounce.access": {"handlers": ["file"], "level": "INFO"}},
    }
    rig = make(log_config=config)
    rig.start()
    rig.ask("/first")
    wait_for(lambda: "/first" in file.read_text())
    file.rename(tmp_path / "old.log")
    rig.member.reopen_logs()
    wait_for(lambda: bool(rig.ask("/second")) and file.exists())
    wait_for(lambda: "/second" in file.read_text())


def test_a_child_that_is_stalled_says_where(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    rig = make(timeout_stall=0.1)
    rig.start()
    with rig.begin("/block"):
        wait_for(lambda: any("time.sleep" in text for text in caplog.messages))
    [text] = [text for text in caplog.messages if "time.sleep" in text]
    assert text.startswith("worker-1 has not returned to its loop for ")
    assert "served.py" in text
