"""What every command that takes settings begins with: its line read, its configuration gathered.

Decides where settings are looked for. Never acts on them.
"""

import os
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path

from pounce.cli.options import parse_options
from pounce.cli.report import warn
from pounce.config.catalogue import CORE, Catalogue
from pounce.config.sources import Gathered, gather


def gather_settings(
    parser: ArgumentParser, arguments: Sequence[str], catalogue: Catalogue = CORE
) -> tuple[Gathered, Namespace]:
    """Gathers the configuration of a command, and says what was ignored.

    Args:
        parser: made of the same catalogue.
        arguments: the words of the command line.
        catalogue: the settings that there are.

    Returns:
        The configuration, and the command's own options.

    Raises:
        ConfigError: what was given is not one.
        NotAvailable: it needs a distribution that is not installed.
    """
    options = parse_options(parser, arguments, catalogue)
    gathered = gather(options.layer, os.environ, file=options.file, folder=Path())
    warn(gathered.warnings)
    return gathered, options.others
