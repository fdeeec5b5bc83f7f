"""A memory that never holds more than it may."""

from pounce.protocol.memory import keep


def test_what_was_kept_is_found() -> None:
    known: dict[str, int] = {}
    keep(known, "a", 1, 2)
    keep(known, "b", 2, 2)
    assert known == {"a": 1, "b": 2}


def test_a_full_one_is_emptied_for_the_next() -> None:
    known = {"a": 1, "b": 2}
    keep(known, "c", 3, 2)
    assert known == {"c": 3}
