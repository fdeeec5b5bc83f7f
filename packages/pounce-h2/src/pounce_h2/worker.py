"""HTTP/2's part of a worker: what its connections there share, and makes their handlers."""

from pounce.protocol.roles import Channel, WorkerServices
from pounce_h2.answer import Answers
from pounce_h2.handler import H2Handler
from pounce_h2.rules import Rules
from pounce_h2.settings import Settings


class H2Worker:
    """Made once a worker, on the worker's thread, which alone uses it.

    Args:
        services: what the worker lends.
        settings: of HTTP/2.
    """

    def __init__(self, services: WorkerServices, settings: Settings) -> None:
        self.limits = services.limits
        self.completed = services.completed
        self.rules = Rules(services.limits, settings, services.upgrades)
        self.answers = Answers(services.extra_headers)
        if services.date_header:
            services.every_second(self.answers.set_date)

    def __call__(self, channel: Channel, now: float, served: int = 0) -> H2Handler:
        """The handler of a new connection: nobody hands one on that has been served."""
        return H2Handler(channel, self, now)
