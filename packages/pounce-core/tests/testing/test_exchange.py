"""The exchange in memory: that it is one, and that it says what it was told."""

from typing import get_protocol_members

import pytest

from pounce.protocol.errors import ClientDisconnected
from pounce.protocol.exchange import END, GONE, WAIT, Exchange
from pounce.testing.exchange import MemoryExchange


@pytest.mark.parametrize("member", sorted(get_protocol_members(Exchange)))
def test_has_what_the_role_names(member: str) -> None:
    assert hasattr(MemoryExchange(), member)


def test_gives_what_was_laid_out_and_waits_then() -> None:
    exchange = MemoryExchange(b"a", END)
    assert [exchange.read(), exchange.read(), exchange.read()] == [b"a", END, WAIT]


def test_what_arrives_later_is_told() -> None:
    exchange = MemoryExchange()
    told: list[bool] = []
    exchange.on_change = lambda: told.append(True)
    exchange.arrive(b"a")
    assert told
    assert exchange.read() == b"a"


def test_one_that_is_lost_takes_and_gives_nothing() -> None:
    exchange = MemoryExchange(b"a")
    exchange.lose()
    assert exchange.read() is GONE
    with pytest.raises(ClientDisconnected):
        exchange.write(b"a", more=False)


def test_two_parts_are_one_write() -> None:
    exchange = MemoryExchange()
    assert exchange.write_parts(b"a", b"b", more=True)
    assert exchange.calls == [("write", b"ab", True)]


def test_notes_what_it_is_told() -> None:
    exchange = MemoryExchange()
    exchange.start(200, [(b"a", b"b")])
    assert exchange.write(b"c", more=False)
    assert exchange.calls == [("start", 200, [(b"a", b"b")], False), ("write", b"c", False)]
    assert exchange.over
