"""Connections over HTTP/1.1 without a socket."""

import pytest

from pounce.http1.worker import Http1Worker
from pounce.protocol.limits import Limits
from pounce.testing.channel import App, RecordedConnection

type Connection = RecordedConnection
"""One connection under test."""


class Connect:
    """Makes connections; keyword arguments are limits."""

    def __call__(self, app: App | None = None, limits: Limits | None = None) -> Connection:
        return RecordedConnection(Http1Worker, limits or Limits(), app)


@pytest.fixture
def connect() -> Connect:
    return Connect()
