"""TLS for all workers of a process: what they wrap sockets in, and how new certificates get there.

Decides when files are looked at and what becomes of what is found. Everything but `look_after` only
reads `_credentials`, which is frozen and replaced whole, so it needs no lock. `look_after` has one:
of the workers that come by, the one that gets hold of it looks, and nobody waits for it.
"""

import logging
import socket
import threading
from datetime import UTC, datetime
from math import inf
from pathlib import Path
from typing import Final

from pounce.protocol.errors import ConfigError
from pounce_tls.credentials import Credentials, files_of, read_credentials
from pounce_tls.expiry import first_end, notices
from pounce_tls.settings import Settings
from pounce_tls.stream import Opening, TlsStream

logger = logging.getLogger("pounce.tls")

LOOK: Final = 5.0
"""Seconds between two looks at the files."""
SETTLE: Final = 1.0
"""Seconds for which a change has to stand: a certificate and its key are written one by one."""
ASLEEP: Final = 3 * LOOK
"""Seconds without a look after which nobody can have looked."""
DAY: Final = 86_400.0

type State = tuple[tuple[int, int, int] | None, ...]
"""What the system says of each file, by which a change is seen: number, size, time of change."""


class TlsTransport:
    """See `pounce.protocol.roles.Transport`.

    Args:
        settings: where the certificates are, and what is allowed.
        alpn: the names of the protocols that are spoken, the best first.
        tells: whether it tells what is odd, and when certificates end; one of a server's does.

    Raises:
        ConfigError: what the settings name cannot be used.
    """

    def __init__(self, settings: Settings, alpn: tuple[bytes, ...], tells: bool = True) -> None:
        self.opening_timeout = settings.handshake_timeout
        self.most_opening = settings.handshake_limit
        self._settings = settings
        self._alpn = alpn
        self._tells = tells
        self._files = files_of(settings)
        # Taken before the files are read: what changes meanwhile is seen at the first look.
        self._state = self._seen = _state(self._files)
        self._credentials = read_credentials(settings, alpn)
        self._lock = threading.Lock()
        self._last_look = inf
        self._next_look = -inf
        self._next_notice: float | None = None
        if tells:
            for oddity in self._credentials.trust.oddities:
                logger.warning("%s", oddity)
        self._notify()

    @property
    def first_end(self) -> float:
        """When the first of the certificates ends to be good, in seconds since 1970."""
        return first_end(self._credentials.identities)

    def wrap(self, sock: socket.socket) -> TlsStream:
        return TlsStream(sock, self._choose)

    def look_after(self, now: float) -> None:
        if now < self._next_look or not self._lock.acquire(blocking=False):
            return
        try:
            if self._next_notice is None:
                # Said once already, when there was no clock yet.
                self._next_notice = now + DAY
            elif now >= self._next_notice:
                self._next_notice = now + DAY
                self._notify()
            changing = self._look(now - self._last_look)
            self._last_look = now
            self._next_look = now + (SETTLE if changing else LOOK)
        finally:
            self._lock.release()

    def _choose(self, name: str | None) -> Opening:
        return self._credentials.choose(name)

    def _look(self, since: float) -> bool:
        """Looks at the files.

        Args:
            since: seconds since the last look.

        Returns:
            Whether something has changed that may change further.
        """
        state = _state(self._files)
        if state == self._state:
            self._seen = state
            return False
        # Workers without connections look at nothing: what changed meanwhile has settled.
        if state != self._seen and since < ASLEEP:
            self._seen = state
            return True
        # Whatever comes of it: the same files are not read twice.
        self._state = state
        self._renew()
        return False

    def _renew(self) -> None:
        before: Credentials = self._credentials
        try:
            self._credentials = read_credentials(self._settings, self._alpn, before)
        except ConfigError as error:
            logger.error("the changed certificates are not used, and those before stay: %s", error)
            return
        logger.info("the certificates have changed: new connections get the new ones")
        self._notify()

    def _notify(self) -> None:
        if self._tells:
            for level, text in notices(self._credentials.identities, datetime.now(UTC)):
                logger.log(level, "%s", text)


def _state(files: tuple[str, ...]) -> State:
    found: list[tuple[int, int, int] | None] = []
    for path in files:
        try:
            seen = Path(path).stat()
        except OSError:
            found.append(None)
        else:
            found.append((seen.st_ino, seen.st_size, seen.st_mtime_ns))
    return tuple(found)
