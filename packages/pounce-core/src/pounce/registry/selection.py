"""Which of the installed protocols a server uses: those that its settings ask for.

Decides what carries which scheme of URL, which scheme an address has that names none, and what is
offered in ALPN. Never imports a protocol's heavy module, opens a socket or makes a transport.
"""

from collections.abc import Iterable
from typing import Any, Final

from pounce.config.config import Config
from pounce.protocol.descriptor import (
    ConnectionDescriptor,
    Descriptor,
    TransportDescriptor,
    UpgradeDescriptor,
)
from pounce.protocol.errors import ConfigError, NotAvailable
from pounce.registry.discovery import Registry

PLAIN: Final = "http"
"""The scheme of a socket as it is."""
EXTRAS: Final = {"https": "tls"}
"""What to install for a scheme."""


class Selection:
    """The protocols of one server. Frozen: nothing changes it once it is made.

    Args:
        registry: what is installed.
        config: the server's settings.
        schemes: what its sockets carry that listen already, whatever the settings say by now.

    Raises:
        ConfigError: there is not exactly one default, or two transports carry one scheme.
        NotAvailable: nothing that is installed carries the scheme of an address.

    Attributes:
        default: what speaks where nothing else is agreed on.
        connections: what else may speak.
        upgrades: what takes a request over, by its token.
        scheme: of an address that names none.
        transports: by the schemes that the server's addresses have; a plain one needs none.
    """

    def __init__(self, registry: Registry, config: Config, schemes: Iterable[str] = ()) -> None:
        self._config = config
        self.default: ConnectionDescriptor = registry.default
        self.connections = tuple(
            each for each in registry.connections if each is not self.default and self._wants(each)
        )
        self.upgrades: dict[bytes, UpgradeDescriptor] = {
            each.token: each for each in registry.upgrades if self._wants(each)
        }
        wanted = [each.scheme for each in registry.transports if self._wants(each)]
        self.scheme = next((scheme for scheme in wanted if scheme != PLAIN), PLAIN)
        addresses = {each.scheme or self.scheme for each in config.addresses()}
        self.transports = self._carriers(registry, addresses.union(schemes))

    def settings(self, descriptor: Descriptor) -> Any:
        """The settings of a protocol: an instance of its dataclass."""
        given = self._config.protocols.get(descriptor.name)
        # Two roles may have one name, and settings of their own.
        return given if isinstance(given, descriptor.settings) else descriptor.settings()

    @property
    def alpn(self) -> tuple[bytes, ...]:
        """What to offer in a handshake, the best first."""
        return tuple(name for each in (*self.connections, self.default) for name in each.alpn)

    @property
    def names(self) -> list[str]:
        """What is spoken, for a person."""
        return [
            title_of(each) for each in (self.default, *self.connections, *self.upgrades.values())
        ]

    def _wants(self, descriptor: Descriptor) -> bool:
        return descriptor.wanted(self.settings(descriptor))

    @staticmethod
    def _carriers(registry: Registry, schemes: set[str]) -> dict[str, TransportDescriptor]:
        found: dict[str, TransportDescriptor] = {}
        for scheme in sorted(schemes - {PLAIN}):
            able = [each for each in registry.transports if each.scheme == scheme]
            if not able:
                extra = EXTRAS.get(scheme)
                hint = f': pip install "bengal-pounce[{extra}]"' if extra else ""
                raise NotAvailable(f"an address with {scheme}:// needs what carries it{hint}")
            if len(able) > 1:
                names = " and ".join(each.distribution for each in able)
                raise ConfigError(f"{names} both carry {scheme}: uninstall one of them")
            found[scheme] = able[0]
        return found


def title_of(descriptor: Descriptor) -> str:
    """What people call a protocol."""
    return descriptor.title or descriptor.name
