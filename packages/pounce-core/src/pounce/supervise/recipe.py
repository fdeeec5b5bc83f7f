"""From the configuration to what a worker is made of; the same for every kind of worker.

Decides nothing on its own; it only says in one place which setting goes where.
"""

import logging
from collections.abc import Iterable
from random import randint
from time import monotonic, time
from typing import Any

from pounce.config.config import Config
from pounce.guard.proxies import TrustedProxies
from pounce.observe.access_log import Sink
from pounce.protocol.descriptor import Descriptor
from pounce.protocol.errors import ConfigError, PounceError
from pounce.protocol.exchange import Outcome
from pounce.protocol.roles import Completed, Peer, Transport
from pounce.registry.discovery import discover, first_line
from pounce.registry.negotiation import Offer
from pounce.registry.selection import Selection, title_of
from pounce.supervise.listeners import Listener
from pounce.worker.door import Door
from pounce.worker.life import LifeSettings
from pounce.worker.protocols import Protocols
from pounce.worker.settings import WorkerSettings
from pounce.worker.worker import Worker

logger = logging.getLogger("pounce.supervise")


class Recipe:
    """How to make a worker of this server.

    Args:
        config: the server's settings.
        shares: among how many processes the connections of the whole server are divided.
        schemes: what the sockets carry that listen already.
        tells: whether this process tells what is odd about the settings; one of the server's does.

    Raises:
        ConfigError, NotAvailable: a protocol cannot be used as the settings ask.
    """

    def __init__(
        self,
        config: Config,
        shares: int = 1,
        schemes: Iterable[str] = (),
        *,
        tells: bool = True,
    ) -> None:
        self.config = config
        chosen = self.selection = Selection(discover(), config, schemes)
        # Once for all workers of this process, before any starts, to find out what is missing.
        self._connections = [(each, _load(each)) for each in (chosen.default, *chosen.connections)]
        self._upgrades = [(each, _load(each)) for each in chosen.upgrades.values()]
        self._transports: dict[str, Transport] = {
            scheme: _load(each)(chosen.settings(each), chosen.alpn, tells)
            for scheme, each in chosen.transports.items()
        }
        self.proxies = (
            TrustedProxies.parse(",".join(config.forwarded_allow_ips))
            if config.proxy_headers
            else None
        )
        most = config.limit_connections
        self.most_connections = None if most is None else -(-most // shares)

    def look_after(self) -> None:
        """Does what is due where no worker of this process does it; about once a minute."""
        for transport in self._transports.values():
            try:
                transport.look_after(monotonic())
            except Exception as fault:
                logger.error("a transport could not be looked after", exc_info=fault)

    def worker_settings(self, *, accepts: bool) -> WorkerSettings:
        """What the next worker needs to know; `accepts` says whether it may accept itself."""
        config = self.config
        return WorkerSettings(
            limits=config.limits(),
            upgrades=frozenset(self.selection.upgrades),
            extra_headers=config.response_headers(),
            date_header=config.date_header and not _names(config, b"date"),
            proxies=self.proxies,
            most_connections=self.most_connections if accepts else None,
            most_requests=self.most_requests(),
        )

    def most_requests(self) -> int | None:
        """After how many requests the next worker is replaced: the limit and its jitter."""
        most = self.config.limit_max_requests
        return None if most is None else most + randint(0, self.config.limit_max_requests_jitter)

    def life_settings(self) -> LifeSettings:
        """What a worker's life needs to know."""
        config = self.config
        return LifeSettings(
            lifespan=config.lifespan,
            root_path=config.root_path,
            proxies=self.proxies,
            startup_timeout=config.timeout_startup,
            grace=config.timeout_graceful_shutdown,
        )

    def speak(self, worker: Worker) -> Protocols:
        """What a worker speaks. On its thread."""
        settings = self.selection.settings
        default, *others = [
            Offer(each.alpn, each.preface, factory(worker, settings(each)))
            for each, factory in self._connections
        ]
        return Protocols(
            default=default.speaks,
            offers=tuple(others),
            upgrades={
                each.token: factory(worker, settings(each)) for each, factory in self._upgrades
            },
            transports=self._transports,
        )


def _load(descriptor: Descriptor) -> Any:
    """Imports what speaks a protocol.

    Raises:
        ConfigError: it cannot be imported.
    """
    try:
        return descriptor.load()
    except PounceError:
        raise
    except Exception as error:
        raise ConfigError(
            f"{title_of(descriptor)}, from {descriptor.distribution}, cannot be loaded"
            f" ({first_line(error)}): reinstall or uninstall it"
        ) from error


def door_of(listener: Listener, *, exclusive: bool = False) -> Door:
    """A listener as the thread that accepts from it sees it."""
    return Door(listener.socket, listener.server, listener.scheme, exclusive=exclusive)


def _names(config: Config, name: bytes) -> bool:
    return any(given.lower() == name for given, _ in config.response_headers())


def log_to(sink: Sink, proxies: TrustedProxies | None) -> Completed:
    """Makes what writes an access-log entry for each request. Hot path where it is on.

    Args:
        sink: takes the entries.
        proxies: whose forwarding fields are believed, or None.
    """

    def completed(outcome: Outcome, peer: Peer) -> None:
        head = outcome.head
        client = peer.client
        if head.forwarded and peer.trusted and proxies is not None:
            client, _ = proxies.origin(head, peer)
        duration = monotonic() - outcome.began
        sink(
            (
                time() - duration,
                client,
                head.method,
                head.raw_path,
                head.query,
                head.version,
                outcome.status,
                outcome.body_sent,
                duration,
                head.headers,
            )
        )

    return completed
