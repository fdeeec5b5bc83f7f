"""Which handler a connection gets, by what is known of it."""

from typing import Any, cast

import pytest

from pounce.protocol.roles import HandlerFactory
from pounce.registry.negotiation import Offer
from pounce.testing.channel import RecordingChannel
from pounce.worker.protocols import Protocols
from pounce.worker.sniffer import Sniffer

Made = tuple[str, float, int]


def named(name: str) -> HandlerFactory:
    """Makes tuples: what was made, when, and with how many requests answered."""
    made: Any = lambda _channel, now, served: (name, now, served)  # noqa: E731 - its type is Any
    return cast("HandlerFactory", made)


def offer(name: str, preface: bytes | None = None) -> Offer[HandlerFactory]:
    return Offer((name.encode(),), preface, named(name))


LINE = offer("line", b"PING")
SILENT = offer("silent")


def handler(
    *offers: Offer[HandlerFactory], alpn: bytes | None = None, served: int = 0
) -> Made | Sniffer:
    protocols = Protocols(named("default"), offers)
    channel = cast("Any", RecordingChannel())
    return cast("Made | Sniffer", protocols.handler(channel, alpn, 7.0, served))


@pytest.mark.parametrize("offers", [(), (SILENT,)], ids=["alone", "beside one by ALPN only"])
def test_the_default_speaks_where_nothing_has_to_be_found_out(
    offers: tuple[Offer[HandlerFactory], ...],
) -> None:
    assert handler(*offers) == ("default", 7.0, 0)


def test_what_was_agreed_on_speaks() -> None:
    assert handler(LINE, SILENT, alpn=b"silent") == ("silent", 7.0, 0)


def test_what_was_agreed_on_and_nobody_offers_is_the_defaults() -> None:
    assert handler(LINE, alpn=b"http/1.1") == ("default", 7.0, 0)


def test_the_first_bytes_are_waited_for_where_they_may_decide() -> None:
    assert isinstance(handler(LINE, SILENT), Sniffer)


def test_who_was_answered_elsewhere_is_not_asked_again() -> None:
    assert handler(LINE, served=3) == ("default", 7.0, 3)


def test_who_was_answered_elsewhere_keeps_what_was_agreed_on() -> None:
    assert handler(LINE, alpn=b"line", served=3) == ("line", 7.0, 3)


def test_there_are_no_others_by_itself() -> None:
    protocols = Protocols(named("default"))
    assert (protocols.offers, protocols.upgrades, protocols.transports) == ((), {}, {})
