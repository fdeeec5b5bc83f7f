"""A number of bytes, and how people write one: `512M`.

Decides what the letters stand for: powers of 1024, as memory is counted. Never asks what there is.
"""

import re
from dataclasses import dataclass
from typing import Final, override

from pounce.protocol.kind import Kind

NOTATION: Final = re.compile(r"(\d+)\s*(?:([kmgt])(?:i?b)?|b)?", re.IGNORECASE | re.ASCII)
POWERS: Final = {"k": 1, "m": 2, "g": 3, "t": 4}


@dataclass(frozen=True, slots=True)
class Size(Kind[int]):
    """A number of bytes, plain or with a K, M, G or T behind it."""

    minimum: int

    @property
    @override
    def expects(self) -> str:
        return f'a size, {self.minimum} or more, in bytes or such as "64K", "512M", "2G"'

    @property
    @override
    def metavar(self) -> str:
        return "SIZE"

    @override
    def read(self, text: str) -> int:
        found = NOTATION.fullmatch(text.strip())
        if found is None:
            raise self.refusal(text)
        power = POWERS[found[2].lower()] if found[2] else 0
        return self._enough(int(found[1]) * 1024**power, text)

    @override
    def accept(self, value: object) -> int:
        if isinstance(value, str):
            return self.read(value)
        if isinstance(value, int) and not isinstance(value, bool):
            return self._enough(value, value)
        raise self.refusal(value)

    def _enough(self, number: int, given: object) -> int:
        if number < self.minimum:
            raise self.refusal(given)
        return number
