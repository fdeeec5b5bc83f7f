"""Why a connection ends: the codes, and the payload of a close frame.

Decides which codes may be on the wire and what a close frame says; never sends one.
RFC 6455 sections 5.5.1 and 7.4; IANA's registry of close codes.
"""

from typing import Final

NORMAL: Final = 1000
PROTOCOL_ERROR: Final = 1002
NO_CODE: Final = 1005
"""Never on the wire: the close frame that came has no code."""
ABNORMAL: Final = 1006
"""Never on the wire: no close frame came."""
BAD_DATA: Final = 1007
POLICY: Final = 1008
TOO_BIG: Final = 1009
INTERNAL: Final = 1011
RESTART: Final = 1012

MOST_REASON: Final = 123
"""Bytes: a control frame has 125 at most, and two are the code."""


class Closed:
    """How a connection ended, or is to end.

    Attributes:
        code: the close code; `NO_CODE` and `ABNORMAL` are possible.
        reason: text for people, possibly empty.
    """

    __slots__ = ("code", "reason")

    def __init__(self, code: int, reason: str = "") -> None:
        self.code = code
        self.reason = reason

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and vars_of(self) == vars_of(other)

    def __hash__(self) -> int:
        return hash(vars_of(self))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.code}, {self.reason!r})"


class Failed(Closed):
    """The client broke a rule or a limit: the connection is failed with this code and reason, which
    holds no byte that the client sent."""

    __slots__ = ()

    @property
    def token(self) -> str:
        """Its name for counters."""
        return f"websocket-{self.reason.replace(' ', '-')}"


def vars_of(closed: Closed) -> tuple[int, str]:
    return closed.code, closed.reason


def may_be_sent(code: int) -> bool:
    """Whether a close frame may have this code (RFC 6455 section 7.4)."""
    return 1000 <= code <= 1003 or 1007 <= code <= 1014 or 3000 <= code <= 4999


def read_payload(payload: bytes) -> Closed:
    """What a close frame that came says; `Failed` if it says nothing that may be said."""
    if not payload:
        return Closed(NO_CODE)
    if len(payload) == 1:
        return Failed(PROTOCOL_ERROR, "half a close code")
    code = int.from_bytes(payload[:2])
    if not may_be_sent(code):
        return Failed(PROTOCOL_ERROR, "a close code that is not for the wire")
    try:
        return Closed(code, payload[2:].decode())
    except UnicodeDecodeError:
        return Failed(BAD_DATA, "the reason of a close is not UTF-8")


def payload_of(closed: Closed) -> bytes:
    """The payload of the close frame that says it.

    Raises:
        ValueError: the code is not for the wire, or the reason is longer than `MOST_REASON` bytes
            or no text.
    """
    if closed.code == NO_CODE:
        return b""
    if not may_be_sent(closed.code):
        raise ValueError(f"{closed.code} is no close code that may be sent")
    reason = closed.reason.encode()
    if len(reason) > MOST_REASON:
        raise ValueError(f"the reason of a close has {MOST_REASON} bytes at most")
    return closed.code.to_bytes(2) + reason
