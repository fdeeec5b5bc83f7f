"""Settings from TOML: `pounce.toml`, or the table `[tool.pounce]` of `pyproject.toml`.

Decides which file counts and what its keys mean. Never looks further than the folders it is given.
"""

import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final, cast

from pounce.config.catalogue import CORE, Catalogue
from pounce.config.layer import Layer
from pounce.protocol.errors import ConfigError, NotAvailable

OWN_FILE: Final = "pounce.toml"
PROJECT_FILE: Final = "pyproject.toml"

SIBLING_TABLES: Final[Mapping[str, str]] = {
    "h2": "HTTP/2",
    "h3": "HTTP/3",
    "tls": "TLS",
    "ws": "WebSocket",
}
"""Tables that belong to another distribution; the name is its extra's too."""

type Table = Mapping[str, Any]


def find_settings_file(folders: Iterable[Path]) -> Path | None:
    """The first file with settings: in each folder `pounce.toml`, then `pyproject.toml`.

    Raises:
        ConfigError: a `pyproject.toml` on the way is not valid.
    """
    for folder in folders:
        own = folder / OWN_FILE
        if own.is_file():
            return own
        project = folder / PROJECT_FILE
        if project.is_file() and _tool_table(_parsed(project), project) is not None:
            return project
    return None


def layer_of_file(path: Path, catalogue: Catalogue = CORE) -> Layer:
    """What a file says. Its keys may be written with `-` or `_`; a protocol has a table.

    Raises:
        ConfigError: it cannot be read, is not valid, or says something that is no setting.
        NotAvailable: it sets up a protocol that is not installed.
    """
    layer = Layer(catalogue)
    for key, value in _settings_table(path).items():
        if key in catalogue.tables:
            if not isinstance(value, dict):
                raise ConfigError(f"{key} in {path} must be a table: [{key}]")
            table = cast("Table", value)
            layer.accept_table(catalogue.tables[key], table, str(path), f" in {path}")
            continue
        if key in SIBLING_TABLES and isinstance(value, dict):
            raise NotAvailable(
                f'the table "{key}" in {path} needs {SIBLING_TABLES[key]}: '
                f'pip install "bengal-pounce[{key}]"'
            )
        layer.accept(key.replace("-", "_"), value, str(path), f" in {path}")
    return layer


def _settings_table(path: Path) -> Table:
    data = _parsed(path)
    if path.name == PROJECT_FILE:
        table = _tool_table(data, path)
        if table is None:
            raise ConfigError(f"{path} has no table [tool.pounce]: add it, or name another file")
        return table
    table = data.get("pounce")
    if table is None:
        return data
    if not isinstance(table, dict):
        raise ConfigError(f"pounce in {path} must be a table: [pounce]")
    if len(data) > 1:
        other = next(key for key in data if key != "pounce")
        raise ConfigError(
            f'{path} has the table [pounce] and "{other}" outside it: put all settings in one place'
        )
    return cast("Table", table)


def _tool_table(data: Table, path: Path) -> Table | None:
    tool: object = data.get("tool")
    table = cast("Table", tool).get("pounce") if isinstance(tool, dict) else None
    if table is not None and not isinstance(table, dict):
        raise ConfigError(f"tool.pounce in {path} must be a table: [tool.pounce]")
    return cast("Table | None", table)


def _parsed(path: Path) -> Table:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"the settings file {path} cannot be read: {error.strerror}") from None
    except ValueError as error:
        reason = " ".join(str(error).split())
        raise ConfigError(f"the settings file {path} is not valid TOML: {reason}") from None
