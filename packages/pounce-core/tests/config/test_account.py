"""Users and groups: a name or a number, not looked up."""

from typing import Any

import pytest

from pounce.config.account import AccountText

USER = AccountText("USER")


@pytest.mark.parametrize(
    ("value", "kept"), [("www-data", "www-data"), (" web ", "web"), ("1000", "1000"), (0, "0")]
)
def test_accepts(value: Any, kept: str) -> None:
    assert USER.accept(value) == kept


@pytest.mark.parametrize("value", ["", "-web", "a:b", "a b", "a\0", -1, True, 1.0, None])
def test_refuses(value: Any) -> None:
    with pytest.raises(ValueError, match="must be a name or a number"):
        USER.accept(value)


def test_has_a_name_in_help() -> None:
    assert USER.metavar == "USER"
