"""Accepted connections whose transport is not open yet: those in their handshake.

Decides how long a handshake may take, how many go on in one turn, and which one is given up when
there are too many. Never looks into the bytes. Belongs to its worker's thread, which has each here
in the place of a channel.
"""

import logging
from math import inf
from typing import TYPE_CHECKING, Final

from pounce.protocol.roles import Farewell, Peer, Stream, Transport
from pounce.worker.channel import Channel
from pounce.worker.poller import READ, WRITE

if TYPE_CHECKING:
    import socket

    from pounce.worker.arrival import Arrival
    from pounce.worker.worker import Worker

logger = logging.getLogger("pounce.worker")

LAST_CHANCE: Final = 1.0
"""Seconds for a handshake to end in a server that ends."""
AT_ONCE: Final = 16
"""Steps of handshakes in a turn of the loop. A step may take a millisecond of computing, and a
flood of them is not to keep the open connections waiting. The poller reports the others again."""


class Opening:
    """One connection in its handshake. It plays the channel's part and the handler's."""

    __slots__ = (
        "_mask",
        "_openings",
        "_worker",
        "arrival",
        "closed",
        "deadline",
        "fd",
        "peer",
        "scheduled",
        "stream",
        "write_deadline",
    )

    def __init__(
        self, worker: Worker, openings: Openings, stream: Stream, peer: Peer, arrival: Arrival
    ) -> None:
        self._worker = worker
        self._openings = openings
        self._mask = READ
        self.stream = stream
        self.peer = peer
        self.arrival = arrival
        self.fd = stream.socket.fileno()
        self.closed = False
        self.scheduled = False
        self.deadline = inf
        self.write_deadline = inf

    @property
    def handler(self) -> Opening:
        """Itself, as long as no protocol is known."""
        return self

    # As a channel

    def ready(self, mask: int, now: float) -> None:
        """Goes on with the handshake, in this turn or in a later one."""
        if not self._openings.has_time(now):
            return
        self._openings.steps += 1
        try:
            need = self.stream.open()
        except OSError as error:
            # The transport's own word for it; the system's errors have a number as well.
            self._refuse(str(error) if error.errno is None and error.args else "handshake-broken")
            return
        if need is None:
            self._openings.leave(self)
            self._worker.opened(self, now)
            return
        wanted = READ if need == "read" else WRITE
        if wanted != self._mask:
            self._mask = wanted
            self._worker.poller.change(self.fd, wanted)

    def sweep(self, now: float) -> None:
        if now >= self.deadline:
            self._refuse("handshake-timeout")

    def abort(self) -> None:
        if not self.closed:
            self.closed = True
            self._openings.leave(self)
            self._worker.forget(self)
            self.stream.socket.close()

    def give_up(self) -> None:
        """There are too many."""
        self._refuse("handshake-limit")

    def _refuse(self, reason: str) -> None:
        self._worker.refused(reason, self.peer)
        self.abort()

    # As a handler

    def drain(self, now: float, farewell: Farewell) -> None:
        if farewell == "close":
            self.deadline = min(self.deadline, now + LAST_CHANCE)

    def release(self) -> None:
        """A handshake stays where it began."""

    def disconnect(self) -> None:
        self.abort()


class Openings:
    """The handshakes of one worker, the oldest first.

    Args:
        worker: whose they are.
        channels: the worker's connections by their descriptors, to which each is added.

    Attributes:
        steps: taken in this turn.
    """

    def __init__(self, worker: Worker, channels: dict[int, Channel | Opening]) -> None:
        self._worker = worker
        self._channels = channels
        self._open: dict[int, Opening] = {}
        self._turn = 0.0
        self.steps = 0

    def has_time(self, now: float) -> bool:
        """Whether one more step may be taken in the turn that began at `now`."""
        if now != self._turn:
            self._turn = now
            self.steps = 0
        return self.steps < AT_ONCE

    def begin(
        self, transport: Transport, sock: socket.socket, peer: Peer, arrival: Arrival, now: float
    ) -> Opening | None:
        """Begins the handshake of an accepted connection. None if that is over at once.

        The oldest is given up if there are too many now: its worker has the new one by then, and
        does not take itself for idle.
        """
        try:
            stream = transport.wrap(sock)
        except Exception as fault:
            logger.error("no transport could be put around a connection", exc_info=fault)
            Channel(self._worker, sock, peer, arrival).discard()
            return None
        opening = Opening(self._worker, self, stream, peer, arrival)
        opening.deadline = now + transport.opening_timeout
        self._open[opening.fd] = self._channels[opening.fd] = opening
        if len(self._open) > transport.most_opening:
            next(iter(self._open.values())).give_up()
        return None if opening.closed else opening

    def leave(self, opening: Opening) -> None:
        """One is over, however."""
        self._open.pop(opening.fd, None)
