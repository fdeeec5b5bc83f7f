"""Until the first bytes have come: HTTP/1.1 by default, beside a protocol of a preface."""

from math import inf
from typing import Any, cast

import pytest

from pounce.http1.handler import FIRST_REQUEST
from pounce.http1.settings import Http1Settings
from pounce.http1.worker import Http1Worker
from pounce.protocol.limits import Limits
from pounce.protocol.roles import Channel, Farewell, HandlerFactory
from pounce.registry.negotiation import Offer
from pounce.testing.channel import RecordingChannel, RecordingServices
from pounce.testing.wire import every_way
from pounce.worker.sniffer import Sniffer

PREFACE = b"POKE / 1\r\n"
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
GET = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n\r\n"
FAREWELLS: list[Farewell] = ["close", "patient", "fade"]


class Poke:
    """Speaks the protocol of the preface: notes what it is told."""

    def __init__(self, channel: Channel, now: float, served: int) -> None:
        self.channel = channel
        self.served = served
        self.data = b""
        self.events: list[str] = []
        channel.deadline = now + 100.0

    def received(self, data: bytes, now: float) -> None:
        self.data += data
        self.events.append("received")

    def received_eof(self, now: float) -> None:
        self.events.append("eof")

    def flushed(self, now: float) -> None: ...

    def turn(self, now: float) -> None: ...

    def expired(self, now: float) -> None:
        self.events.append("expired")

    def drain(self, now: float, farewell: Farewell) -> None:
        self.events.append(farewell)

    def release(self) -> tuple[bytes, int] | None:
        return None

    def disconnect(self) -> None: ...

    def lost(self) -> None:
        self.events.append("lost")


class Sniffed:
    """A connection on which nothing has come."""

    def __init__(self, limits: Limits | None = None) -> None:
        self.channel = RecordingChannel()
        self.http1 = Http1Worker(RecordingServices(limits or Limits()), Http1Settings())
        offers = (Offer[HandlerFactory]((b"poke",), PREFACE, Poke),)
        sniffer = Sniffer(cast("Any", self.channel), offers, self.http1, 0.0)
        self.channel.handler = sniffer

    def receive(self, *pieces: bytes, now: float = 0.0) -> None:
        for piece in pieces:
            self.channel.handler.received(piece, now)
            self.settle(now)

    def settle(self, now: float = 0.0) -> None:
        while self.channel.scheduled and not self.channel.closed:
            self.channel.scheduled = False
            self.channel.handler.turn(now)

    def sweep(self, now: float) -> None:
        if now >= self.channel.deadline:
            self.channel.deadline = inf
            self.channel.handler.expired(now)

    @property
    def poke(self) -> Poke:
        assert isinstance(self.channel.handler, Poke)
        return self.channel.handler

    @property
    def sniffs(self) -> bool:
        return isinstance(self.channel.handler, Sniffer)

    @property
    def output(self) -> bytes:
        return bytes(self.channel.output)


@pytest.fixture
def sniffed() -> Sniffed:
    return Sniffed()


# Who speaks


def test_no_byte_of_a_preface_is_lost_however_it_comes() -> None:
    for pieces in every_way(PREFACE + b"more"):
        sniffed = Sniffed()
        sniffed.receive(*pieces)
        assert sniffed.poke.data == PREFACE + b"more"
        assert sniffed.channel.exchanges == []


@pytest.mark.parametrize("request_", [GET, POST])
def test_no_byte_of_a_request_is_lost_however_it_comes(request_: bytes) -> None:
    for pieces in every_way(request_):
        sniffed = Sniffed()
        sniffed.receive(*pieces)
        assert sniffed.output == OK
        assert not sniffed.sniffs


def test_nothing_is_decided_before_it_has_to_be(sniffed: Sniffed) -> None:
    sniffed.receive(PREFACE[:-1])
    assert sniffed.sniffs
    assert sniffed.output == b""


def test_a_part_of_a_preface_that_turns_out_otherwise_is_the_defaults(sniffed: Sniffed) -> None:
    sniffed.receive(PREFACE[:6], b"/ HTTP/1.1\r\nhost: a\r\n\r\n" + GET)
    assert [each.head.method for each in sniffed.channel.exchanges] == ["POKE", "GET"]
    assert sniffed.output == OK * 2


def test_who_was_chosen_is_new_and_sets_its_deadline(sniffed: Sniffed) -> None:
    sniffed.receive(PREFACE, now=3.0)
    assert sniffed.poke.served == 0
    assert sniffed.channel.deadline == 103.0


def test_the_default_does_nothing_more_once_another_was_chosen(sniffed: Sniffed) -> None:
    sniffed.receive(PREFACE)
    sniffed.channel.abort()
    assert sniffed.poke.events == ["received", "lost"]
    assert sniffed.output == b""


# What else may happen meanwhile


def test_a_silent_client_is_cut_off_as_by_the_default() -> None:
    sniffed = Sniffed(Limits(head_timeout=5.0))
    sniffed.sweep(4.9)
    assert not sniffed.channel.shut
    sniffed.sweep(5.0)
    assert sniffed.channel.closed
    assert sniffed.output == b""


def test_who_stops_in_a_preface_is_answered_as_by_the_default() -> None:
    sniffed = Sniffed(Limits(head_timeout=5.0))
    sniffed.receive(PREFACE[:5], now=4.0)
    sniffed.sweep(5.0)
    sniffed.sweep(6.0)
    assert sniffed.output.startswith(b"HTTP/1.1 408 ")
    assert sniffed.channel.refusals == ["head-timeout"]


def test_who_drips_a_preface_gets_no_more_time_than_others() -> None:
    sniffed = Sniffed(Limits(head_timeout=5.0))
    for second, byte in enumerate(PREFACE[:-1]):
        if not sniffed.channel.shut:
            sniffed.receive(bytes([byte]), now=float(second))
            sniffed.sweep(float(second))
    assert sniffed.output.startswith(b"HTTP/1.1 408 ")
    assert len(PREFACE) > 6


def test_who_goes_on_at_the_last_moment_is_heard() -> None:
    sniffed = Sniffed(Limits(head_timeout=5.0))
    sniffed.receive(b"P")
    sniffed.sweep(5.0)
    assert not sniffed.sniffs
    sniffed.receive(POST[1:], now=5.1)
    assert sniffed.output == OK


def test_the_end_of_a_client_that_said_nothing_closes(sniffed: Sniffed) -> None:
    sniffed.channel.handler.received_eof(0.0)
    assert sniffed.channel.closed
    assert sniffed.output == b""


def test_the_end_in_a_preface_is_the_defaults_to_deal_with(sniffed: Sniffed) -> None:
    sniffed.receive(PREFACE[:4])
    sniffed.channel.handler.received_eof(0.0)
    assert not sniffed.sniffs
    assert sniffed.channel.shut


def test_the_end_behind_a_preface_is_told_to_who_was_chosen(sniffed: Sniffed) -> None:
    sniffed.receive(PREFACE)
    sniffed.channel.handler.received_eof(0.0)
    assert sniffed.poke.events == ["received", "eof"]


def test_a_client_that_is_lost_is_nobodys(sniffed: Sniffed) -> None:
    sniffed.receive(PREFACE[:4])
    sniffed.channel.abort()
    assert sniffed.channel.closed
    assert sniffed.channel.exchanges == []


def test_an_application_that_does_not_exist_yet_is_told_nothing(sniffed: Sniffed) -> None:
    sniffed.channel.handler.disconnect()
    sniffed.channel.handler.flushed(0.0)
    sniffed.channel.handler.turn(0.0)
    sniffed.receive(GET)
    assert sniffed.output == OK


# Moves


@pytest.mark.parametrize("length", range(len(PREFACE)))
def test_what_was_read_goes_along(sniffed: Sniffed, length: int) -> None:
    if length:
        sniffed.receive(PREFACE[:length])
    assert sniffed.channel.handler.release() == (PREFACE[:length], 0)


def test_a_connection_is_given_up_once(sniffed: Sniffed) -> None:
    sniffed.receive(PREFACE[:4])
    sniffed.channel.handler.release()
    assert sniffed.channel.handler.release() is None


def test_it_moves_when_its_worker_is_replaced(sniffed: Sniffed) -> None:
    sniffed.channel.heir = True
    sniffed.receive(PREFACE[:4])
    sniffed.channel.handler.drain(0.0, "move")
    assert sniffed.channel.handed_on == (PREFACE[:4], 0)


def test_where_nobody_takes_it_it_is_closed(sniffed: Sniffed) -> None:
    sniffed.channel.handler.drain(0.0, "move")
    assert sniffed.channel.closed


# Drains


@pytest.mark.parametrize("farewell", FAREWELLS)
def test_who_was_chosen_hears_of_the_drain_after_the_bytes(
    sniffed: Sniffed, farewell: Farewell
) -> None:
    """One that has nothing under way would close, and the client's first request be lost."""
    sniffed.receive(PREFACE[:4])
    sniffed.channel.handler.drain(0.0, farewell)
    sniffed.receive(PREFACE[4:])
    assert sniffed.poke.events == ["received", farewell]
    assert sniffed.poke.data == PREFACE


def test_who_was_chosen_hears_of_the_last_drain_only(sniffed: Sniffed) -> None:
    sniffed.channel.handler.drain(0.0, "patient")
    sniffed.channel.handler.drain(1.0, "close")
    sniffed.receive(PREFACE)
    assert sniffed.poke.events == ["received", "close"]


@pytest.mark.parametrize("farewell", FAREWELLS)
def test_the_default_knows_of_the_drain(sniffed: Sniffed, farewell: Farewell) -> None:
    sniffed.receive(b"P")
    sniffed.channel.handler.drain(0.0, farewell)
    sniffed.receive(POST[1:])
    assert sniffed.output == OK.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n")


def test_a_drain_leaves_a_new_client_a_moment(sniffed: Sniffed) -> None:
    sniffed.channel.handler.drain(0.0, "close")
    assert sniffed.channel.deadline == FIRST_REQUEST
    sniffed.sweep(FIRST_REQUEST)
    assert sniffed.channel.closed
