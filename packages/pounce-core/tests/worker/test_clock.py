"""What a worker does about once a second."""

import logging

import pytest

from pounce.worker.clock import TICK, Clock


def test_it_is_due_from_its_beginning() -> None:
    assert Clock(5.0).due == 5.0


def test_the_next_tick_is_a_tick_after_the_last() -> None:
    clock = Clock(5.0)
    clock.tick(9.5)
    assert clock.due == 9.5 + TICK


def test_a_date_is_told_at_once_and_at_each_tick() -> None:
    clock = Clock(0.0)
    lines: list[bytes] = []
    clock.every_second(lines.append)
    assert len(lines) == 1
    clock.tick(1.0)
    assert len(lines) == 2


def test_all_are_told_the_same_line() -> None:
    clock = Clock(0.0)
    one: list[bytes] = []
    other: list[bytes] = []
    clock.every_second(one.append)
    clock.every_second(other.append)
    clock.tick(1.0)
    assert one[1] is other[1]


def test_a_look_is_had_at_each_tick_and_not_before() -> None:
    clock = Clock(0.0)
    looks: list[float] = []
    clock.every_tick(looks.append)
    assert looks == []
    clock.tick(1.5)
    clock.tick(2.5)
    assert looks == [1.5, 2.5]


def test_the_date_is_renewed_before_anybody_looks() -> None:
    clock = Clock(0.0)
    told: list[str] = []
    clock.every_tick(lambda _now: told.append("look"))
    clock.every_second(lambda _line: told.append("date"))
    clock.tick(1.0)
    assert told == ["date", "date", "look"]


def test_a_look_that_fails_spoils_no_other(caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock(0.0)
    looks: list[float] = []

    def fail(_now: float) -> None:
        raise ValueError("broken")

    clock.every_tick(fail)
    clock.every_tick(looks.append)
    with caplog.at_level(logging.ERROR, "pounce.worker"):
        clock.tick(1.0)
    assert looks == [1.0]
    assert clock.due == 1.0 + TICK
    assert [record.exc_info is not None for record in caplog.records] == [True]
