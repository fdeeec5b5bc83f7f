"""Waiting for a condition, with an end to it."""

import threading

import pytest

from pounce.testing.waiting import until


def test_what_holds_is_not_waited_for() -> None:
    until(lambda: True, 0.0)


def test_it_is_waited_for() -> None:
    asked: list[None] = []

    def third() -> bool:
        asked.append(None)
        return len(asked) == 3

    until(third)
    assert len(asked) == 3


def test_another_thread_may_bring_it_about() -> None:
    happened = threading.Event()
    threading.Thread(target=happened.set).start()
    until(happened.is_set)


def test_what_does_not_happen_is_told() -> None:
    with pytest.raises(AssertionError, match=r"not within 0\.01 seconds"):
        until(lambda: False, 0.01)
