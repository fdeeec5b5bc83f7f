"""How an accepted connection ends: slow readers, and each way to close. Time is a number here."""

import socket
from array import array
from collections.abc import Callable
from fcntl import ioctl
from math import inf
from termios import TIOCOUTQ
from typing import TYPE_CHECKING

import pytest

from pounce.protocol.limits import Limits
from pounce.worker import channel as module
from pounce.worker.channel import LINGER, LINGER_BYTES

if TYPE_CHECKING:
    from tests.worker.conftest import Rig

# Slow readers


@pytest.fixture
def at_rest(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Called, the client's kernel acknowledges no more, which it may do some time after it came."""

    def rest() -> None:
        unacknowledged = array("i", [0])
        ioctl(rig.channel.fd, TIOCOUTQ, unacknowledged)

        def same(_fd: int, _request: int, into: array[int]) -> None:
            into[0] = unacknowledged[0]

        monkeypatch.setattr(module, "ioctl", same)

    return rest


def test_a_client_that_reads_nothing_is_cut_off(rig: Rig, at_rest: Callable[[], None]) -> None:
    at_rest()
    rig.fill()
    rig.channel.sweep(19.9)
    assert rig.worker.refusals == []
    rig.channel.sweep(20.0)
    assert rig.handler.events == ["lost"]
    assert rig.worker.refusals == ["write-timeout"]


def test_the_window_begins_when_the_kernel_takes_no_more(
    rig: Rig, at_rest: Callable[[], None]
) -> None:
    at_rest()
    rig.worker.now = 100.0
    rig.fill()
    rig.channel.sweep(119.9)
    assert not rig.channel.closed
    rig.channel.sweep(120.0)
    assert rig.channel.closed


def test_each_window_is_judged_for_itself(rig: Rig, at_rest: Callable[[], None]) -> None:
    rig.fill()
    rig.drain(10_000_000)
    at_rest()
    rig.channel.sweep(20.0)
    assert rig.worker.refusals == []
    rig.channel.sweep(40.0)
    assert rig.worker.refusals == ["write-timeout"]


def test_a_client_that_reads_at_a_decent_rate_is_not_cut_off(rig: Rig) -> None:
    """A hundred times the rate, and yet less than it takes until the kernel asks for more."""
    rig.fill()
    for window in range(1, 6):
        rig.drain(100 * 20 * 240)
        rig.channel.sweep(20.0 * window)
        assert not rig.channel.closed


def test_a_client_that_has_read_all_has_no_deadline(rig: Rig) -> None:
    rig.fill()
    rig.drain(len(rig.big))
    rig.serve(lambda: bool(rig.handler.events))
    assert rig.channel.write_deadline == inf
    rig.channel.sweep(1e6)
    assert not rig.channel.closed


def test_without_a_limit_a_client_may_read_for_ever(rig: Rig) -> None:
    rig.worker.limits = Limits(write_timeout=None)
    rig.fill()
    rig.channel.sweep(1e6)
    assert not rig.channel.closed


# Closing


def test_a_close_sends_what_is_left_first(rig: Rig) -> None:
    rig.fill()
    rig.channel.close()
    assert not rig.channel.closed
    assert rig.read_all() == rig.big
    assert rig.handler.events == ["flushed", "lost"]


def test_a_close_is_told_once(rig: Rig) -> None:
    rig.channel.close()
    rig.channel.close()
    rig.channel.abort()
    assert rig.handler.events == ["lost"]
    assert rig.worker.forgotten == 1
    assert rig.client.recv(1) == b""


def test_an_abort_is_a_reset(tcp: Rig) -> None:
    tcp.channel.write(b"some")
    tcp.channel.abort()
    with pytest.raises(ConnectionResetError):
        tcp.read_all()
    assert tcp.handler.events == ["lost"]


def test_an_abort_throws_away_what_is_left(tcp: Rig) -> None:
    tcp.fill()
    tcp.channel.abort()
    with pytest.raises(ConnectionResetError):
        tcp.read_all()


def test_an_abort_may_follow_a_close_that_is_under_way(tcp: Rig) -> None:
    tcp.fill()
    tcp.channel.close()
    tcp.channel.abort()
    assert tcp.handler.events == ["lost"]


def test_a_lingering_close_lets_the_response_arrive_though_more_is_sent(tcp: Rig) -> None:
    tcp.channel.write(b"answer")
    tcp.channel.close(linger=True)
    tcp.client.sendall(b"more" * 1000)
    tcp.serve_once()
    assert tcp.client.recv(100) == b"answer"
    assert tcp.client.recv(100) == b""
    assert tcp.handler.data == b""
    assert not tcp.channel.closed


def test_a_lingering_close_ends_with_the_client(rig: Rig) -> None:
    rig.channel.close(linger=True)
    rig.client.close()
    rig.serve(lambda: rig.channel.closed)
    assert rig.handler.events == ["lost"]


def test_a_lingering_close_ends_in_time(rig: Rig) -> None:
    rig.worker.now = 50.0
    rig.channel.close(linger=True)
    rig.channel.sweep(50.0 + LINGER - 0.1)
    assert not rig.channel.closed
    rig.channel.sweep(50.0 + LINGER)
    assert rig.handler.events == ["lost"]


def test_a_lingering_close_throws_away_a_bounded_number_of_bytes(rig: Rig) -> None:
    rig.channel.close(linger=True)
    rig.client.setblocking(False)
    sent = 0
    while not rig.channel.closed:
        try:
            sent += rig.client.send(b"x" * 65_536)
        except BlockingIOError:
            pass
        assert sent < 10 * LINGER_BYTES
        rig.serve_once()
    assert rig.handler.events == ["lost"]


def test_a_lingering_close_of_a_paused_channel_reads_on(rig: Rig) -> None:
    rig.channel.pause_reading()
    rig.channel.close(linger=True)
    rig.client.shutdown(socket.SHUT_WR)
    rig.serve(lambda: rig.channel.closed)
    assert rig.handler.events == ["lost"]


def test_a_lingering_close_sends_what_is_left_first(rig: Rig) -> None:
    rig.fill()
    rig.channel.close(linger=True)
    assert rig.read_all() == rig.big
    rig.client.close()
    rig.serve(lambda: rig.channel.closed)


def test_a_client_that_ended_is_not_lingered_for(rig: Rig) -> None:
    rig.client.shutdown(socket.SHUT_WR)
    rig.serve(lambda: bool(rig.handler.events))
    rig.channel.close(linger=True)
    assert rig.channel.closed


def test_a_client_that_does_not_read_the_last_response_is_cut_off(
    rig: Rig, at_rest: Callable[[], None]
) -> None:
    at_rest()
    rig.fill()
    rig.channel.close(linger=True)
    rig.channel.sweep(20.0)
    assert rig.channel.closed
