from importlib.metadata import entry_points

import pytest

from pounce.protocol.descriptor import API
from pounce.protocol.errors import NotAvailable
from pounce_h3.plugin import descriptor
from pounce_h3.settings import Settings


def test_is_what_the_entry_point_names() -> None:
    (found,) = entry_points(group="pounce.listener", name="h3")
    assert found.load() is descriptor


def test_has_its_name() -> None:
    assert descriptor.name == "h3"


def test_fits_the_core_it_is_pinned_to() -> None:
    assert descriptor.api == API


def test_offers_its_settings() -> None:
    assert descriptor.settings is Settings


def test_says_that_it_is_not_ready() -> None:
    with pytest.raises(NotAvailable, match="can't serve it yet"):
        descriptor.load()
