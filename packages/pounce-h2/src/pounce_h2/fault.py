"""What a client can break: the rules of one stream, or those of the connection.

Decides nothing; whoever finds a fault says which of the two it is. RFC 9113 section 5.4.
"""

from pounce_h2.frame import ErrorCode


class Fault(Exception):
    """A rule was broken.

    Args:
        code: what the client is told.
        reason: a short token that names the rule, for logs and counters; no byte of the client's.
    """

    def __init__(self, code: ErrorCode, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class ConnectionFault(Fault):
    """The connection ends, by GOAWAY: what the two sides know of it is not the same any more."""


class StreamFault(Fault):
    """The stream ends, by RST_STREAM; its siblings go on."""
