"""Which protocol brings which table of settings."""

from dataclasses import dataclass
from typing import Any

import pytest

from pounce.config.config import settings
from pounce.protocol.descriptor import (
    API,
    ConnectionDescriptor,
    Descriptor,
    ListenerDescriptor,
    UpgradeDescriptor,
)
from pounce.protocol.errors import ConfigError
from pounce.protocol.kind import Whole
from pounce.protocol.setting import About, setting
from pounce.registry.catalogue import catalogue_of, installed_settings
from pounce.registry.discovery import Registry, discover

LIMIT = About(Whole(1), help="h", reason="r")


@dataclass(frozen=True, slots=True)
class Settings:
    limit: int = setting(7, LIMIT)


@dataclass(frozen=True, slots=True)
class Others:
    limit: int = setting(8, LIMIT)


@dataclass(frozen=True, slots=True)
class Nothing:
    """No settings."""


@dataclass(frozen=True, slots=True)
class Failing:
    limit: int = 0

    def __post_init__(self) -> None:
        raise ZeroDivisionError


@dataclass(frozen=True, slots=True)
class Needy:
    limit: int


class NoDataclass:
    limit = 7


def made[D: Descriptor](role: type[D], name: str, form: type, **more: Any) -> D:
    return role(
        name=name, settings=form, api=API, distribution=f"dist-of-{name}", load=object, **more
    )


def registry(*found: Descriptor) -> Registry:
    return Registry(
        tuple(each for each in found if isinstance(each, ConnectionDescriptor)),
        tuple(each for each in found if isinstance(each, UpgradeDescriptor)),
        (),
        tuple(each for each in found if isinstance(each, ListenerDescriptor)),
    )


def test_each_protocol_has_its_table() -> None:
    catalogue = catalogue_of(
        registry(
            made(ConnectionDescriptor, "line", Settings, title="Lines", prefix="ln"),
            made(UpgradeDescriptor, "chat", Others),
        )
    )
    assert list(catalogue.tables) == ["line", "chat"]
    assert list(catalogue.settings)[-2:] == ["ln_limit", "chat_limit"]
    assert catalogue.tables["line"].title == "Lines"


def test_a_protocol_without_settings_has_none() -> None:
    assert catalogue_of(registry(made(UpgradeDescriptor, "chat", Nothing))).tables == {}


def test_core_has_its_settings_whatever_is_installed() -> None:
    known = installed_settings().settings
    assert set(settings()) <= set(known)
    assert catalogue_of(discover()).settings == known


def test_a_protocol_in_two_roles_has_one_table() -> None:
    catalogue = catalogue_of(
        registry(
            made(ConnectionDescriptor, "line", Settings), made(ListenerDescriptor, "line", Settings)
        )
    )
    assert list(catalogue.tables) == ["line"]


def test_two_tables_of_one_name_are_refused() -> None:
    with pytest.raises(
        ConfigError, match=r'^two protocols have a table of settings "line", the other .*dist-of-'
    ):
        catalogue_of(
            registry(
                made(ConnectionDescriptor, "line", Settings),
                made(UpgradeDescriptor, "line", Others),
            )
        )


def test_one_without_settings_shares_its_name_with_one_that_has_some() -> None:
    catalogue = catalogue_of(
        registry(
            made(ConnectionDescriptor, "line", Nothing), made(UpgradeDescriptor, "line", Others)
        )
    )
    assert catalogue.tables["line"].form is Others


@pytest.mark.parametrize(
    ("form", "why"),
    [
        (NoDataclass, "no dataclass"),
        (Needy, "limit"),
        (object, "no dataclass"),
        (Failing, "ZeroDivisionError"),
    ],
)
def test_settings_that_cannot_be_made_are_refused(form: type, why: str) -> None:
    with pytest.raises(
        ConfigError, match=rf"^the settings of line, from dist-of-line, cannot be made \(.*{why}"
    ):
        catalogue_of(registry(made(ConnectionDescriptor, "line", form)))
