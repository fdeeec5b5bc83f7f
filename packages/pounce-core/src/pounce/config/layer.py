"""Values from one source, before they are put over those of another.

Decides what a source's text or value stands for, and says where it came from when it stands for
nothing. Never decides which source counts more.
"""

from collections.abc import Iterable, Mapping, Sequence

from pounce.config.catalogue import CORE, Catalogue, Table
from pounce.config.suggestion import did_you_mean
from pounce.config.uvicorn import uvicorn_setting
from pounce.protocol.errors import ConfigError
from pounce.protocol.setting import Setting


class Layer:
    """What one source says.

    Args:
        catalogue: the settings that there are.

    Attributes:
        catalogue: the same.
        values: of the settings that it names.
        origins: of those, for a person: `--port`, `POUNCE_PORT`, `pounce.toml`.
        warnings: what was ignored, a sentence each.
    """

    __slots__ = ("catalogue", "origins", "values", "warnings")

    def __init__(self, catalogue: Catalogue = CORE) -> None:
        self.catalogue = catalogue
        self.values: dict[str, object] = {}
        self.origins: dict[str, str] = {}
        self.warnings: list[str] = []

    def read(self, setting: Setting, text: str, origin: str) -> None:
        """Takes text.

        Raises:
            ConfigError: the setting cannot have it.
        """
        try:
            self._put(setting, setting.kind.read(text), origin)
        except ValueError as error:
            raise ConfigError(f"{origin} {error}") from None

    def read_each(self, setting: Setting, texts: Sequence[str], origin: str) -> None:
        """Takes the texts of an option that was given so often.

        Raises:
            ConfigError: the setting cannot have one of them.
        """
        try:
            self._put(setting, setting.kind.read_each(texts), origin)
        except ValueError as error:
            raise ConfigError(f"{origin} {error}") from None

    def accept(self, name: str, value: object, origin: str, place: str = "") -> None:
        """Takes a value of Python or TOML by the setting's name.

        Args:
            place: where the name stands, as in `" in pounce.toml"`, for messages.

        Raises:
            ConfigError: there is no such setting, or it cannot have the value.
        """
        setting = self.catalogue.settings.get(name)
        if setting is None:
            known = (*self.catalogue.settings, *self.catalogue.tables)
            self.warnings += resolve_unknown(name, value, name, known, place, self.catalogue)
            return
        self._accept(setting, name, value, origin, place)

    def accept_table(
        self, table: Table, values: Mapping[str, object], origin: str, place: str = ""
    ) -> None:
        """Takes a protocol's table of TOML.

        Raises:
            ConfigError: the protocol has no such setting, or it cannot have the value.
        """
        place = f" in [{table.name}]{place}"
        for key, value in values.items():
            name = table.name_of(key.replace("-", "_"))
            if name is None:
                near = did_you_mean(key, table.fields)
                raise ConfigError(f'there is no setting "{key}"{place}{near}')
            self._accept(self.catalogue.settings[name], key, value, origin, place)

    def _accept(
        self, setting: Setting, written: str, value: object, origin: str, place: str
    ) -> None:
        if setting.name in self.values:
            raise ConfigError(
                f"{written}{place} is set twice, with another spelling or in another table:"
                " leave one of them out"
            )
        try:
            self._put(setting, setting.kind.accept(value), origin)
        except ValueError as error:
            raise ConfigError(f"{written}{place} {error}") from None

    def _put(self, setting: Setting, value: object, origin: str) -> None:
        self.values[setting.name] = value
        self.origins[setting.name] = origin


def resolve_unknown(
    name: str,
    value: object,
    written: str,
    known: Iterable[str],
    place: str = "",
    catalogue: Catalogue = CORE,
) -> Sequence[str]:
    """Answers to a name that no setting has: warnings, if it can be done without.

    Args:
        name: as a setting is called, with underscores.
        written: the name in the person's notation: `--port`, `POUNCE_PORT`.
        known: names in that notation, to suggest the nearest of.
        place: where it stands, as in `" in pounce.toml"`.
        catalogue: the settings that there are.

    Raises:
        ConfigError: Uvicorn has no such setting either, or pounce can't do what it asks for.
        NotAvailable: it takes a distribution, or a version, that is not there.
    """
    answer = uvicorn_setting(name, value, written + place, catalogue.settings)
    if answer is None:
        suggestion = did_you_mean(written, known)
        raise ConfigError(f'there is no setting "{written}"{place}{suggestion}')
    return [answer] if answer else []


def layer_of_arguments(arguments: Mapping[str, object], catalogue: Catalogue = CORE) -> Layer:
    """What Python code gives.

    Raises:
        ConfigError: there is no such setting, or it cannot have the value.
    """
    layer = Layer(catalogue)
    for name, value in arguments.items():
        layer.accept(name, value, "argument")
    return layer
