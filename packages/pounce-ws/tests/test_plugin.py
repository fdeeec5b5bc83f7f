from importlib.metadata import entry_points

import pytest

from pounce.protocol.descriptor import API
from pounce_ws.plugin import descriptor
from pounce_ws.settings import Settings
from pounce_ws.worker import WebSocketWorker


def test_is_what_the_entry_point_names() -> None:
    (found,) = entry_points(group="pounce.upgrade", name="ws")
    assert found.load() is descriptor


def test_is_chosen_by_its_token() -> None:
    assert descriptor.token == b"websocket"


def test_fits_the_core_it_is_pinned_to() -> None:
    assert descriptor.api == API


def test_offers_its_settings() -> None:
    assert descriptor.settings is Settings


def test_loads_what_serves_it() -> None:
    assert descriptor.load() is WebSocketWorker


@pytest.mark.parametrize("word", ["auto", "websockets", "websockets-sansio", "wsproto"])
def test_is_wanted(word: str) -> None:
    assert descriptor.wanted(Settings(implementation=word))  # type: ignore[arg-type]


def test_is_not_wanted_when_there_is_to_be_none() -> None:
    assert not descriptor.wanted(Settings(implementation="none"))
