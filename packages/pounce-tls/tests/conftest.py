"""What the tests share: an authority with certificates in files, and a client that speaks TLS over
a real socket pair, a step at a time on the test's own thread.
"""

import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from pounce_tls.issuing import Issued, issue, make_authority
from pounce_tls.kinds import KeyPair
from pounce_tls.settings import Settings
from pounce_tls.stream import TlsStream
from pounce_tls.transport import TlsTransport

# How long an example takes is a property of the machine, and of what else it does meanwhile.
settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")

NOW = datetime.now(UTC)
YEAR = timedelta(days=365)


@dataclass(frozen=True)
class Folder:
    """Certificates in files, and the authority that signed them."""

    path: Path
    authority: Issued
    now: datetime = NOW
    year: timedelta = YEAR

    @property
    def ca(self) -> str:
        return str(self.write("ca.pem", self.authority.pem))

    def write(self, name: str, data: bytes) -> Path:
        path = self.path / name
        path.write_bytes(data)
        return path

    def server(
        self, *names: str, file: str = "server", life: timedelta = YEAR, now: datetime = NOW
    ) -> KeyPair:
        """A certificate for host names, by default `localhost`, and its key."""
        made = issue(self.authority, file, now, life, names=names or ("localhost",))
        certfile = self.write(f"{file}.pem", made.pem)
        return KeyPair(str(certfile), str(self.write(f"{file}-key.pem", made.key_pem)))

    def client(self, name: str = "alice", life: timedelta = YEAR) -> KeyPair:
        """A certificate for a client, with its key in the same file."""
        made = issue(self.authority, name, NOW, life, client=True)
        return KeyPair(str(self.write(f"{name}.pem", made.pem + made.key_pem)))

    def settings(self, pair: KeyPair | None = None, **others: Any) -> Settings:
        """Those of a server with a certificate, by default that of `server`."""
        pair = pair or self.server()
        return Settings(certfile=pair.certfile, keyfile=pair.keyfile, **others)

    def trusting(self, show: KeyPair | None = None) -> ssl.SSLContext:
        """What a client has that trusts the authority, and may show a certificate."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(self.ca)
        if show is not None:
            context.load_cert_chain(show.certfile, show.keyfile)
        return context


@pytest.fixture(scope="session")
def now() -> datetime:
    return NOW


@pytest.fixture(scope="session")
def authority() -> Issued:
    return make_authority("the test authority", NOW - YEAR, 3 * YEAR)


@pytest.fixture
def folder(tmp_path: Path, authority: Issued) -> Folder:
    return Folder(tmp_path, authority)


class Client:
    """A client at the other end of a stream's socket.

    Args:
        sock: its own end.
        context: what it trusts and shows.
        name: of the server that it asks for.
        session: to resume.
    """

    def __init__(
        self,
        sock: socket.socket,
        context: ssl.SSLContext,
        name: str = "localhost",
        session: ssl.SSLSession | None = None,
    ) -> None:
        self.socket = sock
        self.incoming = ssl.MemoryBIO()
        self.outgoing = ssl.MemoryBIO()
        self.unsent = b""
        self.tls = context.wrap_bio(
            self.incoming, self.outgoing, server_hostname=name, session=session
        )

    def flush(self) -> None:
        """Puts on the wire what there is to say, as far as there is room."""
        self.unsent += self.outgoing.read()
        with suppress(BlockingIOError):
            while self.unsent:
                self.unsent = self.unsent[self.socket.send(self.unsent) :]

    def fill(self) -> None:
        """Takes from the wire what has come."""
        with suppress(BlockingIOError):
            while data := self.socket.recv(65_536):
                self.incoming.write(data)
            self.incoming.write_eof()

    def shake_hands(self, stream: TlsStream) -> None:
        """Opens both ends; either's error comes out."""
        ours = theirs = False
        while not (ours and theirs):
            if not ours:
                with suppress(ssl.SSLWantReadError):
                    self.tls.do_handshake()
                    ours = True
            self.flush()
            if not theirs:
                theirs = stream.open() is None
            self.fill()

    def say(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[self.tls.write(view) :]
        self.flush()

    def hear(self) -> bytes:
        """All that has come, decrypted."""
        self.fill()
        parts: list[bytes] = []
        with suppress(ssl.SSLWantReadError):
            while part := self.tls.read(65_536):
                parts.append(part)
        return b"".join(parts)


type Pair = tuple[socket.socket, socket.socket]
type Connect = Callable[..., tuple[TlsStream, Client]]


@pytest.fixture
def sockets() -> Iterator[Callable[[], Pair]]:
    """Makes pairs of connected, non-blocking sockets: the server's end, and the client's."""
    made: list[socket.socket] = []

    def connect() -> Pair:
        server, client = socket.socketpair()
        made.extend((server, client))
        server.setblocking(False)
        client.setblocking(False)
        return server, client

    yield connect
    for each in made:
        each.close()


@pytest.fixture
def transport(folder: Folder) -> TlsTransport:
    return TlsTransport(folder.settings(), (b"h2", b"http/1.1"))


@pytest.fixture
def connect(folder: Folder, sockets: Callable[[], Pair]) -> Connect:
    """Wraps one end of a new pair of sockets and gives the other to a client; nothing is said."""

    def wrap(
        transport: TlsTransport,
        context: ssl.SSLContext | None = None,
        name: str = "localhost",
        session: ssl.SSLSession | None = None,
    ) -> tuple[TlsStream, Client]:
        server, client = sockets()
        context = context or folder.trusting()
        return transport.wrap(server), Client(client, context, name, session)

    return wrap


@pytest.fixture
def opened(transport: TlsTransport, connect: Connect) -> tuple[TlsStream, Client]:
    """A stream and a client that have shaken hands."""
    stream, client = connect(transport)
    client.shake_hands(stream)
    client.hear()
    return stream, client
