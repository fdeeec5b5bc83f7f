"""HTTP/1.1's part of a worker: what its connections there share, and makes their handlers."""

from pounce.http1.handler import Http1Handler
from pounce.http1.head import HeadParser
from pounce.http1.response import ResponseDefaults
from pounce.http1.settings import Http1Settings
from pounce.protocol.roles import Channel, WorkerServices


class Http1Worker:
    """Made once a worker, on the worker's thread, which alone uses it.

    Args:
        services: what the worker lends.
        settings: there are none that other protocols do not share.
    """

    def __init__(self, services: WorkerServices, settings: Http1Settings) -> None:
        self.limits = services.limits
        self.heads = HeadParser()
        self.completed = services.completed
        self.defaults = ResponseDefaults(extra_headers=services.extra_headers)
        if services.date_header:
            services.every_second(self._set_date)

    def __call__(self, channel: Channel, now: float, served: int = 0) -> Http1Handler:
        """The handler of a new connection, or of one that another worker began to serve."""
        return Http1Handler(channel, self, now, served)

    def _set_date(self, line: bytes) -> None:
        self.defaults.date_line = line
