"""Certificates for the tests of TLS, in files, and what a client has that trusts them."""

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self

from cryptography import x509
from cryptography.x509.oid import NameOID

from integration.tests.client import TIMEOUT, Client
from pounce.testing.wire import Address
from pounce_tls.issuing import Issued, issue, make_authority

LIFE = timedelta(days=90)


@dataclass(frozen=True)
class Certificates:
    """A folder with an authority and what it has signed."""

    folder: Path
    authority: Issued

    @classmethod
    def make(cls, folder: Path) -> Self:
        made = make_authority("the authority of the tests", datetime.now(UTC), 2 * LIFE)
        (folder / "ca.pem").write_bytes(made.pem)
        return cls(folder, made)

    @property
    def ca(self) -> str:
        return str(self.folder / "ca.pem")

    def server(self, file: str = "server", *names: str) -> str:
        """A certificate with its key, in one file, which is put in its place at once."""
        made = issue(
            self.authority,
            file,
            datetime.now(UTC),
            LIFE,
            names=names or ("localhost",),
            addresses=("127.0.0.1",),
        )
        return self._put(file, made.pem + made.key_pem)

    def client(self, name: str) -> str:
        """A certificate that a client shows, with its key, in one file."""
        made = issue(self.authority, name, datetime.now(UTC), LIFE, client=True)
        return self._put(name, made.pem + made.key_pem)

    @property
    def flags(self) -> tuple[str, ...]:
        """Of a server with the certificates `server` and `other`, which asks clients for theirs."""
        return (
            "--ssl-certfile", f"{self.folder}/server.pem",
            "--ssl-sni", f"{self.folder}/other.pem",
            "--ssl-ca-certs", self.ca,
            "--ssl-cert-reqs", "optional",
            "--bind", "127.0.0.1:0",
        )  # fmt: skip

    def _put(self, file: str, data: bytes) -> str:
        path = self.folder / f"{file}.pem"
        fresh = path.with_suffix(".new")
        fresh.write_bytes(data)
        fresh.replace(path)
        return str(path)

    def trusting(self, show: str | None = None) -> ssl.SSLContext:
        """What a client has that trusts the authority, and may show a certificate."""
        context = ssl.create_default_context(cafile=self.ca)
        if show is not None:
            context.load_cert_chain(show)
        return context

    def connect(
        self, address: Address, name: str = "localhost", context: ssl.SSLContext | None = None
    ) -> Client:
        """A connection over TLS, which takes no end without close_notify for one."""
        plain = Client.to(address).socket
        context = context or self.trusting()
        try:
            sock = context.wrap_socket(plain, server_hostname=name, suppress_ragged_eofs=False)
        except OSError:
            plain.close()
            raise
        return Client(sock, TIMEOUT)


def tls_of(client: Client) -> ssl.SSLSocket:
    """What there is to ask of a connection."""
    assert isinstance(client.socket, ssl.SSLSocket)
    return client.socket


def shown(client: Client) -> str:
    """The common name of the certificate that a server has shown."""
    (name,) = certificate(client).subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(name.value)


def serial(client: Client) -> int:
    """The number of the certificate that a server has shown."""
    return certificate(client).serial_number


def certificate(client: Client) -> x509.Certificate:
    """The certificate that a server has shown."""
    der = tls_of(client).getpeercert(binary_form=True)
    assert der is not None
    return x509.load_der_x509_certificate(der)
