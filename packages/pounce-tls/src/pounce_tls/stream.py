"""TLS on one accepted socket: OpenSSL between two buffers in memory, and the socket beside them.

Decides what is read from the socket and sent to it when, so that the worker's poller always knows
the truth: during the handshake exactly one record at a time, since what comes behind the last one
must stay in the kernel; afterwards as much as is there, all of it decrypted at once. RFC 8446, and
RFC 5246 for TLS 1.2. Never waits, watches nothing and never closes the socket.
Hot path: `recv` and `send`; benchmark: integration/bench/tls.py.
"""

import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final, NamedTuple, NoReturn

from pounce.protocol.roles import Need
from pounce_tls.hello import (
    HANDSHAKE,
    LONGEST,
    NOT_HTTPS,
    hello_length,
    is_plain_http,
    server_name,
)

HEADER: Final = 5
"""Bytes before each record: type, version, length (RFC 8446 section 5.1)."""
RECORD: Final = 16_384
"""Bytes of content in one record."""
CIPHERTEXT: Final = RECORD + 2048
"""Bytes of a record, its header aside; TLS 1.2 allows more overhead than 1.3."""
AT_ONCE: Final = 65_536
"""Bytes that are encrypted together: what of it the kernel does not take is kept in memory."""
MOST: Final = 1 << 20
"""Bytes that one `send` takes, so that one fast reader does not hold the worker."""
TURN: Final = 32
"""Records of a handshake that one call of `open` reads, so that nobody holds the worker."""
HELLO_RECORDS: Final = 64
"""Records into which a ClientHello may be cut."""
UNREAD: Final = 4 * AT_ONCE
"""Bytes that may wait for a peer to read while it goes on asking for answers of the protocol's."""


class Opening(NamedTuple):
    """What a connection is opened with.

    Attributes:
        tickets: the context that it begins with, whose session tickets all certificates share.
        context: that of the certificate.
        fields: makes the ASGI `tls` extension's fields, once the connection is open.
    """

    tickets: ssl.SSLContext
    context: ssl.SSLContext
    fields: Callable[[ssl.SSLObject], dict[str, Any]]


type Choose = Callable[[str | None], Opening]


class TlsStream:
    """One TLS connection; see `pounce.protocol.roles.Stream` for each method's promise.

    Args:
        sock: accepted, non-blocking, nothing read from it.
        choose: finds what to open with, by the host name that the client asks for.
    """

    __slots__ = (
        "_choose",
        "_done",
        "_ended",
        "_fields",
        "_hello",
        "_incoming",
        "_object",
        "_outgoing",
        "_owed",
        "_read",
        "_record",
        "_records",
        "_rest",
        "_whole",
        "_write",
        "alpn",
        "socket",
        "tls",
    )

    _object: ssl.SSLObject
    _read: Callable[[int], bytes]
    _write: Callable[[bytes | memoryview], int]
    _fields: Callable[[ssl.SSLObject], dict[str, Any]]

    def __init__(self, sock: socket.socket, choose: Choose) -> None:
        self.socket = sock
        self.alpn: bytes | None = None
        self.tls: dict[str, Any] | None = None
        self._choose = choose
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        # The record that is coming in, during the handshake, and how long it is as far as known.
        self._record = bytearray()
        self._whole = HEADER
        self._records = 0
        # The ClientHello, until there is all of it and so an object that takes it; then None.
        self._hello: bytearray | None = bytearray()
        self._done = False
        self._ended = False
        # Ciphertext that the kernel has not taken, and how many of the bytes in it `send` has not
        # yet owned up to.
        self._rest: bytes | memoryview = b""
        self._owed = 0

    # The handshake

    def open(self) -> Need | None:
        left = TURN
        while not self._done:
            if self._hello is None and self._shake_hands():
                break
            if not self._flush():
                return "write"
            if not left:
                return "read"
            left -= 1
            try:
                record = self._next_record()
            except BlockingIOError:
                return "read"
            if self._hello is None:
                self._incoming.write(record)
            else:
                self._greet(record)
        return None if self._flush() else "write"

    def _next_record(self) -> bytes:
        """The next whole record; `BlockingIOError` while there is none."""
        record = self._record
        while len(record) < self._whole:
            data = self.socket.recv(self._whole - len(record))
            if not data:
                raise ConnectionAbortedError("tls-closed")
            record += data
            if len(record) == HEADER:
                if not self._records and record[0] != HANDSHAKE:
                    self._turn_away(bytes(record))
                self._whole = HEADER + int.from_bytes(record[3:])
                if self._whole > HEADER + CIPHERTEXT:
                    raise ConnectionAbortedError("tls-record-too-large")
        self._record = bytearray()
        self._whole = HEADER
        self._records += 1
        return bytes(record)

    def _turn_away(self, start: bytes) -> None:
        """Refuses who does not speak TLS; who speaks HTTP is told."""
        if not is_plain_http(start):
            raise ConnectionAbortedError("not-tls")
        with suppress(OSError):
            self.socket.send(NOT_HTTPS)
            # What is left unread would turn the close into a reset, which takes the answer along.
            self.socket.recv(AT_ONCE)
        raise ConnectionAbortedError("plain-http")

    def _greet(self, record: bytes) -> None:
        """Takes a part of the ClientHello. With the last one there is an object that takes all."""
        hello = self._hello
        assert hello is not None
        self._incoming.write(record)
        hello += record[HEADER:]
        if len(hello) >= 4:
            length = hello_length(hello)
            if length > LONGEST:
                raise ConnectionAbortedError("tls-hello-too-large")
            if len(hello) >= length:
                self._begin(server_name(bytes(hello)) if length else None)
                return
        if self._records == HELLO_RECORDS:
            raise ConnectionAbortedError("tls-hello-too-large")

    def _begin(self, name: str | None) -> None:
        opening = self._choose(name)
        opened = opening.tickets.wrap_bio(self._incoming, self._outgoing, server_side=True)
        opened.context = opening.context
        self._fields = opening.fields
        self._object = opened
        self._read = opened.read
        self._write = opened.write
        self._hello = None

    def _shake_hands(self) -> bool:
        """Goes on with the handshake by what is at hand. Returns whether that was the end."""
        try:
            self._object.do_handshake()
        except ssl.SSLWantReadError:
            return False
        except ssl.SSLError as error:
            self._give_up(error)
        opened = self._object
        agreed = opened.selected_alpn_protocol()
        self.alpn = None if agreed is None else agreed.encode("ascii")
        self.tls = self._fields(opened)
        self._done = True
        return True

    # The stream

    def recv(self, size: int) -> bytes:
        data = self.socket.recv(size)
        if not data:
            if self._ended:
                return data
            # A FIN alone can be an attacker's: only close_notify says that this was all
            # (RFC 8446 section 6.1).
            raise ConnectionAbortedError("tls-truncated")
        if len(data) > RECORD:
            return self._decrypt(data)
        self._incoming.write(data)
        try:
            got = self._read(RECORD)
        except ssl.SSLWantReadError:
            if self._outgoing.pending:
                self._answer()
            raise BlockingIOError from None
        except ssl.SSLError as error:
            self._give_up(error)
        if self._incoming.pending:
            got += self._read_on()
        elif not got:
            self._ended = True
        if self._outgoing.pending:
            self._answer()
        return got

    def _decrypt(self, data: bytes) -> bytes:
        """Takes much at once, in pieces: the buffer in memory keeps the size that it once had."""
        view = memoryview(data)
        parts: list[bytes] = []
        for at in range(0, len(data), RECORD):
            self._incoming.write(view[at : at + RECORD])
            parts.append(self._read_on())
        self._answer()
        got = b"".join(parts)
        if not got and not self._ended:
            raise BlockingIOError
        return got

    def _read_on(self) -> bytes:
        """Decrypts all whole records that are at hand."""
        parts: list[bytes] = []
        while self._incoming.pending:
            try:
                part = self._read(RECORD)
            except ssl.SSLWantReadError:
                break
            except ssl.SSLError as error:
                self._give_up(error)
            if not part:
                # close_notify; what comes behind it is nobody's.
                self._ended = True
                self._incoming.read()
                break
            parts.append(part)
        return b"".join(parts)

    def _answer(self) -> None:
        """Sends what OpenSSL has to say to the peer's protocol messages, within bounds."""
        if not self._flush() and len(self._rest) > UNREAD:
            raise ConnectionAbortedError("tls-unread-answers")

    def send(self, data: bytes | memoryview) -> int:
        if self._rest or self._owed:
            return self._send_rest(data)
        count = len(data)
        if count > RECORD:
            return self._send_much(memoryview(data))
        if not count:
            return 0
        try:
            count = self._write(data)
        except ssl.SSLError as error:
            self._give_up(error)
        return self._dispatch(self._outgoing.read(), count)

    def _send_much(self, view: memoryview) -> int:
        """Sends more than a record, several at a time, until the kernel takes no more."""
        count, most = 0, min(len(view), MOST)
        while count < most and not self._rest:
            piece = view[count : min(count + AT_ONCE, most)]
            try:
                count += self._dispatch(self._encrypt(piece), len(piece))
            except BlockingIOError:
                if not count:
                    raise
        return count

    def _encrypt(self, view: memoryview) -> bytes:
        records: list[bytes] = []
        try:
            for at in range(0, len(view), RECORD):
                self._write(view[at : at + RECORD])
                records.append(self._outgoing.read())
        except ssl.SSLError as error:
            self._give_up(error)
        return b"".join(records)

    def _dispatch(self, record: bytes, count: int) -> int:
        """Sends ciphertext in which there are so many bytes; returns what `send` does."""
        try:
            sent = self.socket.send(record)
        except BlockingIOError:
            sent = 0
        if sent == len(record):
            return count
        self._rest = memoryview(record)[sent:]
        self._owed = count
        return self._credit(sent, count)

    def _send_rest(self, data: bytes | memoryview) -> int:
        """Goes on with what was encrypted already: `data` begins with the same bytes."""
        before = len(self._rest)
        if not self._flush():
            return self._credit(before - len(self._rest), len(data))
        if not self._owed:
            return self.send(data)
        count = min(self._owed, len(data))
        self._owed -= count
        return count

    def _credit(self, sent: int, most: int) -> int:
        """Owns up to a part of what is owed, so that a slow client is seen to advance. The last
        byte is owed until all ciphertext has left: it keeps the caller coming back.
        """
        count = min(sent, self._owed - 1, most)
        if count <= 0:
            raise BlockingIOError
        self._owed -= count
        return count

    def _flush(self) -> bool:
        """Sends ciphertext that waits. Returns whether all of it has left."""
        if self._outgoing.pending:
            waiting = self._outgoing.read()
            self._rest = b"".join((self._rest, waiting)) if self._rest else waiting
        if self._rest:
            try:
                sent = self.socket.send(self._rest)
            except BlockingIOError:
                return False
            self._rest = memoryview(self._rest)[sent:] if sent < len(self._rest) else b""
        return not self._rest

    def end(self) -> None:
        if self._done:
            with suppress(OSError):
                # Sends close_notify, and would wait for the peer's, which matters to nobody here.
                self._object.unwrap()
            with suppress(OSError):
                self._flush()

    def _give_up(self, error: ssl.SSLError) -> NoReturn:
        # OpenSSL has written an alert that tells the peer why.
        with suppress(OSError):
            self._flush()
        raise ConnectionAbortedError(token(error)) from None


def token(error: ssl.SSLError) -> str:
    """The name of a failure for logs and counters, made from OpenSSL's; none of the peer's bytes
    are in it.
    """
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"tls-client-{error.verify_message.lower().replace(' ', '-')}"
    reason = error.reason or type(error).__name__
    return f"tls-{reason.lower().replace('_', '-')}"
