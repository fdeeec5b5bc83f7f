"""`pounce dev-cert`: makes the development certificate, and says how to have it believed.

Decides the words only; what is made is decided in `pounce_tls.development`.
"""

import sys
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, NoReturn, override

from pounce.protocol.errors import ConfigError

if TYPE_CHECKING:
    from pounce_tls.development import DevelopmentCertificate

DESCRIPTION: Final = "Makes a certificate for localhost, and says how to have it believed."

WORDS: Final = """\
certificate   {file}
              with its key, for {names}; good until {expires:%Y-%m-%d}
authority     {authority}

Serve with it:

    pounce APP --ssl-dev

Clients believe it once they trust the authority. It was made on this machine for you alone, and can
vouch for no other names. To trust it:

    curl       curl --cacert {authority} https://localhost:8000/
    Python     SSL_CERT_FILE={authority}
    Node       NODE_EXTRA_CA_CERTS={authority}
    Debian     sudo cp {authority} /usr/local/share/ca-certificates/pounce-dev.crt
               sudo update-ca-certificates
    Fedora     sudo trust anchor {authority}
    macOS      security add-trusted-cert -k ~/Library/Keychains/login.keychain-db {authority}
    Chromium   certutil -d sql:$HOME/.pki/nssdb -A -t C,, -n pounce-dev -i {authority}
    Firefox    Settings, Privacy & Security, View Certificates, Authorities, Import
"""


class _Parser(ArgumentParser):
    @override
    def error(self, message: str) -> NoReturn:
        raise ConfigError(f"{message}: {self.prog} --help shows what there is")


def run(arguments: Sequence[str]) -> int:
    """Makes it, unless there is one that is good; returns the status to end with.

    Raises:
        ConfigError: the command takes no such argument, or the certificate cannot be kept.
    """
    parser = _Parser(
        prog="pounce dev-cert",
        description=DESCRIPTION,
        epilog="It is kept in $XDG_STATE_HOME/pounce/dev-cert, or below ~/.local/state.",
        formatter_class=RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.parse_args(arguments)
    from pounce_tls.development import development_certificate, state_folder

    made = development_certificate(state_folder(), datetime.now(UTC))
    sys.stdout.write(words(made))
    return 0


def words(made: DevelopmentCertificate) -> str:
    """What a person is told of it."""
    from pounce_tls.development import ADDRESSES, NAMES

    names = (*NAMES, *ADDRESSES)
    return WORDS.format(
        file=made.file,
        authority=made.authority,
        names=f"{', '.join(names[:-1])} and {names[-1]}",
        expires=made.expires,
    )
