"""WebSocket's part of a worker: what its connections there share, and the clock that they lack.

Decides which requests become a call; answers those itself that break a rule of the handshake.
Belongs to its worker's thread.
"""

from pounce.protocol.errors import ClientDisconnected
from pounce.protocol.exchange import Exchange
from pounce.protocol.roles import Caller, WorkerServices
from pounce_ws.call import WebSocketCall
from pounce_ws.handshake import Refused, read_request
from pounce_ws.keepalive import Times
from pounce_ws.settings import Settings


class WebSocketWorker:
    """Made once a worker.

    Args:
        services: what the worker lends.
        settings: of WebSocket.
    """

    def __init__(self, services: WorkerServices, settings: Settings) -> None:
        self.settings = settings
        self.refused = services.refused
        self.times = Times.of(settings, services.limits)
        self._calls: set[WebSocketCall] = set()
        services.every_tick(self.tick)

    def __call__(self, exchange: Exchange, caller: Caller) -> WebSocketCall | None:
        """The call for a request; None for one that is answered here."""
        try:
            handshake = read_request(exchange.head, self.settings)
        except Refused as refused:
            self.refused(refused.reason)
            self._refuse(exchange, refused)
            return None
        return WebSocketCall(exchange, caller, self, handshake)

    def _refuse(self, exchange: Exchange, refused: Refused) -> None:
        headers, body = refused.answer()
        try:
            exchange.start(refused.status, headers)
            exchange.write(body, more=False)
        except ClientDisconnected:
            pass
        exchange.finish(None)

    def begun(self, call: WebSocketCall) -> None:
        """A call is to be told of the time from now on."""
        self._calls.add(call)

    def ended(self, call: WebSocketCall) -> None:
        """A call needs no time any more."""
        self._calls.discard(call)

    def tick(self, now: float) -> None:
        """Has each call look at the time: about once a second, instead of a timer for each."""
        for call in list(self._calls):
            call.tick(now)
