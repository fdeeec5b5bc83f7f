"""The fields of the ASGI `tls` extension, of real connections."""

import ssl
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from pounce_tls.extension import subject, suites_of
from pounce_tls.transport import TlsTransport

if TYPE_CHECKING:
    from datetime import datetime

    from tests.conftest import Connect, Folder

    from pounce_tls.kinds import KeyPair


def fields(
    folder: Folder, connect: Connect, context: ssl.SSLContext | None = None, **settings: Any
) -> dict[str, Any]:
    transport = TlsTransport(folder.settings(**settings), ())
    stream, client = connect(transport, context)
    client.shake_hands(stream)
    assert stream.tls is not None
    return stream.tls


def mutual(folder: Folder, connect: Connect, show: KeyPair) -> dict[str, Any]:
    context = folder.trusting(show)
    return fields(folder, connect, context, ca_certs=folder.ca, cert_reqs="required")


def test_has_all_fields(folder: Folder, connect: Connect) -> None:
    assert set(fields(folder, connect)) == {
        "server_cert",
        "client_cert_chain",
        "client_cert_name",
        "client_cert_error",
        "tls_version",
        "cipher_suite",
    }


def test_the_servers_certificate(folder: Folder, connect: Connect) -> None:
    found = fields(folder, connect)["server_cert"]
    assert found == (folder.path / "server.pem").read_text()


def test_a_client_without_a_certificate(folder: Folder, connect: Connect) -> None:
    found = fields(folder, connect)
    assert (found["client_cert_chain"], found["client_cert_name"]) == ((), None)


@pytest.mark.parametrize(
    ("version", "suite", "numbers"),
    [
        (ssl.TLSVersion.TLSv1_3, None, (0x0304, {0x1301, 0x1302, 0x1303})),
        (ssl.TLSVersion.TLSv1_2, "ECDHE-ECDSA-AES128-GCM-SHA256", (0x0303, {0xC02B})),
    ],
)
def test_version_and_suite(
    folder: Folder,
    connect: Connect,
    version: ssl.TLSVersion,
    suite: str | None,
    numbers: tuple[int, set[int]],
) -> None:
    context = folder.trusting()
    context.maximum_version = version
    if suite is not None:
        context.set_ciphers(suite)
    found = fields(folder, connect, context)
    assert found["tls_version"] == numbers[0]
    assert found["cipher_suite"] in numbers[1]


def test_a_clients_certificate(folder: Folder, connect: Connect) -> None:
    found = mutual(folder, connect, folder.client("alice"))
    assert found["client_cert_name"] == "CN=alice"
    assert found["client_cert_error"] is None
    assert (folder.path / "alice.pem").read_text().startswith(found["client_cert_chain"][0])


def test_the_chain_as_it_was_sent(folder: Folder, connect: Connect) -> None:
    shown = folder.client("alice")
    own, _, key = (folder.path / "alice.pem").read_bytes().partition(b"-----BEGIN PRIVATE")
    folder.write("alice.pem", own + folder.authority.pem + b"-----BEGIN PRIVATE" + key)
    chain = mutual(folder, connect, shown)["client_cert_chain"]
    assert list(chain) == [own.decode(), folder.authority.pem.decode()]


def test_a_name_is_escaped(now: datetime) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, 'Acme, "Inc"'),
            x509.NameAttribute(NameOID.COMMON_NAME, "Bücher\0=x"),
        ]
    )
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    assert subject(made.public_bytes(Encoding.DER)) == r"CN=Bücher\00=x,O=Acme\, \"Inc\""


def test_a_certificate_that_cannot_be_read_has_no_name() -> None:
    assert subject(b"garbage") == ""


def test_numbers_of_suites() -> None:
    suites = suites_of(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))
    assert suites["TLS_AES_128_GCM_SHA256"] == 0x1301
    assert suites["ECDHE-RSA-AES128-GCM-SHA256"] == 0xC02F
