"""A connection without a socket: for tests of what speaks a protocol.

The channel records, and does on a call what the real one does: a close with nothing left to send is
followed by `lost` at once, as is an abort. Time is a number that the test sets. The application is
a function of the exchange, which runs eagerly. Never opens a socket and never starts a loop.
"""

from collections.abc import Callable
from math import inf
from typing import Any, cast

from pounce.protocol.errors import ClientDisconnected
from pounce.protocol.exchange import Exchange, Outcome
from pounce.protocol.limits import Limits
from pounce.protocol.roles import Completed, ConnectionFactory, Handler, Look, Peer, Second

type App = Callable[[Any], bool]
"""Is given the exchange and runs eagerly; returns whether it is through, or waits for something."""


class RecordingServices:
    """What a worker lends, as plain values; see `pounce.protocol.roles.WorkerServices`."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.upgrades: frozenset[bytes] = frozenset()
        self.completed: Completed | None = self.note
        self.extra_headers: tuple[tuple[bytes, bytes], ...] = ()
        self.date_header = False
        self.notes: list[tuple[bytes, int]] = []
        """Path and status of each exchange that was reported as complete, or refused."""
        self.seconds: list[Second] = []
        self.looks: list[Look] = []
        self.refusals: list[str] = []

    def note(self, outcome: Outcome, peer: Peer) -> None:
        self.notes.append((outcome.head.raw_path, outcome.status))

    def every_second(self, second: Second) -> None:
        self.seconds.append(second)
        second(b"date: Thu, 01 Jan 1970 00:00:00 GMT\r\n")

    def every_tick(self, look: Look) -> None:
        self.looks.append(look)

    def refused(self, reason: str, peer: Peer | None = None) -> None:
        self.refusals.append(reason)


class RecordingChannel:
    """The channel's side of the contract in `pounce.protocol.roles`, without a socket."""

    handler: Handler

    def __init__(self) -> None:
        self.peer = Peer(("192.0.2.1", 5000), ("192.0.2.2", 80), "http", trusted=False)
        self.deadline = inf
        self.output = bytearray()
        self.writes: list[bytes] = []
        self.files: list[tuple[int, int]] = []
        self.refusals: list[str] = []
        self.takes = True
        """Whether the kernel takes what is written."""
        self.broken = False
        """Whether the client reset the connection, which nobody has noticed yet."""
        self.stalled = False
        """Whether something written has not left."""
        self.paused = False
        self.scheduled = False
        self.shut = False
        """Whether it was asked to close."""
        self.lingers = False
        self.closed = False
        self.aborted = False
        self.heir = False
        """Whether there is a worker to hand the connection on to."""
        self.handed_on: tuple[bytes, int] | None = None
        """What went with it: the bytes that nobody used, and the requests answered."""
        self.exchanges: list[Any] = []
        self.app: App = serve_ok

    def write(self, data: bytes) -> bool:
        self._check()
        assert data, "an empty write says nothing"
        self.output += data
        self.writes.append(data)
        return self._sent()

    def write_parts(self, head: bytes, body: bytes, tail: bytes) -> bool:
        return self.write(head + body + tail)

    def send_file(self, file: int, count: int) -> bool:
        self._check()
        self.files.append((file, count))
        return self._sent()

    def pause_reading(self) -> None:
        self.paused = True

    def resume_reading(self) -> None:
        self.paused = False

    def schedule(self) -> None:
        self.scheduled = True

    def hand_on(self) -> bool:
        if self.heir:
            self.handed_on = self.handler.release()
            assert self.handed_on is not None, "something is under way"
            assert not self.stalled, "something written has not left"
            self.shut = self.closed = True
        return self.heir

    def start(self, exchange: Exchange) -> None:
        self.exchanges.append(exchange)
        if not self.app(exchange):
            exchange.suspended()

    def refused(self, reason: str) -> None:
        self.refusals.append(reason)

    def close(self, *, linger: bool = False) -> None:
        if self.shut:
            return
        self.shut = True
        self.lingers = linger
        self.deadline = inf
        if not self.stalled and not linger:
            self._drop()

    def abort(self) -> None:
        if not self.closed:
            self.aborted = self.shut = True
            self._drop()

    def _check(self) -> None:
        if self.broken:
            self._drop()
        if self.shut or self.closed:
            raise ClientDisconnected

    def _sent(self) -> bool:
        self.stalled = self.stalled or not self.takes
        return not self.stalled

    def _drop(self) -> None:
        if not self.closed:
            self.closed = True
            self.deadline = inf
            self.handler.lost()


class RecordedConnection:
    """One connection under test: a handler on a recording channel.

    Args:
        factory: what a descriptor's `load` returns.
        limits: of the client.
        app: the application.
        settings: the protocol's.
        upgrades: tokens of the upgrades that there are.
    """

    def __init__(
        self,
        factory: ConnectionFactory,
        limits: Limits,
        app: App | None,
        settings: object = None,
        upgrades: frozenset[bytes] = frozenset(),
    ) -> None:
        self.services = RecordingServices(limits)
        self.services.upgrades = upgrades
        self.channel = RecordingChannel()
        if app is not None:
            self.channel.app = app
        self.handler: Any = factory(self.services, settings)(cast("Any", self.channel), 0.0, 0)
        self.channel.handler = self.handler

    @property
    def output(self) -> bytes:
        return bytes(self.channel.output)

    @property
    def exchange(self) -> Any:
        """The latest."""
        return self.channel.exchanges[-1]

    @property
    def paths(self) -> list[bytes]:
        """Of the requests that reached the application."""
        return [exchange.head.raw_path for exchange in self.channel.exchanges]

    def receive(self, data: bytes, now: float = 0.0) -> None:
        """The client's bytes arrive, and the turns follow that the handler asks for."""
        self.handler.received(data, now)
        self.settle(now)

    def settle(self, now: float = 0.0) -> None:
        """Gives the handler the turns that it asks for."""
        while self.channel.scheduled and not self.channel.closed:
            self.channel.scheduled = False
            self.handler.turn(now)

    def flush(self, now: float = 0.0) -> None:
        """The kernel takes what is left."""
        self.channel.stalled = False
        self.channel.takes = True
        self.handler.flushed(now)

    def sweep(self, now: float) -> None:
        """The worker's sweep over the deadlines."""
        if now >= self.channel.deadline:
            self.channel.deadline = inf
            self.handler.expired(now)


def serve_ok(exchange: Exchange) -> bool:
    """Answers every request with two bytes."""
    exchange.start(200, [(b"content-length", b"2")])
    exchange.write(b"ok", more=False)
    exchange.finish(None)
    return True
