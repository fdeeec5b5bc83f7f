"""Replacing workers that are worn, old or large, and changing their number."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from pounce.protocol.errors import StartupError
from pounce.supervise.policy import Policy

if TYPE_CHECKING:
    from tests.supervise.conftest import Hand, Office

PATIENCE = 30.0
MEGA = 1 << 20


# Worn


def test_a_worn_worker_retires_once_its_successor_is_ready(office: Office) -> None:
    office.open(2)
    first, second = office.made
    first.wear()
    successor = office.hired(3)[2]
    office.settle()
    assert not first.leaving
    successor.get_ready()
    office.until(lambda: first.told == ["start", "retire"])
    assert office.served[-1] == ["worker-2", "worker-3"]
    assert first.heirs == ["worker-2", "worker-3"]
    assert not second.leaving


def test_a_worker_is_worn_once_however_often_it_says_so(office: Office) -> None:
    office.open(1)
    for _ in range(3):
        office.made[0].wear()
    office.hired(2)
    office.settle()
    assert len(office.made) == 2


def test_worn_workers_are_replaced_one_at_a_time(office: Office) -> None:
    office.open(3)
    for hand in office.made[:3]:
        hand.wear()
    for number in range(3, 6):
        office.hired(number + 1)
        office.settle()
        assert len(office.made) == number + 1
        office.made[number].get_ready()
    office.until(lambda: office.served[-1] == ["worker-4", "worker-5", "worker-6"])
    assert office.mistakes == []


def test_there_are_always_enough_to_serve(office: Office) -> None:
    office.open(2)
    for number in range(2, 12):
        office.made[number - 2].wear()
        office.hired(number + 1)[number].get_ready()
        office.until(lambda n=number: office.made[n - 2].gone)  # type: ignore[misc]
    assert min(map(len, office.served)) == 2
    assert office.mistakes == []


def test_no_connection_goes_to_a_worker_that_takes_its_time_to_leave(office: Office) -> None:
    office.stubborn = {"worker-1"}
    office.open(2)
    for number in range(2, 6):
        office.made[number - 2].wear()
        office.hired(number + 1)[number].get_ready()
        office.until(lambda n=number: office.made[n - 2].leaving)  # type: ignore[misc]
    assert office.mistakes == []


def test_a_worker_worn_before_all_were_ready_is_replaced(office: Office) -> None:
    office.open(2, ready=False)
    office.hired(2)
    office.made[0].get_ready()
    office.made[0].wear()
    office.made[1].get_ready()
    office.hired(3)[2].get_ready()
    office.until(lambda: office.made[0].gone)
    assert office.served[-1] == ["worker-2", "worker-3"]


def test_nobody_is_hired_during_the_end(office: Office) -> None:
    office.stubborn = {"worker-1"}
    supervisor = office.open(1)
    supervisor.stop()
    office.until(lambda: office.made[0].leaving)
    office.made[0].wear()
    office.made[0].leave()
    office.ended()
    assert len(office.made) == 1


def test_a_worn_worker_goes_on_until_a_successor_gets_ready(office: Office) -> None:
    """Though the first one dies: a worker says only once that it is worn."""
    supervisor = office.open(1)
    office.made[0].wear()
    office.hired(2)[1].leave(StartupError("no database"))
    office.settle()
    assert not office.made[0].leaving
    office.later(60.0)
    office.hired(3)[2].get_ready()
    office.until(lambda: office.made[0].leaving)
    assert office.served[-1] == ["worker-3"]
    assert supervisor.error is None


def test_a_worn_worker_may_die_before_its_successor_is_ready(office: Office) -> None:
    supervisor = office.open(2)
    office.made[0].wear()
    successor = office.hired(3)[2]
    office.made[0].leave(ValueError("boom"))
    office.settle()
    successor.get_ready()
    office.until(lambda: "worker-3" in office.served[-1])
    office.settle_or_end()
    assert supervisor.error is None
    assert not supervisor.done.is_set()


def test_a_worn_worker_that_dies_is_replaced_by_its_successor_alone(office: Office) -> None:
    office.open(2)
    office.made[0].wear()
    successor = office.hired(3)[2]
    office.made[0].leave(ValueError("boom"))
    office.settle_or_end()
    office.later(60.0)
    successor.get_ready()
    office.settle_or_end()
    serving = [hand.name for hand in office.made if not hand.leaving and not hand.gone]
    assert len(serving) == 2


def test_another_worker_may_die_while_a_worn_one_is_replaced(office: Office) -> None:
    office.open(2)
    office.made[0].wear()
    successor = office.hired(3)[2]
    office.made[1].leave(ValueError("boom"))
    replacement = office.hired(4)[3]
    replacement.get_ready()
    successor.get_ready()
    office.until(lambda: office.made[0].gone)
    assert office.served[-1] == ["worker-3", "worker-4"]
    assert office.mistakes == []


def test_a_successor_that_cannot_be_started_is_no_reason_to_end(office: Office) -> None:
    office.cannot_start = {"worker-2"}
    supervisor = office.open(1)
    office.made[0].wear()
    office.settle_or_end()
    assert supervisor.error is None
    assert not office.made[0].leaving


def test_other_worn_workers_are_replaced_after_a_successor_died(office: Office) -> None:
    office.open(2)
    for hand in office.made[:2]:
        hand.wear()
    office.hired(3)[2].leave(ValueError("boom"))
    office.settle()
    office.later(1.0)
    for number in (3, 4):
        office.hired(number + 1)[number].get_ready()
        office.settle()
    assert [hand.gone for hand in office.made] == [True, True, True, False, False]
    assert office.served[-1] == ["worker-4", "worker-5"]


# Old and large


def test_a_worker_is_replaced_when_it_reaches_its_age(office: Office) -> None:
    office.open(1, policy=Policy(grace=PATIENCE, age=100.0))
    office.later(89.0)
    assert len(office.made) == 1
    office.later(22.0)
    office.hired(2)[1].get_ready()
    office.until(lambda: office.made[0].gone)


def test_each_worker_has_an_age_of_its_own(office: Office) -> None:
    office.open(8, policy=Policy(grace=PATIENCE, age=100.0))
    office.settle()
    lifetimes = {hand.lifetime for hand in office.made}
    assert len(lifetimes) > 1
    assert all(lifetime is not None and 90.0 <= lifetime <= 110.0 for lifetime in lifetimes)


def test_an_age_begins_when_a_worker_is_ready(office: Office) -> None:
    office.open(1, ready=False, policy=Policy(grace=PATIENCE, age=100.0))
    hand = office.hired(1)[0]
    office.clock.now += 1000.0
    hand.get_ready()
    office.settle()
    office.later(80.0)
    assert len(office.made) == 1


def test_a_worker_that_takes_too_much_memory_is_replaced(office: Office) -> None:
    office.open(2, policy=Policy(grace=PATIENCE, memory=100 * MEGA))
    office.made[0].size = 100 * MEGA
    office.made[1].size = 101 * MEGA
    office.later(2.0)
    office.hired(3)[2].get_ready()
    office.until(lambda: office.made[1].gone)
    assert not office.made[0].leaving


def test_memory_that_all_share_is_given_back_by_a_new_generation(office: Office) -> None:
    office.open(1, policy=Policy(grace=PATIENCE, memory=100 * MEGA))
    office.crews[0].size = 101 * MEGA
    office.later(2.0)
    office.until(lambda: len(office.crews) == 2)
    office.hired(2)[1].get_ready()
    office.until(lambda: office.made[0].gone)


def test_a_renewal_that_gives_nothing_back_is_not_repeated(office: Office) -> None:
    office.open(1, policy=Policy(grace=PATIENCE, memory=100 * MEGA))
    office.crews[0].size = 101 * MEGA
    office.later(2.0)
    office.until(lambda: len(office.crews) == 2)
    office.crews[1].size = 102 * MEGA
    office.hired(2)[1].get_ready()
    office.until(lambda: office.made[0].gone)
    for _ in range(5):
        office.later(2.0)
    assert len(office.crews) == 2
    office.crews[1].size = 150 * MEGA
    office.later(2.0)
    office.until(lambda: len(office.crews) == 3)


def test_new_rules_hold_from_the_next_look(office: Office) -> None:
    supervisor = office.open(1)
    office.made[0].size = 101 * MEGA
    office.later(2.0)
    assert len(office.made) == 1
    supervisor.set_policy(Policy(grace=PATIENCE, memory=100 * MEGA), 0)
    office.later(2.0)
    office.hired(2)


# Their number


def test_more_workers_join_those_that_serve(office: Office) -> None:
    supervisor = office.open(1)
    supervisor.scale(2)
    for hand in office.hired(3)[1:]:
        hand.get_ready()
    office.until(lambda: office.served[-1] == ["worker-1", "worker-2", "worker-3"])


def test_the_youngest_goes_when_there_are_to_be_fewer(office: Office) -> None:
    supervisor = office.open(3)
    supervisor.scale(-1)
    office.until(lambda: office.made[2].told == ["start", "retire"])
    assert office.served[-1] == ["worker-1", "worker-2"]
    assert office.made[2].heirs == ["worker-1", "worker-2"]


def test_one_worker_is_left_at_least(office: Office) -> None:
    supervisor = office.open(2)
    supervisor.scale(-5)
    office.until(lambda: office.made[1].gone)
    office.settle()
    assert not office.made[0].leaving


def test_a_number_that_was_lowered_is_kept_after_a_death(office: Office) -> None:
    supervisor = office.open(3)
    supervisor.scale(-1)
    office.until(lambda: office.made[2].gone)
    office.made[0].leave(ValueError("boom"))
    office.hired(4)[3].get_ready()
    office.settle()
    office.later(60.0)
    assert len(office.made) == 4
    assert office.served[-1] == ["worker-2", "worker-4"]


@pytest.mark.parametrize("ready", [True, False], ids=["after", "before"])
def test_the_number_may_be_lowered_while_a_worn_worker_is_replaced(
    office: Office, ready: bool
) -> None:
    supervisor = office.open(3)
    office.made[0].wear()
    successor = office.hired(4)[3]
    steps: list[Callable[[], object]] = [successor.get_ready, lambda: supervisor.scale(-1)]
    for step in steps if ready else reversed(steps):
        step()
        office.settle()
    serving: list[Hand] = [hand for hand in office.made if not hand.leaving and not hand.gone]
    assert len(serving) == 2
    assert office.made[0].gone
    assert office.mistakes == []
