"""The settings of TLS, read from `[pounce.tls]` and the command line.

Decides names, units and defaults; never reads a file or the environment.
"""

# ruff: noqa: RUF009 - setting() makes a dataclass field, and no value that instances share

import secrets
from dataclasses import dataclass, field
from typing import Final, Literal

from pounce.protocol.kind import (
    Choice,
    Optional,
    OrWord,
    PathText,
    Repeated,
    Seconds,
    Switch,
    Text,
    Whole,
)
from pounce.protocol.setting import About, accept_values, setting
from pounce_tls.kinds import (
    KeyPair,
    KeyPairText,
    Requirement,
    RequirementWord,
    Secret,
    SecretText,
)

type Version = Literal["1.2", "1.3"]

INTERMEDIATE: Final = (
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256"
    ":ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384"
    ":ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305"
)
"""What Mozilla's "intermediate" recommends for TLS 1.2, without the finite-field Diffie-Hellman
suites: those need parameters of their own, and every client that has them has the others."""

TICKET_SECRET: Final = secrets.token_bytes(32)
"""Drawn once by the server's first process, so that tickets outlive its reloads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """See the `help` and `reason` of each.

    Attributes:
        ticket_secret: no setting: what the keys of session tickets are made from. It travels with
            the settings, so that all workers of a server have the same.
    """

    certfile: str | None = setting(
        None,
        About(
            Optional(PathText("FILE")),
            help="PEM file with the server's certificate, and those that lead to its authority",
            reason="None: without a certificate the server speaks plain HTTP.",
        ),
    )
    keyfile: str | None = setting(
        None,
        About(
            Optional(PathText("FILE")),
            help="PEM file with the certificate's private key",
            reason="None: the key is looked for in the certificate's file.",
        ),
    )
    keyfile_password: Secret | None = setting(
        None,
        About(
            SecretText(),
            help="password of encrypted keys; other users can read command lines, so rather set "
            "it in the environment",
            reason="None: a key that a server has to read unattended is rarely encrypted.",
        ),
    )
    sni: tuple[KeyPair, ...] = setting(
        (),
        About(
            Repeated(KeyPairText(), ","),
            help="a further certificate for the names that are in it, several times",
            reason="Empty: most servers have one. A client that asks for a name which no "
            "certificate has is given the first.",
        ),
    )
    ca_certs: str | None = setting(
        None,
        About(
            Optional(PathText("FILE")),
            help="PEM file with the authorities that vouch for clients",
            reason="None: few servers ask for certificates of clients.",
        ),
    )
    cert_reqs: Requirement = setting(
        "none",
        About(
            RequirementWord(),
            help="whether clients show a certificate; one that is shown must be good",
            reason="None, since browsers have none to show.",
        ),
    )
    crl_file: str | None = setting(
        None,
        About(
            Optional(PathText("FILE")),
            help="PEM file with the authorities' lists of revoked client certificates",
            reason="None: short-lived certificates need no list. With one, each authority between "
            "a client and its root must have a list, and a list that is out of date refuses "
            "everybody.",
        ),
    )
    ciphers: str = setting(
        INTERMEDIATE,
        About(
            OrWord[str, str](Text("LIST"), "intermediate", INTERMEDIATE),
            help="cipher suites of TLS 1.2, in OpenSSL's notation, or intermediate",
            reason="Mozilla's intermediate: authenticated encryption with forward secrecy, which "
            "every client of the last ten years has. Those of TLS 1.3 need no choice.",
        ),
    )
    version_min: Version = setting(
        "1.2",
        About(
            Choice[Version](("1.2", "1.3")),
            help="lowest version of TLS that is spoken",
            reason="1.0 and 1.1 are deprecated by RFC 8996; clients without 1.3 are still about.",
        ),
    )
    handshake_timeout: float = setting(
        10.0,
        About(
            Seconds(),
            unit="seconds",
            help="how long a handshake may take",
            reason="Three round trips and some arithmetic; of the whole, so that dripping bytes do "
            "not extend it.",
        ),
    )
    handshake_limit: int = setting(
        512,
        About(
            Whole(1),
            unit="handshakes",
            help="handshakes under way at once in a worker; beyond, the oldest is given up",
            reason="Far more than a burst of clients needs, and few enough that silent ones cost "
            "no memory to speak of.",
        ),
    )
    dev: bool = setting(
        False,
        About(
            Switch(),
            help="serve with a development certificate for localhost, made when there is none",
            reason="Off: nobody but you trusts it.",
        ),
    )
    ticket_secret: bytes = field(default=TICKET_SECRET, repr=False, compare=False)

    def __post_init__(self) -> None:
        accept_values(self)


def wanted(settings: Settings) -> bool:
    """Whether anything asks for TLS; half of it is an error to be told, not a reason for none."""
    return bool(
        settings.dev
        or settings.certfile
        or settings.keyfile
        or settings.sni
        or settings.ca_certs
        or settings.crl_file
        or settings.cert_reqs != "none"
    )
