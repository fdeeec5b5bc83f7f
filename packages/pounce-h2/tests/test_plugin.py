from importlib.metadata import entry_points

from pounce.protocol.descriptor import API
from pounce_h2.plugin import descriptor
from pounce_h2.settings import Settings
from pounce_h2.worker import H2Worker


def test_is_what_the_entry_point_names() -> None:
    (found,) = entry_points(group="pounce.connection", name="h2")
    assert found.load() is descriptor


def test_is_chosen_by_alpn_or_preface() -> None:
    assert descriptor.alpn == (b"h2",)
    # RFC 9113, section 3.4.
    assert descriptor.preface == b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
    assert not descriptor.default


def test_fits_the_core_it_is_pinned_to() -> None:
    assert descriptor.api == API


def test_offers_its_settings() -> None:
    assert descriptor.settings is Settings
    assert descriptor.prefix == "h2"


def test_loads_what_makes_handlers() -> None:
    assert descriptor.load() is H2Worker


def test_is_wanted_unless_it_is_switched_off() -> None:
    assert descriptor.wanted(Settings())
    assert not descriptor.wanted(Settings(enabled=False))
