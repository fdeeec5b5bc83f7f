"""What these tests share: workers that only take notes, on a clock that stands still; a program."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from math import inf
from typing import Any

import pytest

from pounce.config.config import Config
from pounce.supervise import server_logs
from pounce.supervise.crew import Member, Report
from pounce.supervise.policy import Policy
from pounce.supervise.program import Program
from pounce.supervise.supervisor import Supervisor
from pounce.testing.application import hello
from pounce.testing.waiting import PATIENCE, until
from pounce.testing.wire import Wire

FAR = 1e8
GET = b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n"
ROUNDS = 6
"""How many steps of the supervisor may follow from one another."""


@pytest.fixture(autouse=True)
def patient_logs(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was logged is there after the end, however long the machine takes to write it."""
    monkeypatch.setattr(server_logs, "CLOSE_WAIT", PATIENCE)


class Clock:
    """Stands still until it is set."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Hand:
    """A worker that does nothing by itself, but end when it is asked to."""

    def __init__(self, office: Office, crew: Crew, name: str, report: Report) -> None:
        self.name = name
        self.ready = False
        self.since = inf
        self.lifetime: float | None = None
        self.crew = crew
        self.told: list[str] = []
        self.heirs: list[str] | None = None
        """To whom its idle connections go; None until it is told."""
        self.gone = False
        self.remains = False
        self.size: int | None = None
        self._office = office
        self._report = report

    @property
    def leaving(self) -> bool:
        """Whether it was asked to end."""
        return not {"retire", "end", "hurry"}.isdisjoint(self.told)

    def start(self) -> None:
        if self.name in self._office.cannot_start:
            self.gone = True
            raise OSError("no more threads")
        self._office.note(self.told, "start")

    def retire(self, heirs: Sequence[Member]) -> None:
        self.heirs = [heir.name for heir in heirs]
        self._office.note(self.told, "retire")
        self._obey()

    def fade(self) -> None:
        self._office.note(self.told, "fade")

    def end(self) -> None:
        self._office.note(self.told, "end")
        self._obey()

    def hurry(self) -> None:
        self._office.note(self.told, "hurry")
        self._obey()

    def kill(self) -> None:
        self._office.note(self.told, "kill")

    def join(self, timeout: float | None) -> bool:
        return True

    def memory(self) -> int | None:
        return self.size

    def reopen_logs(self) -> None:
        self._office.note(self.told, "reopen")

    def _obey(self) -> None:
        if self.name not in self._office.stubborn:
            self.leave()

    # What becomes of it

    def get_ready(self) -> None:
        self.ready = True
        self._report(self, "ready", None)

    def wear(self) -> None:
        self._report(self, "worn", None)

    def leave(self, error: BaseException | None = None) -> None:
        if not self.gone:
            self.gone = True
            self._report(self, "ended", error)
            self._office.notify()


class Crew:
    """Makes such workers for a generation."""

    def __init__(self, office: Office, number: int) -> None:
        self.number = number
        self.size: int | None = None
        self._office = office

    def make(self, name: str, report: Report) -> Member:
        if name in self._office.cannot_make:
            raise OSError("no more files")
        hand = Hand(self._office, self, name, report)
        self._office.note(self._office.made, hand)
        return hand

    def memory(self) -> int | None:
        return self.size


class Office:
    """A supervisor, its workers, where connections come from, and the time."""

    supervisor: Supervisor

    def __init__(self) -> None:
        self.clock = Clock()
        self.crews = [Crew(self, 1)]
        self.made: list[Hand] = []
        self.served: list[list[str]] = []
        self.mistakes: list[str] = []
        """Those that were given connections after they were asked to end."""
        self.said: list[str] = []
        """What the supervisor told of itself, and when an application was imported."""
        self.stops = 0
        self.cannot_make: set[str] = set()
        self.cannot_start: set[str] = set()
        self.stubborn: set[str] = set()
        """Workers that do not end when they are asked to."""
        self.serve_error: Exception | None = None
        self.load_error: BaseException | None = None
        self.load_gate = threading.Event()
        """Cleared, an import takes until it is set."""
        self.load_gate.set()
        self._changed = threading.Condition()

    def open(self, count: int, *, ready: bool = True, policy: Policy | None = None) -> Supervisor:
        """Starts a supervisor of so many, with all of them ready if that is wanted."""
        policy = policy or Policy(grace=PATIENCE)
        self.supervisor = Supervisor(self.crews[0], self._load, self, count, policy, self.clock)
        self.supervisor.notice = lambda what: self.note(self.said, what)
        self.supervisor.start()
        if ready:
            for hand in self.hired(count):
                hand.get_ready()
            assert self.supervisor.settled.wait(PATIENCE)
        return self.supervisor

    def close(self) -> None:
        """Ends whatever is left."""
        self.stubborn.clear()
        self.load_gate.set()
        if hasattr(self, "supervisor"):
            self.supervisor.hurry()
            self.settle_or_end()
            for hand in list(self.made):
                hand.leave()
            self.ended()

    def _load(self) -> Crew:
        self.note(self.said, "loading")
        assert self.load_gate.wait(PATIENCE)
        if self.load_error is not None:
            raise self.load_error
        crew = Crew(self, len(self.crews) + 1)
        self.note(self.crews, crew)
        return crew

    # Where connections come from

    def serve(self, members: Sequence[Member]) -> None:
        if self.serve_error is not None:
            raise self.serve_error
        self.mistakes += [hand.name for hand in list(self.made) if hand in members and hand.leaving]
        self.note(self.served, [member.name for member in members])

    def stop(self) -> None:
        self.stops += 1

    # What a test waits for

    def note[T](self, notes: list[T], note: T) -> None:
        with self._changed:
            notes.append(note)
            self._changed.notify_all()

    def notify(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def until(self, condition: Callable[[], bool]) -> None:
        """Waits for what the supervisor or its workers do."""
        with self._changed:
            assert self._changed.wait_for(condition, PATIENCE)

    def hired(self, count: int) -> list[Hand]:
        """Waits until so many were made; these."""
        self.until(lambda: len(self.made) >= count)
        return self.made[:count]

    def settle(self) -> None:
        """Waits until the supervisor, which goes on, has done all that follows so far."""
        self.settle_or_end()
        assert not self.supervisor.done.is_set()

    def settle_or_end(self) -> None:
        """The same, or until it has ended."""
        for _ in range(ROUNDS):
            passed = threading.Event()
            self.supervisor.repeat(FAR, passed.set)
            deadline = time.monotonic() + PATIENCE
            while not passed.wait(0.01) and not self.supervisor.done.is_set():
                assert time.monotonic() < deadline
        loaders = [each for each in threading.enumerate() if each.name == "pounce-loader"]
        if loaders and self.load_gate.is_set():
            for loader in loaders:
                loader.join(PATIENCE)
                assert not loader.is_alive()
            self.settle_or_end()

    def later(self, seconds: float) -> None:
        """Lets time pass."""
        self.clock.now += seconds
        self.settle()

    def ended(self) -> None:
        """Waits for the end of the server."""
        assert self.supervisor.done.wait(PATIENCE)


@pytest.fixture
def office() -> Iterator[Office]:
    made = Office()
    yield made
    made.close()


# A program


class Rig:
    """A program on this thread, and what somebody does to it from another one."""

    def __init__(self, app: Any, exits: bool, settings: dict[str, Any]) -> None:
        defaults: dict[str, Any] = {"port": 0, "access_log": False, "worker_type": "thread"}
        self.program = Program(Config(app, **(defaults | settings)), exits=exits)
        self.server = self.program._server

    def run(self, act: Callable[[], object], *, when: Callable[[], object] | None = None) -> int:
        """Runs it until it ends; `act` is done when the server is ready, or at another time."""
        failures: list[BaseException] = []
        over = threading.Event()

        def play() -> None:
            try:
                until(when or (lambda: self.server.ready))
                act()
                assert over.wait(PATIENCE)
            except BaseException as failure:  # noqa: BLE001 - told to the test's own thread
                failures.append(failure)
                self.server.stop()
                if self.server.supervisor is not None:
                    self.server.supervisor.hurry()

        thread = threading.Thread(target=play)
        thread.start()
        try:
            status = self.program.run()
        finally:
            over.set()
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


type MakeRig = Callable[..., Rig]


@pytest.fixture
def rig() -> MakeRig:
    """Makes a program of an application and settings."""

    def make(app: Any = hello, *, exits: bool = False, **settings: Any) -> Rig:
        return Rig(app, exits, settings)

    return make
