"""The time between the word that the server is to end and its end, in which it goes on serving."""

from typing import TYPE_CHECKING

from pounce.supervise.policy import Policy

if TYPE_CHECKING:
    from tests.supervise.conftest import Office

PATIENCE = 30.0
FADING = Policy(grace=PATIENCE, drain_delay=5.0)


def test_the_end_may_be_put_off_for_load_balancers(office: Office) -> None:
    supervisor = office.open(2, policy=FADING)
    supervisor.stop()
    office.until(lambda: [hand.told for hand in office.made] == [["start", "fade"]] * 2)
    office.later(4.9)
    assert not supervisor.ready
    assert not office.made[0].leaving
    office.clock.now += 0.2
    office.made[0].leave()
    office.ended()
    assert office.made[1].told == ["start", "fade", "end"]


def test_a_hurry_does_not_wait_for_load_balancers(office: Office) -> None:
    supervisor = office.open(1, policy=FADING)
    supervisor.stop()
    supervisor.hurry()
    office.ended()


def test_who_replaces_a_dead_worker_before_the_end_says_farewell_too(office: Office) -> None:
    """Somebody has to serve until then; what is ready later than the others is told later."""
    supervisor = office.open(2, policy=FADING)
    supervisor.stop()
    office.until(lambda: [hand.told for hand in office.made] == [["start", "fade"]] * 2)
    office.made[0].leave(ValueError("boom"))
    late = office.hired(3)[2]
    office.settle()
    assert late.told == ["start"]
    late.get_ready()
    office.until(lambda: late.told == ["start", "fade"])
    assert office.served[-1] == ["worker-2", "worker-3"]
    assert not supervisor.ready


def test_who_starts_when_the_end_is_asked_for_says_farewell_once_it_serves(office: Office) -> None:
    """Before, a lone one would never begin to accept."""
    supervisor = office.open(1, policy=FADING)
    office.made[0].leave(ValueError("boom"))
    late = office.hired(2)[1]
    supervisor.stop()
    office.settle()
    assert late.told == ["start"]
    late.get_ready()
    office.until(lambda: late.told == ["start", "fade"])
    assert office.served[-1] == ["worker-2"]


def test_nobody_is_renewed_before_the_end(office: Office) -> None:
    supervisor = office.open(2, policy=FADING)
    supervisor.stop()
    office.made[0].wear()
    supervisor.reload()
    supervisor.scale(1)
    supervisor.scale(-1)
    office.settle()
    assert [hand.told for hand in office.made] == [["start", "fade"]] * 2
    assert office.said == ["stopping"]


def test_a_reload_that_comes_through_before_the_end_changes_nothing(office: Office) -> None:
    supervisor = office.open(1, policy=FADING)
    supervisor.reload()
    fresh = office.hired(2)[1]
    supervisor.stop()
    fresh.get_ready()
    office.settle()
    assert [hand.told for hand in office.made] == [["start", "fade"], ["start"]]
    office.clock.now += 5.1
    office.ended()
    assert [hand.told[-1] for hand in office.made] == ["end", "end"]


def test_an_import_that_comes_through_before_the_end_changes_nothing(office: Office) -> None:
    office.load_gate.clear()
    supervisor = office.open(1, policy=FADING)
    supervisor.reload()
    office.until(lambda: "loading" in office.said)
    supervisor.stop()
    office.load_gate.set()
    office.settle()
    assert len(office.made) == 1


def test_a_successor_that_comes_through_before_the_end_serves_beside_the_worn(
    office: Office,
) -> None:
    supervisor = office.open(1, policy=FADING)
    office.made[0].wear()
    successor = office.hired(2)[1]
    supervisor.stop()
    successor.get_ready()
    office.until(lambda: "fade" in successor.told)
    office.settle()
    assert office.made[0].told == ["start", "fade"]
    assert office.served[-1] == ["worker-1", "worker-2"]


def test_the_end_is_put_off_once(office: Office) -> None:
    supervisor = office.open(1, policy=FADING)
    supervisor.stop()
    office.settle()
    supervisor.stop()
    office.settle()
    assert office.made[0].told == ["start", "fade"]
    assert office.said == ["stopping"]
