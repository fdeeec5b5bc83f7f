"""When a worker is replaced, how soon, how often, and how long an end may take.

Decides numbers only. All times are seconds.
"""

from dataclasses import dataclass
from random import uniform
from typing import Final

FIRST_DELAYS: Final = (0.0, 0.5)
LONGEST_DELAY: Final = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """A server's rules for its workers.

    Attributes:
        grace: for what is under way at the end, and again for the application's shutdown; None
            for no limit.
        drain_delay: between the wish to end and the end of accepting.
        restarts: how many dead workers are replaced within `window`, before the server gives up.
        window: see `restarts`.
        age: after which a worker is replaced, give or take a tenth; None for never.
        memory: bytes above which a worker is replaced; None for no limit.
        check_every: between two looks at age and memory.
    """

    grace: float | None = 20.0
    drain_delay: float = 0.0
    restarts: int = 10
    window: float = 60.0
    age: float | None = None
    memory: int | None = None
    check_every: float = 1.0

    def delay(self, deaths: int) -> float:
        """How long to wait before the last of so many dead workers is replaced."""
        if deaths <= len(FIRST_DELAYS):
            return FIRST_DELAYS[deaths - 1]
        doubled: float = FIRST_DELAYS[-1] * 2 ** (deaths - len(FIRST_DELAYS))
        return min(doubled, LONGEST_DELAY)

    def lifetime(self) -> float | None:
        """How long a new worker lives: not all are to be replaced at once."""
        return None if self.age is None else self.age * uniform(0.9, 1.1)
