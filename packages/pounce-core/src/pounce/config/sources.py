"""A configuration from all that can say something of it: arguments, environment, file, defaults.

Decides which source counts: what was given to this start over the environment, that over the file
of `--env-file`, that over TOML, that over the default. Keeps for each setting where it came from.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pounce.config.catalogue import Catalogue
from pounce.config.config import Config
from pounce.config.env_file import read_env_file
from pounce.config.environment import FILE_VARIABLE, layer_of_environment
from pounce.config.layer import Layer
from pounce.config.settings_file import find_settings_file, layer_of_file
from pounce.protocol.errors import ConfigError

DEFAULT: Final = "default"

ADDRESS_FORMS: Final[Mapping[str, str]] = {
    "bind": "bind",
    "fd": "fd",
    "host": "host",
    "port": "host",
    "uds": "uds",
}
"""Settings that say where to listen, and which of them go together: the others are alternatives."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """A configuration and its history.

    Attributes:
        config: the settings that count.
        origins: where each came from, for a person.
        warnings: what was ignored, a sentence each.
        file: the settings file that was read, if one was.
    """

    config: Config
    origins: Mapping[str, str]
    warnings: tuple[str, ...]
    file: Path | None


def gather(
    arguments: Layer,
    environ: Mapping[str, str],
    *,
    file: str | None = None,
    folder: Path | None = None,
) -> Gathered:
    """Makes a configuration.

    Args:
        arguments: what was given to this start, of the settings that there are.
        environ: the environment's variables.
        file: the settings file, given to this start.
        folder: the working directory, to look for a settings file in if none is named, after the
            folder of the application; None to look for none.

    Raises:
        ConfigError: a source says something that is no setting, or the settings don't go together.
        NotAvailable: one needs a distribution that is not installed.
    """
    catalogue = arguments.catalogue
    layers = [arguments, layer_of_environment(environ, catalogue=catalogue)]
    env_file = _first(layers, "env_file")
    if env_file is not None:
        layers.append(_env_file_layer(env_file, environ, catalogue))

    named = file or environ.get(FILE_VARIABLE) or None
    path = Path(named) if named else None
    if path is None and folder is not None:
        app_dir = _first(layers, "app_dir")
        folders = [folder] if app_dir is None else [folder / app_dir, folder]
        path = find_settings_file(folders)
    if path is not None:
        layers.append(layer_of_file(path, catalogue))
        env_file = _first(layers, "env_file") if env_file is None else None
        if env_file is not None:
            layers.insert(-1, _env_file_layer(env_file, environ, catalogue))

    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    forms: set[str] = set()
    for layer in layers:
        forms_above = frozenset(forms)
        for name, value in layer.values.items():
            form = ADDRESS_FORMS.get(name)
            if form is not None:
                # A port given here is not to be overridden by a bind that a file has.
                if forms_above and form not in forms_above:
                    continue
                forms.add(form)
            if name not in values:
                values[name] = value
                origins[name] = layer.origins[name]
    if "app" not in values:
        raise ConfigError(
            'nothing says what to serve: name the application, as in "pounce module:app"'
        )
    return Gathered(
        config=catalogue.make(values),
        origins={name: origins.get(name, DEFAULT) for name in catalogue.settings},
        warnings=tuple(warning for layer in layers for warning in layer.warnings),
        file=path,
    )


def _env_file_layer(path: str, environ: Mapping[str, str], catalogue: Catalogue) -> Layer:
    return layer_of_environment(read_env_file(path, environ), f" in {path}", catalogue)


def _first(layers: Iterable[Layer], name: str) -> str | None:
    for layer in layers:
        value = layer.values.get(name)
        if isinstance(value, str):
            return value
    return None
