"""How a field of a dataclass becomes a setting with its names."""

from dataclasses import dataclass
from typing import Any

import pytest

from pounce.protocol.kind import Repeated, Seconds, Text, Whole
from pounce.protocol.setting import (
    GROUPS,
    About,
    Protocol,
    accept_values,
    required,
    setting,
    settings_of,
)


@dataclass(frozen=True, slots=True)
class Example:
    plain_one: int = setting(1, About(Whole(0), group="address", help="h", reason="r"))
    renamed: int = setting(
        2,
        About(
            Whole(0),
            group="limits",
            help="h",
            reason="r",
            unit="bytes",
            flag="--other",
            also=("--older",),
            environment=("OTHERS",),
            reloadable=False,
        ),
    )
    timed: float = setting(3.0, About(Seconds(), group="timeouts", help="h", reason="r"))


@dataclass(frozen=True, slots=True)
class Required:
    app: int = required(About(Whole(0), group="address", help="h", reason="r", flag=""))


SETTINGS = settings_of(Example)


def test_the_dataclass_has_the_defaults() -> None:
    assert Example() == Example(1, 2, 3.0)


def test_the_order_is_that_of_the_fields() -> None:
    assert list(SETTINGS) == ["plain_one", "renamed", "timed"]


def test_the_option_is_the_name_with_hyphens() -> None:
    assert SETTINGS["plain_one"].flag == "--plain-one"


def test_the_option_can_be_another() -> None:
    assert SETTINGS["renamed"].flag == "--other"


def test_the_variable_is_the_name_in_capitals() -> None:
    assert SETTINGS["plain_one"].environment == ("POUNCE_PLAIN_ONE",)


def test_variables_of_others_come_after_its_own() -> None:
    assert SETTINGS["renamed"].environment == ("POUNCE_RENAMED", "OTHERS")


def test_the_default_is_told() -> None:
    assert SETTINGS["renamed"].default == 2


def test_a_setting_without_default_has_none() -> None:
    assert settings_of(Required)["app"].default is None


def test_the_unit_is_the_groups() -> None:
    assert SETTINGS["timed"].unit == "seconds"


def test_the_unit_can_be_another() -> None:
    assert SETTINGS["renamed"].unit == "bytes"


def test_the_group_says_whether_it_can_be_reloaded() -> None:
    assert SETTINGS["timed"].reloadable is GROUPS["timeouts"].reloadable is True


def test_a_setting_can_say_otherwise() -> None:
    assert SETTINGS["renamed"].reloadable is False


def test_a_group_must_exist() -> None:
    @dataclass
    class Wrong:
        lost: int = setting(1, About(Whole(0), group="nowhere", help="h", reason="r"))

    with pytest.raises(KeyError):
        settings_of(Wrong)


# A protocol's


@dataclass(frozen=True, slots=True)
class OfProtocol:
    most: int = setting(1, About(Whole(1), help="h", reason="r"))
    fixed: int = setting(1, About(Whole(1), help="h", reason="r", unit="bytes", reloadable=False))
    named: int = setting(
        1, About(Whole(1), help="h", reason="r", flag="--other", environment=("OTHERS",))
    )
    words: tuple[str, ...] = setting((), About(Repeated(Text("W"), ","), help="h", reason="r"))
    secret: str = "no setting"

    def __post_init__(self) -> None:
        accept_values(self)


THEIRS = settings_of(OfProtocol, Protocol("line", "ln"))


def test_a_protocols_setting_has_its_prefix_outside() -> None:
    most = THEIRS["ln_most"]
    assert (most.name, most.field, most.flag) == ("ln_most", "most", "--ln-most")
    assert most.environment == ("POUNCE_LN_MOST",)


def test_a_protocols_setting_is_in_the_group_of_the_protocol() -> None:
    assert {each.group for each in THEIRS.values()} == {"line"}


def test_a_protocols_setting_is_reloadable_unless_it_says_otherwise() -> None:
    assert (THEIRS["ln_most"].reloadable, THEIRS["ln_fixed"].reloadable) == (True, False)


def test_a_protocols_setting_may_have_names_of_its_own() -> None:
    named = THEIRS["ln_named"]
    assert (named.flag, named.environment) == ("--other", ("POUNCE_LN_NAMED", "OTHERS"))


def test_a_field_that_says_nothing_of_itself_is_no_setting() -> None:
    assert list(THEIRS) == ["ln_most", "ln_fixed", "ln_named", "ln_words"]


def test_values_are_made_what_they_stand_for() -> None:
    given: Any = ["a", "b"]
    assert OfProtocol(words=given).words == ("a", "b")


def test_a_value_that_is_none_is_refused_by_its_field() -> None:
    with pytest.raises(ValueError, match=r"^most must be a whole number, 1 or more, not 0$"):
        OfProtocol(most=0)


def test_what_is_no_setting_is_not_looked_at() -> None:
    given: Any = 5
    made: Any = OfProtocol(secret=given)
    assert made.secret == 5
