"""Watching over workers that only take notes: their start, their deaths, and the end."""

import logging
import threading
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import pytest

from pounce.protocol.errors import CrashLoopError, PounceError, StartupError
from pounce.supervise import supervisor as module
from pounce.supervise.policy import Policy

if TYPE_CHECKING:
    from tests.supervise.conftest import Office

PATIENCE = 30.0


# Start


def test_it_is_settled_when_all_are_ready(office: Office) -> None:
    supervisor = office.open(3, ready=False)
    hands = office.hired(3)
    hands[0].get_ready()
    hands[2].get_ready()
    office.settle()
    assert not supervisor.settled.is_set()
    assert office.served == []
    hands[1].get_ready()
    assert supervisor.settled.wait(PATIENCE)
    assert office.served == [["worker-1", "worker-2", "worker-3"]]
    assert supervisor.error is None


def test_it_is_ready_from_then_until_the_end_begins(office: Office) -> None:
    supervisor = office.open(1, ready=False)
    before = supervisor.ready
    office.hired(1)[0].get_ready()
    assert supervisor.settled.wait(PATIENCE)
    during = supervisor.ready
    office.stubborn = {"worker-1"}
    supervisor.stop()
    office.until(lambda: office.made[0].leaving)
    assert (before, during, supervisor.ready) == (False, True, False)


def test_a_worker_that_refuses_to_start_ends_the_others(office: Office) -> None:
    supervisor = office.open(2, ready=False)
    hands = office.hired(2)
    hands[0].get_ready()
    refusal = StartupError("no database")
    hands[1].leave(refusal)
    assert supervisor.settled.wait(PATIENCE)
    office.ended()
    assert supervisor.error is refusal
    assert hands[0].told == ["start", "end"]
    assert office.served == []


def test_a_worker_that_ends_before_it_is_ready_is_a_failed_start(office: Office) -> None:
    supervisor = office.open(1, ready=False)
    office.hired(1)[0].leave()
    office.ended()
    assert str(supervisor.error) == "worker-1 ended before it was ready"


@pytest.mark.parametrize("where", ["cannot_make", "cannot_start"])
def test_a_worker_that_cannot_even_be_started_leaves_none_running(
    office: Office, where: str
) -> None:
    """As when the system has no more processes: nobody else would ever end the first."""
    setattr(office, where, {"worker-2"})
    supervisor = office.open(2, ready=False)
    assert supervisor.settled.wait(PATIENCE)
    office.ended()
    assert supervisor.error is not None
    assert office.made[0].gone


def test_a_fault_of_the_front_leaves_none_running(office: Office) -> None:
    office.serve_error = OSError("no acceptor")
    supervisor = office.open(2, ready=False)
    for hand in office.hired(2):
        hand.get_ready()
    office.ended()
    assert supervisor.error is not None
    assert [hand.gone for hand in office.made] == [True, True]


def test_a_front_that_cannot_be_stopped_keeps_nobody_waiting(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    errors = [OSError("no sockets")]

    def fail() -> None:
        if office.made[0].gone and errors:
            raise errors.pop()

    monkeypatch.setattr(office, "stop", fail)
    supervisor = office.open(1)
    supervisor.stop()
    office.ended()
    assert str(supervisor.error) == "no sockets"


# Deaths


def test_a_worker_that_dies_is_replaced_at_once(office: Office) -> None:
    supervisor = office.open(2)
    office.made[0].leave(ValueError("boom"))
    office.hired(3)[2].get_ready()
    office.until(lambda: office.served[-1] == ["worker-2", "worker-3"])
    assert supervisor.error is None


def test_nobody_sends_connections_to_a_dead_worker(office: Office) -> None:
    office.open(2)
    office.made[0].leave(ValueError("boom"))
    office.hired(3)
    assert office.served[-1] == ["worker-2"]


def test_a_death_is_logged_with_its_traceback(
    office: Office, caplog: pytest.LogCaptureFixture
) -> None:
    office.open(1)
    office.made[0].leave(ValueError("boom"))
    office.hired(2)
    [record] = [each for each in caplog.records if each.levelno >= logging.ERROR]
    assert record.getMessage() == "worker-1 died of ValueError: boom"
    assert record.exc_info is not None


@pytest.mark.parametrize(
    ("error", "said"),
    [(None, "worker-1 ended without being asked"), (PounceError("a sentence"), "a sentence")],
    ids=["without a word", "in a sentence"],
)
def test_a_death_without_a_fault_needs_no_traceback(
    office: Office, caplog: pytest.LogCaptureFixture, error: PounceError | None, said: str
) -> None:
    office.open(1)
    office.made[0].leave(error)
    office.hired(2)
    [record] = [each for each in caplog.records if each.levelno >= logging.ERROR]
    assert record.getMessage() == said
    assert not record.exc_info or record.exc_info[0] is None


def test_further_deaths_are_replaced_later_and_later(office: Office) -> None:
    office.open(1)
    for number, delay in enumerate((0.0, 0.5, 1.0, 2.0)):
        office.made[-1].leave(ValueError("boom"))
        office.settle()
        if delay:
            office.later(delay - 0.1)
            assert len(office.made) == number + 1
            office.later(0.1)
        office.hired(number + 2)[-1].get_ready()


def test_too_many_deaths_end_the_server(office: Office) -> None:
    supervisor = office.open(1, policy=Policy(grace=PATIENCE, restarts=2))
    for number in range(3):
        office.hired(number + 1)[number].get_ready()
        office.made[number].leave(ValueError("boom"))
        office.settle_or_end()
        office.clock.now += 5.0
    office.ended()
    assert isinstance(supervisor.error, CrashLoopError)


def test_deaths_of_long_ago_do_not_count(office: Office) -> None:
    supervisor = office.open(1, policy=Policy(grace=PATIENCE, restarts=2, window=60.0))
    for number in range(6):
        office.hired(number + 1)[number].get_ready()
        office.made[number].leave(ValueError("boom"))
        office.settle()
        office.later(40.0)
    assert supervisor.error is None
    assert not supervisor.done.is_set()


def test_a_replacement_that_dies_before_it_is_ready_is_replaced_too(office: Office) -> None:
    supervisor = office.open(1)
    office.made[0].leave(ValueError("boom"))
    office.hired(2)[1].leave(ValueError("boom"))
    office.settle()
    office.later(1.0)
    office.hired(3)[2].get_ready()
    office.until(lambda: office.served[-1] == ["worker-3"])
    assert supervisor.error is None


def test_a_replacement_that_cannot_be_started_is_tried_again(office: Office) -> None:
    """The system has no more processes for the moment; those that there are go on serving."""
    supervisor = office.open(2)
    office.cannot_start = {"worker-3"}
    office.made[0].leave(ValueError("boom"))
    office.settle_or_end()
    office.later(60.0)
    assert supervisor.error is None
    assert not office.made[1].leaving
    office.hired(4)[-1].get_ready()
    office.until(lambda: "worker-4" in office.served[-1])


def test_a_fault_of_the_supervision_ends_the_server_but_not_before_its_workers(
    office: Office,
) -> None:
    office.stubborn = {"worker-1"}
    supervisor = office.open(2)
    office.serve_error = OSError("no acceptor")
    office.made[1].leave(ValueError("boom"))
    office.until(lambda: office.made[0].leaving)
    before = supervisor.done.is_set()
    office.made[0].leave()
    office.ended()
    assert not before
    assert supervisor.error is office.serve_error


# End


def test_a_stop_ends_all_and_then_it_is_done(office: Office) -> None:
    office.stubborn = {"worker-2"}
    supervisor = office.open(2)
    supervisor.stop()
    office.until(lambda: office.made[1].told == ["start", "end"])
    office.until(lambda: office.made[0].gone)
    assert not supervisor.done.is_set()
    office.made[1].leave()
    office.ended()
    assert supervisor.error is None
    assert supervisor.stuck == ()


def test_the_end_is_announced(office: Office) -> None:
    office.open(1).stop()
    office.ended()
    assert office.said == ["stopping"]


def test_a_stop_before_the_start_ends_at_once(office: Office) -> None:
    supervisor = office.open(1, ready=False)
    supervisor.stop()
    office.ended()
    assert supervisor.settled.is_set()
    assert supervisor.error is None


def test_a_stop_during_the_start_is_no_failure(office: Office) -> None:
    supervisor = office.open(2, ready=False)
    office.hired(2)[0].get_ready()
    supervisor.stop()
    office.ended()
    assert supervisor.settled.is_set()
    assert supervisor.error is None
    assert office.served == []


def test_a_worker_that_gets_ready_during_the_end_does_not_serve(office: Office) -> None:
    office.stubborn = {"worker-2"}
    supervisor = office.open(2, ready=False)
    office.hired(2)
    supervisor.stop()
    office.until(lambda: office.made[1].leaving)
    office.made[1].get_ready()
    office.made[1].leave()
    office.ended()
    assert office.served == []


def test_a_death_during_the_end_is_no_failure(office: Office) -> None:
    office.stubborn = {"worker-1"}
    supervisor = office.open(1)
    supervisor.stop()
    office.until(lambda: office.made[0].leaving)
    office.made[0].leave(ValueError("boom"))
    office.ended()
    assert supervisor.error is None
    assert len(office.made) == 1


def test_a_hurry_after_a_stop_is_passed_on(office: Office) -> None:
    office.stubborn = {"worker-1"}
    supervisor = office.open(1)
    supervisor.stop()
    supervisor.hurry()
    office.until(lambda: office.made[0].told == ["start", "end", "hurry"])
    office.made[0].leave()
    office.ended()
    assert supervisor.error is None


def test_a_hurry_alone_is_an_end(office: Office) -> None:
    supervisor = office.open(2)
    supervisor.hurry()
    office.ended()
    assert supervisor.error is None


@pytest.mark.parametrize("how", ["stop", "hurry"])
def test_workers_that_do_not_end_are_named_and_killed(office: Office, how: str) -> None:
    office.stubborn = {"worker-2"}
    supervisor = office.open(2, policy=Policy(grace=1.0))
    getattr(supervisor, how)()
    office.until(lambda: office.made[1].leaving)
    office.settle()
    office.clock.now += 2 * 1.0 + module.OVERTIME
    supervisor.scale(0)
    office.ended()
    assert supervisor.stuck == ("worker-2",)
    assert office.made[1].told[-2:] == ["hurry", "kill"]


def test_workers_have_their_grace_twice_and_some_more(office: Office) -> None:
    office.stubborn = {"worker-1"}
    supervisor = office.open(1, policy=Policy(grace=3.0))
    supervisor.stop()
    office.later(6.0 + module.OVERTIME - 0.1)
    assert not supervisor.done.is_set()
    office.made[0].leave()
    office.ended()
    assert supervisor.stuck == ()


def test_without_a_limit_the_end_is_waited_for(office: Office) -> None:
    office.stubborn = {"worker-1"}
    supervisor = office.open(1, policy=Policy(grace=None))
    supervisor.stop()
    office.later(1e6)
    assert not supervisor.done.is_set()
    office.made[0].leave()
    office.ended()
    assert supervisor.stuck == ()


def test_a_further_hurry_does_not_put_off_the_end(office: Office) -> None:
    """As when somebody presses Ctrl-C again and again."""
    office.stubborn = {"worker-1"}
    supervisor = office.open(1)
    for _ in range(10):
        supervisor.hurry()
        office.settle_or_end()
        office.clock.now += module.HURRY / 2
    supervisor.hurry()
    office.ended()
    assert supervisor.stuck == ("worker-1",)


def test_a_successor_server_is_given_way_to(office: Office) -> None:
    supervisor = office.open(2)
    supervisor.succeed()
    office.ended()
    assert [hand.told for hand in office.made] == [["start", "retire"]] * 2


def test_whoever_wants_to_know_is_told_of_the_end(office: Office) -> None:
    told = threading.Event()
    supervisor = office.open(1)
    supervisor.on_news = told.set
    supervisor.stop()
    assert told.wait(PATIENCE)
    assert supervisor.done.is_set()


def test_a_late_word_of_one_that_has_gone_is_overheard(office: Office) -> None:
    office.open(1)
    office.made[0].leave(ValueError("boom"))
    office.hired(2)[1].get_ready()
    office.until(lambda: office.served[-1] == ["worker-2"])
    office.made[0].get_ready()
    office.made[0].wear()
    office.made[0]._report(office.made[0], "ended", ValueError())
    office.settle()
    assert len(office.made) == 2
    assert office.served[-1] == ["worker-2"]


def test_logs_are_reopened_by_all(office: Office) -> None:
    office.open(2).reopen_logs()
    office.until(lambda: [hand.told[-1] for hand in office.made] == ["reopen"] * 2)


def test_reports_and_wishes_from_many_threads_lead_to_one_end(office: Office) -> None:
    supervisor = office.open(4)
    begin = threading.Barrier(12)

    def act(number: int) -> None:
        hand = office.made[number % 4]
        grow: Callable[[], None] = partial(supervisor.scale, 1)
        wishes: list[Callable[[], None]] = [hand.get_ready, hand.wear, supervisor.reload, grow]
        begin.wait()
        for turn in range(50):
            wishes[(number + turn) % 4]()
        supervisor.stop()
        supervisor.hurry()

    threads = [threading.Thread(target=act, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    office.ended()
    assert supervisor.error is None
    assert office.mistakes == []
    assert all(hand.gone for hand in office.made)
