"""Which protocol speaks on a connection: one pure function of what its client has said so far.

Decides by ALPN where there was any (RFC 7301), else by the first bytes, else takes the default.
Never reads, waits or keeps anything.
"""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Offer[T]:
    """A protocol that can be chosen.

    Attributes:
        alpn: its names in ALPN.
        preface: the first bytes of a client that speaks it without having negotiated, or None.
        speaks: what is chosen with it.
    """

    alpn: tuple[bytes, ...]
    preface: bytes | None
    speaks: T


def negotiate[T](
    offers: Iterable[Offer[T]], default: T, alpn: bytes | None, data: bytes
) -> T | None:
    """Chooses a protocol.

    Args:
        offers: the protocols beside the default.
        default: what takes a connection that nothing else claims.
        alpn: what was agreed on in a handshake, or None.
        data: the first bytes, as far as they have come.

    Returns:
        what speaks; None if the bytes that are still to come decide.
    """
    if alpn is not None:
        return next((offer.speaks for offer in offers if alpn in offer.alpn), default)
    undecided = False
    for offer in offers:
        if offer.preface:
            if data.startswith(offer.preface):
                return offer.speaks
            undecided = undecided or offer.preface.startswith(data)
    return None if undecided else default
