"""The kinds of value that only TLS's settings have: a secret, a pair of files, who must show what.

Decides whether a value is good in itself, like `pounce.protocol.kind`. Never opens a file.
"""

from dataclasses import dataclass
from typing import Final, Literal, override

from pounce.protocol.kind import Choice, Kind, PathText

HIDDEN: Final = "(hidden)"

type Requirement = Literal["none", "optional", "required"]
"""Whether clients must show a certificate."""


class Secret:
    """Text that no message, listing or traceback shows.

    Attributes:
        text: what is to be kept secret.
    """

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text

    @property
    def data(self) -> bytes:
        """The bytes that it was given as, which need not be UTF-8 in an environment."""
        return self.text.encode(errors="surrogateescape")

    @override
    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other.text == self.text

    @override
    def __hash__(self) -> int:
        return hash(self.text)

    @override
    def __repr__(self) -> str:
        return HIDDEN


@dataclass(frozen=True, slots=True)
class SecretText(Kind[Secret | None]):
    """A secret, or none."""

    @property
    @override
    def expects(self) -> str:
        return "text"

    @property
    @override
    def metavar(self) -> str:
        return "TEXT"

    @override
    def read(self, text: str) -> Secret | None:
        return Secret(text) if text else None

    @override
    def accept(self, value: object) -> Secret | None:
        if value is None or isinstance(value, Secret):
            return value
        if isinstance(value, str):
            return self.read(value)
        # The value itself may be one: a refusal does not show it.
        raise ValueError(f"must be text, not {type(value).__name__}")

    @override
    def show(self, value: Secret | None) -> str:
        return "" if value is None else HIDDEN


@dataclass(frozen=True, slots=True)
class KeyPair:
    """Where a certificate and its key are.

    Attributes:
        certfile: PEM, the server's own certificate first, then those that lead to an authority.
        keyfile: PEM; None for a key that is in `certfile` too.
    """

    certfile: str
    keyfile: str | None = None

    @override
    def __str__(self) -> str:
        return self.certfile if self.keyfile is None else f"{self.certfile}:{self.keyfile}"


@dataclass(frozen=True, slots=True)
class KeyPairText(Kind[KeyPair]):
    """`CERTFILE:KEYFILE`, or one file with both."""

    @property
    @override
    def expects(self) -> str:
        return '"CERTFILE:KEYFILE", or the path of one file that has both'

    @property
    @override
    def metavar(self) -> str:
        return "CERT:KEY"

    @override
    def read(self, text: str) -> KeyPair:
        certfile, colon, keyfile = text.partition(":")
        if not certfile or "\0" in text or (colon and not keyfile) or ":" in keyfile:
            raise self.refusal(text)
        return KeyPair(certfile, keyfile or None)

    @override
    def accept(self, value: object) -> KeyPair:
        if isinstance(value, KeyPair):
            return value
        return self.read(PathText().accept(value))


@dataclass(frozen=True, slots=True)
class RequirementWord(Choice[Requirement]):
    """The words, or the numbers that Python's `ssl` has for them and Uvicorn takes."""

    words: tuple[Requirement, ...] = ("none", "optional", "required")

    @override
    def read(self, text: str) -> Requirement:
        if text.strip() in {"0", "1", "2"}:
            return self.words[int(text)]
        return Choice[Requirement].read(self, text)

    @override
    def accept(self, value: object) -> Requirement:
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 2:
            return self.words[value]
        return Choice[Requirement].accept(self, value)
