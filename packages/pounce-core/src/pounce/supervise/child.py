"""The process of one worker: `python -m pounce.supervise.child FD`.

Decides how a worker lives in a process of its own: orders come over the inherited descriptor, and
the end of that stream is the end of the worker, so that no child outlives its parent.
"""

import contextlib
import json
import logging
import os
import pickle
import signal
import socket
import sys
import threading
from types import FrameType
from typing import BinaryIO, Final

from pounce.asgi.fresh import load_fresh
from pounce.protocol.errors import PounceError
from pounce.supervise.ending import end_soon
from pounce.supervise.listeners import adopt_listeners
from pounce.supervise.process import Order
from pounce.supervise.recipe import Recipe, door_of
from pounce.supervise.server_logs import ServerLogs
from pounce.supervise.stop_signals import KNOWN
from pounce.supervise.supervisor import HURRY
from pounce.supervise.thread import WorkerThread
from pounce.supervise.watchdog import Watchdog
from pounce.worker.door import Door

logger = logging.getLogger("pounce.worker")

ORDERS: Final = "pounce-orders"
"""The thread that reads what the parent says."""


def main(descriptor: int) -> int:
    """Runs one worker until its parent asks for the end, or is gone."""
    # A terminal's Ctrl-C reaches every process of the group; only the parent acts on it. Not
    # SIG_IGN: the programs that an application starts would inherit that.
    for number in KNOWN:
        signal.signal(number, _pass_over)
    control = socket.socket(fileno=descriptor)
    words = control.makefile("rb")
    order: Order = pickle.loads(_exactly(words, int.from_bytes(_exactly(words, 8))))
    sys.path[:] = order.path
    logs = ServerLogs(order.config)
    try:
        child = _Child(order, control, words, logs)
        status = child.run()
    finally:
        logs.close()
        _hang_up(control, words)
    if child.remains:
        end_soon(status, now=True)
    return status


class _Child:
    def __init__(
        self, order: Order, control: socket.socket, words: BinaryIO, logs: ServerLogs
    ) -> None:
        self._order = order
        self._control = control
        self._words = words
        self._logs = logs
        self._ended = threading.Event()
        self._error: BaseException | None = None
        self._worker: WorkerThread | None = None
        self._doors: list[Door] = []

    @property
    def remains(self) -> bool:
        """Whether something of the application outlived its worker."""
        return self._worker is not None and self._worker.remains

    def run(self) -> int:
        """Lives, and returns the status to end with."""
        threading.Thread(target=self._obey, name=ORDERS, daemon=True).start()
        try:
            return self._live()
        finally:
            self._ended.set()
            for door in self._doors:
                door.close()

    def _live(self) -> int:
        try:
            worker = self._worker = self._make_worker()
        except PounceError as error:
            if error.__cause__ is not None:
                logger.error("%s", error, exc_info=error.__cause__)
            self._say(f"failed {error}")
            return 3
        watchdog = Watchdog(lambda: (worker,), self._order.config.timeout_stall, self._stalled)
        watchdog.start()
        worker.start()
        self._ended.wait()
        watchdog.stop()
        if isinstance(self._error, PounceError):
            self._say(f"failed {self._error}")
            return 3
        if self._error is not None:
            logger.error("%s died", self._order.name, exc_info=self._error)
            return 1
        return 0

    def _make_worker(self) -> WorkerThread:
        order = self._order
        schemes = {each.scheme for each in order.listeners}
        recipe = Recipe(order.config, order.shares, schemes, tells=False)
        # Nothing is imported yet; bytecode that may be older than its source is not used.
        app = load_fresh(order.config)
        listeners = adopt_listeners(order.listeners)
        self._doors = [door_of(listener, exclusive=True) for listener in listeners]
        return WorkerThread(
            order.name,
            recipe,
            lambda: app,
            accepts=True,
            access_log=self._logs.access_log,
            report=self._report,
        )

    def _report(self, _worker: object, what: str, error: BaseException | None) -> None:
        if what == "ended":
            self._error = error
            self._ended.set()
        else:
            self._say(what)

    def _obey(self) -> None:
        with contextlib.suppress(OSError):
            for line in self._words:
                self._do(line.decode().strip())
        # The parent is gone. It cannot end a child that does not end by itself any more.
        self._do("end")
        if not self._ended.wait(self._order.config.timeout_graceful_shutdown):
            self._do("hurry")
            if not self._ended.wait(HURRY):
                os._exit(1)

    def _do(self, order: str) -> None:
        worker = self._worker
        if order == "reopen":
            self._logs.reopen()
        elif worker is None:
            # It still imports, for who knows how long, and serves nobody.
            if order in {"retire", "end", "hurry"} and not self._ended.is_set():
                os._exit(0)
        elif order == "serve":
            worker.accept_from(self._doors)
        elif order == "fade":
            worker.fade()
        elif order == "retire":
            worker.retire(())
        elif order == "end":
            worker.end()
        elif order == "hurry":
            worker.hurry()

    def _stalled(self, text: str) -> None:
        self._say(f"stalled {json.dumps(text)}")

    def _say(self, words: str) -> None:
        with contextlib.suppress(OSError):
            self._control.sendall(" ".join(words.splitlines()).encode() + b"\n")


def _hang_up(control: socket.socket, words: BinaryIO) -> None:
    """Closes what connects the child to its parent, once nobody reads from it any more."""
    with contextlib.suppress(OSError):
        control.shutdown(socket.SHUT_RD)
    for thread in threading.enumerate():
        if thread.name == ORDERS:
            thread.join()
    words.close()
    control.close()


def _exactly(stream: BinaryIO, count: int) -> bytes:
    data = stream.read(count)
    if len(data) != count:
        os._exit(1)
    return data


def _pass_over(_number: int, _frame: FrameType | None) -> None:
    """The parent says what is to be done."""


if __name__ == "__main__":
    ending = main(int(sys.argv[1]))
    end_soon(ending)
    sys.exit(ending)
