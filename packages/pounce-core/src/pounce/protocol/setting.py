"""What a setting is called, means and is worth: written once, at its field of a dataclass.

That is `Config` for core's own, and the settings dataclass of a protocol for the protocol's. The
command line, the environment, TOML, `pounce config` and the documentation are all made from this.
It decides names; it never holds a value of a particular server.
"""

from collections.abc import Mapping
from dataclasses import KW_ONLY, MISSING, dataclass, field, fields
from typing import Any, Final, cast

from pounce.protocol.kind import Kind

KEY: Final = "pounce"
"""Under which a dataclass field carries its `About`."""

ENVIRONMENT_PREFIX: Final = "POUNCE_"


@dataclass(frozen=True, slots=True)
class Group:
    """Settings that are listed together.

    Attributes:
        title: their heading.
        reloadable: whether a reload gives them new values, unless one says otherwise.
        unit: of each, unless it says otherwise.
    """

    title: str
    reloadable: bool = False
    unit: str | None = None


GROUPS: Final[Mapping[str, Group]] = {
    "application": Group("Application"),
    "address": Group("Address"),
    "workers": Group("Workers"),
    "reload": Group("Reload"),
    "process": Group("Process"),
    "logging": Group("Logging"),
    "proxy": Group("Behind a proxy", reloadable=True),
    "responses": Group("Responses", reloadable=True),
    "limits": Group("Limits", reloadable=True),
    "timeouts": Group("Time-outs", reloadable=True, unit="seconds"),
}


PROTOCOL_GROUP: Final = Group("", reloadable=True)
"""Of a protocol's settings: their heading is the protocol's title."""


@dataclass(frozen=True, slots=True)
class Protocol:
    """Whose settings a dataclass has.

    Attributes:
        name: of the table in TOML.
        prefix: of the settings' names elsewhere.
    """

    name: str
    prefix: str


@dataclass(frozen=True, slots=True)
class About[T]:
    """What is said of a setting, but for its name and default; see `Setting`.

    Attributes:
        group: for core's own only; a protocol's settings are a group of their own.
        flag: instead of `--` and the name.
        environment: variables that others set, read after `POUNCE_` and the name.
        unit: instead of its group's.
        reloadable: instead of its group's.
    """

    kind: Kind[T]
    _: KW_ONLY
    group: str = ""
    help: str
    reason: str
    unit: str | None = None
    flag: str | None = None
    also: tuple[str, ...] = ()
    environment: tuple[str, ...] = ()
    reloadable: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One setting, as everything but its dataclass sees it.

    Attributes:
        name: in Python, and in the environment and on the command line in their ways of writing.
        field: its name in its dataclass and in TOML: `name` without a protocol's prefix.
        kind: what its value may be.
        default: its value when nobody says anything, None for `app`, which has none.
        group: the name of its group: a key of `GROUPS`, or the name of a protocol.
        help: what it does, in a line.
        reason: why it exists and why its default is what it is.
        unit: of the number, if it is one that has a unit.
        flag: its option on the command line; empty for `app`, which is an argument.
        also: further options that mean the same, under another server's name.
        environment: its variables, the one that counts most first.
        reloadable: whether a reload gives it a new value without a restart.
    """

    name: str
    field: str
    kind: Kind[Any]
    default: object
    group: str
    help: str
    reason: str
    unit: str | None
    flag: str
    also: tuple[str, ...]
    environment: tuple[str, ...]
    reloadable: bool


def setting[T](default: T, said: About[T]) -> T:
    """A dataclass field with a default; the type checker sees the default."""
    return field(default=default, metadata={KEY: said})


def required[T](said: About[T]) -> T:
    """A dataclass field without one."""
    return cast("T", field(metadata={KEY: said}))


def settings_of(config: type[Any], protocol: Protocol | None = None) -> Mapping[str, Setting]:
    """The settings of a dataclass, by name, in the order in which it has them.

    Args:
        config: the dataclass. A field that was not made by `setting` or `required` is none.
        protocol: whose settings they are, unless they are core's own.
    """
    found: dict[str, Setting] = {}
    for each in fields(config):
        if KEY not in each.metadata:
            continue
        said = cast("About[object]", each.metadata[KEY])
        if protocol is None:
            name, key, group = each.name, said.group, GROUPS[said.group]
        else:
            name, key, group = f"{protocol.prefix}_{each.name}", protocol.name, PROTOCOL_GROUP
        flag = f"--{name.replace('_', '-')}" if said.flag is None else said.flag
        found[name] = Setting(
            name=name,
            field=each.name,
            kind=said.kind,
            default=None if each.default is MISSING else each.default,
            group=key,
            help=said.help,
            reason=said.reason,
            unit=group.unit if said.unit is None else said.unit,
            flag=flag,
            also=said.also,
            environment=(f"{ENVIRONMENT_PREFIX}{name.upper()}", *said.environment),
            reloadable=group.reloadable if said.reloadable is None else said.reloadable,
        )
    return found


def accept_values(settings: Any) -> None:
    """Checks each value of a settings dataclass; to be called from its `__post_init__`.

    Raises:
        ValueError: a value is not one; the message begins with the field's name.
    """
    for each in fields(settings):
        if KEY in each.metadata:
            said = cast("About[object]", each.metadata[KEY])
            try:
                value = said.kind.accept(getattr(settings, each.name))
            except ValueError as error:
                raise ValueError(f"{each.name} {error}") from None
            object.__setattr__(settings, each.name, value)
