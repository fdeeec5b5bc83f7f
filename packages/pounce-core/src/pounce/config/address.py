"""Where a server listens: the notation of `--bind`, and what it stands for.

Decides what a text names. Never opens, resolves or looks at anything.
"""

import re
from dataclasses import dataclass, replace
from typing import Final, override

from pounce.protocol.kind import Kind, shown

HIGHEST_PORT: Final = 65_535

SCHEMES: Final = ("https", "http")

DESCRIPTOR_NAME: Final = re.compile(r"[A-Za-z_][!-.0-9;-~]{0,254}")
"""Of what `FileDescriptorName=` takes, the names that don't look like a mistake here."""

NOTATION: Final = (
    '"127.0.0.1:8000", "[::1]:8000", ":8000" for every interface, "unix:/run/app.sock", "fd://3" '
    'or "https://127.0.0.1:8443"'
)


@dataclass(frozen=True, slots=True)
class TcpAddress:
    """A host and a port. No host means every interface, no port (0) means a free one."""

    host: str
    port: int
    scheme: str | None = None

    @override
    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{_prefix(self.scheme)}{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class UnixAddress:
    """The path of a Unix socket."""

    path: str
    scheme: str | None = None

    @override
    def __str__(self) -> str:
        return f"{_prefix(self.scheme)}unix:{self.path}"


@dataclass(frozen=True, slots=True)
class DescriptorAddress:
    """The number of a descriptor that somebody else opened and that already listens."""

    descriptor: int
    scheme: str | None = None

    @override
    def __str__(self) -> str:
        return f"{_prefix(self.scheme)}fd://{self.descriptor}"


@dataclass(frozen=True, slots=True)
class PassedAddress:
    """The name that systemd gave to sockets which it opened (`FileDescriptorName=`)."""

    name: str
    scheme: str | None = None

    @override
    def __str__(self) -> str:
        return f"{_prefix(self.scheme)}fd://{self.name}"


type Address = TcpAddress | UnixAddress | DescriptorAddress | PassedAddress
"""Each has the URL scheme that was written before it, or None."""


def _prefix(scheme: str | None) -> str:
    return "" if scheme is None else f"{scheme}://"


def parse_address(text: str) -> Address:
    """Reads the notation of `--bind`.

    Raises:
        ValueError: it is none; the message goes on after the setting's name.
    """
    scheme = next((each for each in SCHEMES if text.startswith(f"{each}://")), None)
    if scheme is not None:
        return replace(_parse_place(text.removeprefix(f"{scheme}://")), scheme=scheme)
    return _parse_place(text)


def _parse_place(text: str) -> Address:
    if text.startswith("unix:"):
        path = text.removeprefix("unix:").removeprefix("//")
        if not path or "\0" in path:
            raise ValueError(
                f'needs a path after "unix:", such as "unix:/run/app.sock", not {shown(text)}'
            )
        return UnixAddress(path)
    if text.startswith("fd:"):
        number = text.removeprefix("fd:").removeprefix("//")
        if _is_number(number):
            return DescriptorAddress(int(number))
        if not DESCRIPTOR_NAME.fullmatch(number):
            raise ValueError(
                'needs a number after "fd://", such as "fd://3", or the name of sockets that '
                f"systemd opened, not {shown(text)}"
            )
        return PassedAddress(number)
    if "/" in text:
        raise ValueError(
            f'takes an address without a path, such as "127.0.0.1:8000", "https://0.0.0.0:443" or '
            f'"unix:/run/app.sock", not {shown(text)}'
        )
    host, colon, port = text.rpartition(":")
    if not colon or not _is_number(port) or int(port) > HIGHEST_PORT:
        raise ValueError(f"must be an address with its port, such as {NOTATION}, not {shown(text)}")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
        if ":" not in host:
            raise ValueError(
                f"has brackets around something that is no IPv6 address: {shown(text)}"
            )
    elif ":" in host:
        raise ValueError(
            f'needs brackets around an IPv6 address, as in "[{host}]:{port}", not {shown(text)}'
        )
    if not _is_name(host):
        raise ValueError(f"has a host name with characters that no host name has: {shown(text)}")
    return TcpAddress(host, int(port))


def _is_name(host: str) -> bool:
    # Bytes that are no text are not printable either, as Python has them in `sys.argv`.
    return host.isprintable() and not any(char in ' []"/' for char in host)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()


@dataclass(frozen=True, slots=True)
class BindText(Kind[str]):
    """The notation of `--bind`."""

    @property
    @override
    def expects(self) -> str:
        return f"an address such as {NOTATION}"

    @property
    @override
    def metavar(self) -> str:
        return "ADDRESS"

    @override
    def read(self, text: str) -> str:
        parse_address(text)
        return text

    @override
    def accept(self, value: object) -> str:
        if isinstance(value, str):
            return self.read(value)
        raise self.refusal(value)


@dataclass(frozen=True, slots=True)
class HostName(Kind[str]):
    """A host name or IP address, which may be in brackets; empty for every interface."""

    @property
    @override
    def expects(self) -> str:
        return "a host name or an IP address without a port"

    @property
    @override
    def metavar(self) -> str:
        return "HOST"

    @override
    def read(self, text: str) -> str:
        host = text[1:-1] if text.startswith("[") and text.endswith("]") else text
        if host.count(":") == 1 or not _is_name(host):
            raise self.refusal(text)
        return host

    @override
    def accept(self, value: object) -> str:
        if isinstance(value, str):
            return self.read(value)
        raise self.refusal(value)


@dataclass(frozen=True, slots=True)
class Permissions(Kind[int]):
    """The permission bits of a file, in octal where they are text."""

    @property
    @override
    def expects(self) -> str:
        return 'permission bits in octal, such as "660"'

    @property
    @override
    def metavar(self) -> str:
        return "OCTAL"

    @override
    def read(self, text: str) -> int:
        try:
            bits = int(text, 8)
        except ValueError:
            raise self.refusal(text) from None
        if not 0 <= bits <= 0o777:
            raise self.refusal(text)
        return bits

    @override
    def accept(self, value: object) -> int:
        if isinstance(value, str):
            return self.read(value)
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 0o777:
            return value
        raise self.refusal(value)

    @override
    def show(self, value: int) -> str:
        return f"{value:03o}"
