"""Clients of HTTP/2: one with the `h2` library as its engine, and one that says frames.

The second knows no rules, so that it can break them.
"""

import socket
import ssl
import struct
from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple, Self

import h2.config
import h2.connection
import h2.events
import h2.settings
import hpack

from integration.tests.client import TIMEOUT, Client

type Pair = tuple[bytes, bytes]

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, _, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(
    10
)
CALM = 0xB

# What a write says where the other side is gone; over TLS it may be the last.
GONE = (BrokenPipeError, ConnectionResetError, ssl.SSLEOFError)


class Answer:
    """What has come on one stream."""

    def __init__(self) -> None:
        self.status = 0
        self.interim: list[int] = []
        self.fields: dict[bytes, bytes] = {}
        self.trailers: dict[bytes, bytes] = {}
        self.body = b""
        self.ended = False
        self.reset: int | None = None


class Streams:
    """One connection.

    Args:
        sock: connected; over TLS if need be.
        windows: whether what comes opens the windows again, as with any honest client.
        initial_window: of each stream.
    """

    def __init__(
        self, sock: socket.socket, *, windows: bool = True, initial_window: int = 65_535
    ) -> None:
        self.socket = sock
        self.answers: dict[int, Answer] = {}
        self.goaways: list[tuple[int, int]] = []
        """Last stream and code of each."""
        self.closed = False
        self._windows = windows
        self._unread = b""
        config = h2.config.H2Configuration(client_side=True, header_encoding=None)
        self.engine = h2.connection.H2Connection(config)
        window = h2.settings.SettingCodes.INITIAL_WINDOW_SIZE
        self.engine.local_settings = h2.settings.Settings(
            client=True, initial_values={window: initial_window}
        )
        self.engine.initiate_connection()
        self.flush()

    @classmethod
    def to(
        cls,
        address: tuple[str, int],
        *,
        windows: bool = True,
        initial_window: int = 65_535,
        receive_buffer: int | None = None,
    ) -> Self:
        sock = Client.to(address, receive_buffer=receive_buffer).socket
        return cls(sock, windows=windows, initial_window=initial_window)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def flush(self) -> None:
        data = self.engine.data_to_send()
        if data:
            # Of a server that is gone, `hear` tells: what it has said before is still there.
            with suppress(*GONE):
                self.socket.sendall(data)

    def ask(
        self, target: str, method: str = "GET", *fields: Pair, end: bool = True, host: str = "test"
    ) -> int:
        """Sends a request's head; returns its stream."""
        number = self.engine.get_next_available_stream_id()
        pseudo = [
            (b":method", method.encode()),
            (b":scheme", b"http"),
            (b":authority", host.encode()),
            (b":path", target.encode()),
        ]
        self.engine.send_headers(number, [*pseudo, *fields], end_stream=end)
        self.answers[number] = Answer()
        self.flush()
        return number

    def connect(self, target: str, protocol: str, *fields: Pair) -> int:
        """Asks for a tunnel (RFC 8441); returns its stream."""
        number = self.engine.get_next_available_stream_id()
        pseudo = [
            (b":method", b"CONNECT"),
            (b":protocol", protocol.encode()),
            (b":scheme", b"http"),
            (b":authority", b"test"),
            (b":path", target.encode()),
        ]
        self.engine.send_headers(number, [*pseudo, *fields])
        self.answers[number] = Answer()
        self.flush()
        return number

    def send(self, number: int, body: bytes, *, end: bool = True) -> None:
        """Sends bytes of a body, as the windows allow."""
        while True:
            size = min(len(body), self.engine.local_flow_control_window(number), 16_384)
            if size or not body:
                self.engine.send_data(number, body[:size], end_stream=end and size == len(body))
                body = body[size:]
                self.flush()
            if not body:
                return
            if not size:
                assert self.hear(), f"the connection ended before stream {number} was sent"

    def get(self, target: str, method: str = "GET", *fields: Pair, body: bytes = b"") -> Answer:
        number = self.ask(target, method, *fields, end=not body)
        if body:
            self.send(number, body)
        return self.answer(number)

    def answer(self, number: int) -> Answer:
        """Waits for the end of a response."""
        answer = self.answers[number]
        while not answer.ended and answer.reset is None:
            assert self.hear(), f"the connection ended before stream {number} did"
        return answer

    def wait_closed(self) -> None:
        while self.hear():
            pass

    def hear(self) -> bool:
        """Takes what comes next. False at the end of the connection."""
        if self.closed:
            return False
        try:
            data = self.socket.recv(65_536)
        except ConnectionResetError:
            data = b""
        if not data:
            self.closed = True
            return False
        self._unread += data
        for size in iter(self._whole_frame, 0):
            piece, self._unread = self._unread[:size], self._unread[size:]
            if piece[3] == GOAWAY:
                # For the engine all ends with it; for us, what is under way goes on.
                last, code = struct.unpack(">II", piece[9:17])
                self.goaways.append((last, code))
                continue
            for event in self.engine.receive_data(piece):
                self._note(event)
        self.flush()
        return True

    def _whole_frame(self) -> int:
        """The size of the frame that has come, 0 if none has."""
        size = 9 + int.from_bytes(self._unread[:3]) if len(self._unread) >= 9 else 0
        return size if size <= len(self._unread) else 0

    def _note(self, event: h2.events.Event) -> None:
        match event:
            case h2.events.ResponseReceived():
                answer = self.answers[event.stream_id]
                answer.fields = dict(event.headers or ())
                answer.status = int(answer.fields.pop(b":status"))
            case h2.events.InformationalResponseReceived():
                status = dict(event.headers or ())[b":status"]
                self.answers[event.stream_id].interim.append(int(status))
            case h2.events.DataReceived():
                self.answers[event.stream_id].body += event.data or b""
                if self._windows:
                    size = event.flow_controlled_length or 0
                    self.engine.acknowledge_received_data(size, event.stream_id)
            case h2.events.TrailersReceived():
                self.answers[event.stream_id].trailers = dict(event.headers or ())
            case h2.events.StreamEnded():
                self.answers[event.stream_id].ended = True
            case h2.events.StreamReset():
                self.answers[event.stream_id].reset = int(event.error_code or 0)
            case _:
                pass


# Frames


class Frame(NamedTuple):
    kind: int
    flags: int
    number: int
    payload: bytes


def frame(kind: int, flags: int, number: int, payload: bytes = b"") -> bytes:
    return struct.pack(">IBI", len(payload) << 8 | kind, flags, number) + payload


def word(number: int) -> bytes:
    return struct.pack(">I", number)


class Frames:
    """One connection on which anything may be said."""

    def __init__(self, sock: socket.socket) -> None:
        self.socket = sock
        self.encoder = hpack.Encoder()
        self.next = 1
        self._heard = b""
        self.socket.sendall(PREFACE + frame(SETTINGS, 0, 0))

    @classmethod
    def to(cls, address: tuple[str, int]) -> Self:
        return cls(socket.create_connection(address, TIMEOUT))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def head(self, target: bytes = b"/ok", *fields: Pair, method: bytes = b"GET") -> bytes:
        """HEADERS of a request on the next stream; one with a method that has a body does not end
        it."""
        pseudo = [
            (b":method", method),
            (b":scheme", b"http"),
            (b":authority", b"test"),
            (b":path", target),
        ]
        block = self.encoder.encode([*pseudo, *fields])
        number, self.next = self.next, self.next + 2
        return frame(HEADERS, 4 if method == b"POST" else 5, number, block)

    def say(self, data: bytes) -> bool:
        """Sends all of it. False when the server has closed the connection."""
        try:
            self.socket.sendall(data)
        except GONE:
            return False
        return True

    def frames(self) -> Iterator[Frame]:
        """What comes, to the end of the connection."""
        while True:
            while len(self._heard) < 9 or len(self._heard) < 9 + int.from_bytes(self._heard[:3]):
                try:
                    data = self.socket.recv(65_536)
                except ConnectionResetError:
                    return
                if not data:
                    return
                self._heard += data
            size, kind, flags, number = struct.unpack(">IBBI", b"\0" + self._heard[:9])
            yield Frame(kind, flags, number, self._heard[9 : 9 + size])
            self._heard = self._heard[9 + size :]

    def goaway(self) -> int | None:
        """The code by which the server ends the connection; None if it says none."""
        code = None
        for each in self.frames():
            if each.kind == GOAWAY:
                (code,) = struct.unpack(">I", each.payload[4:8])
        return code
