"""The nearest known name."""

from pounce.config.suggestion import did_you_mean


def test_names_the_nearest() -> None:
    assert did_you_mean("prot", ["host", "port"]) == ', did you mean "port"?'


def test_says_nothing_when_none_is_near() -> None:
    assert did_you_mean("colour", ["host", "port"]) == ""
