"""The ASGI `tls` extension: what an application is told of its connection's TLS.

Decides the fields (ASGI TLS extension 0.2). A client's certificate is read here once a connection;
what a certificate of the server's says was read with it. Never checks a certificate: OpenSSL has.
"""

import ssl
from collections.abc import Callable, Mapping
from typing import Any, Final

from cryptography import x509

VERSIONS: Final = {"TLSv1.2": 0x0303, "TLSv1.3": 0x0304}


def fields_of(
    server_cert: str, suites: Mapping[str, int], asks: bool
) -> Callable[[ssl.SSLObject], dict[str, Any]]:
    """What makes the fields of a connection.

    Args:
        server_cert: the server's certificate, PEM.
        suites: the numbers of the cipher suites by OpenSSL's names.
        asks: whether clients are asked for a certificate.
    """

    def fields(opened: ssl.SSLObject) -> dict[str, Any]:
        suite = opened.cipher()
        chain = _chain(opened) if asks else []
        return {
            "server_cert": server_cert,
            "client_cert_chain": tuple(ssl.DER_cert_to_PEM_cert(each) for each in chain),
            "client_cert_name": subject(chain[0]) if chain else None,
            # A handshake with a certificate that is not good fails.
            "client_cert_error": None,
            "tls_version": VERSIONS.get(opened.version() or ""),
            "cipher_suite": None if suite is None else suites.get(suite[0]),
        }

    return fields


def suites_of(context: ssl.SSLContext) -> Mapping[str, int]:
    """The numbers that RFC 8446 and its kin give to a context's cipher suites, by name."""
    # OpenSSL's numbers have two more bytes, from the time of SSL 2.
    return {suite["name"]: suite["id"] & 0xFFFF for suite in context.get_ciphers()}


def subject(certificate: bytes) -> str:
    """The subject's distinguished name as RFC 4514 writes it, of a certificate in DER."""
    try:
        return x509.load_der_x509_certificate(certificate).subject.rfc4514_string()
    except ValueError:
        # OpenSSL accepts names that the standard does not, and cryptography nothing else.
        return ""


def _chain(opened: ssl.SSLObject) -> list[bytes]:
    """The client's certificates as it sent them, its own first; after a resumption that alone."""
    own = opened.getpeercert(binary_form=True)
    if own is None:
        return []
    sent = opened.get_unverified_chain()
    return sent if sent[:1] == [own] else [own, *sent]
