"""Much at once: uploads and downloads of 100 MB with flat memory, and 500 streams of events.

Memory is the server's own, as the kernel counts it: its resident set before, and the most that it
was meanwhile. Where threads of a free-threaded build hand bytes to each other, that says little:
its allocator keeps pages that nobody uses, 200 MB of them on a busy machine while 11 MB are in use.
There, the bytes that Python has in use are counted.
"""

import json
import selectors
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from integration.tests.client import TIMEOUT, Client, request
from integration.tests.conftest import KINDS, NATURAL, Fleet, checked
from integration.tests.processes import until
from integration.tests.record import Record
from integration.tests.serving import Served

SIZE = 100 << 20
GROWTH = 40 << 20
"""Bytes of the resident set."""
KEPT = 24 << 20
"""The same while nothing moves. What is sent is more than twice as much; allocators keep some."""
IN_USE = 8 << 20
"""Bytes that Python has in use. It counts each, which takes its time: less is sent."""
PIECE = b"x" * (1 << 20)
STREAMS = 500
EVENTS = 3
BOUNDARY = "a-boundary"
HEAD = (
    f'--{BOUNDARY}\r\ncontent-disposition: form-data; name="note"\r\n\r\nhere\r\n'
    f'--{BOUNDARY}\r\ncontent-disposition: form-data; name="file"; filename="f"\r\n'
    "content-type: application/octet-stream\r\n\r\n"
).encode()
TAIL = f"\r\n--{BOUNDARY}--\r\n".encode()


@pytest.fixture
def starlette(fleet: Fleet) -> Iterator[Served]:
    served = fleet("starlette_app", NATURAL)
    served.forget_peak()
    yield from checked(served)


@pytest.fixture
def traced(record: Record) -> Iterator[Served]:
    """One whose use of memory Python counts."""
    env = record.env | {"PYTHONTRACEMALLOC": "1"}
    with Served("starlette_app", *KINDS["thread"], env=env) as served:
        yield from checked(served)


@pytest.fixture
def plain(plain: Served) -> Served:
    plain.forget_peak()
    return plain


@pytest.fixture(scope="session")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of 100 MB, most of which is a hole."""
    path = tmp_path_factory.mktemp("large") / "file"
    with path.open("wb") as file:
        file.truncate(SIZE - 3)
        file.seek(0, 2)
        file.write(b"end")
    return path


def upload(client: Client) -> None:
    for _ in range(SIZE // len(PIECE)):
        client.send(PIECE)


def test_an_upload_that_is_streamed(starlette: Served) -> None:
    before = starlette.memory
    with Client.to(starlette.address) as client:
        client.send(request("/stream-in", "POST", f"content-length: {SIZE}"))
        upload(client)
        assert json.loads(client.response().body) == SIZE
    assert starlette.peak - before < GROWTH


def test_an_upload_that_is_chunked(starlette: Served) -> None:
    before = starlette.memory
    with Client.to(starlette.address) as client:
        client.send(request("/stream-in", "POST", "transfer-encoding: chunked"))
        for _ in range(SIZE // len(PIECE)):
            client.send(b"%x\r\n%b\r\n" % (len(PIECE), PIECE))
        client.send(b"0\r\n\r\n")
        assert json.loads(client.response().body) == SIZE
    assert starlette.peak - before < GROWTH


def test_an_upload_in_a_form(traced: Served) -> None:
    """Starlette reads it on the worker's thread, and writes the file to disk on others."""
    with Client.to(traced.address) as client:
        # The first brings modules and threads, and the next finds all in place.
        assert send_form(client, 2) == {"name": "f", "size": 2 * len(PIECE), "note": "here"}
        before = json.loads(client.get("/in-use").body)["now"]
        assert send_form(client, 32) == {"name": "f", "size": 32 * len(PIECE), "note": "here"}
        peak = json.loads(client.get("/in-use").body)["peak"]
    assert peak - before < IN_USE


def send_form(client: Client, pieces: int) -> object:
    """Uploads a file of as many MB; returns what Starlette found in the form."""
    fields = (
        f"content-type: multipart/form-data; boundary={BOUNDARY}",
        f"content-length: {len(HEAD) + pieces * len(PIECE) + len(TAIL)}",
    )
    client.send(request("/upload", "POST", *fields) + HEAD)
    for _ in range(pieces):
        client.send(PIECE)
    client.send(TAIL)
    return json.loads(client.response().body)


# The gate that this opens is in one process.
@pytest.mark.parametrize("kind", ["thread", "threads"], scope="session")
def test_an_upload_that_the_application_does_not_read(
    plain: Served, record: Record, token: str
) -> None:
    """The client is slowed down; the server keeps no more than a little."""
    before = plain.memory
    with Client.to(plain.address) as client:
        client.send(request(f"/unread?{token}", "POST", f"content-length: {SIZE}"))
        record.wait(token, "waits")
        client.socket.setblocking(False)
        sent = 0
        try:
            while True:
                sent += client.socket.send(PIECE)
        except BlockingIOError:
            pass
        # All that two kernels' buffers hold has gone; it is the server that does not read on.
        assert sent < SIZE / 2
        assert plain.memory - before < KEPT
        with Client.to(plain.address) as key:
            assert key.get(f"/open?{token}").status == 200
        client.socket.settimeout(TIMEOUT)
        left = SIZE - sent
        while left:
            piece = PIECE[:left]
            client.send(piece)
            left -= len(piece)
        assert json.loads(client.response().body) == SIZE
    assert plain.peak - before < GROWTH


def test_a_download_that_the_client_does_not_read(
    plain: Served, record: Record, token: str
) -> None:
    """The application is slowed down, and goes on when the client does."""
    before = plain.memory
    with Client.to(plain.address, receive_buffer=65_536) as client:
        client.ask(f"/push?{token}")
        assert client.until(b"\r\n\r\n").startswith(b"HTTP/1.1 200 ")
        with Client.to(plain.address) as other:
            # Well within the time that a client has to take something.
            for _ in range(20):
                assert other.get("/ok").status == 200
        assert plain.memory - before < KEPT
        # Chunks of 64 KiB with their frames.
        rest = client.read_bytes(64 << 20)
        assert len(rest) == 64 << 20
    assert plain.peak - before < GROWTH


def test_a_file(starlette: Served, large: Path) -> None:
    before = starlette.memory
    with Client.to(starlette.address) as client:
        client.ask(f"/file?path={large}")
        assert f"content-length: {SIZE}\r\n".encode() in client.until(b"\r\n\r\n")
        size, piece = 0, b""
        while size < SIZE:
            piece = client.read_some()
            assert piece
            size += len(piece)
        assert piece.endswith(b"end")
    assert starlette.peak - before < GROWTH


def test_a_file_whose_client_leaves(starlette: Served, large: Path) -> None:
    before = set(starlette.descriptors)
    with Client.to(starlette.address) as client:
        client.ask(f"/file?path={large}")
        assert len(client.read_bytes(1 << 20)) == 1 << 20
    until(lambda: len(starlette.descriptors) <= len(before), lambda: starlette.descriptors)


def test_five_hundred_streams_of_events(starlette: Served, record: Record, token: str) -> None:
    """All get their events while all are connected, and all are told when their clients leave."""
    wanted = f"id: {EVENTS - 1}\n".encode()
    with selectors.DefaultSelector() as selector:
        heard: dict[socket.socket, bytes] = {}
        for _ in range(STREAMS):
            sock = socket.create_connection(starlette.address, TIMEOUT)
            sock.sendall(request(f"/events?token={token}"))
            heard[sock] = b""
            selector.register(sock, selectors.EVENT_READ, sock)
        waiting = set(heard)
        while waiting:
            ready = selector.select(TIMEOUT)
            assert ready, f"{len(waiting)} clients hear nothing"
            for key, _ in ready:
                client: socket.socket = key.data
                data = client.recv(65_536)
                assert data, "a stream has ended"
                heard[client] += data
                if wanted in heard[client]:
                    waiting.discard(client)
        for data in heard.values():
            assert b"content-type: text/event-stream" in data
            assert all(f"id: {number}\n".encode() in data for number in range(EVENTS))
        with Client.to(starlette.address) as further:
            assert further.get("/stream-out").status == 200
        for sock in heard:
            sock.close()
    record.wait(token, "closed", STREAMS)
