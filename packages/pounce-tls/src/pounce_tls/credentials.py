"""What handshakes are done with: certificates, and the contexts of OpenSSL's that hold them.

Decides what a context allows, and which one a client's host name leads to. Frozen once made, and
shared by all workers; when files change, another one takes its place. Never watches a file.
"""

import ssl
from dataclasses import dataclass

from pounce.protocol.errors import ConfigError
from pounce_tls.development import development_files
from pounce_tls.extension import fields_of, suites_of
from pounce_tls.identity import Identity, read_identity
from pounce_tls.kinds import KeyPair
from pounce_tls.names import Names
from pounce_tls.settings import Settings
from pounce_tls.stream import Opening
from pounce_tls.tickets import share_tickets
from pounce_tls.trust import Trust, read_trust


@dataclass(frozen=True, slots=True)
class Credentials:
    """All that handshakes need.

    Attributes:
        identities: the certificates, that of who asks for no known name first.
        trust: what clients are held to.
        openings: what to open with, by host name.
        default: for every other name, and for none.
    """

    identities: tuple[Identity, ...]
    trust: Trust
    openings: Names[Opening]
    default: Opening

    def choose(self, name: str | None) -> Opening:
        """What to open a connection with, by the host name that the client asks for."""
        if name is None:
            return self.default
        return self.openings.find(name) or self.default


def read_credentials(
    settings: Settings, alpn: tuple[bytes, ...], before: Credentials | None = None
) -> Credentials:
    """Reads the files that the settings name.

    Args:
        alpn: the names of the protocols that are spoken, the best first.
        before: what was read last: clients that got a ticket then can go on using it, unless
            they would now be held to something else.

    Raises:
        ConfigError: what the settings name cannot be used.
    """
    trust = read_trust(settings)
    identities = tuple(
        read_identity(files, settings.keyfile_password) for files in _key_pairs(settings)
    )
    if before is not None and before.trust.mark == trust.mark:
        tickets = before.default.tickets
    else:
        tickets = _make_context(settings, alpn, trust)
        share_tickets(tickets, settings.ticket_secret, trust.mark)
    openings: list[Opening] = []
    for identity in identities:
        context = _make_context(settings, alpn, trust)
        _load(context, settings, identity)
        asks = trust.requirement != "none"
        fields = fields_of(identity.pem, suites_of(context), asks)
        openings.append(Opening(tickets, context, fields))
    return Credentials(
        identities=identities,
        trust=trust,
        openings=Names(
            (identity.names, opening)
            for identity, opening in zip(identities, openings, strict=True)
        ),
        default=openings[0],
    )


def files_of(settings: Settings) -> tuple[str, ...]:
    """Every file that the settings name, once each."""
    found: list[str | None] = [settings.ca_certs, settings.crl_file]
    for pair in _key_pairs(settings):
        found += [pair.certfile, pair.keyfile]
    return tuple(dict.fromkeys(each for each in found if each is not None))


def _key_pairs(settings: Settings) -> tuple[KeyPair, ...]:
    """Where the certificates are, the first for who asks for no known name."""
    if settings.dev:
        if settings.certfile is not None or settings.keyfile is not None:
            raise ConfigError(
                "--ssl-dev brings a certificate of its own: leave out either it, or --ssl-certfile"
                " and --ssl-keyfile"
            )
        return (development_files(), *settings.sni)
    if settings.certfile is not None:
        return (KeyPair(settings.certfile, settings.keyfile), *settings.sni)
    if settings.keyfile is not None:
        raise ConfigError(
            "--ssl-keyfile needs --ssl-certfile: name the file of the certificate that the key"
            " belongs to"
        )
    if not settings.sni:
        raise ConfigError(
            "TLS needs a certificate: name its file with --ssl-certfile, or try --ssl-dev for one"
            " that is good on this machine only"
        )
    return settings.sni


def _make_context(settings: Settings, alpn: tuple[bytes, ...], trust: Trust) -> ssl.SSLContext:
    """A context without a certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = {
        "1.2": ssl.TLSVersion.TLSv1_2,
        "1.3": ssl.TLSVersion.TLSv1_3,
    }[settings.version_min]
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
    # All suites are good ones: the client knows which its hardware is fast at.
    context.options &= ~ssl.OP_CIPHER_SERVER_PREFERENCE
    try:
        context.set_ciphers(settings.ciphers)
    except ssl.SSLError:
        raise ConfigError(
            "--ssl-ciphers names no cipher suite that OpenSSL has: `openssl ciphers -v` lists them"
        ) from None
    if alpn:
        context.set_alpn_protocols([each.decode("ascii") for each in alpn])
    trust.apply(context)
    return context


def _load(context: ssl.SSLContext, settings: Settings, identity: Identity) -> None:
    files, password = identity.files, settings.keyfile_password
    try:
        context.load_cert_chain(
            files.certfile, files.keyfile, None if password is None else password.data
        )
    except OSError as error:
        reason = getattr(error, "reason", None) or error.strerror or "no reason given"
        raise ConfigError(
            f"OpenSSL refuses the certificate in {files.certfile}"
            f" ({reason.lower().replace('_', ' ')}): have it issued anew"
        ) from None
