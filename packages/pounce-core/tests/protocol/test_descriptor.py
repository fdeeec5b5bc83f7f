"""Descriptors: frozen, comparable, and of one role each."""

from dataclasses import FrozenInstanceError
from typing import Any

import pytest

from pounce.protocol.descriptor import (
    API,
    ConnectionDescriptor,
    Descriptor,
    ListenerDescriptor,
    TransportDescriptor,
    UpgradeDescriptor,
)

ROLES: list[type[Descriptor]] = [
    ConnectionDescriptor,
    UpgradeDescriptor,
    TransportDescriptor,
    ListenerDescriptor,
]
WHAT_EACH_HAS: dict[str, Any] = {
    "name": "chat",
    "api": API,
    "distribution": "pounce-chat",
    "settings": object,
    "load": object,
}


@pytest.fixture(params=ROLES)
def role(request: pytest.FixtureRequest) -> type[Descriptor]:
    kind: type[Descriptor] = request.param
    return kind


def test_is_frozen(role: type[Descriptor]) -> None:
    descriptor = role(**WHAT_EACH_HAS)
    with pytest.raises(FrozenInstanceError):
        descriptor.name = "other"  # type: ignore[misc] # pyright: ignore[reportAttributeAccessIssue]


def test_has_no_room_for_what_is_no_field(role: type[Descriptor]) -> None:
    assert not hasattr(role(**WHAT_EACH_HAS), "__dict__")


def test_equal_ones_are_one_key(role: type[Descriptor]) -> None:
    assert {role(**WHAT_EACH_HAS), role(**WHAT_EACH_HAS)} == {role(**WHAT_EACH_HAS)}


@pytest.mark.parametrize("missing", WHAT_EACH_HAS)
def test_what_every_role_has_is_never_left_out(role: type[Descriptor], missing: str) -> None:
    given = {name: value for name, value in WHAT_EACH_HAS.items() if name != missing}
    with pytest.raises(TypeError, match=missing):
        role(**given)


def test_a_value_is_given_by_its_name(role: type[Descriptor]) -> None:
    make: Any = role
    with pytest.raises(TypeError, match="positional"):
        make(*WHAT_EACH_HAS.values())


def test_passes_for_no_other_role(role: type[Descriptor]) -> None:
    assert [other for other in ROLES if issubclass(role, other)] == [role]


def test_a_connection_claims_nothing_by_itself() -> None:
    descriptor = ConnectionDescriptor(**WHAT_EACH_HAS)
    assert (descriptor.alpn, descriptor.preface, descriptor.default) == ((), None, False)
