from typing import TYPE_CHECKING, Any

import pytest

from pounce.protocol.limits import Limits
from pounce.testing.channel import RecordedConnection
from pounce_h2.settings import Settings
from pounce_h2.worker import H2Worker

if TYPE_CHECKING:
    from tests.conftest import Connect


def test_the_date_goes_with_each_response() -> None:
    class Dated(RecordedConnection):
        """Of a worker whose responses carry the date."""

    def factory(services: Any, settings: Any) -> H2Worker:
        services.date_header = True
        services.extra_headers = ((b"server", b"x"),)
        return H2Worker(services, settings)

    connection = Dated(factory, Limits(), None, Settings())
    (second,) = connection.services.seconds
    worker = connection.handler
    before = worker.answers.date
    second(b"date: Thu, 01 Jan 1970 00:00:01 GMT\r\n")
    assert before
    assert worker.answers.date != before


def test_no_date_where_none_is_wanted(connect: Connect) -> None:
    client = connect()
    assert b"date" not in client.get().fields
    assert client.services.seconds == []


@pytest.mark.parametrize("token", [b"websocket", b"other"])
def test_offers_the_upgrades_that_there_are(connect: Connect, token: bytes) -> None:
    assert connect(upgrades=frozenset((token,))).settings[8] == 1
    assert 8 not in connect().settings
