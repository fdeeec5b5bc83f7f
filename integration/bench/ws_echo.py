"""WebSocket echo side by side: CPU time a message, pounce beside its peers.

Each server runs on one processor, the client on another, in rounds, so that a drift of the machine
falls on all alike. The client is sockets and an epoll: it sends a frame made beforehand on each
connection, counts the bytes of the answer, and sends the next, so that the server never waits for
it. Quote medians and ratios. Needs Linux's /proc; the peers are those that are installed. The CPU
time is that of the server's processes, user and system, over the messages that came back.
"""

import argparse
import base64
import os
import select
import socket
import sys
import time
from functools import partial

from integration.bench.peers import (
    TICKS,
    Run,
    compare,
    cpu_seconds,
    family,
    free_port,
    installed,
    running,
)

SERVERS = {
    "pounce": ["pounce", "ws_echo_app:app", "--no-access-log", "--port"],
    "granian": ["granian", "ws_echo_app:app", "--interface", "asgi", "--no-access-log", "--port"],
    "uvicorn": [
        "uvicorn", "ws_echo_app:app", "--no-access-log", "--loop", "uvloop", "--http", "httptools",
        "--ws", "websockets-sansio", "--port",
    ],
}  # fmt: skip
PROCESSORS = sorted(os.sched_getaffinity(0))
KEY = b"\x12\x34\x56\x78"


def masked(payload: bytes) -> bytes:
    """A binary frame of a client."""
    size = len(payload)
    if size < 126:
        head = bytes((0x82, 0x80 | size))
    elif size < 65_536:
        head = b"\x82\xfe" + size.to_bytes(2)
    else:
        head = b"\x82\xff" + size.to_bytes(8)
    return head + KEY + bytes(byte ^ KEY[at % 4] for at, byte in enumerate(payload))


def unmasked_size(size: int) -> int:
    """Bytes of the answer, a frame of a server."""
    return size + (2 if size < 126 else 4 if size < 65_536 else 10)


def connect(port: int) -> socket.socket:
    """A connection whose handshake is done; without compression, which not all servers have."""
    sock = socket.create_connection(("127.0.0.1", port), 5)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    nonce = base64.b64encode(os.urandom(16))
    sock.sendall(
        b"GET / HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: Upgrade\r\nupgrade: websocket\r\n"
        b"sec-websocket-version: 13\r\nsec-websocket-key: " + nonce + b"\r\n\r\n"
    )
    head = b""
    while b"\r\n\r\n" not in head:
        piece = sock.recv(4096)
        if not piece:
            raise ConnectionError("the handshake was not answered")
        head += piece
    if not head.startswith(b"HTTP/1.1 101 "):
        raise ConnectionError(head.decode("latin-1"))
    return sock


def load(socks: list[socket.socket], frame: bytes, answer: int, seconds: float) -> int:
    """Has each connection send a frame and await its answer, over and over; returns how often."""
    poll = select.epoll()
    by_fd = {sock.fileno(): sock for sock in socks}
    left = dict.fromkeys(by_fd, answer)
    for fd, sock in by_fd.items():
        poll.register(fd, select.EPOLLIN)
        sock.sendall(frame)
    count, end = 0, time.monotonic() + seconds
    waiting = len(socks)
    going = True
    while waiting:
        going = going and time.monotonic() < end
        for fd, _ in poll.poll(5):
            sock = by_fd[fd]
            data = sock.recv(262_144)
            if not data:
                sys.exit("the server closed a connection")
            left[fd] -= len(data)
            if not left[fd]:
                count += 1
                left[fd] = answer
                if going:
                    sock.sendall(frame)
                else:
                    waiting -= 1
    poll.close()
    return count


def measure(name: str, *, size: int, seconds: float, connections: int) -> Run:
    frame, answer = masked(os.urandom(size)), unmasked_size(size)
    port = free_port()

    def answers() -> bool:
        connect(port).close()
        return True

    with running([*SERVERS[name], str(port)], PROCESSORS[0], answers) as pid:
        socks = [connect(port) for _ in range(connections)]
        load(socks, frame, answer, 0.5)
        pids = family(pid)
        before, began = cpu_seconds(pids), time.monotonic()
        count = load(socks, frame, answer, seconds)
        spent = cpu_seconds(pids) - before
        rate = count / (time.monotonic() - began)
        for sock in socks:
            sock.close()
    return Run(spent / count * 1e6, rate)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--sizes", type=int, nargs="+", default=[100, 65_536])
    options = parser.parse_args()
    os.sched_setaffinity(0, {PROCESSORS[-1]})
    print(
        f"Python {sys.version.split()[0]}, {options.connections} connections, one processor each,"
        f" clock of {TICKS} Hz"
    )
    for size in options.sizes:
        one = partial(measure, size=size, seconds=options.seconds, connections=options.connections)
        compare(installed(SERVERS), options.rounds, one, "message", f"{size:6} bytes, ")


if __name__ == "__main__":
    main()
