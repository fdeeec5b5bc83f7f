"""WebSockets whose clients mean harm, or are slow: what a connection may cost is bounded, and the
others are served meanwhile.
"""

import os
import select
import struct
import zlib
from collections.abc import Iterator
from contextlib import suppress

import pytest

from integration.tests.client import Client
from integration.tests.conftest import NATURAL, Fleet, checked
from integration.tests.record import Record
from integration.tests.serving import Served

MEBIBYTE = 1 << 20
SILENT = ("--ws-ping-interval", "1", "--ws-ping-timeout", "1")
SLOW = ("--timeout-body", "1")
PINGS = 6
ANSWERING = ("--ws-ping-interval", "1", "--ws-ping-timeout", "4")
"""With so many pings, it takes longer than one may be unanswered."""
ACCEPTED = 32 * MEBIBYTE
"""More than kernels keep of what is not read; what was sent would be far more."""
DEFLATE = "sec-websocket-extensions: permessage-deflate"
FIN_BINARY = 0x82


class WebSocket(Client):
    """A client that sends what it is told to, be it right or wrong."""

    def open(self, target: str, *fields: str) -> None:
        self.offer(target, *fields)
        assert self.read_response().status == 101

    def offer(self, target: str, *fields: str) -> None:
        self.ask(
            target,
            "GET",
            "connection: upgrade",
            "upgrade: websocket",
            "sec-websocket-version: 13",
            "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==",
            *fields,
        )

    def frame(self, first: int, payload: bytes = b"", length: int | None = None) -> None:
        """Sends a frame whose mask changes nothing; `length` is what its head says instead."""
        self.send(framed(first, payload, length))

    def read_frame(self) -> tuple[int, bytes]:
        """The first byte of the next frame, and its payload."""
        first, size = self.read_bytes(2)
        if size == 126:
            (size,) = struct.unpack("!H", self.read_bytes(2))
        elif size == 127:
            (size,) = struct.unpack("!Q", self.read_bytes(8))
        return first, self.read_bytes(size)

    def closed_by(self) -> int:
        """The code with which the server closes it, which is the next that it says."""
        first, payload = self.read_frame()
        assert first == 0x88
        assert self.read_until_closed() == b""
        return int.from_bytes(payload[:2])


def framed(first: int, payload: bytes = b"", length: int | None = None) -> bytes:
    size = len(payload) if length is None else length
    if size < 126:
        head = bytes((first, 0x80 | size))
    elif size < 65_536:
        head = bytes((first, 0xFE)) + struct.pack("!H", size)
    else:
        head = bytes((first, 0xFF)) + struct.pack("!Q", size)
    return head + bytes(4) + payload


def bomb(size: int) -> bytes:
    """A compressed message that becomes so large."""
    deflate = zlib.compressobj(6, zlib.DEFLATED, -15)
    # It ends at a byte, and refers to nothing before it: it may be said again and again.
    block = deflate.compress(bytes(MEBIBYTE)) + deflate.flush(zlib.Z_FULL_FLUSH)
    return (block * (size // MEBIBYTE))[:-4]


@pytest.fixture(scope="module")
def large_bomb() -> bytes:
    data = bomb(256 * MEBIBYTE)
    assert len(data) < 300_000
    return data


@pytest.fixture
def served(fleet: Fleet) -> Iterator[Served]:
    yield from checked(fleet("sockets", NATURAL))


@pytest.fixture
def quick(request: pytest.FixtureRequest, fleet: Fleet) -> Iterator[Served]:
    """A server that gives its clients little time."""
    yield from checked(fleet("sockets", NATURAL, *request.param))


def others_are_served(served: Served) -> None:
    with WebSocket.to(served.address) as other:
        other.open("/echo")
        other.frame(FIN_BINARY, b"x")
        assert other.read_frame() == (FIN_BINARY, b"x")


# Sizes


@pytest.mark.parametrize("fragments", [1, 1000])
def test_a_deflate_bomb_is_cut_off_at_the_limit(
    served: Served, large_bomb: bytes, fragments: int
) -> None:
    data = large_bomb
    step = -(-len(data) // fragments)
    others_are_served(served)
    served.forget_peak()
    before = served.memory
    with WebSocket.to(served.address) as client:
        client.open("/echo", DEFLATE)
        try:
            for at in range(0, len(data), step):
                end = 0x80 if at + step >= len(data) else 0
                client.frame(end | (0x42 if at == 0 else 0), data[at : at + step])
                client.frame(0x89)
        except OSError:
            pass  # it was cut off before the end
        while (frame := client.read_frame())[0] == 0x8A:
            pass
        assert frame[0] == 0x88
        assert int.from_bytes(frame[1][:2]) == 1009
    # The limit, a few times for a moment, and what an allocator keeps; the whole is far more.
    assert served.peak - before < 160 * MEBIBYTE
    others_are_served(served)


@pytest.mark.parametrize("length", [16 * MEBIBYTE + 1, 1 << 62, (1 << 63) - 1])
def test_a_frame_that_is_too_large_is_refused_by_its_head(served: Served, length: int) -> None:
    with WebSocket.to(served.address) as client:
        client.open("/echo")
        client.frame(FIN_BINARY, length=length)
        assert client.closed_by() == 1009


def test_empty_fragments_without_end(served: Served) -> None:
    with WebSocket.to(served.address) as client:
        client.open("/echo")
        client.send(framed(0x02) + framed(0x00) * 10_000)
        assert client.closed_by() == 1008


# Slow, silent and gone


def test_clients_that_vanish_are_not_worth_a_word(served: Served) -> None:
    before = len(served.log.lines)
    for _ in range(300):
        with WebSocket.to(served.address) as client:
            client.offer("/echo")
            client.reset()
    others_are_served(served)
    # A worker that the machine stops is worth one.
    stalled = "has not returned to its loop"
    assert not [each for each in served.log.records(before) if stalled not in each]


@pytest.mark.parametrize("quick", [SLOW], indirect=True)
def test_a_client_that_drips_a_frame_is_cut_off(quick: Served) -> None:
    with WebSocket.to(quick.address) as client:
        client.open("/echo")
        data = framed(FIN_BINARY, bytes(100))
        for at in range(len(data)):
            client.send(data[at : at + 1])
            if select.select([client.socket], [], [], 0.2)[0]:
                first, payload = client.read_frame()
                assert first == 0x88
                assert int.from_bytes(payload[:2]) == 1008
                return
        raise AssertionError("it was let drip to its end")


@pytest.mark.parametrize("quick", [SILENT], indirect=True)
def test_a_client_that_answers_no_ping_is_cut_off(
    quick: Served, record: Record, token: str
) -> None:
    with WebSocket.to(quick.address) as client:
        client.open(f"/echo?{token}")
        assert client.read_frame() == (0x89, b"")
        assert client.closed_by() == 1011
    assert record.wait(token, "disconnect") == [[1011, "a ping was not answered"]]


@pytest.mark.parametrize("quick", [ANSWERING], indirect=True)
def test_a_client_that_answers_pings_is_kept(quick: Served) -> None:
    with WebSocket.to(quick.address) as client:
        client.open("/echo")
        for _ in range(PINGS):
            assert client.read_frame() == (0x89, b"")
            client.frame(0x8A)
        client.frame(FIN_BINARY, b"x")
        assert client.read_frame() == (FIN_BINARY, b"x")


def test_a_client_that_reads_nothing_makes_the_application_wait(
    served: Served, record: Record, token: str
) -> None:
    with WebSocket.to(served.address, receive_buffer=4096) as client:
        client.open(f"/flood?{token}")
        record.wait(token, "sent")
        others_are_served(served)
        assert record.details(token, "sent")[-1] * 65_536 < ACCEPTED
    assert record.wait(token, "raised") == ["ClientDisconnected"]


def accepted(client: WebSocket, piece: bytes, most: int) -> int:
    """How many bytes the server takes, of so many, before it takes nothing for a while."""
    client.socket.settimeout(1.0)
    count = 0
    with suppress(TimeoutError):
        while count < most:
            count += client.socket.send(piece)
    return count


def test_pings_of_a_client_that_reads_nothing_cost_nothing(served: Served) -> None:
    others_are_served(served)
    served.forget_peak()
    before = served.memory
    with WebSocket.to(served.address, receive_buffer=4096) as client:
        client.open("/echo")
        pings = framed(0x89, bytes(125)) * 1000
        # Who does not read for long is cut off; so is this one, where the machine is slow.
        with suppress(ConnectionError):
            for _ in range(300):
                client.send(pings)
        others_are_served(served)
    # All the answers together would be 36 MiB.
    assert served.peak - before < 28 * MEBIBYTE


def test_an_application_that_takes_nothing_makes_the_client_wait(served: Served) -> None:
    with WebSocket.to(served.address) as client:
        client.open("/hoard")
        message = framed(FIN_BINARY, os.urandom(100_000))
        assert accepted(client, message, 2 * ACCEPTED) < ACCEPTED
        others_are_served(served)
        client.reset()
