"""The test kit's client against a peer that answers with exactly the bytes it is told."""

import os
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pounce.testing import wire as module
from pounce.testing.wire import (
    BadResponse,
    Response,
    Wire,
    bytewise,
    every_way,
    split_everywhere,
    whole,
)

PATIENCE = 20.0
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi"


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The next piece waits for the one before to be read, however long the machine takes."""
    monkeypatch.setattr(module, "_READ_WAIT", PATIENCE)


@pytest.fixture
def pair() -> Iterator[tuple[Wire, socket.socket]]:
    """A wire and the server's end of it, over TCP."""
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        Wire.connect(listener.getsockname(), timeout=PATIENCE) as wire,
    ):
        server, _ = listener.accept()
        with server:
            server.settimeout(PATIENCE)
            yield wire, server


def answer(data: bytes, method: str = "GET") -> Response:
    """What the reader makes of these bytes, followed by the server's close."""
    ours, theirs = socket.socketpair()
    with Wire(ours, PATIENCE) as wire, theirs:
        theirs.sendall(data)
        theirs.close()
        return wire.read_response(method)


def test_whole_is_one_piece() -> None:
    assert list(whole(b"abc")) == [[b"abc"]]


def test_split_everywhere_has_no_empty_piece() -> None:
    assert list(split_everywhere(b"abc")) == [[b"a", b"bc"], [b"ab", b"c"]]


def test_bytewise_is_single_bytes() -> None:
    assert list(bytewise(b"abc")) == [[b"a", b"b", b"c"]]


def test_every_way_loses_nothing() -> None:
    assert {b"".join(pieces) for pieces in every_way(b"abcd")} == {b"abcd"}


def test_a_response_with_a_length() -> None:
    assert answer(OK) == Response(
        status=200,
        reason=b"OK",
        version="1.1",
        headers=[(b"content-length", b"2")],
        body=b"hi",
        raw=OK,
        complete=True,
    )


def test_a_chunked_response() -> None:
    response = answer(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n"
        b"3;x=y\r\nabc\r\n0A\r\n0123456789\r\n0\r\nX-Sum: 1\r\n\r\n"
    )
    assert (response.body, response.trailers, response.complete) == (
        b"abc0123456789",
        [(b"x-sum", b"1")],
        True,
    )


def test_a_response_that_ends_with_the_connection() -> None:
    response = answer(b"HTTP/1.0 200 OK\r\n\r\nall of it")
    assert (response.body, response.complete) == (b"all of it", True)


@pytest.mark.parametrize(
    ("head", "method"),
    [
        (b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n", "HEAD"),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", "HEAD"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", "GET"),
        (b"HTTP/1.1 304 Not Modified\r\ncontent-length: 5\r\n\r\n", "GET"),
        (b"HTTP/1.1 101 Switching Protocols\r\n\r\n", "GET"),
        (b"HTTP/1.1 200 OK\r\n\r\n", "CONNECT"),
    ],
)
def test_a_response_without_a_body(head: bytes, method: str) -> None:
    response = answer(head + b"rest", method)
    assert (response.body, response.raw, response.complete) == (b"", head, True)


def test_interim_responses_come_first() -> None:
    interim = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: a\r\n\r\n"
    response = answer(interim + OK)
    assert (response.informational, response.status, response.raw) == (
        [(100, []), (103, [(b"link", b"a")])],
        200,
        interim + OK,
    )


@pytest.mark.parametrize(
    ("data", "body"),
    [
        (b"", b""),
        (b"HTTP/1.1 200 OK\r\ncontent-le", b""),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nabc", b"abc"),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nabc", b"abc"),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n", b"abc"),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n", b"abc"),
    ],
)
def test_a_response_that_is_cut_off_is_not_complete(data: bytes, body: bytes) -> None:
    response = answer(data)
    assert (response.complete, response.reset, response.body, response.raw) == (
        False,
        False,
        body,
        data,
    )


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 200 OK\ncontent-length: 0\n\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 0\n\r\n",
        b"HTTP/1.1 200 OK\r\nx: a\rb\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nx : a\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n x: a\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nx: a\r\n b\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nx: \x00\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nx\r\n\r\n",
        b"HTTP/1.1 200\r\n\r\n",
        b"HTTP/1.1 2000 OK\r\n\r\n",
        b"HTTP/1.1 099 OK\r\n\r\n",
        b"HTTP/2 200 OK\r\n\r\n",
        b"http/1.1 200 OK\r\n\r\n",
        b"\r\nHTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.0 100 Continue\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: +2\r\n\r\nhi",
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 2\r\n\r\nhi",
        b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 204 No Content\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0x3\r\nabc\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n\r\n",
    ],
)
def test_a_rule_that_is_broken_is_said(data: bytes) -> None:
    with pytest.raises(BadResponse):
        answer(data)


def test_the_responses_of_a_pipeline_are_read_one_by_one(
    pair: tuple[Wire, socket.socket],
) -> None:
    wire, server = pair
    server.sendall(OK + OK.replace(b"hi", b"ho"))
    assert [wire.read_response().body, wire.read_response().body] == [b"hi", b"ho"]


def test_a_response_that_comes_in_single_bytes_is_the_same(
    pair: tuple[Wire, socket.socket],
) -> None:
    wire, server = pair
    server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for (piece,) in ([piece] for pieces in bytewise(OK) for piece in pieces):
        server.send(piece)
    assert wire.read_response() == answer(OK)


def reset(server: socket.socket) -> None:
    server.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    server.close()


def test_a_reset_is_told_from_a_close(pair: tuple[Wire, socket.socket]) -> None:
    wire, server = pair
    server.sendall(b"HTTP/1.0 200 OK\r\n\r\nabc")
    assert wire.read_bytes(22) == b"HTTP/1.0 200 OK\r\n\r\nabc"
    reset(server)
    response = wire.read_response()
    assert (response.complete, response.reset, wire.end) == (False, True, "reset")


def test_a_body_that_ends_with_the_connection_is_not_complete_after_a_reset(
    pair: tuple[Wire, socket.socket],
) -> None:
    wire, server = pair
    server.sendall(b"HTTP/1.0 200 OK\r\n\r\n")
    results: list[Response] = []
    thread = threading.Thread(target=lambda: results.append(wire.read_response()))
    thread.start()
    # The reader has the head once its kernel holds nothing of it any more.
    with Wire(server.dup(), PATIENCE) as probe:
        probe._wait_until_read()
    reset(server)
    thread.join(PATIENCE)
    assert (results[0].status, results[0].complete, results[0].reset) == (200, False, True)


def test_reading_until_closed_says_how_it_ended(pair: tuple[Wire, socket.socket]) -> None:
    wire, server = pair
    server.sendall(b"anything")
    server.close()
    assert (wire.read_until_closed(), wire.end) == (b"anything", "closed")


def test_reading_until_a_mark_leaves_what_follows(pair: tuple[Wire, socket.socket]) -> None:
    wire, server = pair
    server.sendall(b"ab--cd--")
    assert (wire.read_until(b"--"), wire.read_until(b"--")) == (b"ab--", b"cd--")


def test_a_mark_that_never_comes_ends_with_the_connection(
    pair: tuple[Wire, socket.socket],
) -> None:
    wire, server = pair
    server.sendall(b"ab-")
    server.close()
    assert wire.read_until(b"--") == b"ab-"


def test_reading_some_gives_what_is_there(pair: tuple[Wire, socket.socket]) -> None:
    wire, server = pair
    server.sendall(b"some")
    assert wire.read_some() == b"some"


def test_reading_some_of_nothing_is_the_end(pair: tuple[Wire, socket.socket]) -> None:
    wire, server = pair
    server.close()
    assert wire.read_some() == b""


def test_a_silent_server_is_not_waited_for_longer_than_told() -> None:
    ours, theirs = socket.socketpair()
    with theirs, Wire(ours, 0.05) as wire, pytest.raises(TimeoutError):
        wire.read_response()


def test_what_came_before_a_time_out_is_kept() -> None:
    ours, theirs = socket.socketpair()
    with theirs, Wire(ours, 0.05) as wire:
        theirs.sendall(b"ab")
        with pytest.raises(TimeoutError):
            wire.read_bytes(3)
        theirs.sendall(b"c")
        assert wire.read_bytes(3) == b"abc"


def test_half_close_leaves_the_answer_to_be_read(pair: tuple[Wire, socket.socket]) -> None:
    wire, server = pair
    wire.half_close()
    assert server.recv(1) == b""
    server.sendall(OK)
    assert wire.read_response().complete


def test_a_reset_of_ours_is_seen_by_the_server(pair: tuple[Wire, socket.socket]) -> None:
    wire, server = pair
    wire.reset()
    with pytest.raises(ConnectionResetError):
        server.recv(1)


def received(server: socket.socket, send: Callable[[], None], count: int) -> list[bytes]:
    """What each receive of the server gets, of so many bytes in all."""
    pieces: list[bytes] = []
    thread = threading.Thread(target=send)
    thread.start()
    while sum(map(len, pieces)) < count and (data := server.recv(1_000)):
        pieces.append(data)
    thread.join(PATIENCE)
    return pieces


def test_pieces_reach_the_server_apart(pair: tuple[Wire, socket.socket]) -> None:
    wire, server = pair
    assert received(server, lambda: wire.send_split(b"abcdef", 2), 6) == [b"ab", b"cdef"]


def test_single_bytes_reach_the_server_apart(pair: tuple[Wire, socket.socket]) -> None:
    wire, server = pair
    assert received(server, lambda: wire.send_bytewise(b"abc"), 3) == [b"a", b"b", b"c"]


def test_pieces_reach_a_server_on_ipv6_apart() -> None:
    with (
        socket.create_server(("::1", 0), family=socket.AF_INET6) as listener,
        Wire.connect(("::1", listener.getsockname()[1])) as wire,
    ):
        server, _ = listener.accept()
        with server:
            assert received(server, lambda: wire.send_bytewise(b"abc"), 3) == [b"a", b"b", b"c"]


def test_pieces_reach_a_server_on_a_unix_socket_apart(tmp_path: Path) -> None:
    path = os.path.relpath(tmp_path / "s")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        with Wire.connect(path) as wire:
            server, _ = listener.accept()
            with server:
                got = received(server, lambda: wire.send_bytewise(b"abc"), 3)
    assert got == [b"a", b"b", b"c"]


def test_a_server_that_closes_early_does_not_stop_the_sender(
    pair: tuple[Wire, socket.socket],
) -> None:
    wire, server = pair
    server.sendall(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")
    server.close()
    wire.send_bytewise(b"abcdef")
    assert wire.end == "open"


def test_a_field_that_comes_twice_has_no_one_value() -> None:
    response = Response(headers=[(b"a", b"1"), (b"a", b"2")])
    with pytest.raises(BadResponse):
        response.value(b"a")


def test_a_connection_that_is_refused_raises() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = listener.getsockname()
    with pytest.raises(OSError, match="refused"):
        Wire.connect(address)
