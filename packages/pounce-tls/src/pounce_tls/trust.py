"""Whose certificates of clients are believed: the authorities, and what they have revoked.

Decides whether the files can be used, and what is odd about them. Checking a client's certificate
is OpenSSL's part. RFC 5280 sections 6.1 and 6.3.
"""

import hashlib
import re
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from cryptography import x509

from pounce.protocol.errors import ConfigError
from pounce_tls.identity import read_file
from pounce_tls.kinds import Requirement
from pounce_tls.settings import Settings

_LIST: Final = re.compile(rb"-----BEGIN X509 CRL-----.*?-----END X509 CRL-----", re.DOTALL)

MODES: Final[dict[Requirement, ssl.VerifyMode]] = {
    "none": ssl.CERT_NONE,
    "optional": ssl.CERT_OPTIONAL,
    "required": ssl.CERT_REQUIRED,
}


@dataclass(frozen=True, slots=True)
class Trust:
    """What clients are held to.

    Attributes:
        requirement: whether they show a certificate.
        authorities: the file of who may vouch for them, or None.
        revoked: the file of lists, or None.
        mark: stands for all of it, as it was when it was read: sessions of clients that were
            checked against something else are not resumed.
        oddities: sentences for the log.
    """

    requirement: Requirement
    authorities: str | None
    revoked: str | None
    mark: bytes
    oddities: tuple[str, ...]

    def apply(self, context: ssl.SSLContext) -> None:
        """Has a context check its clients so.

        Raises:
            ConfigError: OpenSSL does not take the files.
        """
        if self.authorities is not None:
            _load(context, self.authorities, "authorities file", "-----BEGIN CERTIFICATE-----")
            _refuse_expired(context, self.authorities)
        if self.revoked is not None:
            _load(context, self.revoked, "revocation list", "-----BEGIN X509 CRL-----")
            context.verify_flags |= ssl.VERIFY_CRL_CHECK_CHAIN
        context.verify_mode = MODES[self.requirement]


def read_trust(settings: Settings) -> Trust:
    """Reads what the settings name.

    Raises:
        ConfigError: a file cannot be read, or something is missing that another thing needs.
    """
    mark = hashlib.sha256(settings.cert_reqs.encode())
    oddities: list[str] = []
    if settings.ca_certs is None:
        if settings.cert_reqs != "none":
            raise ConfigError(
                f"--ssl-cert-reqs {settings.cert_reqs} needs --ssl-ca-certs: name the file of the"
                " authorities that vouch for clients"
            )
        if settings.crl_file is not None:
            raise ConfigError(
                "--ssl-crl-file needs --ssl-ca-certs: name the file of the authorities that"
                " signed the lists"
            )
    else:
        mark.update(read_file(settings.ca_certs, "authorities"))
        if settings.cert_reqs == "none":
            oddities.append(
                "--ssl-ca-certs does nothing while no client is asked for a certificate: add"
                " --ssl-cert-reqs optional or required"
            )
    if settings.crl_file is not None:
        data = read_file(settings.crl_file, "revocation")
        mark.update(data)
        oddities += _stale(settings.crl_file, data)
    return Trust(
        settings.cert_reqs,
        settings.ca_certs,
        settings.crl_file,
        mark.digest(),
        tuple(oddities),
    )


def _load(context: ssl.SSLContext, path: str, what: str, begins: str) -> None:
    try:
        context.load_verify_locations(path)
    except OSError as error:
        raise ConfigError(
            f"the {what} {path} cannot be used ({error.strerror or error}): it has to be PEM,"
            f" which begins with {begins}"
        ) from None


def _refuse_expired(context: ssl.SSLContext, path: str) -> None:
    now = datetime.now(UTC).timestamp()
    ends = [
        ssl.cert_time_to_seconds(each["notAfter"])
        for each in context.get_ca_certs()
        if isinstance(each["notAfter"], str)
    ]
    if ends and max(ends) <= now:
        raise ConfigError(
            f"every authority in {path} has expired, so that no client could be believed: get"
            " their new certificates"
        )


def _stale(path: str, data: bytes) -> list[str]:
    """Says which lists are out of date; everybody whom they are about is refused."""
    now = datetime.now(UTC)
    found: list[str] = []
    for block in _LIST.findall(data):
        try:
            crl = x509.load_pem_x509_crl(block)
        except ValueError:
            raise ConfigError(
                f"the revocation file {path} holds a damaged list: fetch it again"
            ) from None
        if crl.next_update_utc is not None and crl.next_update_utc <= now:
            found.append(
                f"the list of {crl.issuer.rfc4514_string()} in {path} is out of date since"
                f" {crl.next_update_utc:%Y-%m-%d}, and all clients of that authority are refused:"
                " fetch the new one"
            )
    if not found and not _LIST.search(data):
        raise ConfigError(
            f"the revocation file {path} holds no list in PEM, which begins with"
            " -----BEGIN X509 CRL-----: name the right file"
        )
    return found
