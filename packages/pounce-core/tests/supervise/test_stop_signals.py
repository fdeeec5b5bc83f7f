"""What each signal asks for, with time as a plain number."""

from signal import SIGINT, SIGTERM

import pytest

from pounce.supervise.stop_signals import AGAIN, StopSignals


def test_the_first_asks_for_a_graceful_end() -> None:
    signals = StopSignals()
    assert signals.take(SIGTERM, 100.0) == "gracefully"
    assert (signals.first, signals.last) == (SIGTERM, None)


@pytest.mark.parametrize("number", [SIGINT, SIGTERM])
def test_one_that_comes_at_nearly_the_same_time_is_the_same(number: int) -> None:
    signals = StopSignals()
    signals.take(SIGINT, 100.0)
    assert signals.take(number, 100.0) is None
    assert signals.take(number, 100.0 + AGAIN - 0.001) is None
    assert (signals.first, signals.last) == (SIGINT, None)


def test_one_that_comes_later_asks_for_the_end_at_once() -> None:
    signals = StopSignals()
    signals.take(SIGTERM, 100.0)
    signals.take(SIGTERM, 100.1)
    # The time counts from the first: who goes on pressing is heard.
    assert signals.take(SIGINT, 100.0 + AGAIN) == "at once"
    assert (signals.first, signals.last) == (SIGTERM, SIGINT)


def test_further_ones_change_nothing() -> None:
    signals = StopSignals()
    for number, now in ((SIGINT, 0.0), (SIGINT, 1.0), (SIGTERM, 2.0)):
        signals.take(number, now)
    assert signals.last == SIGINT
