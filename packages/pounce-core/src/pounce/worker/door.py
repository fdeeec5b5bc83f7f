"""A listening socket as a worker or an acceptor sees it: accepting, and pausing when that fails.

Decides how many connections are taken at a turn, what an accepted client is called, and what
happens when descriptors run out. Never reads or writes a connection.
"""

import errno
import logging
import select
import socket
from collections.abc import Callable
from math import inf
from typing import Any, Final

from pounce.guard.proxies import TrustedProxies
from pounce.protocol.roles import Peer
from pounce.worker.poller import READ, Poller

logger = logging.getLogger("pounce.listen")

BATCH: Final = 64
"""Connections accepted at a turn, so that a flood of them does not starve those that exist."""
LAST: Final = 65_535
"""Connections taken at the end, at most: what the longest queue of a kernel holds. Who goes on
connecting must not keep a server from ending."""
PAUSE: Final = 1.0
"""Seconds without accepting after descriptors or memory ran out. The kernel's queue keeps them."""
QUIET: Final = 60.0
"""Seconds after a word about being full before the next."""
_EXHAUSTED: Final = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


class Door:
    """One listening socket, owned by the one thread that accepts from it.

    Args:
        sock: listening and non-blocking.
        server: the ASGI `server` of its connections.
        scheme: the URL scheme of its connections.
        exclusive: several processes wait on this socket, and one is to be woken a connection.
    """

    def __init__(
        self,
        sock: socket.socket,
        server: tuple[str, int | None] | None,
        scheme: str,
        *,
        exclusive: bool = False,
    ) -> None:
        self.family = sock.family
        self.protocol = sock.proto
        self._socket = sock
        self._server = server
        self.scheme = scheme
        # One at a time where others wait on the same socket, so that they get their share.
        self._batch = 1 if exclusive else BATCH
        self._mask = READ | (getattr(select, "EPOLLEXCLUSIVE", 0) if exclusive else 0)
        self._resume_at: float | None = None
        self._quiet_until = -inf
        self._watched = False

    def fileno(self) -> int:
        return self._socket.fileno()

    def watch(self, poller: Poller) -> None:
        """Begins to wait for connections, or goes on."""
        if not self._watched:
            self._watched = True
            poller.watch(self._socket.fileno(), self._mask)

    def unwatch(self, poller: Poller) -> None:
        """Waits no more; the kernel keeps those that come."""
        if self._watched:
            self._watched = False
            poller.forget(self._socket.fileno())

    def close(self) -> None:
        """Closes the listening socket: the server ends, and who comes now is refused."""
        self._socket.close()

    def empty(self, accept: Callable[[], int]) -> None:
        """Takes who waits, and closes the listening socket.

        Args:
            accept: takes some of them; returns how many.
        """
        left = LAST
        while left > 0 and (taken := accept()):
            left -= taken
        self.close()

    def accept(self, poller: Poller, now: float, most: int = BATCH) -> list[tuple[int, Any]]:
        """Takes the connections that wait, `most` at most: their descriptors and addresses."""
        taken: list[tuple[int, Any]] = []
        for _ in range(min(most, self._batch)):
            try:
                sock, address = self._socket.accept()
            except BlockingIOError:
                break
            except OSError as error:
                if error.errno in _EXHAUSTED:
                    self._pause(poller, now, error)
                    break
                # ECONNABORTED and its like: that client left the queue, the next may be there.
                continue
            sock.setblocking(False)
            taken.append((sock.detach(), address))
        return taken

    def _pause(self, poller: Poller, now: float, error: OSError) -> None:
        """A level-triggered listener that cannot accept would keep the loop spinning."""
        self.unwatch(poller)
        self._resume_at = now + PAUSE
        if now >= self._quiet_until:
            self._quiet_until = now + QUIET
            logger.error(
                "cannot accept for now (%s): raise the limit on open files (ulimit -n)",
                error.strerror,
            )

    @property
    def shut(self) -> bool:
        """Whether it pauses."""
        return self._resume_at is not None

    def resume(self, poller: Poller, now: float) -> bool:
        """Accepts again if the pause is over. Returns whether it does."""
        if self._resume_at is not None and now >= self._resume_at:
            self._resume_at = None
            self.watch(poller)
        return self._resume_at is None

    def peer(self, address: Any, proxies: TrustedProxies | None) -> Peer:
        """Describes an accepted client, on the thread that will serve it.

        Args:
            address: as `accept` gave it.
            proxies: whose forwarding fields are believed.
        """
        client: tuple[str, int] | None = None
        if self.family in (socket.AF_INET, socket.AF_INET6):
            client = (_plain(address[0]), address[1])
        trusted = proxies is not None and proxies.trusts(client)
        return Peer(client, self._server, self.scheme, trusted)


def _plain(host: str) -> str:
    """An IPv4 client's address, also where a socket for both gives it in IPv6's clothes."""
    mapped = host.removeprefix("::ffff:")
    return mapped if "." in mapped and ":" not in mapped else host
