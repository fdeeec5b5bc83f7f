"""Makes certificates: an authority that signs itself, and what it signs. RFC 5280.

Decides what a certificate says. Never writes a file, and asks for the time.
"""

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

SLACK: Final = timedelta(hours=1)
"""By which a certificate is good from earlier on, for clocks that are behind."""


@dataclass(frozen=True, slots=True)
class Issued:
    """A certificate with its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(Encoding.PEM)

    @property
    def key_pem(self) -> bytes:
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    @property
    def key_identifier(self) -> x509.AuthorityKeyIdentifier:
        """By which what it signs refers to it."""
        return x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key())


def make_authority(
    common_name: str,
    now: datetime,
    life: timedelta,
    domains: Iterable[str] = (),
    networks: Iterable[str] = (),
) -> Issued:
    """An authority that signs itself.

    Args:
        now: with a zone.
        domains, networks: what alone it can vouch for (RFC 5280 section 4.2.1.10); anything if
            there are none.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    builder = (
        _builder(common_name, key, now, life)
        .issuer_name(_name(common_name))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
    )
    allowed: list[x509.GeneralName] = [x509.DNSName(each) for each in domains]
    allowed += [x509.IPAddress(ipaddress.ip_network(each)) for each in networks]
    if allowed:
        builder = builder.add_extension(x509.NameConstraints(allowed, None), critical=True)
    return Issued(builder.sign(key, hashes.SHA256()), key)


def issue(
    authority: Issued,
    common_name: str,
    now: datetime,
    life: timedelta,
    *,
    names: Iterable[str] = (),
    addresses: Iterable[str] = (),
    client: bool = False,
) -> Issued:
    """A certificate of an authority's.

    Args:
        now: with a zone.
        names: host names that it is for.
        addresses: of IP, likewise.
        client: whether a client shows it, or a server.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    purpose = ExtendedKeyUsageOID.CLIENT_AUTH if client else ExtendedKeyUsageOID.SERVER_AUTH
    builder = (
        _builder(common_name, key, now, life)
        .issuer_name(authority.certificate.subject)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
        .add_extension(authority.key_identifier, critical=False)
    )
    known: list[x509.GeneralName] = [x509.DNSName(each) for each in names]
    known += [x509.IPAddress(ipaddress.ip_address(each)) for each in addresses]
    if known:
        builder = builder.add_extension(x509.SubjectAlternativeName(known), critical=False)
    return Issued(builder.sign(authority.key, hashes.SHA256()), key)


def _builder(
    common_name: str, key: ec.EllipticCurvePrivateKey, now: datetime, life: timedelta
) -> x509.CertificateBuilder:
    public = key.public_key()
    return (
        x509.CertificateBuilder()
        .subject_name(_name(common_name))
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - SLACK)
        .not_valid_after(now + life)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
