"""Fields that the operator adds to every response: their notation and what they may say.

Decides which fields may be added. Never touches a response.
"""

import re
from dataclasses import dataclass
from typing import Final, cast, override

from pounce.protocol.kind import Kind, Repeated, shown

NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
"""RFC 9110 section 5.6.2: a token."""

VALUE: Final = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
"""RFC 9110 section 5.5: no control character but the tab."""

FRAMING: Final = frozenset(
    (
        "connection",
        "content-length",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    )
)
"""Fields that say where a message ends or what becomes of the connection: the server's alone."""

type HeaderPair = tuple[str, str]


@dataclass(frozen=True, slots=True)
class HeaderText(Kind[HeaderPair]):
    """A field as `name: value`."""

    @property
    @override
    def expects(self) -> str:
        return 'a field such as "x-frame-options: DENY"'

    @property
    @override
    def metavar(self) -> str:
        return '"NAME: VALUE"'

    @override
    def read(self, text: str) -> HeaderPair:
        name, colon, value = text.partition(":")
        if not colon:
            raise self.refusal(text)
        return self._checked(name, value)

    @override
    def accept(self, value: object) -> HeaderPair:
        given = value
        if isinstance(value, str):
            return self.read(value)
        if isinstance(value, list | tuple):
            pair = cast("list[object]", value)
            if len(pair) == 2 and isinstance(pair[0], str) and isinstance(pair[1], str):
                return self._checked(pair[0], pair[1])
        raise self.refusal(given)

    @override
    def show(self, value: HeaderPair) -> str:
        return f"{value[0]}: {value[1]}"

    def _checked(self, name: str, value: str) -> HeaderPair:
        name, value = name.strip(" \t").lower(), value.strip(" \t")
        if not NAME.fullmatch(name):
            raise ValueError(f"has a field name that HTTP does not allow: {shown(name)}")
        if not VALUE.fullmatch(value):
            raise ValueError(f"has a value that HTTP does not allow in {name}: {shown(value)}")
        if name in FRAMING:
            raise ValueError(f"cannot set {name}, which pounce itself keeps right in each response")
        return name, value


@dataclass(frozen=True, slots=True)
class HeaderList(Repeated[HeaderPair]):
    """Fields; in TOML also a table of names and values."""

    kind: Kind[HeaderPair] = HeaderText()
    separator: str = "\n"

    @override
    def accept(self, value: object) -> tuple[HeaderPair, ...]:
        if isinstance(value, dict):
            value = list(cast("dict[object, object]", value).items())
        return Repeated[HeaderPair].accept(self, value)
