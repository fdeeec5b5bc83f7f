"""What the supervisor does next: what was posted, what is due, and when it stops waiting."""

import threading
import time
from collections.abc import Callable

import pytest

from pounce.supervise.agenda import Agenda

PATIENCE = 30.0


class Clock:
    """Stands still until it is set."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def agenda(clock: Clock) -> Agenda:
    return Agenda(clock)


class Book:
    """Steps that write down that they were taken."""

    def __init__(self, agenda: Agenda, clock: Clock) -> None:
        self.taken: list[str] = []
        self._agenda = agenda
        self._clock = clock

    def step(self, name: str) -> Callable[[], None]:
        def take() -> None:
            self.taken.append(name)

        return take

    def take_all(self) -> list[str]:
        """Takes all that is to be done now; what was taken since the last time."""
        self._agenda.post(self.step("last"))
        del self.taken[:]
        while "last" not in self.taken:
            step = self._agenda.next(None)
            assert step is not None
            step()
        return self.taken[:-1]


@pytest.fixture
def book(agenda: Agenda, clock: Clock) -> Book:
    return Book(agenda, clock)


# What was posted


def test_what_was_posted_is_done_in_turn(agenda: Agenda, book: Book) -> None:
    for name in ("a", "b", "c"):
        agenda.post(book.step(name))
    assert book.take_all() == ["a", "b", "c"]


def test_who_waits_is_woken_by_a_post(agenda: Agenda) -> None:
    found: list[object] = []
    waiting = threading.Thread(target=lambda: found.append(agenda.next(None)))
    waiting.start()
    agenda.post(print)
    waiting.join(PATIENCE)
    assert found == [print]


def test_what_many_threads_post_is_all_done(agenda: Agenda, book: Book) -> None:
    names = [[f"{thread}-{turn}" for turn in range(200)] for thread in range(8)]

    def post(mine: list[str]) -> None:
        for name in mine:
            agenda.post(book.step(name))

    threads = [threading.Thread(target=post, args=(mine,)) for mine in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    taken = book.take_all()
    assert sorted(taken) == sorted(name for mine in names for name in mine)
    assert [[name for name in taken if name in mine] for mine in names] == names


# What is due


def test_nothing_is_done_before_its_time(agenda: Agenda, book: Book, clock: Clock) -> None:
    agenda.after(5.0, book.step("later"))
    clock.now += 4.9
    assert book.take_all() == []


def test_what_is_due_comes_before_what_was_posted(agenda: Agenda, book: Book, clock: Clock) -> None:
    agenda.post(book.step("posted"))
    agenda.after(5.0, book.step("due"))
    clock.now += 5.0
    assert book.take_all() == ["due", "posted"]


def test_what_is_due_earlier_comes_first(agenda: Agenda, book: Book, clock: Clock) -> None:
    for seconds in (3.0, 1.0, 2.0):
        agenda.after(seconds, book.step(str(seconds)))
    clock.now += 10.0
    assert book.take_all() == ["1.0", "2.0", "3.0"]


def test_what_is_due_at_one_time_comes_in_the_order_of_its_wish(
    agenda: Agenda, book: Book, clock: Clock
) -> None:
    """Steps cannot be compared, and need not be."""
    for name in "abcdef":
        agenda.after(1.0, book.step(name))
    clock.now += 1.0
    assert book.take_all() == list("abcdef")


def test_what_is_due_at_once_is_done_at_once(agenda: Agenda, book: Book) -> None:
    agenda.after(0.0, book.step("now"))
    assert book.take_all() == ["now"]


def test_who_waits_for_a_time_sleeps_until_then() -> None:
    agenda = Agenda(time.monotonic)
    agenda.after(0.05, print)
    began = time.monotonic()
    assert agenda.next(None) is print
    assert time.monotonic() - began >= 0.05


def test_what_is_repeated_is_done_now_and_each_time(
    agenda: Agenda, book: Book, clock: Clock
) -> None:
    agenda.every(2.0, book.step("again"))
    counts = [len(book.taken)]
    for _ in range(3):
        clock.now += 2.0
        counts.append(len(book.take_all()))
    assert counts == [1, 1, 1, 1]


def test_it_knows_whether_anything_is_to_be_done_later(agenda: Agenda, clock: Clock) -> None:
    before = agenda.has_timers
    agenda.after(1.0, print)
    during = agenda.has_timers
    clock.now += 1.0
    agenda.next(None)
    assert (before, during, agenda.has_timers) == (False, True, False)


# The deadline


def test_a_deadline_that_has_come_ends_the_wait(agenda: Agenda, clock: Clock) -> None:
    assert agenda.next(clock.now) is None


def test_after_the_deadline_nothing_is_begun(agenda: Agenda, clock: Clock) -> None:
    deadline = clock.now + 1.0
    agenda.post(print)
    agenda.after(1.0, print)
    clock.now = deadline
    assert agenda.next(deadline) is None


def test_a_deadline_ends_a_wait_for_something_later() -> None:
    agenda = Agenda(time.monotonic)
    agenda.after(PATIENCE, print)
    assert agenda.next(time.monotonic() + 0.02) is None


def test_before_the_deadline_all_is_as_without_one(
    agenda: Agenda, book: Book, clock: Clock
) -> None:
    agenda.post(book.step("posted"))
    step = agenda.next(clock.now + PATIENCE)
    assert step is not None
    step()
    assert book.taken == ["posted"]
