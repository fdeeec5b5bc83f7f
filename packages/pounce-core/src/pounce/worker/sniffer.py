"""Stands for the default protocol until a client's first bytes say which protocol it speaks.

Decides when the protocol is known, and hands over with every byte that was read. Whatever else
befalls the connection until then is the default protocol's to deal with.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from pounce.protocol.roles import Farewell, HandlerFactory
from pounce.registry.negotiation import Offer, negotiate

if TYPE_CHECKING:
    from pounce.worker.channel import Channel


class Sniffer:
    """See `pounce.protocol.roles.Handler` for what each method promises."""

    __slots__ = ("_channel", "_default", "_farewell", "_held", "_make_default", "_offers")

    def __init__(
        self,
        channel: Channel,
        offers: Iterable[Offer[HandlerFactory]],
        default: HandlerFactory,
        now: float,
    ) -> None:
        self._channel = channel
        self._offers = offers
        self._make_default = default
        self._default = default(channel, now, 0)
        self._held = b""
        self._farewell: Farewell | None = None

    def received(self, data: bytes, now: float) -> None:
        data = self._held + data
        chosen = negotiate(self._offers, self._make_default, None, data)
        if chosen is None:
            self._held = data
            return
        if chosen is self._make_default:
            self._give_way(data, now)
            return
        self._held = b""
        self._default.release()
        handler = self._channel.handler = chosen(self._channel, now, 0)
        handler.received(data, now)
        # Not before: one that has nothing under way would close, and what was read be lost.
        if self._farewell is not None and not self._channel.closed:
            handler.drain(now, self._farewell)

    def _give_way(self, data: bytes, now: float) -> None:
        """It is the default protocol that speaks, which gets what was read."""
        self._held = b""
        self._channel.handler = self._default
        self._default.received(data, now)

    def received_eof(self, now: float) -> None:
        if self._held:
            self._give_way(self._held, now)
        self._channel.handler = self._default
        if not self._channel.closed:
            self._default.received_eof(now)

    def flushed(self, now: float) -> None:
        self._default.flushed(now)

    def turn(self, now: float) -> None:
        self._default.turn(now)

    def expired(self, now: float) -> None:
        if self._held:
            # It sets its deadline by what it has got: the client has begun to say something.
            self._give_way(self._held, now)
        else:
            self._default.expired(now)

    def drain(self, now: float, farewell: Farewell) -> None:
        self._farewell = farewell
        self._default.drain(now, farewell)

    def release(self) -> tuple[bytes, int] | None:
        left = self._default.release()
        return None if left is None else (self._held + left[0], left[1])

    def disconnect(self) -> None:
        self._default.disconnect()

    def lost(self) -> None:
        self._default.lost()
