"""Certificates for development: an authority of this user's own, and what it signs for localhost.

Decides what they say, how long they are good for, and where they are kept. The authority can vouch
for this machine's own names only (RFC 5280 section 4.2.1.10), so that a browser which believes it
risks nothing else. Several processes may come at once: the folder is locked meanwhile.
"""

import fcntl
import os
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from pounce.protocol.errors import ConfigError
from pounce_tls.issuing import Issued, issue, make_authority
from pounce_tls.kinds import KeyPair

NAMES: Final = ("localhost",)
ADDRESSES: Final = ("127.0.0.1", "::1")
DOMAINS: Final = ("localhost",)
"""It stands for all names below it too."""
NETWORKS: Final = ("127.0.0.0/8", "::1/128")
AUTHORITY_LIFE: Final = timedelta(days=3650)
LIFE: Final = timedelta(days=396)
"""With the hour that it is good from earlier, within the 398 days that browsers take."""
RENEWAL: Final = timedelta(days=30)
"""Before its end a certificate is replaced."""


@dataclass(frozen=True, slots=True)
class DevelopmentCertificate:
    """A certificate for localhost.

    Attributes:
        authority: the file of the authority's certificate, which clients are to trust.
        file: that of the certificate itself, its key and its authority.
        expires: when it ends to be good, with a zone.
    """

    authority: Path
    file: Path
    expires: datetime


def development_files() -> KeyPair:
    """Where the development certificate is; it is made when there is none, or it is old.

    Raises:
        ConfigError: it cannot be kept.
    """
    return KeyPair(str(development_certificate(state_folder(), datetime.now(UTC)).file))


def state_folder() -> Path:
    """The folder that is this user's for it, by the XDG base directory specification.

    Raises:
        ConfigError: this user has no home.
    """
    named = os.environ.get("XDG_STATE_HOME", "")
    # The specification has relative paths ignored.
    if named.startswith("/"):
        return Path(named, "pounce", "dev-cert")
    try:
        return Path.home() / ".local" / "state" / "pounce" / "dev-cert"
    except RuntimeError:
        raise ConfigError(
            "there is no home folder to keep a development certificate in: set XDG_STATE_HOME"
        ) from None


def development_certificate(folder: Path, now: datetime) -> DevelopmentCertificate:
    """The certificate in a folder; it is made when there is none, or it is old.

    Raises:
        ConfigError: it cannot be kept there.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _locked(folder):
            return _find_or_make(folder, now)
    except OSError as error:
        raise ConfigError(
            f"the development certificate cannot be kept in {folder} ({error.strerror}): set"
            " XDG_STATE_HOME to a folder that you may write to"
        ) from None


def _find_or_make(folder: Path, now: datetime) -> DevelopmentCertificate:
    authority, key, file = folder / "ca.pem", folder / "ca-key.pem", folder / "localhost.pem"
    signer = _read_signer(authority, key)
    if signer is None or signer.certificate.not_valid_after_utc < now + LIFE:
        signer = make_authority(
            "pounce development authority", now, AUTHORITY_LIFE, DOMAINS, NETWORKS
        )
        _write(key, signer.key_pem, 0o600)
        _write(authority, signer.pem, 0o644)
    found = _read_certificate(file)
    if found is None or not _is_good(found, signer, now):
        own = issue(signer, "localhost", now, LIFE, names=NAMES, addresses=ADDRESSES)
        found = own.certificate
        # In one file, so that nobody ever sees one without the other.
        _write(file, own.pem + signer.pem + own.key_pem, 0o600)
    return DevelopmentCertificate(authority, file, found.not_valid_after_utc)


def _read_signer(authority: Path, key: Path) -> Issued | None:
    certificate = _read_certificate(authority)
    try:
        private = load_pem_private_key(key.read_bytes(), None)
    except OSError, ValueError, TypeError:
        return None
    if certificate is None or not isinstance(private, ec.EllipticCurvePrivateKey):
        return None
    belongs = certificate.public_key() == private.public_key()
    return Issued(certificate, private) if belongs else None


def _read_certificate(file: Path) -> x509.Certificate | None:
    try:
        return x509.load_pem_x509_certificate(file.read_bytes())
    except OSError, ValueError:
        return None


def _is_good(found: x509.Certificate, signer: Issued, now: datetime) -> bool:
    if found.not_valid_after_utc < now + RENEWAL or found.issuer != signer.certificate.subject:
        return False
    issuer = found.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
    return issuer == signer.key_identifier


def _write(path: Path, data: bytes, mode: int) -> None:
    """Puts a file in its place at once, never readable by others for a moment."""
    fresh = path.with_name(f".{path.name}.new")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
    fresh.replace(path)


@contextmanager
def _locked(folder: Path) -> Generator[None]:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
