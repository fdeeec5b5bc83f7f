"""How soon a dead worker is replaced, and how long a worker lives."""

from itertools import pairwise

import pytest

from pounce.supervise.policy import LONGEST_DELAY, Policy


@pytest.mark.parametrize(
    ("deaths", "delay"),
    [(1, 0.0), (2, 0.5), (3, 1.0), (4, 2.0), (5, 4.0), (6, 8.0), (7, 10.0), (8, 10.0)],
)
def test_each_death_is_made_good_later_than_the_one_before(deaths: int, delay: float) -> None:
    assert Policy().delay(deaths) == delay


def test_no_delay_is_shorter_than_the_one_before_or_longer_than_the_longest() -> None:
    delays = [Policy().delay(deaths) for deaths in range(1, 1000)]
    assert all(first <= second for first, second in pairwise(delays))
    assert delays[-1] == LONGEST_DELAY


def test_a_worker_lives_for_ever_by_default() -> None:
    assert Policy().lifetime() is None


def test_lifetimes_are_the_age_give_or_take_a_tenth() -> None:
    lifetimes = [Policy(age=100.0).lifetime() or 0.0 for _ in range(1000)]
    assert 90.0 <= min(lifetimes) < 95.0
    assert 105.0 < max(lifetimes) <= 110.0
