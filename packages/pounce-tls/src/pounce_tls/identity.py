"""A certificate of the server's with its key, as the files have them.

Decides whether the two can be served, and says in a sentence what is to be done when they cannot.
Keeps nothing of the key: OpenSSL reads it from its file again. Never decides who is given it.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

from pounce.protocol.errors import ConfigError
from pounce_tls.kinds import KeyPair, Secret

_KEY: Final = re.compile(
    rb"-----BEGIN ([A-Z0-9 ]*)PRIVATE KEY-----.*?-----END \1PRIVATE KEY-----", re.DOTALL
)
_CERTIFICATE: Final = b"-----BEGIN CERTIFICATE-----"


@dataclass(frozen=True, slots=True)
class Identity:
    """What is known of a certificate.

    Attributes:
        files: where it is.
        names: the host names that it is for, in lower case.
        pem: the certificate itself, without those that lead to its authority.
        starts: when it begins to be good, with a zone.
        expires: when it, or one that leads to its authority, ends to be good, with a zone.
    """

    files: KeyPair
    names: tuple[str, ...]
    pem: str
    starts: datetime
    expires: datetime


def read_identity(files: KeyPair, password: Secret | None) -> Identity:
    """Reads a certificate and sees whether its key belongs to it.

    Raises:
        ConfigError: a file cannot be read or is not what it should be, or they do not match.
    """
    data = read_file(files.certfile, "certificate")
    chain = _certificates(files.certfile, data)
    path = files.certfile if files.keyfile is None else files.keyfile
    if files.keyfile is not None:
        data = read_file(files.keyfile, "key")
    _check_key(path, data, password, files, chain)
    return Identity(
        files=files,
        names=_names(chain[0]),
        pem=chain[0].public_bytes(Encoding.PEM).decode("ascii"),
        starts=chain[0].not_valid_before_utc,
        expires=min(each.not_valid_after_utc for each in chain),
    )


def read_file(path: str, what: str) -> bytes:
    """The bytes of a file.

    Args:
        what: what it should hold, for the message.

    Raises:
        ConfigError: it cannot be read.
    """
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise ConfigError(
            f"the {what} file {path} cannot be read ({error.strerror}): check its path and"
            " permissions"
        ) from None


def _certificates(path: str, data: bytes) -> list[x509.Certificate]:
    if _CERTIFICATE not in data:
        if _KEY.search(data):
            raise ConfigError(
                f"the certificate file {path} holds a key and no certificate: name the"
                " certificate's file there, and this one as --ssl-keyfile"
            )
        hint = (
            f" (it looks like DER: openssl x509 -inform der -in {path} makes PEM of it)"
            if data[:1] == b"\x30"
            else ""
        )
        raise ConfigError(
            f"the certificate file {path} holds no certificate in PEM, which begins with"
            f" {_CERTIFICATE.decode()}: name the right file{hint}"
        )
    try:
        return x509.load_pem_x509_certificates(data)
    except ValueError:
        raise ConfigError(
            f"the certificate file {path} holds a damaged certificate: fetch it again from who"
            " issued it"
        ) from None


def _check_key(
    path: str, data: bytes, password: Secret | None, files: KeyPair, chain: list[x509.Certificate]
) -> None:
    block = _KEY.search(data)
    if block is None:
        if files.keyfile is None:
            raise ConfigError(
                f"the certificate file {path} holds no private key: name the key's file with"
                " --ssl-keyfile, or as CERT:KEY with --ssl-sni"
            )
        raise ConfigError(f"the key file {path} holds no private key in PEM: name the right file")
    encrypted = block[1] == b"ENCRYPTED " or b"Proc-Type: 4,ENCRYPTED" in block[0]
    if encrypted and password is None:
        raise ConfigError(
            f"the key in {path} is encrypted: set its password as POUNCE_SSL_KEYFILE_PASSWORD"
        )
    secret = password.data if encrypted and password is not None else None
    try:
        public = load_pem_private_key(block[0], secret).public_key()
    except UnsupportedAlgorithm:
        # OpenSSL may know it all the same, and will say if it does not.
        return
    except ValueError:
        if encrypted:
            raise ConfigError(
                f"the password does not open the key in {path}: correct"
                " POUNCE_SSL_KEYFILE_PASSWORD or --ssl-keyfile-password"
            ) from None
        raise ConfigError(f"the key in {path} is damaged: name the right file") from None
    owners = [at for at, each in enumerate(chain) if _public_key(each) == public]
    if not owners:
        raise ConfigError(
            f"the key in {path} does not belong to the certificate in {files.certfile}: name the"
            " key that the certificate was requested with"
        )
    if owners[0]:
        raise ConfigError(
            f"the certificate file {files.certfile} does not begin with the server's own"
            " certificate: put that first, and those that lead to its authority behind it"
        )


def _public_key(certificate: x509.Certificate) -> object:
    """Its key; None of a kind that only OpenSSL may know."""
    try:
        return certificate.public_key()
    except UnsupportedAlgorithm, ValueError:
        return None


def _names(certificate: x509.Certificate) -> tuple[str, ...]:
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound, ValueError:
        return ()
    return tuple(name.lower() for name in found.value.get_values_for_type(x509.DNSName))
