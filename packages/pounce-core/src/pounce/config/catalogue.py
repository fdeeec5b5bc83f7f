"""Every setting that there is: core's own, and those of the protocols that are installed.

Decides what a setting is called and whose it is. Never finds a protocol: it is told which there
are. Frozen, and shared without a lock.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, cast

from pounce.config.config import Config, settings
from pounce.config.suggestion import did_you_mean
from pounce.protocol.errors import ConfigError
from pounce.protocol.setting import GROUPS, PROTOCOL_GROUP, Group, Protocol, Setting, settings_of

OWN_OPTIONS: Final = ("--config", "--help", "--json")
"""Options of the commands themselves."""


@dataclass(frozen=True, slots=True)
class Table:
    """The settings of one protocol.

    Attributes:
        name: the protocol's, and that of the table in TOML.
        title: what people call the protocol.
        form: the dataclass.
        settings: by the names that they have outside of the table.
    """

    name: str
    title: str
    form: type[Any]
    settings: Mapping[str, Setting]

    def name_of(self, field: str) -> str | None:
        """The name outside of the table of what is called `field` in it; None if nothing is."""
        for name, setting in self.settings.items():
            if setting.field == field:
                return name
        return None

    @property
    def fields(self) -> list[str]:
        """The names inside of the table."""
        return [setting.field for setting in self.settings.values()]


def table_of(name: str, form: type[Any], *, title: str = "", prefix: str = "") -> Table:
    """The settings of a protocol from its dataclass; see `pounce.protocol.descriptor`."""
    prefix = (prefix or name).replace("-", "_")
    return Table(name, title or name, form, settings_of(form, Protocol(name, prefix)))


class Catalogue:
    """The settings by their names.

    Args:
        tables: those of the protocols, each with a name of its own.

    Raises:
        ConfigError: two settings would have the same name, option or variable, or a protocol has a
            name that means something else in a file of settings.

    Attributes:
        settings: by name, core's first.
        tables: by the protocol's name.
        groups: titles to list settings under, by `Setting.group`.
    """

    def __init__(self, tables: Iterable[Table] = ()) -> None:
        self.tables: Mapping[str, Table] = {table.name: table for table in tables}
        self.groups: Mapping[str, Group] = {
            **GROUPS,
            **{
                name: replace(PROTOCOL_GROUP, title=table.title)
                for name, table in self.tables.items()
            },
        }
        known = dict(settings())
        # Who has it, and as which setting.
        claims = {claim: ("pounce", name) for name in known for claim in _claims(known[name])}
        claims |= {option: ("pounce", option) for option in OWN_OPTIONS}
        for table in self.tables.values():
            if table.name in known or table.name in GROUPS or table.name == "pounce":
                raise ConfigError(
                    f'{table.title} has the name "{table.name}", which is one of pounce\'s own:'
                    " uninstall it"
                )
            for name, setting in table.settings.items():
                for claim in _claims(setting):
                    owner, other = claims.setdefault(claim, (table.name, name))
                    if (owner, other) != (table.name, name):
                        raise ConfigError(
                            f'{table.name} and {owner} both have the setting "{claim}": uninstall'
                            " one of them"
                        )
                known[name] = setting
        self.settings: Mapping[str, Setting] = known

    def make(self, values: Mapping[str, Any]) -> Config:
        """Makes a configuration of values by name; what has none keeps its default.

        Raises:
            ConfigError: there is no such setting, or its value is not one.
        """
        own: dict[str, Any] = {}
        given: dict[str, dict[str, Any]] = {}
        for name, value in values.items():
            setting = self._setting(name)
            if setting.group in self.tables:
                given.setdefault(setting.group, {})[setting.field] = value
            else:
                own[name] = value
        protocols = {name: _made(table, given.get(name, {})) for name, table in self.tables.items()}
        return Config(**own, protocols=protocols)

    def value(self, config: Config, name: str) -> object:
        """What a configuration has for a setting."""
        setting = self.settings[name]
        if setting.group not in self.tables:
            return cast("object", getattr(config, name))
        form = config.protocols.get(setting.group)
        return setting.default if form is None else cast("object", getattr(form, setting.field))

    def values(self, config: Config) -> dict[str, object]:
        """What a configuration has for each setting, by name."""
        return {name: self.value(config, name) for name in self.settings}

    def _setting(self, name: str) -> Setting:
        setting = self.settings.get(name)
        if setting is None:
            raise ConfigError(f'there is no setting "{name}"{did_you_mean(name, self.settings)}')
        return setting


def _claims(setting: Setting) -> tuple[str, ...]:
    """What no other setting may be called by; what a person sees most first."""
    options = (setting.flag, *setting.also) if setting.flag else ()
    return (*options, setting.name, *setting.environment)


def _made(table: Table, values: Mapping[str, Any]) -> Any:
    try:
        return table.form(**values)
    except ValueError as error:
        raise ConfigError(f"{table.title}: {error}") from None


CORE: Final = Catalogue()
"""The settings of core alone."""
