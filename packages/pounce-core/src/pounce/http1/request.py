"""One HTTP/1 request head, as both paths make it.

Decides nothing; it adds the framing to what every protocol's head has.
"""

from pounce.http1.framing import Framing
from pounce.protocol.exchange import Headers, RequestHead


class Request(RequestHead):
    """What the client asked for, and how its message is framed. Made anew for each request.

    Attributes:
        framing: the facts that the fields state; frozen, and perhaps shared with other requests.
    """

    __slots__ = ("framing",)

    # The slots are filled right here, not through super().__init__: a call less for each request.
    def __init__(
        self,
        method: str,
        raw_path: bytes,
        query: bytes,
        version: str,
        headers: Headers,
        framing: Framing,
    ) -> None:
        self.method = method
        self.raw_path = raw_path
        self.query = query
        self.version = version
        self.headers = headers
        self.upgrade = framing.upgrade
        self.accepts_trailers = framing.accepts_trailers
        self.forwarded = framing.forwarded
        self.origin = None
        self.framing = framing
