from math import inf

import pytest

from pounce.protocol.limits import Limits
from pounce_ws.keepalive import Due, Keepalive, Times
from pounce_ws.settings import Settings

TIMES = Times.of(
    Settings(ping_interval=20.0, ping_timeout=10.0), Limits(body_timeout=5.0, body_rate=100)
)


class Clock:
    def __init__(self, times: Times = TIMES) -> None:
        self._keepalive = Keepalive(times)
        self.received = 0
        self.midway = False
        self.paused = False

    def due(self, now: float) -> Due | None:
        return self._keepalive.tick(now, self.received, midway=self.midway, paused=self.paused)


@pytest.fixture
def clock() -> Clock:
    clock = Clock()
    assert clock.due(100.0) is None
    return clock


def test_a_silent_client_is_pinged_and_then_given_up(clock: Clock) -> None:
    assert clock.due(119.9) is None
    assert clock.due(120.0) == "ping"
    assert clock.due(129.9) is None
    assert clock.due(130.0) == "silent"


def test_a_sign_of_life_puts_it_off(clock: Clock) -> None:
    assert clock.due(120.0) == "ping"
    clock.received += 6
    assert clock.due(129.0) is None
    assert clock.due(148.9) is None
    assert clock.due(149.0) == "ping"


def test_a_client_that_talks_is_not_pinged(clock: Clock) -> None:
    for now in range(101, 200):
        clock.received += 1
        assert clock.due(float(now)) is None


def test_nobody_is_given_up_who_is_not_read(clock: Clock) -> None:
    assert clock.due(120.0) == "ping"
    clock.paused = True
    assert clock.due(500.0) is None
    clock.paused = False
    assert clock.due(519.9) is None
    assert clock.due(520.0) == "ping"


@pytest.mark.parametrize(("rate", "due"), [(99, "slow"), (100, None)])
def test_a_frame_that_has_begun_goes_on(clock: Clock, rate: int, due: Due | None) -> None:
    clock.midway = True
    assert clock.due(101.0) is None
    for now in range(102, 106):
        clock.received += rate
        assert clock.due(float(now)) is None
    clock.received += rate
    assert clock.due(106.0) == due


def test_each_frame_has_its_own_window(clock: Clock) -> None:
    for now in range(101, 190, 4):
        clock.received += 1
        clock.midway = True
        assert clock.due(float(now)) is None
        clock.midway = False
        assert clock.due(now + 2.0) is None


def test_a_frame_that_is_not_read_is_not_slow(clock: Clock) -> None:
    clock.midway = True
    assert clock.due(101.0) is None
    clock.paused = True
    assert clock.due(110.0) is None
    clock.paused = False
    assert clock.due(111.0) is None
    assert clock.due(115.9) is None
    assert clock.due(116.0) == "slow"


def test_nothing_is_due_where_there_are_no_limits() -> None:
    times = Times.of(Settings(ping_interval=None), Limits(body_timeout=None))
    assert times.frame == times.interval == inf
    clock = Clock(times)
    clock.midway = True
    assert [clock.due(now) for now in (0.0, 1e3, 1e6, 1e9)] == [None] * 4


def test_a_ping_without_a_time_out_is_asked_once() -> None:
    clock = Clock(Times.of(Settings(ping_interval=20.0, ping_timeout=None), Limits()))
    assert [clock.due(now) for now in (0.0, 20.0, 40.0, 1e9)] == [None, "ping", None, None]
