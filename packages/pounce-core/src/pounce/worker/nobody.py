"""The handler of a connection that is over: it hears everything and does nothing.

A channel and its handler know each other. Left so, each closed connection would be garbage that
only the cycle collector finds, which stops every thread on a free-threaded build. Frozen: one for
all workers.
"""

from typing import Final

from pounce.protocol.roles import Farewell


class Nobody:
    """See `pounce.protocol.roles.Handler`."""

    __slots__ = ()

    def received(self, data: bytes, now: float) -> None: ...

    def received_eof(self, now: float) -> None: ...

    def flushed(self, now: float) -> None: ...

    def turn(self, now: float) -> None: ...

    def expired(self, now: float) -> None: ...

    def drain(self, now: float, farewell: Farewell) -> None: ...

    def release(self) -> None: ...

    def disconnect(self) -> None: ...

    def lost(self) -> None: ...


NOBODY: Final = Nobody()
