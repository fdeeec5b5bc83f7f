"""The process of one worker, as it lives by the words of its parent and ends without them."""

import logging
import os
import pickle
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, BinaryIO, cast

import pytest

from pounce.config.config import Config
from pounce.protocol.errors import StartupError
from pounce.supervise.child import _Child
from pounce.supervise.listeners import open_listeners
from pounce.supervise.process import Order
from pounce.supervise.server_logs import ServerLogs
from pounce.supervise.thread import WorkerThread
from pounce.testing.wire import Wire

PATIENCE = 60.0
SOON = 60.0
"""Seconds in which a child that was left alone has to be gone."""
GET = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"

APPLICATION = """
import asyncio, time
from pathlib import Path

async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        while True:
            kind = (await receive())["type"]
            await send({"type": f"{kind}.complete"})
            if kind == "lifespan.shutdown":
                Path(__file__).with_name("shutdown").touch()
                return
    Path(__file__).with_name("called").touch()
    if scope["path"] == "/block":
        time.sleep(3600)
    if scope["path"] == "/wait":
        await asyncio.sleep(3600)
    if scope["path"] == "/executor":
        await asyncio.to_thread(time.sleep, 3600)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"hello"})
"""


class Parent:
    """A parent that says what the test wants."""

    def __init__(self, folder: Path, settings: dict[str, Any]) -> None:
        (folder / "served.py").write_text(APPLICATION)
        self.folder = folder
        config = Config(
            "served:app", app_dir=str(folder), port=0, worker_type="process", **settings
        )
        [self.listener] = open_listeners(config)
        order = Order("worker-1", config, (self.listener.describe(),), tuple(sys.path), 1)
        self.order = pickle.dumps(order)
        self.control, self._theirs = socket.socketpair()
        self.control.settimeout(PATIENCE)
        self.words: BinaryIO = self.control.makefile("rb")
        fds = [self._theirs.fileno(), self.listener.socket.fileno()]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "pounce.supervise.child", str(fds[0])],
            pass_fds=fds,
            stderr=subprocess.PIPE,
        )
        self._theirs.close()

    def give_order(self) -> None:
        self.control.sendall(len(self.order).to_bytes(8) + self.order)

    def begin(self) -> None:
        self.give_order()
        assert self.words.readline() == b"ready\n"
        self.control.sendall(b"serve\n")

    def request(self, path: str) -> Wire:
        """A request that the application has got."""
        wire = Wire.connect(self.listener.socket.getsockname(), timeout=PATIENCE)
        wire.send(GET.replace(b" / ", b" %b " % path.encode()))
        deadline = time.monotonic() + PATIENCE
        while not (self.folder / "called").exists():
            assert time.monotonic() < deadline
            time.sleep(0.01)
        return wire

    def vanish(self) -> None:
        """What the child sees of a parent that was killed."""
        self.words.close()
        self.control.close()

    def end(self) -> None:
        self.vanish()
        self.process.kill()
        self.process.communicate()
        self.listener.close()


type Make = Callable[..., Parent]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    with ExitStack() as stack:

        def parent(**settings: Any) -> Parent:
            made = Parent(tmp_path, settings)
            stack.callback(made.end)
            return made

        yield parent


def test_it_lives_from_its_order_to_its_end(make: Make) -> None:
    parent = make()
    parent.begin()
    with parent.request("/") as wire:
        assert wire.read_response().body == b"hello"
    parent.control.sendall(b"end\n")
    assert parent.process.wait(PATIENCE) == 0
    assert (parent.folder / "shutdown").exists()


def test_without_its_parent_it_ends_like_one_that_was_asked_to(make: Make) -> None:
    parent = make()
    parent.begin()
    parent.vanish()
    assert parent.process.wait(SOON) == 0
    assert (parent.folder / "shutdown").exists()


def test_without_its_parent_it_ends_before_it_has_got_its_order(make: Make) -> None:
    parent = make()
    parent.control.sendall(b"\0" * 4)
    parent.vanish()
    assert parent.process.wait(SOON) == 1


@pytest.mark.parametrize("path", ["/wait", "/block"])
def test_no_child_outlives_its_parent_whatever_the_application_does(make: Make, path: str) -> None:
    parent = make(timeout_graceful_shutdown=0)
    parent.begin()
    with parent.request(path):
        parent.vanish()
        parent.process.wait(SOON)


def test_a_function_that_does_not_return_does_not_keep_a_child_that_was_asked_to_end(
    make: Make,
) -> None:
    parent = make(timeout_graceful_shutdown=0)
    parent.begin()
    with parent.request("/executor"):
        parent.control.sendall(b"end\n")
        parent.process.wait(SOON)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_to_the_group_does_not_end_it(make: Make, number: int) -> None:
    parent = make()
    parent.begin()
    os.kill(parent.process.pid, number)
    with parent.request("/") as wire:
        assert wire.read_response().body == b"hello"


def test_an_unknown_word_is_overheard(make: Make) -> None:
    parent = make()
    parent.begin()
    parent.control.sendall(b"nonsense\n")
    with parent.request("/") as wire:
        assert wire.read_response().body == b"hello"
    parent.control.sendall(b"end\n")
    assert parent.process.wait(PATIENCE) == 0


# What it says of its end


class Worker:
    """A worker thread that ends as soon as it is started."""

    def __init__(self, child: _Child, error: BaseException | None) -> None:
        self._child = child
        self._error = error

    def start(self) -> None:
        self._child._report(cast("WorkerThread", self), "ended", self._error)

    def end(self) -> None: ...


class Scene:
    """A child's main part, in this process, and what its parent hears."""

    def __init__(self, stack: ExitStack) -> None:
        ours, theirs = socket.socketpair()
        self.heard = stack.enter_context(ours.makefile("rb"))
        stack.enter_context(ours)
        stack.enter_context(theirs)
        config = Config("served:app", access_log=False, worker_type="process")
        logs = ServerLogs(config)
        stack.callback(logs.close)
        words = stack.enter_context(theirs.makefile("rb"))
        order = Order("worker-1", config, (), tuple(sys.path), 1)
        self.child = _Child(order, theirs, words, logs)
        self._theirs = theirs
        # Or `words`, from which a thread reads, could not be closed.
        stack.callback(self._hang_up)

    def _hang_up(self) -> None:
        with suppress(OSError):
            self._theirs.shutdown(socket.SHUT_RDWR)

    def run(self) -> tuple[int, bytes]:
        """Exit status, and all that it said."""
        status = self.child.run()
        self._theirs.shutdown(socket.SHUT_RDWR)
        return status, self.heard.read()


@pytest.fixture
def scene() -> Iterator[Scene]:
    with ExitStack() as stack:
        yield Scene(stack)


def ends_with(scene: Scene, error: BaseException | None, monkeypatch: pytest.MonkeyPatch) -> None:
    worker = cast("WorkerThread", Worker(scene.child, error))
    monkeypatch.setattr(_Child, "_make_worker", lambda _self: worker)


def test_a_good_end_needs_no_words(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    ends_with(scene, None, monkeypatch)
    assert scene.run() == (0, b"")


def test_a_failed_start_is_told_in_one_line(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    ends_with(scene, StartupError("no database,\nnowhere"), monkeypatch)
    status, heard = scene.run()
    assert heard == b"failed no database, nowhere\n"
    assert status != 0


def test_an_application_that_cannot_be_loaded_is_told_in_one_line(scene: Scene) -> None:
    status, heard = scene.run()
    assert heard.startswith(b"failed ")
    assert heard.count(b"\n") == 1
    assert status != 0


def test_a_fault_is_an_exit_status_and_leaves_its_traceback_in_the_log(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Its parent knows the status only."""
    ends_with(scene, RuntimeError("boom"), monkeypatch)
    logging.getLogger("pounce").addHandler(caplog.handler)
    try:
        status, _ = scene.run()
    finally:
        logging.getLogger("pounce").removeHandler(caplog.handler)
    assert status == 1
    assert [str(each.exc_info[1]) for each in caplog.records if each.exc_info] == ["boom"]


def test_words_to_a_parent_that_has_gone_are_no_fault(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    ends_with(scene, StartupError("no database"), monkeypatch)
    scene.heard.close()
    scene._theirs.shutdown(socket.SHUT_WR)
    assert scene.child.run() != 0
    scene._theirs.shutdown(socket.SHUT_RDWR)
