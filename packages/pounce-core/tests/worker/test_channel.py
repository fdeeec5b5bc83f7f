"""One accepted connection over a real socket: what is read, written and told when."""

import os
import select
import socket
import struct
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pounce.protocol.errors import ClientDisconnected
from pounce.worker.channel import READ_SIZE
from pounce.worker.poller import BROKEN, READ, WRITE

if TYPE_CHECKING:
    from tests.worker.conftest import Rig

PATIENCE = 30.0
TURNED = bytes(byte ^ 1 for byte in range(256))


def reset(client: socket.socket) -> None:
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


# Reading


def test_what_the_client_sends_is_received(rig: Rig) -> None:
    rig.client.sendall(b"hello")
    rig.serve(lambda: bool(rig.handler.data))
    assert rig.handler.data == b"hello"


def test_one_turn_takes_a_bounded_number_of_bytes(rig: Rig) -> None:
    rig.client.setblocking(False)
    rig.client.send(b"x" * (2 * READ_SIZE))
    rig.serve_once()
    assert 0 < len(rig.handler.data) <= READ_SIZE


def test_a_stale_event_is_no_data_and_no_end(rig: Rig) -> None:
    """The descriptor may have been another connection's when the event arose."""
    for mask in (READ, WRITE, READ | WRITE, BROKEN, READ | BROKEN):
        rig.channel.ready(mask, 0.0)
    assert rig.handler.events == []
    assert not rig.channel.closed


def test_the_end_of_the_stream_is_told_once(rig: Rig) -> None:
    rig.client.shutdown(socket.SHUT_WR)
    rig.serve(lambda: bool(rig.handler.events))
    assert rig.handler.events == ["eof"]
    assert rig.events_now() == []


def test_a_client_that_ended_can_still_be_written_to(rig: Rig) -> None:
    rig.client.shutdown(socket.SHUT_WR)
    rig.serve(lambda: bool(rig.handler.events))
    assert rig.channel.write(b"answer")
    assert rig.client.recv(10) == b"answer"


def test_a_client_that_ended_and_went_is_lost(rig: Rig) -> None:
    rig.client.shutdown(socket.SHUT_WR)
    rig.serve(lambda: bool(rig.handler.events))
    rig.handler.events.clear()
    reset(rig.client)
    if rig.server.family == socket.AF_INET:
        rig.serve(lambda: rig.channel.closed)
        assert rig.handler.events == ["lost"]


def test_a_reset_is_a_loss(tcp: Rig) -> None:
    reset(tcp.client)
    tcp.serve(lambda: tcp.channel.closed)
    assert tcp.handler.events == ["lost"]
    assert tcp.worker.forgotten == 1


def test_a_paused_channel_leaves_bytes_in_the_kernel(rig: Rig) -> None:
    rig.channel.pause_reading()
    rig.client.sendall(b"hello")
    assert rig.events_now() == []
    rig.channel.resume_reading()
    rig.serve(lambda: bool(rig.handler.data))
    assert rig.handler.data == b"hello"


def test_a_stale_event_does_not_read_a_paused_channel(rig: Rig) -> None:
    rig.client.sendall(b"hello")
    rig.channel.pause_reading()
    rig.channel.ready(READ, 0.0)
    assert rig.handler.data == b""


def test_a_paused_channel_hears_of_a_reset(tcp: Rig) -> None:
    tcp.channel.pause_reading()
    reset(tcp.client)
    tcp.serve(lambda: tcp.channel.closed)
    assert tcp.handler.events == ["lost"]


def test_a_handler_may_abort_inside_any_call(rig: Rig) -> None:
    rig.handler.on["received"] = rig.channel.abort
    rig.client.sendall(b"hello")
    rig.serve(lambda: rig.channel.closed)
    assert rig.handler.events == ["received", "lost"]


# Writing


def test_what_the_kernel_takes_is_written_at_once(rig: Rig) -> None:
    assert rig.channel.write(b"hello")
    assert rig.client.recv(10) == b"hello"
    assert rig.channel.write_deadline == inf


@pytest.mark.parametrize("size", [10, 100_000])
def test_three_parts_leave_as_one(rig: Rig, size: int) -> None:
    body = os.urandom(size)
    rig.channel.write_parts(b"head", body, b"tail")
    rig.channel.close()
    assert rig.read_all() == b"head" + body + b"tail"


def test_what_the_kernel_does_not_take_follows_and_is_told(rig: Rig) -> None:
    data = os.urandom(5_000_000)
    assert not rig.channel.write(data)
    rig.handler.on["flushed"] = rig.channel.close
    assert rig.read_all() == data
    assert rig.handler.events == ["flushed", "lost"]


def test_writes_behind_one_that_waits_keep_their_order(rig: Rig, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"F" * 3_000_000)
    fd = os.open(path, os.O_RDONLY)
    data = os.urandom(5_000_000)
    assert not rig.channel.write(data)
    assert not rig.channel.write(b"small")
    assert not rig.channel.write_parts(b"head", b"y" * 50_000, b"tail")
    assert not rig.channel.send_file(fd, 3_000_000)
    assert not rig.channel.write(b"end")
    rig.channel.close()
    expected = data + b"small" + b"head" + b"y" * 50_000 + b"tail" + b"F" * 3_000_000 + b"end"
    assert rig.read_all() == expected
    os.close(fd)


def test_a_file_leaves_from_its_position(rig: Rig, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"0123456789")
    fd = os.open(path, os.O_RDONLY)
    os.lseek(fd, 4, os.SEEK_SET)
    rig.channel.send_file(fd, 3)
    rig.channel.close()
    assert rig.read_all() == b"456"
    os.close(fd)


def test_a_file_that_became_shorter_ends_the_connection(rig: Rig, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"0123456789")
    fd = os.open(path, os.O_RDONLY)
    rig.channel.send_file(fd, 20)
    rig.serve(lambda: rig.channel.closed)
    assert rig.handler.events == ["lost"]
    os.close(fd)


def test_nobody_is_told_of_a_write_that_left_at_once(rig: Rig) -> None:
    rig.channel.write(b"hello")
    assert rig.events_now() == []
    assert rig.handler.events == []


def test_a_write_to_a_client_that_went_says_so(tcp: Rig) -> None:
    reset(tcp.client)
    select.select([tcp.server], [], [], PATIENCE)
    with pytest.raises(ClientDisconnected):
        tcp.channel.write(b"hello")
    assert tcp.handler.events == ["lost"]


@pytest.mark.parametrize("size", [1, 100_000])
def test_a_write_to_a_closed_channel_says_so(rig: Rig, size: int) -> None:
    rig.channel.close()
    with pytest.raises(ClientDisconnected):
        rig.channel.write_parts(b"", b"x" * size, b"")
    with pytest.raises(ClientDisconnected):
        rig.channel.send_file(0, 1)


def test_a_write_behind_the_last_says_so(rig: Rig) -> None:
    rig.fill()
    rig.channel.close()
    with pytest.raises(ClientDisconnected):
        rig.channel.write(b"more")


def test_a_handler_that_writes_more_as_soon_as_all_has_left_loses_nothing(rig: Rig) -> None:
    more = os.urandom(5_000_000)

    def write_and_close() -> None:
        rig.channel.write(more)
        rig.channel.close()

    rig.handler.on["flushed"] = write_and_close
    rig.fill()
    assert rig.read_all() == rig.big + more


# The rest


def test_a_deadline_that_passed_is_told_once(rig: Rig) -> None:
    rig.channel.deadline = 5.0
    rig.channel.sweep(4.9)
    rig.channel.sweep(5.0)
    rig.channel.sweep(6.0)
    assert rig.handler.events == ["expired"]


def test_a_turn_is_asked_for_once(rig: Rig) -> None:
    rig.channel.schedule()
    rig.channel.schedule()
    assert rig.worker.scheduled == [rig.channel]


# Given away


def test_a_channel_knows_how_it_arrived(rig: Rig) -> None:
    assert rig.channel.arrival is rig.arrival


def test_a_channel_is_handed_on_by_its_worker(rig: Rig) -> None:
    assert rig.channel.hand_on()
    assert rig.worker.handed_on == [rig.channel]


def test_a_socket_that_was_given_away_lives_on(rig: Rig) -> None:
    rig.client.sendall(b"for the next")
    assert rig.channel.detach() is None
    assert rig.channel.closed
    with socket.socket(fileno=rig.channel.fd) as taken:
        assert taken.recv(100) == b"for the next"
        taken.sendall(b"from the next")
        assert rig.client.recv(100) == b"from the next"
    assert rig.handler.events == []


def test_a_channel_whose_socket_was_given_away_does_nothing_more(rig: Rig) -> None:
    rig.channel.deadline = 10.0
    rig.channel.detach()
    with socket.socket(fileno=rig.channel.fd):
        assert rig.channel.deadline == rig.channel.write_deadline == inf
        rig.channel.sweep(100.0)
        rig.channel.close()
        rig.channel.abort()
        with pytest.raises(ClientDisconnected):
            rig.channel.write(b"x")
        rig.client.setblocking(False)
        with pytest.raises(BlockingIOError):
            rig.client.recv(1)
    assert rig.handler.events == []
    assert rig.worker.forgotten == 0


# Through a transport


def turned(data: bytes) -> bytes:
    """What the toy transport makes of bytes."""
    return data.translate(TURNED)


def test_a_stream_is_read_and_written_through_its_transport(streamed: Rig) -> None:
    streamed.client.sendall(turned(b"hello"))
    streamed.serve(lambda: bool(streamed.handler.data))
    assert streamed.handler.data == b"hello"
    assert streamed.channel.write(b"answer")
    assert streamed.client.recv(10) == turned(b"answer")


@pytest.mark.parametrize("most", [1 << 20, 10_000, 7])
def test_all_that_is_written_leaves_in_order_through_a_transport(
    streamed: Rig, tmp_path: Path, most: int
) -> None:
    size = 30_000 if most == 7 else 3_000_000
    path = tmp_path / "file"
    path.write_bytes(b"F" * size)
    fd = os.open(path, os.O_RDONLY)
    assert streamed.stream is not None
    streamed.stream.most = most
    data = os.urandom(size * 2)
    streamed.channel.write(data)
    streamed.channel.write(b"small")
    streamed.channel.write_parts(b"head", b"y" * 50_000, b"tail")
    streamed.channel.send_file(fd, size)
    streamed.channel.write(b"end")
    streamed.channel.close()
    expected = data + b"small" + b"head" + b"y" * 50_000 + b"tail" + b"F" * size + b"end"
    assert streamed.read_all() == turned(expected + b"BYE")
    os.close(fd)


def test_a_close_tells_the_client_that_nothing_follows(streamed: Rig) -> None:
    streamed.channel.close()
    assert streamed.client.recv(100) == turned(b"BYE")
    assert streamed.client.recv(100) == b""
    assert streamed.handler.events == ["lost"]


def test_the_end_is_told_once_all_has_left(streamed: Rig) -> None:
    assert streamed.stream is not None
    streamed.fill()
    streamed.channel.close()
    assert streamed.stream.ended == 0
    assert streamed.read_all() == turned(streamed.big + b"BYE")
    assert streamed.stream.ended == 1


def test_a_lingering_close_tells_the_client_too(streamed: Rig) -> None:
    streamed.channel.close(linger=True)
    assert streamed.client.recv(100) == turned(b"BYE")
    streamed.client.sendall(turned(b"still sending"))
    streamed.client.close()
    streamed.serve(lambda: streamed.channel.closed)
    assert streamed.handler.events == ["lost"]


def test_an_abort_says_no_good_bye(streamed: Rig) -> None:
    assert streamed.stream is not None
    streamed.channel.abort()
    with pytest.raises(ConnectionResetError):
        streamed.client.recv(1)
    assert streamed.stream.ended == 0


def test_a_transport_that_fails_is_a_loss(streamed: Rig) -> None:
    assert streamed.stream is not None
    streamed.stream.trouble = ConnectionAbortedError("toy-rule")
    streamed.client.sendall(b"x")
    streamed.serve(lambda: streamed.channel.closed)
    assert streamed.handler.events == ["lost"]


def test_bytes_that_are_not_whole_yet_are_no_data_and_no_end(streamed: Rig) -> None:
    assert streamed.stream is not None
    streamed.stream.trouble = BlockingIOError()
    streamed.client.sendall(b"x")
    streamed.serve_once()
    assert streamed.handler.events == []
    assert not streamed.channel.closed


def test_a_stream_that_was_given_away_lives_on(streamed: Rig) -> None:
    assert streamed.channel.detach() is streamed.stream
    streamed.channel.close()
    streamed.channel.abort()
    with pytest.raises(ClientDisconnected):
        streamed.channel.write(b"x")
    assert streamed.stream is not None
    streamed.stream.send(b"from the next")
    assert streamed.client.recv(100) == turned(b"from the next")
    assert streamed.handler.events == []


def test_what_was_agreed_on_is_known(streamed: Rig, rig: Rig) -> None:
    assert streamed.stream is not None
    streamed.stream.alpn = b"h2"
    assert (streamed.channel.alpn, rig.channel.alpn) == (b"h2", None)
