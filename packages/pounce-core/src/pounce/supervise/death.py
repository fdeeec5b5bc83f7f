"""Deaths of workers: what one died of, and how many there were lately.

Decides how a death is told. Never decides what follows.
"""

from collections import deque

from pounce.protocol.errors import PounceError
from pounce.supervise.crew import Member


class Deaths:
    """How many workers died lately."""

    def __init__(self) -> None:
        self._times: deque[float] = deque()

    def count(self, now: float, window: float) -> int:
        """Counts one more, at `now`; returns how many there were within `window` seconds."""
        self._times.append(now)
        while self._times[0] <= now - window:
            self._times.popleft()
        return len(self._times)


def cause(member: Member, error: BaseException | None) -> str:
    """What a worker died of, in a sentence."""
    if error is None:
        return f"{member.name} ended without being asked"
    if isinstance(error, PounceError):
        return str(error)
    return f"{member.name} died of {type(error).__name__}: {error}"


def traceback(error: BaseException | None) -> BaseException | None:
    """The error whose traceback a person needs: of a fault, or of what a refusal came from."""
    return error.__cause__ if isinstance(error, PounceError) else error
