"""The console script: which command it is, and the status that it ends with.

Decides that an error of pounce's is told in one sentence. Never hides an error of another kind.
"""

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any, Final

from pounce.cli.report import INTERRUPTED, report
from pounce.cli.streams import open_missing
from pounce.protocol.errors import PounceError

COMMANDS: Final = {
    "serve": "pounce.cli.serve",
    "check": "pounce.cli.check",
    "config": "pounce.cli.effective",
    "info": "pounce.cli.info",
}
"""Which module has the `run` of a command; only that one is imported."""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a command.

    Args:
        argv: the arguments without the program's name; those of the process if None.

    Returns:
        The status to end with: 0, 2 (a setting is wrong), 3 (loading, opening or starting failed),
        130 (interrupted before the server ran), or what the server says.
    """
    open_missing()
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        if arguments == ["--version"]:
            from importlib.metadata import version

            sys.stdout.write(f"pounce {version('bengal-pounce')}\n")
            return 0
        command = _command(arguments)
        status: int = command.run(arguments)
        sys.stdout.flush()
    except PounceError as error:
        return report(error)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # Who reads has gone, as `pounce config | head` does; what is left must not fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except SystemExit as stop:
        # argparse ends the process so, after --help.
        return stop.code if isinstance(stop.code, int) else 0
    return status


def _command(arguments: list[str]) -> Any:
    """The module of the command that a line begins with, whose word is taken off."""
    word = arguments[0] if arguments else ""
    if word in COMMANDS:
        del arguments[0]
        return import_module(COMMANDS[word])
    if word and ":" not in word:
        from pounce.cli.installed import find_command

        found = find_command(word)
        if found is not None:
            del arguments[0]
            return found
    return import_module(COMMANDS["serve"])
