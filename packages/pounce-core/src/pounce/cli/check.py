"""`pounce check`: whether a server would find its settings and its application good.

Imports the application, as a server would. Never opens a socket, and never starts the application.
"""

import sys
from collections.abc import Sequence

from pounce.cli.command import gather_settings
from pounce.cli.options import make_parser
from pounce.registry.catalogue import installed_settings

DESCRIPTION = "Sees that the application can be imported and that the settings are good."


def run(arguments: Sequence[str]) -> int:
    """Checks; returns the status to end with.

    Raises:
        PounceError: something is not good.
    """
    catalogue = installed_settings()
    parser = make_parser("pounce check", DESCRIPTION, "pounce check APP [OPTION ...]", catalogue)
    gathered, _ = gather_settings(parser, arguments, catalogue)

    from pounce.asgi.application import load_application

    load_application(gathered.config)
    places = ", ".join(str(address) for address in gathered.config.addresses())
    sys.stdout.write(f"{gathered.config.app} is good, and would be served on {places}\n")
    return 0
