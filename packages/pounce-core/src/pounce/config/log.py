"""How much is logged, and where the operator's own logging configuration is.

Decides what a level may be. Never reads a configuration, and never sets logging up.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, cast, override

from pounce.protocol.kind import Choice, Kind

type LogLevel = Literal["critical", "error", "warning", "info", "debug", "trace"]

LEVELS: Final[Mapping[LogLevel, int]] = {
    "critical": 50,
    "error": 40,
    "warning": 30,
    "info": 20,
    "debug": 10,
    "trace": 5,
}
"""The numbers that `logging` knows them by."""


@dataclass(frozen=True, slots=True)
class LevelName(Choice[LogLevel]):
    """A level by its name, or, from Python, by its number."""

    words: tuple[LogLevel, ...] = tuple(LEVELS)

    @override
    def accept(self, value: object) -> LogLevel:
        for name, number in LEVELS.items():
            if value == number and not isinstance(value, bool):
                return name
        return Choice[LogLevel].accept(self, value)


@dataclass(frozen=True, slots=True)
class LogConfigSource(Kind[str | dict[str, Any] | None]):
    """The path of a logging configuration, or the configuration itself."""

    @property
    @override
    def expects(self) -> str:
        return "a .json, .toml, .yaml or .ini file, or a table for logging.config.dictConfig"

    @property
    @override
    def metavar(self) -> str:
        return "FILE"

    @override
    def read(self, text: str) -> str | None:
        if "\0" in text:
            raise self.refusal(text)
        return text or None

    @override
    def accept(self, value: object) -> str | dict[str, Any] | None:
        if isinstance(value, os.PathLike):
            value = os.fspath(cast("os.PathLike[str]", value))
        if isinstance(value, str):
            return self.read(value)
        if value is None or isinstance(value, dict):
            return cast("dict[str, Any] | None", value)
        raise self.refusal(value)

    @override
    def show(self, value: str | dict[str, Any] | None) -> str:
        return value if isinstance(value, str) else "" if value is None else repr(value)
