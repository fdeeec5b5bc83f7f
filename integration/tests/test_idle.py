"""Ten thousand idle connections: held, cheap, and in nobody's way."""

import resource
import socket
import struct
import time
from collections.abc import Callable, Iterator

import pytest

from integration.tests.client import TIMEOUT, Client, request
from integration.tests.conftest import KINDS, NATURAL
from integration.tests.serving import Served

COUNT = 10_000
SPARE = 500
EACH = 16_384
"""Bytes that an idle connection may cost the server."""


@pytest.fixture
def descriptors() -> Iterator[None]:
    """As many as it takes, here and, by inheritance, in the server."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = COUNT + SPARE
    if hard != resource.RLIM_INFINITY and hard < wanted:
        pytest.skip(f"a process may have {hard} descriptors here, of {wanted} that it takes")
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def answered(sock: socket.socket) -> bool:
    """Whether the answer comes, and nothing else."""
    data = b""
    while not data.endswith(b"\r\n\r\nok") and (piece := sock.recv(1000)):
        data += piece
    return data.startswith(b"HTTP/1.1 200 ") and data.endswith(b"\r\n\r\nok")


def connect(address: tuple[str, int], count: int) -> list[socket.socket]:
    """Connections on each of which a request was answered; in portions that the backlog holds."""
    connected: list[socket.socket] = []
    while len(connected) < count:
        portion = [socket.create_connection(address, TIMEOUT) for _ in range(min(500, count))]
        for sock in portion:
            sock.sendall(request("/ok"))
        assert all(map(answered, portion))
        connected += portion
    return connected


@pytest.mark.usefixtures("descriptors")
def test_ten_thousand(record_property: Callable[[str, object], None]) -> None:
    # The first of them are idle for as long as it takes to make the last.
    unhurried = ("--timeout-head=600", "--timeout-keep-alive=600")
    flags = (*KINDS[NATURAL], *unhurried, "--no-access-log")
    with Served("plain", *flags) as served:
        # What a busy moment takes for good is no connection's.
        for sock in connect(served.address, 500):
            sock.close()
        before = served.memory
        held = connect(served.address, COUNT)
        try:
            each = (served.memory - before) / COUNT
            record_property("bytes per idle connection", round(each))
            print(f"{each:.0f} bytes of memory for each of {COUNT} idle connections")
            assert each < EACH
            began = time.monotonic()
            with Client.to(served.address) as further:
                assert further.get("/ok").body == b"ok"
            # A thousandth of a second on a machine that has nothing else to do.
            record_property("seconds for one more", round(time.monotonic() - began, 4))
            # They are alive, the first and the last.
            for sock in held[:: COUNT // 100]:
                sock.sendall(request("/ok"))
                assert answered(sock)
        finally:
            for sock in held:
                # By a reset, so that the ports are free for whoever tests next.
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                sock.close()
        served.stop()
