"""From settings to the contexts of handshakes."""

import re
import ssl
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from pounce.protocol.errors import ConfigError
from pounce_tls.credentials import files_of, read_credentials
from pounce_tls.kinds import KeyPair
from pounce_tls.settings import Settings
from pounce_tls.transport import TlsTransport

if TYPE_CHECKING:
    from tests.conftest import Connect, Folder


def refusal(settings: Settings) -> str:
    with pytest.raises(ConfigError) as caught:
        read_credentials(settings, ())
    return str(caught.value)


def test_the_contexts_are_modern(folder: Folder) -> None:
    opening = read_credentials(folder.settings(), ()).default
    for context in (opening.context, opening.tickets):
        assert context.minimum_version == ssl.TLSVersion.TLSv1_2
        assert context.options & ssl.OP_NO_RENEGOTIATION
        assert context.options & ssl.OP_NO_COMPRESSION
        assert not context.options & ssl.OP_CIPHER_SERVER_PREFERENCE


def test_a_lowest_version(folder: Folder) -> None:
    opening = read_credentials(folder.settings(version_min="1.3"), ()).default
    assert opening.tickets.minimum_version == ssl.TLSVersion.TLSv1_3


def test_suites_that_do_not_exist(folder: Folder) -> None:
    text = refusal(folder.settings(ciphers="NONE-SUCH"))
    assert text.startswith("--ssl-ciphers names no cipher suite that OpenSSL has")


def test_a_key_without_a_certificate() -> None:
    assert refusal(Settings(keyfile="k")).startswith("--ssl-keyfile needs --ssl-certfile")


def test_no_certificate_at_all(folder: Folder) -> None:
    text = refusal(Settings(ca_certs=folder.ca, cert_reqs="required"))
    assert text.startswith("TLS needs a certificate: name its file with --ssl-certfile")


def test_the_development_certificate_and_another_one() -> None:
    text = refusal(Settings(dev=True, certfile="a"))
    assert text.startswith("--ssl-dev brings a certificate of its own")


def test_a_key_that_is_too_weak(folder: Folder) -> None:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes

    key = rsa.generate_private_key(65537, 1024)
    name = folder.authority.certificate.subject
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(folder.now)
        .not_valid_after(folder.now + folder.year)
        .sign(key, hashes.SHA256())
    )
    path = folder.write(
        "weak.pem",
        made.public_bytes(Encoding.PEM)
        + key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
    )
    assert refusal(Settings(certfile=str(path))) == (
        f"OpenSSL refuses the certificate in {path} (ee key too small): have it issued anew"
    )


def test_which_files_there_are(folder: Folder) -> None:
    settings = Settings(
        certfile="c",
        keyfile="k",
        ca_certs="a",
        crl_file="l",
        sni=(KeyPair("c2", "k"), KeyPair("c")),
    )
    assert files_of(settings) == ("a", "l", "c", "k", "c2")


@pytest.mark.parametrize(
    ("asked", "given"),
    [
        ("a.example", "a"),
        ("b.example", "b"),
        ("x.b.example", "b"),
        ("X.B.EXAMPLE", "b"),
        ("c.example", "a"),
    ],
)
def test_the_name_chooses_the_certificate(
    folder: Folder, connect: Connect, asked: str, given: str
) -> None:
    first = folder.server("a.example", file="a")
    second = folder.server("b.example", "*.b.example", file="b")
    transport = TlsTransport(folder.settings(first, sni=(second,)), ())
    context = folder.trusting()
    context.check_hostname = False
    stream, client = connect(transport, context, asked)
    client.shake_hands(stream)
    shown = client.tls.getpeercert()
    assert shown is not None
    assert re.search(rf"'commonName', '{given}'", str(shown["subject"]))


def test_tickets_are_shared_by_all_names(folder: Folder) -> None:
    first, second = folder.server(file="a"), folder.server("b.example", file="b")
    credentials = read_credentials(folder.settings(first, sni=(second,)), ())
    assert credentials.choose("b.example").tickets is credentials.default.tickets
    assert credentials.choose("b.example").context is not credentials.default.context


def test_tickets_outlive_new_certificates(folder: Folder) -> None:
    settings = folder.settings()
    before = read_credentials(settings, ())
    folder.server()
    after = read_credentials(settings, (), before)
    assert after.default.tickets is before.default.tickets
    assert after.identities != before.identities


def test_tickets_do_not_outlive_other_authorities(folder: Folder) -> None:
    settings = folder.settings(ca_certs=folder.ca, cert_reqs="optional")
    before = read_credentials(settings, ())
    folder.write("ca.pem", folder.authority.pem * 2)
    after = read_credentials(settings, (), before)
    assert after.default.tickets is not before.default.tickets
