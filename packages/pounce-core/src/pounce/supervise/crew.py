"""What the supervisor needs of workers, of what makes them, and of what sends them connections.

Decides nothing; threads and processes both fit these shapes.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

type Occurrence = Literal["ready", "worn", "ended"]
type Report = Callable[[Member, Occurrence, BaseException | None], None]
"""Told by a worker, on any thread, what became of it; with `"ended"` comes what it died of."""


class Member(Protocol):
    """A worker as its supervisor sees it.

    Attributes:
        name: how logs call it.
        ready: whether it serves.
        since: monotonic time at which it became ready; the supervisor's.
        lifetime: seconds after which it is replaced, or None; the supervisor's.
        remains: whether something of the application outlived it that must not be destroyed.
    """

    name: str
    ready: bool
    since: float
    lifetime: float | None

    @property
    def remains(self) -> bool: ...

    def start(self) -> None: ...

    def retire(self, heirs: Sequence[Member]) -> None:
        """Asks for a graceful end; idle connections go to the heirs, as far as they can.

        Args:
            heirs: those that serve, kept up to date by the supervisor while this one leaves.
        """
        ...

    def fade(self) -> None:
        """Asks it to tell its clients, with each response, that the connection ends."""
        ...

    def end(self) -> None:
        """Asks for a graceful end."""
        ...

    def hurry(self) -> None:
        """Asks for the end now; what is under way is cut off."""
        ...

    def kill(self) -> None:
        """Ends it without its doing, where that can be."""
        ...

    def join(self, timeout: float | None) -> bool:
        """Waits for its end for up to `timeout` seconds. Returns whether it has ended."""
        ...

    def memory(self) -> int | None:
        """Bytes of memory that are its own, or None if that cannot be told."""
        ...

    def reopen_logs(self) -> None:
        """Opens log files again, if it has any of its own."""
        ...


class Crew(Protocol):
    """Makes the workers of one generation."""

    def make(self, name: str, report: Report) -> Member:
        """A worker, not started."""
        ...

    def memory(self) -> int | None:
        """Bytes of memory that its workers share, or None if they share none."""
        ...


class Front(Protocol):
    """Where connections come from."""

    def serve(self, members: Sequence[Member]) -> None:
        """Lets these workers, and no others, have the connections from now on."""
        ...

    def stop(self) -> None:
        """Accepts nothing more. May be called again."""
        ...


@dataclass(slots=True)
class Generation:
    """Workers that have one copy of the application, or copies of one state of it."""

    number: int
    crew: Crew
    members: list[Member] = field(default_factory=list[Member])

    def is_ready(self, wanted: int) -> bool:
        """Whether as many workers as are wanted serve."""
        return sum(member.ready for member in self.members) >= wanted
