"""Who speaks on a connection, by ALPN or by however much has come of the first bytes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pounce.registry.negotiation import Offer, negotiate

H2 = Offer((b"h2",), b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "h2")
LINE = Offer((b"line", b"line/0"), b"PING\n", "line")
SILENT = Offer((b"silent",), None, "silent")
OFFERS = (H2, LINE, SILENT)


def chosen(data: bytes, alpn: bytes | None = None) -> str | None:
    return negotiate(OFFERS, "http1", alpn, data)


# What a handshake agreed on


@pytest.mark.parametrize(
    ("alpn", "speaks"),
    [(b"h2", "h2"), (b"line", "line"), (b"line/0", "line"), (b"silent", "silent")],
)
def test_what_was_agreed_on_speaks(alpn: bytes, speaks: str) -> None:
    assert chosen(b"", alpn) == speaks


@pytest.mark.parametrize("alpn", [b"http/1.1", b"unheard-of", b"H2"])
def test_what_nobody_offers_is_the_defaults(alpn: bytes) -> None:
    assert chosen(b"", alpn) == "http1"


def test_first_bytes_do_not_count_where_something_was_agreed_on() -> None:
    assert chosen(b"PING\n", b"http/1.1") == "http1"


# The first bytes


@pytest.mark.parametrize("offer", [H2, LINE], ids=["h2", "line"])
def test_a_whole_preface_decides(offer: Offer[str]) -> None:
    assert offer.preface is not None
    assert chosen(offer.preface) == chosen(offer.preface + b"and more") == offer.speaks


@pytest.mark.parametrize("offer", [H2, LINE], ids=["h2", "line"])
def test_a_part_of_a_preface_does_not_decide(offer: Offer[str]) -> None:
    assert offer.preface is not None
    assert {chosen(offer.preface[:length]) for length in range(len(offer.preface))} == {None}


@pytest.mark.parametrize("data", [b"G", b"POST", b"PUT / HTTP/1.1", b"PRI * HTTP/1.1", b"PINK"])
def test_what_no_preface_begins_with_is_the_defaults(data: bytes) -> None:
    assert chosen(data) == "http1"


def test_without_a_preface_nothing_has_to_come() -> None:
    assert negotiate((SILENT,), "http1", None, b"") == "http1"
    assert negotiate((), "http1", None, b"") == "http1"


def test_a_preface_of_no_bytes_is_none() -> None:
    assert negotiate((Offer((), b"", "greedy"),), "http1", None, b"GET") == "http1"


@given(st.binary(max_size=30), st.binary(max_size=10))
def test_a_decision_stands_whatever_else_comes(data: bytes, more: bytes) -> None:
    decision = chosen(data)
    if decision is not None:
        assert chosen(data + more) == decision


@given(st.binary(min_size=24, max_size=40))
def test_as_many_bytes_as_the_longest_preface_has_always_decide(data: bytes) -> None:
    assert chosen(data) is not None
