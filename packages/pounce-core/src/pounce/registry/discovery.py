"""Finds the installed protocols, once, before the workers start.

Decides which descriptors are taken and refuses the rest by name; never imports a protocol's
heavy module. The result is immutable and shared by all workers without a lock.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from itertools import combinations
from typing import Final, cast

from pounce.protocol.descriptor import (
    API,
    ConnectionDescriptor,
    Descriptor,
    ListenerDescriptor,
    TransportDescriptor,
    UpgradeDescriptor,
)
from pounce.protocol.errors import ConfigError

NAME: Final = re.compile(r"[a-z][a-z0-9_-]*")
"""Also that of a table in TOML, and a part of options."""


@dataclass(frozen=True, slots=True)
class Registry:
    """The installed protocols by role, each group in the order of names."""

    connections: tuple[ConnectionDescriptor, ...]
    upgrades: tuple[UpgradeDescriptor, ...]
    transports: tuple[TransportDescriptor, ...]
    listeners: tuple[ListenerDescriptor, ...]

    @property
    def default(self) -> ConnectionDescriptor:
        """What speaks on a connection that nothing else claims.

        Raises:
            ConfigError: not exactly one installed protocol is the default.
        """
        defaults = [d for d in self.connections if d.default]
        if len(defaults) != 1:
            names = ", ".join(d.distribution for d in defaults) or "none"
            raise ConfigError(
                f"exactly one installed protocol is to be the default, but it is {names}: reinstall"
                " bengal-pounce, or uninstall what claims its place"
            )
        return defaults[0]


def discover() -> Registry:
    """Reads the entry points of every installed distribution.

    Raises:
        ConfigError: one cannot be imported, is not a descriptor of its role, is made for
            another interface, or has a name that is taken.
    """
    connections = _read("pounce.connection", ConnectionDescriptor)
    _tell_apart(connections)
    return Registry(
        connections,
        _read("pounce.upgrade", UpgradeDescriptor),
        _read("pounce.transport", TransportDescriptor),
        _read("pounce.listener", ListenerDescriptor),
    )


def _read[D: Descriptor](group: str, kind: type[D]) -> tuple[D, ...]:
    found: list[D] = []
    claims: dict[object, D] = {}
    for point in sorted(entry_points(group=group), key=lambda point: (point.name, point.value)):
        descriptor = _load(point, kind)
        if any(descriptor is each for each in found):
            continue
        found.append(descriptor)
        for claim in _claims(descriptor):
            other = claims.setdefault(claim, descriptor)
            if other is not descriptor:
                raise ConfigError(
                    f"{descriptor.distribution} and {other.distribution} both bring the {group}"
                    f" {claim!r}: uninstall one of them"
                )
    return tuple(found)


def _tell_apart(connections: Iterable[ConnectionDescriptor]) -> None:
    """Refuses protocols of which one's first bytes may be those of the other."""
    begun = [(each, each.preface) for each in connections if each.preface]
    for (one, first), (other, second) in combinations(begun, 2):
        if first.startswith(second) or second.startswith(first):
            raise ConfigError(
                f"{one.distribution} and {other.distribution} bring protocols that begin alike,"
                f" with {first!r} and {second!r}: uninstall one of them"
            )


def _claims(descriptor: Descriptor) -> set[str | bytes]:
    """By what it is chosen; no other of its role may claim the same."""
    claims: set[str | bytes] = {descriptor.name}
    if isinstance(descriptor, ConnectionDescriptor):
        claims.update(descriptor.alpn)
        if descriptor.preface is not None:
            claims.add(descriptor.preface)
    elif isinstance(descriptor, UpgradeDescriptor) and descriptor.token:
        claims.add(descriptor.token)
    return claims


def _load[D: Descriptor](point: EntryPoint, kind: type[D]) -> D:
    source = point.dist.name if point.dist is not None else point.value
    try:
        descriptor = point.load()
    except (Exception, SystemExit) as error:
        raise ConfigError(
            f"the {point.group} {point.name!r} of {source} cannot be imported"
            f" ({first_line(error)}): reinstall or uninstall it"
        ) from error
    if not isinstance(descriptor, kind):
        raise ConfigError(
            f"the {point.group} {point.name!r} of {source} is a {type(descriptor).__name__}, not a"
            f" {kind.__name__}: uninstall it"
        )
    if descriptor.api != API:
        raise ConfigError(
            f"{source} is made for interface {descriptor.api!r} of pounce, and this is {API}:"
            " install the versions that belong together"
        )
    fault = _fault(descriptor)
    if fault:
        raise ConfigError(
            f"the {point.group} {point.name!r} of {source} {fault}: reinstall or uninstall it"
        )
    return descriptor


def _fault(descriptor: Descriptor) -> str:
    """What no setting and no client could ever be matched with; empty if nothing."""
    # Whatever its author wrote there.
    called = cast("object", descriptor.name)
    names: list[object] = []
    if not isinstance(called, str) or not NAME.fullmatch(called):
        return f"has the name {called!r}, which is no lower-case word"
    if isinstance(descriptor, ConnectionDescriptor):
        names += [*descriptor.alpn, descriptor.preface or b""]
    elif isinstance(descriptor, UpgradeDescriptor):
        names.append(descriptor.token)
    for name in names:
        if not isinstance(name, bytes):
            return f"is chosen by {name!r}, which is no bytes"
        if isinstance(descriptor, UpgradeDescriptor) and name != name.lower():
            return f"is chosen by {name!r}, which is to be in lower case"
    return ""


def first_line(error: BaseException) -> str:
    """What an exception is and says, in a line."""
    text = str(error).partition("\n")[0]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
