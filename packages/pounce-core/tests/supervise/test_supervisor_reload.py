"""New generations of workers: when they take over, and what happens if they cannot."""

import logging
from typing import TYPE_CHECKING

import pytest

from pounce.protocol.errors import ApplicationLoadError, StartupError
from pounce.supervise.policy import Policy

if TYPE_CHECKING:
    from tests.supervise.conftest import Hand, Office

PATIENCE = 30.0


def serving(office: Office) -> list[Hand]:
    return [hand for hand in office.made if not hand.leaving and not hand.gone]


def test_the_new_generation_takes_over_when_all_of_it_is_ready(office: Office) -> None:
    supervisor = office.open(2)
    supervisor.reload()
    hands = office.hired(4)
    hands[2].get_ready()
    office.settle()
    assert office.served[-1] == ["worker-1", "worker-2"]
    assert not hands[0].leaving
    hands[3].get_ready()
    office.until(lambda: hands[0].gone and hands[1].gone)
    assert office.served[-1] == ["worker-3", "worker-4"]
    assert supervisor.generations == 2


def test_the_old_generation_retires_in_favour_of_the_new(office: Office) -> None:
    office.open(2).reload()
    for hand in office.hired(4)[2:]:
        hand.get_ready()
    office.until(lambda: office.made[0].gone and office.made[1].gone)
    assert [hand.told for hand in office.made[:2]] == [["start", "retire"]] * 2
    assert [hand.heirs for hand in office.made[:2]] == [["worker-3", "worker-4"]] * 2


def test_the_new_generation_is_made_by_its_own_crew(office: Office) -> None:
    office.open(2).reload()
    office.hired(4)
    assert [hand.crew.number for hand in office.made] == [1, 1, 2, 2]


def test_there_is_always_somebody_to_serve(office: Office) -> None:
    supervisor = office.open(2)
    for turn in range(1, 6):
        supervisor.reload()
        for hand in office.hired(2 * turn + 2)[2 * turn :]:
            hand.get_ready()
        office.until(lambda n=turn: office.made[2 * n - 1].gone)  # type: ignore[misc]
    assert min(map(len, office.served)) == 2
    assert office.mistakes == []


def test_a_reload_is_announced(office: Office) -> None:
    office.open(1).reload()
    office.hired(2)[1].get_ready()
    office.until(lambda: "reloaded" in office.said)
    assert office.said == ["reloading", "loading", "reloaded"]


def test_the_supervisor_answers_while_the_application_is_imported(office: Office) -> None:
    office.load_gate.clear()
    office.open(2).reload()
    office.made[0].leave(ValueError("boom"))
    office.hired(3)[2].get_ready()
    office.until(lambda: office.served[-1] == ["worker-2", "worker-3"])
    office.load_gate.set()
    office.hired(5)


def test_a_reload_before_all_serve_is_none(office: Office) -> None:
    office.open(1, ready=False).reload()
    office.settle()
    office.hired(1)[0].get_ready()
    office.settle()
    assert len(office.crews) == 1


@pytest.mark.parametrize("when", ["importing", "starting"])
def test_what_changes_during_a_reload_is_reloaded_once_more(office: Office, when: str) -> None:
    if when == "importing":
        office.load_gate.clear()
    supervisor = office.open(1)
    supervisor.reload()
    if when == "starting":
        office.hired(2)
    for _ in range(5):
        supervisor.reload()
    office.settle()
    office.load_gate.set()
    office.hired(2)[1].get_ready()
    office.hired(3)[2].get_ready()
    office.until(lambda: office.served[-1] == ["worker-3"])
    office.settle()
    assert len(office.crews) == 3


# When the new code is not good


def errors(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [each.getMessage() for each in caplog.records if each.levelno >= logging.ERROR]


def test_code_that_cannot_be_imported_leaves_the_old_one(
    office: Office, caplog: pytest.LogCaptureFixture
) -> None:
    supervisor = office.open(2)
    office.load_error = ApplicationLoadError("there is no module")
    supervisor.reload()
    office.until(lambda: "loading" in office.said)
    office.settle()
    office.settle()
    assert supervisor.reloads_failed == 1
    assert [hand.name for hand in serving(office)] == ["worker-1", "worker-2"]
    assert len(errors(caplog)) == 1
    assert "there is no module" in errors(caplog)[0]
    assert office.said[-1] == "reloaded"


@pytest.mark.parametrize("fault", [SystemExit, KeyboardInterrupt, MemoryError])
def test_no_fault_of_an_import_ends_the_server(office: Office, fault: type[BaseException]) -> None:
    supervisor = office.open(1)
    office.load_error = fault()
    supervisor.reload()
    office.until(lambda: "loading" in office.said)
    office.settle()
    office.settle()
    assert supervisor.reloads_failed == 1
    assert not supervisor.done.is_set()


def test_code_that_does_not_start_leaves_the_old_one(
    office: Office, caplog: pytest.LogCaptureFixture
) -> None:
    supervisor = office.open(2)
    supervisor.reload()
    hands = office.hired(4)
    hands[2].get_ready()
    hands[3].leave(StartupError("no database"))
    office.until(lambda: hands[2].gone)
    office.settle()
    assert supervisor.reloads_failed == 1
    assert [hand.name for hand in serving(office)] == ["worker-1", "worker-2"]
    assert "worker-3" not in {name for names in office.served for name in names}
    assert len(errors(caplog)) == 1
    assert "no database" in errors(caplog)[0]


def test_a_generation_that_fails_is_told_of_once(
    office: Office, caplog: pytest.LogCaptureFixture
) -> None:
    office.open(3).reload()
    for hand in office.hired(6)[3:]:
        hand.leave(StartupError("no database"))
    office.settle()
    office.settle()
    assert office.supervisor.reloads_failed == 1
    assert [text for text in errors(caplog) if "the new code" in text] == errors(caplog)[:1]


@pytest.mark.parametrize("where", ["cannot_make", "cannot_start"])
def test_a_generation_that_cannot_be_started_leaves_the_old_one(office: Office, where: str) -> None:
    """The system has no more processes for the moment."""
    supervisor = office.open(2)
    setattr(office, where, {"worker-4"})
    supervisor.reload()
    office.until(lambda: len(office.crews) == 2)
    office.settle_or_end()
    office.settle_or_end()
    assert supervisor.error is None
    assert [hand.name for hand in serving(office)] == ["worker-1", "worker-2"]
    assert supervisor.reloads_failed == 1


def test_after_a_failed_reload_the_next_may_succeed(office: Office) -> None:
    supervisor = office.open(1)
    supervisor.reload()
    office.hired(2)[1].leave(StartupError("no database"))
    office.settle()
    supervisor.reload()
    office.hired(3)[2].get_ready()
    office.until(lambda: office.served[-1] == ["worker-3"])
    assert supervisor.reloads_failed == 1


# Together with other changes


def test_a_death_in_the_old_generation_during_a_reload_is_replaced(office: Office) -> None:
    supervisor = office.open(2)
    supervisor.reload()
    office.hired(4)
    office.made[0].leave(ValueError("boom"))
    office.hired(5)[4].get_ready()
    for hand in office.made[2:4]:
        hand.get_ready()
    office.until(lambda: office.served[-1] == ["worker-3", "worker-4"])
    office.until(lambda: office.made[4].gone)
    assert [hand.name for hand in serving(office)] == ["worker-3", "worker-4"]
    assert supervisor.error is None


def test_a_worker_worn_during_a_reload_does_not_outlive_it(office: Office) -> None:
    office.open(2).reload()
    office.hired(4)
    office.made[0].wear()
    office.hired(5)
    for hand in office.made[2:4]:
        hand.get_ready()
    office.until(lambda: office.made[4].leaving)
    assert [hand.name for hand in serving(office)] == ["worker-3", "worker-4"]
    office.made[2].wear()
    office.hired(6)[5].get_ready()
    office.until(lambda: office.made[2].gone)
    assert len(serving(office)) == 2


@pytest.mark.parametrize("by", [1, -1])
def test_the_number_may_change_during_a_reload(office: Office, by: int) -> None:
    supervisor = office.open(2)
    supervisor.reload()
    office.hired(4)
    supervisor.scale(by)
    office.settle()
    for hand in [hand for hand in office.made if hand.crew.number == 2]:
        hand.get_ready()
    office.until(lambda: office.made[0].gone)
    office.settle()
    assert [hand.crew.number for hand in serving(office)] == [2] * (2 + by)
    assert office.mistakes == []


def test_a_death_in_the_new_generation_after_it_took_over_is_a_death(office: Office) -> None:
    supervisor = office.open(1)
    supervisor.reload()
    office.hired(2)[1].get_ready()
    office.until(lambda: office.made[0].gone)
    office.made[1].leave(ValueError("boom"))
    hand = office.hired(3)[2]
    hand.get_ready()
    office.until(lambda: office.served[-1] == ["worker-3"])
    assert hand.crew.number == 2
    assert supervisor.reloads_failed == 0


def test_an_old_worker_that_fails_while_it_leaves_is_no_failure(office: Office) -> None:
    office.stubborn = {"worker-1"}
    supervisor = office.open(1)
    supervisor.reload()
    office.hired(2)[1].get_ready()
    office.until(lambda: office.made[0].leaving)
    office.made[0].leave(ValueError("boom"))
    office.settle()
    assert supervisor.error is None
    assert len(office.made) == 2


# The end during a reload


def test_a_stop_during_a_reload_ends_both_generations_without_a_word_of_failure(
    office: Office, caplog: pytest.LogCaptureFixture
) -> None:
    supervisor = office.open(2)
    supervisor.reload()
    office.hired(4)
    supervisor.stop()
    office.ended()
    assert all(hand.gone for hand in office.made)
    assert errors(caplog) == []
    assert supervisor.reloads_failed == 0


def test_a_stop_does_not_wait_for_an_import(office: Office) -> None:
    office.load_gate.clear()
    supervisor = office.open(1, policy=Policy(grace=None))
    supervisor.reload()
    office.until(lambda: True)
    office.settle()
    supervisor.stop()
    assert supervisor.done.wait(5.0)
