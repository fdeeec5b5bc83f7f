"""A wire that asks: builds requests, and insists on whole responses."""

import select
import socket
from typing import Self

from pounce.testing.wire import Address, Response, Wire

TIMEOUT = 60.0
"""Seconds for an answer that is bound to come, on a machine that is busy with other tests."""


class Incomplete(Exception):
    """The connection ended where the response did not."""

    def __init__(self, response: Response) -> None:
        end = "reset" if response.reset else "closed"
        super().__init__(f"{end} after {response.raw[-200:]!r}")
        self.response = response


class Client(Wire):
    """One connection."""

    @classmethod
    def to(cls, address: Address, *, receive_buffer: int | None = None) -> Self:
        """Connects; a small receive buffer makes a client that takes little at a time."""
        if receive_buffer is None:
            return cls.connect(address, timeout=TIMEOUT)
        assert isinstance(address, tuple)
        sock = socket.socket()
        sock.settimeout(TIMEOUT)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        sock.connect(address)
        return cls(sock, TIMEOUT)

    def ask(self, target: str, method: str = "GET", *fields: str, body: bytes = b"") -> None:
        """Sends a request, in one piece."""
        if body:
            fields += (f"content-length: {len(body)}",)
        self.send(request(target, method, *fields) + body)

    def get(self, target: str, method: str = "GET", *fields: str, body: bytes = b"") -> Response:
        """Sends a request and reads its response, see `response`."""
        self.ask(target, method, *fields, body=body)
        return self.response(method)

    def response(self, method: str = "GET") -> Response:
        """Reads one response to its end.

        Raises:
            Incomplete: it has none.
        """
        response = self.read_response(method)
        if not response.complete:
            raise Incomplete(response)
        return response

    def until(self, mark: bytes) -> bytes:
        """Reads up to a mark, and that too."""
        data = b""
        while not data.endswith(mark):
            byte = self.read_bytes(1)
            assert byte, f"no {mark!r} after {data!r}"
            data += byte
        return data

    def ended(self) -> bool:
        """Whether the connection ends, as it should, with nothing more."""
        return self.read_until_closed() == b"" and self.end == "closed"

    def idle(self) -> bool:
        """Whether nothing has come, just now, since a whole response was read."""
        return not select.select([self.socket], [], [], 0)[0]


def request(target: str, method: str = "GET", *fields: str, version: str = "1.1") -> bytes:
    """The head of a request."""
    lines = [f"{method} {target} HTTP/{version}", "host: test", *fields, "", ""]
    return "\r\n".join(lines).encode("latin-1")
