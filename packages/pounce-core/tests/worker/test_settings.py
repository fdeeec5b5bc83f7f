"""What a worker needs of the configuration: named one by one, and fixed."""

from dataclasses import FrozenInstanceError, fields
from typing import TYPE_CHECKING, get_type_hints

import pytest

from pounce.protocol.roles import WorkerServices
from pounce.worker.settings import WorkerSettings

if TYPE_CHECKING:
    from tests.worker.conftest import Make


def test_settings_are_fixed(make: Make) -> None:
    settings = make().settings
    with pytest.raises(FrozenInstanceError):
        settings.most_connections = 5  # type: ignore[misc]
    assert not hasattr(settings, "__dict__")


def test_settings_are_given_by_name_and_none_is_left_out() -> None:
    assert all(each.kw_only for each in fields(WorkerSettings))
    with pytest.raises(TypeError, match="proxies"):
        WorkerSettings()  # type: ignore[call-arg]


def test_what_a_worker_lends_of_them_is_what_the_role_names() -> None:
    lent = get_type_hints(WorkerServices)
    for each in fields(WorkerSettings):
        if each.name in lent:
            assert get_type_hints(WorkerSettings)[each.name] == lent[each.name]


def test_a_worker_has_what_it_was_given(make: Make) -> None:
    rig = make(extra_headers=((b"server", b"pounce"),), date_header=True)
    assert rig.worker.limits is rig.settings.limits
    assert rig.worker.extra_headers == ((b"server", b"pounce"),)
    assert rig.worker.date_header
