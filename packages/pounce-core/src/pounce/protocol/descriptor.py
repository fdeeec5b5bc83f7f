"""What an entry point names: a frozen descriptor, one type for each of the four roles.

A descriptor is light. The function that it carries imports the heavy module when it is
first needed, so that discovery stays fast and a protocol nobody uses costs nothing. What that
function returns for each role is described in `pounce.protocol.roles`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

API: Final = 1
"""The number of this interface. A plug-in made for another one is refused by name."""


def always(_settings: Any) -> bool:
    """Whatever the settings say."""
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Descriptor:
    """What every role's descriptor has.

    Attributes:
        name: how it is called in logs and `pounce info`, and its table in TOML; lower case.
        api: the interface number that it was made for.
        distribution: the distribution that brings it, for messages.
        settings: a frozen dataclass whose fields are its settings (`pounce.protocol.setting`), and
            which can be made without arguments.
        load: imports the heavy module and returns what the role needs.
        title: what people call it, as a heading: `"HTTP/2"`; its name if empty.
        prefix: of its settings' names on the command line and in the environment; its name if
            empty.
        wanted: whether its settings ask for it, and it is to be chosen at all.
    """

    name: str
    api: int
    distribution: str
    settings: type
    load: Callable[[], Any]
    title: str = ""
    prefix: str = ""
    wanted: Callable[[Any], bool] = always


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionDescriptor(Descriptor):
    """Speaks a protocol over a byte stream.

    Attributes:
        alpn: its names in TLS's ALPN, most wanted first (RFC 7301).
        preface: the first bytes by which a client that has not negotiated speaks it, or None.
        default: whether it takes a connection that nothing else claims.
    """

    alpn: tuple[bytes, ...] = ()
    preface: bytes | None = None
    default: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class UpgradeDescriptor(Descriptor):
    """Takes an exchange over.

    Attributes:
        token: its `Upgrade` token and extended CONNECT `:protocol`, lower case.
    """

    token: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class TransportDescriptor(Descriptor):
    """Wraps an accepted socket.

    Of two for the same scheme, none is chosen. An address that names no scheme takes the one of the
    transport that is wanted beside the default, `"http"`.

    Attributes:
        scheme: the URL scheme of what it carries, `"http"` or `"https"`.
    """

    scheme: str = "http"


@dataclass(frozen=True, slots=True, kw_only=True)
class ListenerDescriptor(Descriptor):
    """Opens sockets of its own."""
