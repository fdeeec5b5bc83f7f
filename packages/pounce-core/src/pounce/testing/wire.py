"""A client that sends exactly the bytes it is told, and believes no answer that breaks a rule.

Decides how bytes are put on a connection and what counts as a whole response. Its reader is its
own, shares nothing with the server's parser, and repairs nothing. It never retries, follows or
hides anything: what a server does wrong is the caller's to see.
"""

import fcntl
import re
import select
import socket
import struct
import sys
import termios
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final, Literal, Self

if TYPE_CHECKING:
    import ssl

type Fields = list[tuple[bytes, bytes]]
type Address = tuple[str, int] | str | Path
type End = Literal["open", "closed", "reset"]

_STATUS_LINE: Final = re.compile(rb"HTTP/(1\.[01]) ([1-5][0-9]{2}) ([\t -~\x80-\xff]*)")
_FIELD: Final = re.compile(
    rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*"
    rb"((?:[!-~\x80-\xff](?:[\t -~\x80-\xff]*[!-~\x80-\xff])?)?)[ \t]*"
)
_CHUNK: Final = re.compile(rb"([0-9A-Fa-f]{1,15})(?:[ \t]*;[\t -~\x80-\xff]*)?")
# A server that stops reading on purpose must not stop the sender of single bytes.
_READ_WAIT: Final = 1.0
_READ_POLL: Final = 0.0005
_MISSES: Final = 4
"""How often a socket is looked for in the system's table, which may leave one out while others
come and go."""


class BadResponse(AssertionError):
    """The server broke a rule of HTTP. An assertion, so that a test that hits it fails plainly."""


def whole(data: bytes) -> Iterator[list[bytes]]:
    """The one way to deliver data in one piece."""
    yield [data]


def split_everywhere(data: bytes) -> Iterator[list[bytes]]:
    """Each way to deliver data in two pieces that are not empty."""
    for at in range(1, len(data)):
        yield [data[:at], data[at:]]


def bytewise(data: bytes) -> Iterator[list[bytes]]:
    """The one way to deliver data a byte at a time."""
    yield [data[at : at + 1] for at in range(len(data))]


def every_way(data: bytes) -> Iterator[list[bytes]]:
    """`whole`, `split_everywhere` and `bytewise`, one after the other."""
    yield from whole(data)
    yield from split_everywhere(data)
    yield from bytewise(data)


@dataclass(slots=True, kw_only=True)
class Response:
    """What came back.

    Attributes:
        status: of the final response, 101 or 200 to 599; 0 when not even its head came.
        reason: the phrase.
        version: `"1.0"` or `"1.1"`.
        headers: names in lower case, values without outer white space, in order.
        body: the content, without chunk framing; what came of it.
        raw: all bytes of the response and of those before it, interim ones.
        complete: whether it ended as its head said it would.
        reset: whether the connection was reset before that.
        informational: status and headers of each interim response (1xx but 101), in order.
        trailers: the fields after a chunked body.
    """

    status: int = 0
    reason: bytes = b""
    version: str = ""
    headers: Fields = field(default_factory=list[tuple[bytes, bytes]])
    body: bytes = b""
    raw: bytes = b""
    complete: bool = False
    reset: bool = False
    informational: list[tuple[int, Fields]] = field(default_factory=list[tuple[int, Fields]])
    trailers: Fields = field(default_factory=list[tuple[bytes, bytes]])

    def values(self, name: bytes) -> list[bytes]:
        """The values of each field of that name, in lower case."""
        return [value for key, value in self.headers if key == name]

    def value(self, name: bytes) -> bytes | None:
        """The value of the only field of that name, None without one.

        Raises:
            BadResponse: there are several.
        """
        values = self.values(name)
        if len(values) > 1:
            raise BadResponse(f"{len(values)} fields {name!r}: {values!r}")
        return values[0] if values else None


class Wire:
    """One connection to a server. Blocking; every method is bounded by the time-out.

    Args:
        sock: a connected socket, which the wire closes; one wrapped by `ssl` will do.
        timeout: seconds that one call may wait, for a whole response say.
    """

    def __init__(self, sock: socket.socket, timeout: float = 10.0) -> None:
        self._sock = sock
        self._timeout = timeout
        self._unread = b""
        self._raw: list[bytes] = []
        self._deadline = 0.0
        self.end: End = "open"
        """How the server's side ended, as far as it was read."""
        sock.settimeout(timeout)

    @classmethod
    def connect(
        cls,
        address: Address,
        *,
        timeout: float = 10.0,
        tls: ssl.SSLContext | None = None,
        server_name: str | None = None,
    ) -> Self:
        """Connects to host and port, or to the path of a Unix socket.

        Args:
            address: host and port, or a path.
            timeout: seconds that connecting and each later call may wait.
            tls: the context to do a TLS handshake with, None for none.
            server_name: what to ask for in the handshake (SNI).

        Raises:
            OSError: there is no connection to be had; TimeoutError is one.
        """
        if isinstance(address, tuple):
            sock = socket.create_connection(address, timeout)
            # Each send is a segment of its own: that is what the caller asked for.
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        else:
            sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            sock.settimeout(timeout)
            try:
                sock.connect(str(address))
            except OSError:
                sock.close()
                raise
        if tls is not None:
            try:
                sock = tls.wrap_socket(sock, server_hostname=server_name)
            except OSError:
                sock.close()
                raise
        return cls(sock, timeout)

    @property
    def socket(self) -> socket.socket:
        """The socket itself, for what the wire does not do."""
        return self._sock

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connection. What the server sends now is answered with a reset."""
        self._sock.close()

    def half_close(self) -> None:
        """Says that nothing more will be sent; reading goes on."""
        self._sock.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        """Closes so that the server sees a reset (over TCP), with what was sent maybe unread."""
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._sock.close()

    def send(self, data: bytes) -> None:
        """Sends bytes, all of them.

        Raises:
            OSError: the server is gone, or did not take them in time (TimeoutError).
        """
        self._sock.sendall(data)

    def send_split(self, data: bytes, at: int) -> None:
        """Sends bytes in two pieces, the second once the server has read the first."""
        self.send_pieces([data[:at], data[at:]])

    def send_bytewise(self, data: bytes) -> None:
        """Sends bytes one at a time, each once the server has read the one before."""
        self.send_pieces([data[at : at + 1] for at in range(len(data))])

    def send_pieces(self, pieces: list[bytes]) -> None:
        """Sends pieces, each once the server has read the one before.

        That is known for a server on this machine, on Linux; elsewhere, and when the server does
        not read for a second, the next piece follows after a moment. A server that answers and
        closes before the end is not an error: what it said is there to be read.
        """
        for number, piece in enumerate(pieces):
            if number:
                self._wait_until_read()
            try:
                self._sock.sendall(piece)
            except BrokenPipeError, ConnectionResetError:
                return

    def read_response(self, method: str = "GET") -> Response:
        """Reads interim responses and the final one.

        Args:
            method: what was asked with: the answer to HEAD has no body, nor has a 2xx to CONNECT.

        Returns:
            The response; not `complete` when the connection ended too early. What follows it
            is kept for the next call.

        Raises:
            BadResponse: a rule of HTTP was broken.
            TimeoutError: it was not whole in time.
        """
        self._deadline = time.monotonic() + self._timeout
        response = Response()
        self._raw = []
        try:
            self._read_head(response)
            self._read_body(response, method)
            response.complete = True
        except _Ended:
            response.reset = self.end == "reset"
        response.raw = b"".join(self._raw)
        return response

    def read_bytes(self, count: int) -> bytes:
        """Reads so many bytes; fewer when the connection ends before."""
        self._deadline = time.monotonic() + self._timeout
        return self._take_up_to(count)

    def read_until(self, mark: bytes) -> bytes:
        """Reads up to a mark, and that too; without it when the connection ends before.

        Raises:
            TimeoutError: it did not come in time.
        """
        self._deadline = time.monotonic() + self._timeout
        start = 0
        while (at := self._unread.find(mark, start)) < 0:
            start = max(0, len(self._unread) - len(mark) + 1)
            if not self._receive():
                return self._take(len(self._unread))
        return self._take(at + len(mark))

    def read_some(self) -> bytes:
        """Reads what is there, waiting for the first byte; nothing when the connection ended.

        Raises:
            TimeoutError: nothing came in time.
        """
        self._deadline = time.monotonic() + self._timeout
        if not self._unread:
            self._receive()
        return self._take(len(self._unread))

    def read_until_closed(self) -> bytes:
        """Reads all that comes until the server closes or resets; `end` tells which.

        Raises:
            TimeoutError: the server did neither in time.
        """
        self._deadline = time.monotonic() + self._timeout
        return self._take_until_end()

    def _read_head(self, response: Response) -> None:
        while True:
            line = self._line()
            match = _STATUS_LINE.fullmatch(line)
            if match is None:
                raise BadResponse(f"no status line: {line!r}")
            status, headers = int(match[2]), self._fields()
            if status >= 200 or status == 101:
                break
            if match[1] == b"1.0":
                raise BadResponse(f"an interim response {status} in HTTP/1.0")
            response.informational.append((status, headers))
        response.version = match[1].decode()
        response.status, response.reason, response.headers = status, match[3], headers

    def _read_body(self, response: Response, method: str) -> None:
        """Reads the body by the rules of RFC 9112 section 6.3, in their order."""
        status = response.status
        length = response.value(b"content-length")
        coding = response.value(b"transfer-encoding")
        if length is not None and not re.fullmatch(rb"[0-9]{1,18}", length):
            raise BadResponse(f"content-length: {length!r}")
        if coding is not None and (length is not None or response.version == "1.0"):
            raise BadResponse("transfer-encoding beside content-length, or in HTTP/1.0")
        if status in {101, 204} and (length is not None or coding is not None):
            raise BadResponse(f"a {status} with content-length or transfer-encoding")
        if method == "HEAD" or status in {101, 204, 304}:
            return
        if method == "CONNECT" and status < 300:
            return
        if coding is not None:
            if coding.lower() != b"chunked":
                raise BadResponse(f"transfer-encoding: {coding!r}")
            self._read_chunks(response)
        elif length is not None:
            response.body = self._take_up_to(int(length))
            if len(response.body) < int(length):
                raise _Ended
        else:
            response.body = self._take_until_end()
            if self.end == "reset":
                raise _Ended

    def _read_chunks(self, response: Response) -> None:
        parts: list[bytes] = []
        try:
            while size := self._chunk_size():
                parts.append(self._take_up_to(size))
                if (after := self._take(2)) != b"\r\n":
                    raise BadResponse(f"a chunk of {size} bytes is followed by {after!r}")
        finally:
            response.body = b"".join(parts)
        response.trailers = self._fields()

    def _chunk_size(self) -> int:
        line = self._line()
        match = _CHUNK.fullmatch(line)
        if match is None:
            raise BadResponse(f"no chunk size: {line!r}")
        return int(match[1], 16)

    def _fields(self) -> Fields:
        fields: Fields = []
        while line := self._line():
            match = _FIELD.fullmatch(line)
            if match is None:
                raise BadResponse(f"no header field: {line!r}")
            fields.append((match[1].lower(), match[2]))
        return fields

    def _line(self) -> bytes:
        """The next line, without its CRLF."""
        start = 0
        while (at := self._unread.find(b"\n", start)) < 0:
            start = len(self._unread)
            if not self._receive():
                self._take(len(self._unread))
                raise _Ended
        line = self._take(at + 1)
        if not line.endswith(b"\r\n") or b"\r" in line[:-2]:
            raise BadResponse(f"a line that does not end with CRLF: {line!r}")
        return line[:-2]

    def _take(self, count: int) -> bytes:
        """The next bytes, exactly so many."""
        if len(self._unread) < count:
            # Pieces, joined once: a large body would be copied for each of them.
            parts, size = [self._unread], len(self._unread)
            try:
                while size < count:
                    self._unread = b""
                    if not self._receive():
                        raise _Ended
                    parts.append(self._unread)
                    size += len(self._unread)
            finally:
                self._unread = b"".join(parts)
        data, self._unread = self._unread[:count], self._unread[count:]
        self._raw.append(data)
        return data

    def _take_up_to(self, count: int) -> bytes:
        """The next bytes, so many or all that come before the end."""
        try:
            return self._take(count)
        except _Ended:
            return self._take(len(self._unread))

    def _take_until_end(self) -> bytes:
        return self._take_up_to(sys.maxsize)

    def _receive(self) -> bool:
        """Adds what is there to what is unread, waiting if need be; False at the end."""
        if self.end != "open":
            return False
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError(f"not whole in {self._timeout} s")
        self._sock.settimeout(left)
        try:
            data = self._sock.recv(262_144)
        except TimeoutError:
            raise TimeoutError(f"not whole in {self._timeout} s") from None
        except OSError:  # a reset, or what TLS makes of one
            self.end = "reset"
            return False
        finally:
            self._sock.settimeout(self._timeout)
        if not data:
            self.end = "closed"
            return False
        self._unread += data
        return True

    def _wait_until_read(self) -> None:
        """Waits until the server has read what was sent, for a second at most."""
        deadline = time.monotonic() + _READ_WAIT
        misses = 0
        ended = select.poll()
        ended.register(self._sock, 0)  # which tells of hang-up and error only
        while time.monotonic() < deadline and not ended.poll(0):
            unread = self._unread_by_server()
            if unread == 0:
                return
            time.sleep(_READ_POLL)
            misses += unread is None
            if misses == _MISSES:
                # Nobody can tell. Long enough for a server that is awake.
                time.sleep(_READ_POLL * 10)
                return

    def _unread_by_server(self) -> int | None:
        """Bytes that wait in kernels for the server to read them; None where that is unknown."""
        if sys.platform != "linux":
            return None
        outgoing = fcntl.ioctl(self._sock.fileno(), termios.TIOCOUTQ, struct.pack("i", 0))
        waiting: int = struct.unpack("i", outgoing)[0]
        if waiting or self._sock.family == socket.AF_UNIX:
            # Of a Unix socket it counts what the peer has not read; of TCP, not acknowledged.
            return waiting
        return _waiting_at(self._sock.getpeername(), self._sock.getsockname())


class _Ended(Exception):
    """The connection ended before what was wanted had come."""


def _waiting_at(local: tuple[str, int], remote: tuple[str, int]) -> int | None:
    """Bytes unread in the TCP socket with these two ends on this machine; None without one."""
    ours = f" {_as_in_proc(local)} {_as_in_proc(remote)} "
    table = Path("/proc/net/tcp6" if ":" in local[0] else "/proc/net/tcp")
    for line in table.read_text("ascii").splitlines():
        if ours in line:
            # sl local remote state tx_queue:rx_queue ...
            return int(line.split()[4].partition(":")[2], 16)
    return None


def _as_in_proc(address: tuple[str, int]) -> str:
    """An address as /proc/net/tcp shows it: words of 32 bits, each in the machine's byte order."""
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    packed = socket.inet_pton(family, address[0])
    words = struct.unpack(f"={len(packed) // 4}I", packed)
    return "".join(f"{word:08X}" for word in words) + f":{address[1]:04X}"
