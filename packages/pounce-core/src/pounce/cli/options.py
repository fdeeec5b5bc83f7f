"""The options of the command line, made from the settings.

Decides how settings are written as options and shown by `--help`. Never reads the environment or a
file, and never ends the process.
"""

import re
from argparse import SUPPRESS, Action, ArgumentParser, Namespace, RawDescriptionHelpFormatter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, NoReturn, cast, override

from pounce.config.catalogue import CORE, Catalogue
from pounce.config.layer import Layer, resolve_unknown
from pounce.config.uvicorn import UVICORN_SETTINGS
from pounce.protocol.errors import ConfigError
from pounce.protocol.kind import Kind, OrWord, Switch
from pounce.protocol.setting import Setting

HELP_COLUMN: Final = 30
MISSING_VALUE: Final = re.compile(r"argument (\S+?)(?:[/ ].*)?: expected one argument")
SURPLUS_VALUE: Final = re.compile(r"argument (\S+?)(?:[/ ].*)?: ignored explicit argument (.*)")

ENDING: Final = """\
Every setting can also be given in the environment, as POUNCE_ and its name (POUNCE_PORT=80), and
in TOML, under its name in pounce.toml or in [tool.pounce] of pyproject.toml (port = 80). What is
given here counts more than the environment, and that more than TOML. "none" or 0 lifts a limit.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What a command line says.

    Attributes:
        layer: of settings.
        file: the settings file it names.
        others: its further options, by name.
    """

    layer: Layer
    file: str | None
    others: Namespace


class _Given(Action):
    """Notes an option with what it was called and its text, or its truth if it is a switch."""

    @override
    def __call__(
        self,
        parser: ArgumentParser,
        namespace: Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        label = option_string or self.dest
        text = not label.startswith("--no-") if self.nargs == 0 else values
        namespace.given.append((self.dest, label, text))


class Parser(ArgumentParser):
    """Refuses with a `ConfigError` instead of ending the process."""

    @override
    def error(self, message: str) -> NoReturn:
        if missing := MISSING_VALUE.search(message):
            message = f"{missing[1]} needs a value"
        elif surplus := SURPLUS_VALUE.search(message):
            message = f"{surplus[1]} takes no value, but was given {surplus[2]}"
        raise ConfigError(f"{message}: {self.prog} --help shows what there is")


class _Formatter(RawDescriptionHelpFormatter):
    def __init__(self, prog: str, **options: Any) -> None:
        options["max_help_position"] = HELP_COLUMN
        super().__init__(prog, **options)


def make_parser(
    command: str, description: str, usage: str, catalogue: Catalogue = CORE
) -> ArgumentParser:
    """A parser of every setting.

    Args:
        command: the words that were typed so far.
        description: what the command does.
        usage: the command's pattern.
        catalogue: the settings that there are.
    """
    parser = Parser(
        prog=command,
        usage=usage,
        description=description,
        epilog=ENDING,
        formatter_class=_Formatter,
        allow_abbrev=False,
        argument_default=SUPPRESS,
    )
    sections = {
        key: parser.add_argument_group(group.title) for key, group in catalogue.groups.items()
    }
    taken: set[str] = set()
    for setting in catalogue.settings.values():
        taken.update(_flags(setting))
        section = sections[setting.group]
        if not setting.flag:
            section.add_argument(
                setting.name,
                metavar=setting.kind.metavar,
                nargs="?",
                help=_escaped(setting.help),
            )
        elif _is_switch(setting.kind):
            section.add_argument(
                *_flags(setting),
                dest=setting.name,
                action=_Given,
                nargs=0,
                help=_help(setting),
            )
        else:
            section.add_argument(
                setting.flag,
                dest=setting.name,
                action=_Given,
                metavar=setting.kind.metavar,
                help=_help(setting),
            )
            if setting.also:
                section.add_argument(*setting.also, dest=setting.name, action=_Given, help=SUPPRESS)
    for each in UVICORN_SETTINGS:
        if not each.flag.endswith("-") and each.flag not in taken:
            name = each.flag.removeprefix("--").replace("-", "_")
            parser.add_argument(
                each.flag,
                dest=name,
                action=_Given,
                nargs=None if each.value else 0,
                help=SUPPRESS,
            )
    parser.add_argument(
        "--config",
        dest="settings_file",
        metavar="FILE",
        default=None,
        help="TOML file with settings [pounce.toml or pyproject.toml, beside the application]",
    )
    return parser


def parse_options(
    parser: ArgumentParser, arguments: Sequence[str], catalogue: Catalogue = CORE
) -> Options:
    """Reads a command line.

    Args:
        parser: made of the same catalogue.
        arguments: the words of the line.
        catalogue: the settings that there are.

    Raises:
        ConfigError: an option is unknown, or its value is not one.
        NotAvailable: an option needs a distribution that is not installed.
    """
    others, rest = parser.parse_known_args(arguments, Namespace(given=[], app=None))
    layer = Layer(catalogue)
    known = catalogue.settings
    given = cast("list[tuple[str, str, Any]]", others.given)
    texts: dict[str, list[str]] = {}
    for name, label, value in given:
        if name not in known:
            layer.warnings += resolve_unknown(name, value, label, (), catalogue=catalogue)
        elif isinstance(value, bool):
            layer.read(known[name], "true" if value else "false", label)
        else:
            texts.setdefault(name, []).append(value)
            layer.read_each(known[name], texts[name], label)
    _refuse_rest(parser, rest, layer)
    if others.app is not None:
        layer.read(known["app"], others.app, "APP")
    return Options(layer=layer, file=others.settings_file, others=others)


def _refuse_rest(parser: ArgumentParser, rest: Sequence[str], layer: Layer) -> None:
    flags = [flag for each in layer.catalogue.settings.values() for flag in _flags(each)]
    for text in rest:
        if text.startswith("--") and text != "--":
            label, _, value = text.partition("=")
            name = label.removeprefix("--").replace("-", "_")
            layer.warnings += resolve_unknown(name, value, label, flags, catalogue=layer.catalogue)
    for text in rest:
        parser.error(f'"{text}" is one argument too many')


def _flags(setting: Setting) -> tuple[str, ...]:
    if not _is_switch(setting.kind):
        return (setting.flag, *setting.also)
    return (setting.flag, f"--no-{setting.flag.removeprefix('--')}")


def _is_switch(kind: Kind[Any]) -> bool:
    return isinstance(kind, Switch) or (isinstance(kind, OrWord) and _is_switch(kind.kind))


def _help(setting: Setting) -> str:
    default = setting.kind.show(setting.default)
    if isinstance(setting.default, bool):
        default = "on" if setting.default else "off"
    elif default and default != "none" and setting.unit is not None:
        default = f"{default} {setting.unit}"
    return _escaped(f"{setting.help} [{default}]" if default else setting.help)


def _escaped(text: str) -> str:
    """argparse fills in what stands after a percent sign."""
    return text.replace("%", "%%")
