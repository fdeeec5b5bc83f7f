"""Whom a server believes: what can be wrong with the files, and what is done with clients."""

import ssl
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from pounce.protocol.errors import ConfigError
from pounce_tls.issuing import make_authority
from pounce_tls.settings import Settings
from pounce_tls.transport import TlsTransport
from pounce_tls.trust import read_trust

if TYPE_CHECKING:
    from datetime import datetime

    from tests.conftest import Connect, Folder

    from pounce_tls.kinds import KeyPair

DAY = timedelta(days=1)


type Revoke = Callable[..., str]


@pytest.fixture
def revoke(folder: Folder, now: datetime) -> Revoke:
    """Writes a list of revoked certificates, and returns its path."""

    def write(*pairs: KeyPair, until: timedelta = DAY) -> str:
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(folder.authority.certificate.subject)
            .last_update(now - 2 * DAY)
            .next_update(now + until)
        )
        for pair in pairs:
            pem = Path(pair.certfile).read_bytes()
            serial = x509.load_pem_x509_certificate(pem).serial_number
            builder = builder.add_revoked_certificate(
                x509.RevokedCertificateBuilder()
                .serial_number(serial)
                .revocation_date(now - DAY)
                .build()
            )
        crl = builder.sign(folder.authority.key, hashes.SHA256())
        return str(folder.write("crl.pem", crl.public_bytes(Encoding.PEM)))

    return write


def refusal(settings: Settings) -> str:
    with pytest.raises(ConfigError) as caught:
        read_trust(settings).apply(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))
    return str(caught.value)


# Files


def test_nobody_is_asked_by_default() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    read_trust(Settings()).apply(context)
    assert context.verify_mode == ssl.CERT_NONE


@pytest.mark.parametrize("requirement", ["optional", "required"])
def test_asking_needs_authorities(requirement: str) -> None:
    assert refusal(Settings(cert_reqs=requirement)) == (  # type: ignore[arg-type]
        f"--ssl-cert-reqs {requirement} needs --ssl-ca-certs: name the file of the authorities that"
        " vouch for clients"
    )


def test_a_list_needs_authorities() -> None:
    assert refusal(Settings(crl_file="a")).startswith("--ssl-crl-file needs --ssl-ca-certs")


def test_authorities_that_are_not_there() -> None:
    text = refusal(Settings(ca_certs="/nowhere", cert_reqs="required"))
    assert text.startswith("the authorities file /nowhere cannot be read (No such file")


def test_authorities_that_are_no_pem(folder: Folder) -> None:
    path = str(folder.write("ca.pem", b"garbage"))
    assert "it has to be PEM" in refusal(Settings(ca_certs=path, cert_reqs="required"))


def test_authorities_that_have_expired(folder: Folder, now: datetime) -> None:
    old = make_authority("old", now - 10 * DAY, DAY)
    path = str(folder.write("ca.pem", old.pem))
    assert refusal(Settings(ca_certs=path, cert_reqs="required")) == (
        f"every authority in {path} has expired, so that no client could be believed: get their"
        " new certificates"
    )


def test_authorities_that_nobody_needs(folder: Folder) -> None:
    (oddity,) = read_trust(Settings(ca_certs=folder.ca)).oddities
    assert oddity.startswith("--ssl-ca-certs does nothing while no client is asked")


def test_a_list_that_is_none(folder: Folder) -> None:
    text = refusal(Settings(ca_certs=folder.ca, crl_file=folder.ca, cert_reqs="required"))
    assert "holds no list in PEM" in text


def test_a_damaged_list(folder: Folder) -> None:
    path = str(folder.write("l", b"-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n"))
    text = refusal(Settings(ca_certs=folder.ca, crl_file=path, cert_reqs="required"))
    assert "holds a damaged list" in text


def test_a_list_that_is_out_of_date(folder: Folder, revoke: Revoke) -> None:
    settings = Settings(ca_certs=folder.ca, crl_file=revoke(until=-DAY), cert_reqs="required")
    (oddity,) = read_trust(settings).oddities
    assert "the list of CN=the test authority" in oddity
    assert "is out of date since" in oddity


def test_the_mark_is_of_what_clients_are_held_to(folder: Folder, revoke: Revoke) -> None:
    def mark(**settings: object) -> bytes:
        return read_trust(Settings(ca_certs=folder.ca, **settings)).mark  # type: ignore[arg-type]

    first = mark(cert_reqs="required")
    assert mark(cert_reqs="required") == first
    assert mark(cert_reqs="optional") != first
    assert mark(cert_reqs="required", crl_file=revoke()) != first
    folder.write("ca.pem", folder.authority.pem * 2)
    assert read_trust(Settings(ca_certs=str(folder.path / "ca.pem"))).mark != first


# Clients


def outcome(folder: Folder, connect: Connect, show: KeyPair | None, **settings: Any) -> str | None:
    """The name of the client's certificate, or of the refusal."""
    transport = TlsTransport(folder.settings(ca_certs=folder.ca, **settings), ())
    stream, client = connect(transport, folder.trusting(show))
    try:
        client.shake_hands(stream)
    except ConnectionAbortedError as error:
        return str(error)
    assert stream.tls is not None
    name: str | None = stream.tls["client_cert_name"]
    return name


def test_a_good_certificate(folder: Folder, connect: Connect) -> None:
    assert outcome(folder, connect, folder.client(), cert_reqs="required") == "CN=alice"


def test_no_certificate_where_one_is_required(folder: Folder, connect: Connect) -> None:
    assert (
        outcome(folder, connect, None, cert_reqs="required")
        == "tls-peer-did-not-return-a-certificate"
    )


def test_no_certificate_where_one_may_be(folder: Folder, connect: Connect) -> None:
    assert outcome(folder, connect, None, cert_reqs="optional") is None


def test_strangers(folder: Folder, connect: Connect, now: datetime) -> None:
    others = replace(folder, authority=make_authority("others", now, DAY))
    assert (
        outcome(folder, connect, others.client("mallory"), cert_reqs="optional")
        == "tls-client-unable-to-get-local-issuer-certificate"
    )


def test_an_expired_certificate(folder: Folder, connect: Connect) -> None:
    shown = folder.client(life=timedelta(seconds=-10))
    assert (
        outcome(folder, connect, shown, cert_reqs="required")
        == "tls-client-certificate-has-expired"
    )


def test_a_certificate_for_servers(folder: Folder, connect: Connect) -> None:
    assert (
        outcome(folder, connect, folder.server(), cert_reqs="required")
        == "tls-client-unsuitable-certificate-purpose"
    )


def test_a_revoked_certificate(folder: Folder, connect: Connect, revoke: Revoke) -> None:
    alice, bob = folder.client("alice"), folder.client("bob")
    asked = {"cert_reqs": "required", "crl_file": revoke(alice)}
    assert outcome(folder, connect, alice, **asked) == "tls-client-certificate-revoked"
    assert outcome(folder, connect, bob, **asked) == "CN=bob"


def test_a_list_that_is_out_of_date_refuses_everybody(
    folder: Folder, connect: Connect, revoke: Revoke
) -> None:
    assert (
        outcome(folder, connect, folder.client(), cert_reqs="required", crl_file=revoke(until=-DAY))
        == "tls-client-crl-has-expired"
    )
