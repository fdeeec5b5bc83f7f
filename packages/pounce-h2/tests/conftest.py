"""Connections over HTTP/2 without a socket, with a client of frames at the other end."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import hpack
import pytest
from hypothesis import HealthCheck, settings

from pounce.protocol.limits import Limits
from pounce.testing.channel import App, RecordedConnection
from pounce_h2 import frame
from pounce_h2.settings import Settings
from pounce_h2.worker import H2Worker

# How long an example takes is a property of the machine, and of what else it does meanwhile.
settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")

type Pair = tuple[bytes, bytes]


class Frame(NamedTuple):
    kind: int
    flags: int
    number: int
    payload: bytes


class Answered:
    """What came on one stream."""

    def __init__(self) -> None:
        self.heads: list[list[Pair]] = []
        """Interim heads, the final one, the trailers."""
        self.body = b""
        self.ended = False

    @property
    def status(self) -> int:
        """Of the first head that is final."""
        return next(status for status in map(_status, self.heads) if status >= 200)

    @property
    def fields(self) -> dict[bytes, bytes]:
        return dict(next(head for head in self.heads if _status(head) >= 200))


def _status(head: list[Pair]) -> int:
    return int(dict(head).get(b":status", b"0"))


class Client(RecordedConnection):
    """A handler, and a client that says frames to it and notes what comes back."""

    def __init__(
        self, limits: Limits, app: App | None, settings: Settings, upgrades: frozenset[bytes]
    ) -> None:
        super().__init__(H2Worker, limits, app, settings, upgrades)
        self.encoder = hpack.Encoder()
        self.decoder = hpack.Decoder()
        self.frames: list[Frame] = []
        self.answers: dict[int, Answered] = {}
        self.resets: dict[int, int] = {}
        self.windows: dict[int, int] = {}
        """By how much each window was opened; 0 is the connection's."""
        self.settings: dict[int, int] = {}
        self.goaways: list[tuple[int, int]] = []
        """Last stream and code of each."""
        self.next = 1
        self._read = 0

    def say(self, *frames: bytes, now: float = 0.0) -> None:
        """Sends frames in one piece, and takes note of what comes back."""
        self.receive(b"".join(frames), now)
        self.look()

    def look(self) -> None:
        """Takes note of what has come back since."""
        output = self.output[self._read :]
        for each in split(output):
            self._read += 9 + len(each.payload)
            self.frames.append(each)
            self._note(each)

    def _note(self, each: Frame) -> None:
        answered = self.answers.setdefault(each.number, Answered()) if each.number else None
        match each.kind:
            case frame.HEADERS:
                assert answered is not None
                assert each.flags & frame.END_HEADERS
                answered.heads.append(list(self.decoder.decode(each.payload, raw=True)))
                answered.ended = bool(each.flags & frame.END_STREAM)
            case frame.DATA:
                assert answered is not None
                assert not answered.ended
                answered.body += each.payload
                answered.ended = bool(each.flags & frame.END_STREAM)
            case frame.RST_STREAM:
                self.resets[each.number] = frame.read_word(each.payload)[0]
            case frame.WINDOW_UPDATE:
                increment = frame.read_word(each.payload)[0]
                self.windows[each.number] = self.windows.get(each.number, 0) + increment
            case frame.SETTINGS if not each.flags:
                self.settings |= dict(frame.read_settings(each.payload))
            case frame.GOAWAY:
                last, code = frame.read_word(each.payload)[0], frame.read_word(each.payload, 4)[0]
                self.goaways.append((last, code))
            case _:
                pass

    @property
    def error(self) -> int | None:
        """The code by which the connection was ended, or None."""
        return self.goaways[-1][1] if self.goaways and self.ended() else None

    # Calls, so that a type checker does not think it knows the answer to the next one.

    def ended(self) -> bool:
        """Whether the connection was asked to close."""
        return self.channel.shut

    def paused(self) -> bool:
        return self.channel.paused

    def count(self, kind: int) -> int:
        return sum(each.kind == kind for each in self.frames)

    # Frames to say

    def head(
        self,
        method: bytes = b"GET",
        path: bytes = b"/",
        *fields: Pair,
        end: bool = True,
        number: int | None = None,
    ) -> bytes:
        """A request's HEADERS, on the next stream."""
        pseudo = [
            (b":method", method),
            (b":scheme", b"http"),
            (b":authority", b"a"),
            (b":path", path),
        ]
        return self.block([*pseudo, *fields], end=end, number=number)

    def block(self, fields: list[Pair], *, end: bool = True, number: int | None = None) -> bytes:
        if number is None:
            number = self.next
            self.next += 2
        return frame.headers(number, self.encoder.encode(fields), end=end)

    def get(self, path: bytes = b"/", *fields: Pair) -> Answered:
        """Makes a request and returns what came back."""
        number = self.next
        self.say(self.head(b"GET", path, *fields))
        return self.answers[number]

    def turn(self, now: float = 0.0) -> None:
        """The handler's turns that it asked for."""
        self.settle(now)
        self.look()

    def wait(self, now: float) -> None:
        """The worker sweeps, when it is that late."""
        self.sweep(now)
        self.turn(now)


def split(data: bytes) -> Iterator[Frame]:
    """The whole frames."""
    at = 0
    while len(data) - at >= 9:
        word, flags, number = frame.HEADER.unpack_from(data, at)
        stop = at + 9 + (word >> 8)
        if stop > len(data):
            return
        yield Frame(word & 0xFF, flags, number, data[at + 9 : stop])
        at = stop


class Connect:
    """Makes connections whose prefaces have been exchanged, unless said otherwise."""

    def __call__(
        self,
        app: App | None = None,
        *,
        limits: Limits | None = None,
        settings: Settings | None = None,
        upgrades: frozenset[bytes] = frozenset(),
        greet: bool = True,
        values: tuple[tuple[int, int], ...] = (),
    ) -> Client:
        client = Client(limits or Limits(), app, settings or Settings(), upgrades)
        if greet:
            client.say(frame.PREFACE, frame.settings(values))
        return client


@pytest.fixture(scope="session")
def connect() -> Connect:
    return Connect()


def data(number: int, piece: bytes, *, end: bool = False) -> bytes:
    return frame.frame(frame.DATA, frame.END_STREAM if end else 0, number, piece)


@pytest.fixture(scope="session", name="data")
def data_frame() -> Callable[..., bytes]:
    """A DATA frame: of its stream, bytes and whether the stream ends with it."""
    return data


def wait(_exchange: Any) -> bool:
    return False


@pytest.fixture(scope="session", name="wait")
def waiting() -> App:
    """An application that waits for ever."""
    return wait
