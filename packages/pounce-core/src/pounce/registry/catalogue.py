"""The settings of core and of the protocols that are installed.

Decides which protocol brings which table of settings. Never reads a value.
"""

from collections.abc import Iterator
from dataclasses import fields, is_dataclass

from pounce.config.catalogue import Catalogue, Table, table_of
from pounce.protocol.descriptor import Descriptor
from pounce.protocol.errors import ConfigError
from pounce.registry.discovery import Registry, discover, first_line


def installed_settings() -> Catalogue:
    """The settings that can be given here.

    Raises:
        ConfigError: an installed protocol is not good; see `discover`.
    """
    return catalogue_of(discover())


def catalogue_of(registry: Registry) -> Catalogue:
    """The settings of core, and of each protocol that has any.

    Raises:
        ConfigError: two protocols have settings of the same name, or those of one are of no use.
    """
    tables: dict[str, Table] = {}
    for descriptor in _descriptors(registry):
        _check(descriptor)
        if not fields(descriptor.settings):
            continue
        known = tables.get(descriptor.name)
        if known is None:
            tables[descriptor.name] = table_of(
                descriptor.name,
                descriptor.settings,
                title=descriptor.title,
                prefix=descriptor.prefix,
            )
        elif known.form is not descriptor.settings:
            raise ConfigError(
                f'two protocols have a table of settings "{descriptor.name}", the other one of'
                f" {descriptor.distribution}: uninstall one of them"
            )
    return Catalogue(tables.values())


def _check(descriptor: Descriptor) -> None:
    """Sees that settings can be made before anybody has said anything."""
    try:
        descriptor.settings()
        if is_dataclass(descriptor.settings):
            return
        why = "they are no dataclass"
    except Exception as error:  # noqa: BLE001 - whatever it is, its distribution is not good
        why = first_line(error)
    raise ConfigError(
        f"the settings of {descriptor.name}, from {descriptor.distribution}, cannot be made"
        f" ({why}): reinstall or uninstall it"
    )


def _descriptors(registry: Registry) -> Iterator[Descriptor]:
    yield from registry.connections
    yield from registry.upgrades
    yield from registry.transports
    yield from registry.listeners
