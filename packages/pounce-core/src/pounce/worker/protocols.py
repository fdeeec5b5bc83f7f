"""What a worker speaks: the protocols of its connections, and what takes a request over.

Decides which handler a connection gets. Made once a worker, on its thread.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from pounce.protocol.roles import Handler, HandlerFactory, Transport, Upgrade
from pounce.registry.negotiation import Offer, negotiate
from pounce.worker.channel import Channel
from pounce.worker.sniffer import Sniffer


@dataclass(frozen=True, slots=True)
class Protocols:
    """The protocols of one worker.

    Attributes:
        default: makes the handler of a connection that nothing else claims.
        offers: the other protocols.
        upgrades: what takes a request over that asks for another protocol, by its token.
        transports: what wraps an accepted socket, by URL scheme; a scheme that is not here is
            served as it is.
    """

    default: HandlerFactory
    offers: tuple[Offer[HandlerFactory], ...] = ()
    upgrades: Mapping[bytes, Upgrade] = field(default_factory=dict[bytes, Upgrade])
    transports: Mapping[str, Transport] = field(default_factory=dict[str, Transport])

    def handler(self, channel: Channel, alpn: bytes | None, now: float, served: int) -> Handler:
        """What speaks on a connection.

        Args:
            channel: the connection.
            alpn: what was agreed on in a handshake, or None.
            now: monotonic time.
            served: requests that were answered on it, by another worker.
        """
        if served and alpn is None:
            # Its first bytes are gone. Who was told by them what to speak does not move.
            return self.default(channel, now, served)
        chosen = negotiate(self.offers, self.default, alpn, b"")
        if chosen is None:
            return Sniffer(channel, self.offers, self.default, now)
        return chosen(channel, now, served)
