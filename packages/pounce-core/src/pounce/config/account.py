"""The name or number of a user or group.

Decides what can be one. Never looks it up: `pounce.supervise.privileges` does.
"""

from dataclasses import dataclass
from typing import override

from pounce.protocol.kind import Kind


@dataclass(frozen=True, slots=True)
class AccountText(Kind[str]):
    """A name, or a number, which from Python and TOML may be one."""

    name: str

    @property
    @override
    def expects(self) -> str:
        return "a name or a number"

    @property
    @override
    def metavar(self) -> str:
        return self.name

    @override
    def read(self, text: str) -> str:
        name = text.strip()
        if (
            not name
            or name.startswith("-")
            or any(char in ":,\0" or char.isspace() for char in name)
        ):
            raise self.refusal(text)
        return name

    @override
    def accept(self, value: object) -> str:
        if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
            return str(value)
        if isinstance(value, str):
            return self.read(value)
        raise self.refusal(value)
