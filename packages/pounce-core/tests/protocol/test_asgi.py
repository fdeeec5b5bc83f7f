"""The names of ASGI's shapes."""

from typing import TypeAliasType, get_args, get_origin

import pytest

from pounce.protocol import asgi as types

ALIASES = {name: alias for name, alias in vars(types).items() if isinstance(alias, TypeAliasType)}


def test_each_shape_has_its_name() -> None:
    assert set(ALIASES) == {"Scope", "Message", "Receive", "Send", "Application"}


@pytest.mark.parametrize("name", ALIASES)
def test_a_shape_can_be_evaluated(name: str) -> None:
    # An alias is evaluated when somebody asks; a framework that inspects an annotation does.
    assert ALIASES[name].__value__


@pytest.mark.parametrize("name", ["Scope", "Message"])
def test_a_dictionary_is_one(name: str) -> None:
    assert issubclass(dict, get_origin(ALIASES[name].__value__))


def test_an_application_is_called_with_scope_receive_and_send() -> None:
    arguments, _ = get_args(types.Application.__value__)
    assert arguments == [types.Scope, types.Receive, types.Send]
