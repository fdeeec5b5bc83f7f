"""A connection on its way to the worker that will serve it, and who that is.

Decides which of several workers gets a connection. Never reads a byte of it.
"""

import logging
import os
from collections.abc import Sequence
from time import monotonic
from typing import TYPE_CHECKING, Any, NamedTuple

from pounce.protocol.roles import Stream
from pounce.worker.door import Door

if TYPE_CHECKING:
    from pounce.worker.worker import Worker

logger = logging.getLogger("pounce.listen")


class Arrival(NamedTuple):
    """A connection on its way to the worker that will serve it.

    Attributes:
        address: the client's, as `accept` gave it.
        door: where it came in.
        data: bytes that were read from it and not used.
        served: requests that were answered on it.
        stream: the hold that a transport has on it by now; None for the plain socket.
    """

    address: Any
    door: Door
    data: bytes = b""
    served: int = 0
    stream: Stream | None = None

    def close(self, fd: int) -> None:
        """Closes the connection, of which this is the descriptor: nobody will serve it."""
        if self.stream is None:
            os.close(fd)
        else:
            self.stream.socket.close()


def hand_over(targets: Sequence[Worker], fd: int, arrival: Arrival) -> None:
    """Gives a connection to the worker with the fewest, rather not to one that is stalled.

    A worker that ended a moment ago cannot take it; then the next one does, and if there is
    none, the connection is closed.
    """
    now = monotonic()
    for worker in sorted(targets, key=lambda each: (each.is_stalled(now), each.connections)):
        try:
            worker.hand_over(fd, arrival)
        except OSError, ValueError, RuntimeError:
            continue
        return
    logger.error("no worker can take a connection: it is closed")
    arrival.close(fd)
