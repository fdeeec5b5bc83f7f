"""`pounce module:app`: serves the application until it is told to stop."""

from collections.abc import Sequence

from pounce.cli.command import gather_settings
from pounce.cli.installed import described_commands
from pounce.cli.options import make_parser
from pounce.config.config import Config
from pounce.registry.catalogue import installed_settings

DESCRIPTION = """\
Serves an ASGI application.

commands:
  serve APP                   serve the application; the word may be left out
  check APP                   see that application and settings are good; serve nothing
  config APP                  show the settings that count, and where each comes from
  info                        show versions, interpreter and protocols; --version only the version
"""


def run(arguments: Sequence[str]) -> int:
    """Serves; returns the status to end with.

    Raises:
        PounceError: the server could not start.
    """
    catalogue = installed_settings()
    more = "".join(f"  {word:<28}{text}\n" for word, text in described_commands())
    parser = make_parser("pounce", DESCRIPTION + more, "pounce [serve] APP [OPTION ...]", catalogue)
    gathered, _ = gather_settings(parser, arguments, catalogue)

    from pounce.supervise.program import Program

    def reread() -> Config:
        return gather_settings(parser, arguments, catalogue)[0].config

    return Program(gathered.config, reread, exits=True).run()
