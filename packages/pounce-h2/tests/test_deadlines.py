"""Who is late, and who is not."""

from typing import TYPE_CHECKING, Any

import pytest

from pounce.protocol.exchange import GONE, WAIT
from pounce.protocol.limits import Limits
from pounce_h2 import frame
from pounce_h2.frame import ErrorCode

if TYPE_CHECKING:
    from tests.conftest import Client, Connect


def pass_time(client: Client, start: float, end: float) -> None:
    """The worker sweeps once a second."""
    now = start
    while now <= end and not client.channel.closed:
        client.wait(now)
        now += 1.0


def test_a_client_that_says_nothing(connect: Connect) -> None:
    client = connect(greet=False, limits=Limits(head_timeout=10.0))
    assert client.channel.deadline == 10.0
    client.say(frame.PREFACE[:5], now=5.0)
    client.wait(10.0)
    assert client.ended()
    assert client.channel.refusals == ["head-timeout"]


def test_a_preface_is_not_idle_for_ever(connect: Connect) -> None:
    client = connect(limits=Limits(head_timeout=10.0, keep_alive_timeout=75.0))
    pass_time(client, 0.0, 74.0)
    assert not client.ended()
    client.wait(75.0)
    assert client.ended()


def test_without_limits_nobody_is_late(connect: Connect, wait: Any) -> None:
    limits = Limits(
        head_timeout=None, keep_alive_timeout=None, body_timeout=None, write_timeout=None
    )
    client = connect(wait, limits=limits)
    client.say(client.head(b"POST", end=False))
    client.exchange.read()
    client.exchange.start(200, [])
    client.exchange.write(b"x" * 100_000, more=True)
    pass_time(client, 0.0, 1000.0)
    assert client.channel.refusals == []
    assert not client.ended()


def test_a_block_that_is_not_ended(connect: Connect, wait: Any) -> None:
    """The whole connection pays: from there on nobody knows what is in its table."""
    client = connect(wait, limits=Limits(head_timeout=10.0))
    client.say(client.head())
    client.say(frame.frame(frame.HEADERS, 0, 3, b"\x82"), now=1.0)
    pass_time(client, 2.0, 10.0)
    assert not client.ended()
    client.wait(11.0)
    assert client.error == ErrorCode.ENHANCE_YOUR_CALM
    assert client.exchange.gone


def test_a_request_that_takes_too_long(connect: Connect, wait: Any) -> None:
    client = connect(wait, limits=Limits(request_timeout=5.0))
    client.say(client.head(), client.head())
    cancelled: list[bool] = []
    first, second = client.channel.exchanges
    first.cancel = lambda: cancelled.append(True)
    second.start(200, [])
    second.write(b"x", more=True)
    pass_time(client, 1.0, 4.0)
    assert client.channel.refusals == []
    client.wait(5.0)
    assert client.answers[1].status == 503
    assert client.resets == {3: ErrorCode.CANCEL}
    assert client.channel.refusals == ["request-timeout"] * 2
    assert cancelled == [True]
    assert first.gone


def test_a_body_that_does_not_come(connect: Connect, wait: Any) -> None:
    client = connect(wait, limits=Limits(body_timeout=20.0))
    client.say(client.head(b"POST", end=False), client.head())
    exchange = client.channel.exchanges[0]
    assert exchange.read() is WAIT
    pass_time(client, 1.0, 20.0)
    assert client.channel.refusals == []
    pass_time(client, 21.0, 22.0)
    assert client.answers[1].status == 408
    assert client.channel.refusals == ["body-timeout"]
    assert exchange.read() is GONE
    assert not client.ended()


def test_a_body_that_nobody_waits_for_is_not_late(connect: Connect, wait: Any) -> None:
    client = connect(wait, limits=Limits(body_timeout=20.0))
    client.say(client.head(b"POST", end=False))
    pass_time(client, 1.0, 100.0)
    assert client.channel.refusals == []


@pytest.mark.parametrize(("rate", "late"), [(300, False), (100, True)])
def test_a_body_that_trickles(connect: Connect, wait: Any, rate: int, late: bool) -> None:
    client = connect(wait, limits=Limits(body_timeout=20.0, body_rate=240))
    client.say(client.head(b"POST", end=False))
    client.exchange.read()
    for now in range(1, 60):
        client.say(frame.frame(frame.DATA, 0, 1, b"x" * rate), now=float(now))
        client.exchange.read()
        client.exchange.read()
        client.wait(float(now))
    assert (client.channel.refusals == ["body-timeout"]) is late


def test_a_large_frame_that_trickles_is_a_body_that_comes(connect: Connect, wait: Any) -> None:
    client = connect(wait, limits=Limits(head_timeout=10.0, body_timeout=20.0, body_rate=240))
    client.say(client.head(b"POST", end=False))
    client.exchange.read()
    whole = frame.frame(frame.DATA, 0, 1, b"x" * 16_000)
    for now in range(1, 54):
        at = 300 * (now - 1)
        client.say(whole[at : at + 300], now=float(now))
        client.wait(float(now))
    assert client.channel.refusals == []
    client.say(whole[300 * 53 :], now=54.0)
    assert len(client.exchange.read()) == 16_000


def test_a_window_that_is_never_opened(connect: Connect, wait: Any) -> None:
    client = connect(wait, limits=Limits(write_timeout=20.0))
    client.say(client.head(), client.head())
    first, second = client.channel.exchanges
    first.start(200, [])
    first.write(b"x" * 65_535, more=True)
    client.say(frame.window_update(0, 100_000))
    first.write(b"x", more=True)
    pass_time(client, 1.0, 20.0)
    assert client.resets == {}
    pass_time(client, 21.0, 22.0)
    assert client.resets == {1: ErrorCode.CANCEL}
    assert client.channel.refusals == ["write-timeout"]
    assert first.gone
    assert not second.gone


def test_a_connections_window_that_is_never_opened(connect: Connect, wait: Any) -> None:
    client = connect(wait, limits=Limits(write_timeout=20.0))
    client.say(client.head())
    client.exchange.start(200, [])
    client.exchange.write(b"x" * 100_000, more=True)
    client.say(frame.window_update(1, 100_000))
    pass_time(client, 1.0, 25.0)
    assert client.resets == {1: ErrorCode.CANCEL}


@pytest.mark.parametrize(("rate", "late"), [(300, False), (100, True)])
def test_a_window_that_is_opened_little_by_little(
    connect: Connect, wait: Any, rate: int, late: bool
) -> None:
    client = connect(wait, limits=Limits(write_timeout=20.0, write_rate=240))
    client.say(client.head(), frame.window_update(0, 1_000_000))
    client.exchange.start(200, [])
    client.exchange.write(b"x" * 100_000, more=True)
    for now in range(1, 60):
        client.say(frame.window_update(1, rate), now=float(now))
        client.wait(float(now))
    assert (client.resets != {}) is late


def test_who_waits_for_a_more_urgent_sibling_is_not_late(connect: Connect, wait: Any) -> None:
    client = connect(wait, limits=Limits(write_timeout=20.0))
    client.say(client.head(b"GET", b"/", (b"priority", b"u=0")), client.head())
    for exchange in client.channel.exchanges:
        exchange.start(200, [])
    client.turn()
    client.exchange.stream.send_window = client.channel.exchanges[0].stream.send_window = 10**9
    for exchange in client.channel.exchanges:
        exchange.write(b"x" * 1_000_000, more=True)
    for now in range(1, 100):
        client.say(frame.window_update(0, 1_000), now=float(now))
        client.wait(float(now))
    assert client.channel.refusals == []


def test_an_answer_does_not_wait_for_an_upload_for_ever(connect: Connect) -> None:
    client = connect()
    client.say(client.head(b"POST", end=False))
    pass_time(client, 1.0, 2.0)
    assert client.answers == {}
    pass_time(client, 3.0, 4.0)
    assert client.answers[1].ended
    assert client.resets == {1: ErrorCode.NO_ERROR}


def test_a_tunnel_has_no_end(connect: Connect, wait: Any) -> None:
    client = connect(
        wait, limits=Limits(request_timeout=5.0, body_timeout=5.0), upgrades=frozenset((b"x",))
    )
    fields = [
        (b":method", b"CONNECT"),
        (b":protocol", b"x"),
        (b":scheme", b"http"),
        (b":path", b"/"),
        (b":authority", b"a"),
    ]
    client.say(client.block(fields, end=False))
    client.exchange.accept([])
    client.exchange.read()
    pass_time(client, 1.0, 100.0)
    assert client.channel.refusals == []
    # But when we have ended it, so should the client.
    client.exchange.write(b"", more=False)
    pass_time(client, 101.0, 130.0)
    assert client.resets == {1: ErrorCode.CANCEL}
