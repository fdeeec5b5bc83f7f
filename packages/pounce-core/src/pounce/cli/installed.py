"""The commands that other installed distributions bring.

Such a command is an entry point in the group `pounce.command`. Its name is the command's word, its
value a light module with a `DESCRIPTION`, a line of text, and a `run(arguments)` that returns the
status to end with. Decides which words can be one. Never runs a command.
"""

import re
from importlib.metadata import EntryPoint, entry_points
from itertools import pairwise
from typing import Any, Final

from pounce.protocol.errors import ConfigError
from pounce.registry.discovery import first_line

GROUP: Final = "pounce.command"
WORD: Final = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*")
"""Unlike an application, which has a colon in its name."""


def find_command(word: str) -> Any:
    """The module of a command, or None.

    Raises:
        ConfigError: it cannot be imported.
    """
    if WORD.fullmatch(word):
        for point in entry_points(group=GROUP, name=word):
            return _load(point)
    return None


def described_commands() -> list[tuple[str, str]]:
    """The words, in order, and what each command says of itself.

    Raises:
        ConfigError: one cannot be imported.
    """
    points = sorted(entry_points(group=GROUP), key=lambda point: point.name)
    for one, other in pairwise(points):
        if one.name == other.name:
            raise ConfigError(
                f'{_source(one)} and {_source(other)} both bring the command "{one.name}":'
                " uninstall one of them"
            )
    return [(point.name, _load(point).DESCRIPTION) for point in points]


def _load(point: EntryPoint) -> Any:
    try:
        module = point.load()
    except (Exception, SystemExit) as error:
        raise ConfigError(
            f'the command "{point.name}" of {_source(point)} cannot be imported'
            f" ({first_line(error)}): reinstall or uninstall it"
        ) from error
    if isinstance(getattr(module, "DESCRIPTION", None), str) and callable(
        getattr(module, "run", None)
    ):
        return module
    raise ConfigError(
        f'the command "{point.name}" of {_source(point)} is none: it has no DESCRIPTION, or no run:'
        " uninstall it"
    )


def _source(point: EntryPoint) -> str:
    return point.dist.name if point.dist is not None else point.value
