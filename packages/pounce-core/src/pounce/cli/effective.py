"""`pounce config`: the settings that count, and where each comes from.

Decides how they are shown. Never imports the application.
"""

import sys
from collections.abc import Sequence

from pounce.cli.command import gather_settings
from pounce.cli.options import make_parser
from pounce.config.catalogue import CORE, Catalogue
from pounce.config.sources import DEFAULT, Gathered
from pounce.registry.catalogue import installed_settings

DESCRIPTION = "Shows the settings that count, and where each comes from."


def run(arguments: Sequence[str]) -> int:
    """Shows; returns the status to end with.

    Raises:
        PounceError: the settings are not good.
    """
    catalogue = installed_settings()
    parser = make_parser("pounce config", DESCRIPTION, "pounce config APP [OPTION ...]", catalogue)
    parser.add_argument("--json", action="store_true", default=False, help="show them as JSON")
    gathered, others = gather_settings(parser, arguments, catalogue)
    show = as_json if others.json else as_table
    sys.stdout.write(show(gathered, catalogue))
    return 0


def as_table(gathered: Gathered, catalogue: Catalogue = CORE) -> str:
    """A line each: name, value as it would be written, source unless it is the default."""
    rows: list[tuple[str, str, str]] = []
    for name, setting in catalogue.settings.items():
        value = setting.kind.show(catalogue.value(gathered.config, name)).replace("\n", ", ")
        if setting.unit is not None and value not in {"none", "auto"}:
            value = f"{value} {setting.unit}"
        origin = gathered.origins[name]
        rows.append((name, value, "" if origin == DEFAULT else origin))
    first = max(len(row[0]) for row in rows)
    second = max(len(row[1]) for row in rows)
    return "".join(
        f"{name:<{first}}  {value:<{second}}  {origin}".rstrip() + "\n"
        for name, value, origin in rows
    )


def as_json(gathered: Gathered, catalogue: Catalogue = CORE) -> str:
    """An object of settings, each with its value, unit, source and whether a reload renews it."""
    import json

    shown = {
        name: {
            "value": catalogue.value(gathered.config, name),
            "unit": setting.unit,
            "source": gathered.origins[name],
            "reloadable": setting.reloadable,
        }
        for name, setting in catalogue.settings.items()
    }
    return json.dumps(shown, indent=2, default=str) + "\n"
