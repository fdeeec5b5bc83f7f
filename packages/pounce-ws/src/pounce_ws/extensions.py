"""The grammar of `Sec-WebSocket-Extensions` and `Sec-WebSocket-Protocol`.

Decides whether a list is well formed and what its members are; never what an extension means.
RFC 6455 sections 4.3, 9.1 and 11.3.4; RFC 9110 section 5.6.1.
"""

import re
from typing import Final

type Extension = tuple[bytes, list[tuple[bytes, bytes | None]]]
"""A name, and parameters with or without a value."""

_TOKEN: Final = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]++"
# The value of a quoted parameter is a token, too, once it is unquoted (RFC 6455 section 9.1).
_PARAMETER: Final = re.compile(
    rb"[ \t]*+;[ \t]*+(" + _TOKEN + rb")(?:[ \t]*+=[ \t]*+(?:(" + _TOKEN + rb')|"(' + _TOKEN
    + rb')"))?+'
)  # fmt: skip
_NAME: Final = re.compile(rb"[ \t]*+(" + _TOKEN + rb")")
_COMMA: Final = re.compile(rb"[ \t]*+(?:,[ \t]*+)++")


def read_extensions(value: bytes) -> list[Extension] | None:
    """The extensions that a field offers, the most wanted first; None if it is malformed."""
    found: list[Extension] = []
    at = _after_commas(value, 0)
    while at < len(value):
        name = _NAME.match(value, at)
        if name is None:
            return None
        at = name.end()
        parameters: list[tuple[bytes, bytes | None]] = []
        while parameter := _PARAMETER.match(value, at):
            key, token, quoted = parameter.groups()
            parameters.append((key.lower(), token if quoted is None else quoted))
            at = parameter.end()
        found.append((name[1].lower(), parameters))
        start, at = at, _after_commas(value, at)
        if at == start and at < len(value):
            return None
    return found


def read_subprotocols(value: bytes) -> list[str] | None:
    """The subprotocols that a field offers, the most wanted first; None if it is malformed, or
    names one twice (RFC 6455 section 4.1)."""
    found: list[str] = []
    at = _after_commas(value, 0)
    while at < len(value):
        name = _NAME.match(value, at)
        if name is None:
            return None
        found.append(name[1].decode("ascii"))
        start, at = name.end(), _after_commas(value, name.end())
        if at == start and at < len(value):
            return None
    return found if len(set(found)) == len(found) else None


def _after_commas(value: bytes, at: int) -> int:
    """The position behind the commas and white space at `at`; a list may have empty members."""
    comma = _COMMA.match(value, at)
    if comma is not None:
        return comma.end()
    rest = value[at:]
    return len(value) if not rest.strip(b" \t") else at
