"""The signals that a server knows, and what those of them ask for that end it: SIGINT and SIGTERM.

Decides which is the first, which is the same request once more, and which is meant to end the
server at once. Never ends anything. Time is an argument.
"""

import signal
from typing import Final, Literal

KNOWN: Final = (
    signal.SIGINT,
    signal.SIGTERM,
    signal.SIGHUP,
    signal.SIGTTIN,
    signal.SIGTTOU,
    signal.SIGUSR1,
    signal.SIGUSR2,
)
"""All that the main process acts on. The processes of its workers pass over them."""
AGAIN: Final = 0.5
"""Seconds after the first signal in which another is the same request. Who sends it to a launcher
may send it to its whole process group, as a terminal does, and the launcher passes it on: npm,
`timeout --foreground`, a supervisor that has SIGTERM for its children where it got SIGINT."""

type Demand = Literal["gracefully", "at once"]


class StopSignals:
    """Those that one server got.

    Attributes:
        first: the number of the first, or None.
        last: of the one that is to end it at once, or None.
    """

    def __init__(self) -> None:
        self.first: int | None = None
        self.last: int | None = None
        self._since = 0.0

    def take(self, number: int, now: float) -> Demand | None:
        """What a signal asks for; None if that was asked for already.

        Args:
            number: the signal's.
            now: monotonic time in seconds.
        """
        if self.first is None:
            self.first = number
            self._since = now
            return "gracefully"
        if now - self._since < AGAIN:
            return None
        if self.last is None:
            self.last = number
        return "at once"
