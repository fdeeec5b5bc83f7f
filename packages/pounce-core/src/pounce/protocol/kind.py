"""The kinds of value that a setting can have: each reads text, and accepts Python and TOML values.

Decides whether a value is good in itself. Never looks at another setting, at a file or at the
environment. A refusal is a `ValueError` whose text goes on after the setting's name: "must be …".
"""

import math
import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast, override

LONGEST_SHOWN: Final = 60
"""Characters of a refused value that a message shows: it is there to be recognised, not read."""


def shown(value: object) -> str:
    """A refused value as a message shows it: one line, quoted, cut off when it is long."""
    text = repr(value)
    return text if len(text) <= LONGEST_SHOWN else f"{text[: LONGEST_SHOWN - 1]}…"


def _is_no_text(char: str) -> bool:
    """Whether it is a control character, or stands for a byte that is no text."""
    return char < " " or char == "\x7f" or "\ud800" <= char <= "\udfff"


class Kind[T](ABC):
    """What a value may be.

    Attributes:
        expects: ends the sentence "the setting must be …".
        metavar: stands for the value in `--help`.
    """

    @property
    @abstractmethod
    def expects(self) -> str: ...

    @property
    @abstractmethod
    def metavar(self) -> str: ...

    @abstractmethod
    def read(self, text: str) -> T:
        """Takes text, from the command line or the environment."""

    def read_each(self, texts: Sequence[str]) -> T:
        """Takes the texts of an option that was given so often: the last counts."""
        return self.read(texts[-1])

    @abstractmethod
    def accept(self, value: object) -> T:
        """Takes a value, from Python or TOML."""

    def show(self, value: T) -> str:
        """The text that `read` takes for this value."""
        return str(value)

    def refusal(self, value: object) -> ValueError:
        return ValueError(f"must be {self.expects}, not {shown(value)}")


@dataclass(frozen=True, slots=True)
class Switch(Kind[bool]):
    """On or off."""

    @property
    @override
    def expects(self) -> str:
        return "true or false"

    @property
    @override
    def metavar(self) -> str:
        return "BOOL"

    @override
    def read(self, text: str) -> bool:
        word = text.strip().lower()
        if word in {"true", "yes", "on", "1"}:
            return True
        if word in {"false", "no", "off", "0"}:
            return False
        raise self.refusal(text)

    @override
    def accept(self, value: object) -> bool:
        if isinstance(value, bool):
            return value
        raise self.refusal(value)

    @override
    def show(self, value: bool) -> str:
        return "true" if value else "false"


@dataclass(frozen=True, slots=True)
class Whole(Kind[int]):
    """A whole number between two others, both included."""

    minimum: int
    maximum: int | None = None

    @property
    @override
    def expects(self) -> str:
        if self.maximum is None:
            return f"a whole number, {self.minimum} or more"
        return f"a whole number from {self.minimum} to {self.maximum}"

    @property
    @override
    def metavar(self) -> str:
        return "N"

    @override
    def read(self, text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            raise self.refusal(text) from None
        return self._within(number, text)

    @override
    def accept(self, value: object) -> int:
        if isinstance(value, int) and not isinstance(value, bool):
            return self._within(value, value)
        raise self.refusal(value)

    def _within(self, number: int, given: object) -> int:
        if number < self.minimum or (self.maximum is not None and number > self.maximum):
            raise self.refusal(given)
        return number


@dataclass(frozen=True, slots=True)
class Seconds(Kind[float]):
    """A time, finite, above zero or, with `zero`, zero too."""

    zero: bool = False

    @property
    @override
    def expects(self) -> str:
        return f"a number of seconds, {'0 or more' if self.zero else 'above 0'}"

    @property
    @override
    def metavar(self) -> str:
        return "SECONDS"

    @override
    def read(self, text: str) -> float:
        try:
            number = float(text)
        except ValueError:
            raise self.refusal(text) from None
        return self._within(number, text)

    @override
    def accept(self, value: object) -> float:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return self._within(float(value), value)
        raise self.refusal(value)

    @override
    def show(self, value: float) -> str:
        return f"{value:g}"

    def _within(self, number: float, given: object) -> float:
        if not math.isfinite(number) or number < 0 or (number == 0 and not self.zero):
            raise self.refusal(given)
        return number


@dataclass(frozen=True, slots=True)
class Choice[T: str](Kind[T]):
    """One of a few words, in any case."""

    words: tuple[T, ...]

    @property
    @override
    def expects(self) -> str:
        return f"one of {', '.join(self.words)}"

    @property
    @override
    def metavar(self) -> str:
        return "{" + ",".join(self.words) + "}"

    @override
    def read(self, text: str) -> T:
        wanted = text.strip().lower()
        for word in self.words:
            if word == wanted:
                return word
        raise self.refusal(text)

    @override
    def accept(self, value: object) -> T:
        if isinstance(value, str):
            return self.read(value)
        raise self.refusal(value)


@dataclass(frozen=True, slots=True)
class Text(Kind[str]):
    """Any text on one line."""

    name: str = "TEXT"

    @property
    @override
    def expects(self) -> str:
        return "text without control characters"

    @property
    @override
    def metavar(self) -> str:
        return self.name

    @override
    def read(self, text: str) -> str:
        return self.accept(text)

    @override
    def accept(self, value: object) -> str:
        if isinstance(value, str) and not any(map(_is_no_text, value)):
            return value
        raise self.refusal(value)


@dataclass(frozen=True, slots=True)
class PathText(Kind[str]):
    """The path of a file or folder, which need not exist."""

    name: str = "PATH"

    @property
    @override
    def expects(self) -> str:
        return "a path"

    @property
    @override
    def metavar(self) -> str:
        return self.name

    @override
    def read(self, text: str) -> str:
        return self.accept(text)

    @override
    def accept(self, value: object) -> str:
        if isinstance(value, os.PathLike):
            value = os.fspath(cast("os.PathLike[str]", value))
        if isinstance(value, str) and value and "\0" not in value:
            return value
        raise self.refusal(value)


@dataclass(frozen=True, slots=True)
class OrWord[T, W](Kind[T | W]):
    """Another kind, or a word that stands for a value of its own."""

    kind: Kind[T]
    word: str
    meaning: W

    @property
    @override
    def expects(self) -> str:
        return f"{self.kind.expects}, or {self.word}"

    @property
    @override
    def metavar(self) -> str:
        return self.kind.metavar

    @override
    def read(self, text: str) -> T | W:
        if text.strip().lower() == self.word:
            return self.meaning
        try:
            return self.kind.read(text)
        except ValueError:
            raise self.refusal(text) from None

    @override
    def accept(self, value: object) -> T | W:
        if value == self.meaning or (isinstance(value, str) and value.lower() == self.word):
            return self.meaning
        try:
            return self.kind.accept(value)
        except ValueError:
            raise self.refusal(value) from None

    @override
    def show(self, value: T | W) -> str:
        return self.word if value == self.meaning else self.kind.show(cast("T", value))


@dataclass(frozen=True, slots=True)
class Unlimited[T: (int, float)](Kind[T | None]):
    """A limit that can be lifted: `none` and 0 mean that there is none."""

    kind: Kind[T]

    @property
    @override
    def expects(self) -> str:
        return f"{self.kind.expects}, or none for no limit"

    @property
    @override
    def metavar(self) -> str:
        return self.kind.metavar

    @override
    def read(self, text: str) -> T | None:
        if text.strip().lower() in {"none", "0"}:
            return None
        try:
            return self.kind.read(text)
        except ValueError:
            raise self.refusal(text) from None

    @override
    def accept(self, value: object) -> T | None:
        if value is None or (isinstance(value, str) and value.lower() == "none"):
            return None
        if value == 0 and not isinstance(value, bool):
            return None
        try:
            return self.kind.accept(value)
        except ValueError:
            raise self.refusal(value) from None

    @override
    def show(self, value: T | None) -> str:
        return "none" if value is None else self.kind.show(value)


@dataclass(frozen=True, slots=True)
class Optional(Kind[str | None]):
    """Text that may be absent: an empty value is none."""

    kind: Kind[str]

    @property
    @override
    def expects(self) -> str:
        return self.kind.expects

    @property
    @override
    def metavar(self) -> str:
        return self.kind.metavar

    @override
    def read(self, text: str) -> str | None:
        return self.kind.read(text) if text else None

    @override
    def accept(self, value: object) -> str | None:
        return None if value is None or value == "" else self.kind.accept(value)

    @override
    def show(self, value: str | None) -> str:
        return "" if value is None else self.kind.show(value)


@dataclass(frozen=True, slots=True)
class Repeated[T](Kind[tuple[T, ...]]):
    """Several values of a kind: an option given repeatedly, a TOML array, text with separators."""

    kind: Kind[T]
    separator: str

    @property
    @override
    def expects(self) -> str:
        return f"a list, each {self.kind.expects}"

    @property
    @override
    def metavar(self) -> str:
        return self.kind.metavar

    @override
    def read(self, text: str) -> tuple[T, ...]:
        items = (item.strip() for item in text.split(self.separator))
        return tuple(self.kind.read(item) for item in items if item)

    @override
    def read_each(self, texts: Sequence[str]) -> tuple[T, ...]:
        """Takes the texts of an option that was given so often: all count."""
        return tuple(item for text in texts for item in self.read(text))

    @override
    def accept(self, value: object) -> tuple[T, ...]:
        if isinstance(value, str):
            return self.read(value)
        if isinstance(value, list | tuple):
            return tuple(self.kind.accept(item) for item in cast("Sequence[object]", value))
        raise self.refusal(value)

    @override
    def show(self, value: tuple[T, ...]) -> str:
        return self.separator.join(self.kind.show(item) for item in value)


@dataclass(frozen=True, slots=True)
class ApplicationName(Kind[str | Callable[..., Any]]):
    """An import string, or, from Python, the application itself."""

    @property
    @override
    def expects(self) -> str:
        return 'an import string such as "module:app", or the application itself'

    @property
    @override
    def metavar(self) -> str:
        return "APP"

    @override
    def read(self, text: str) -> str:
        if text.strip():
            return text.strip()
        raise self.refusal(text)

    @override
    def accept(self, value: object) -> str | Callable[..., Any]:
        if isinstance(value, str):
            return self.read(value)
        if callable(value):
            return value
        raise self.refusal(value)

    @override
    def show(self, value: str | Callable[..., Any]) -> str:
        return value if isinstance(value, str) else repr(value)
