"""Waiting for what another thread or process is about to do.

Decides how often one looks, and when it will not happen any more. For threads, not for a loop.
"""

import time
from collections.abc import Callable
from typing import Final

PATIENCE: Final = 30.0
"""Seconds in which what has to happen does, on a machine that is busy with something else."""
PAUSE: Final = 0.001


def until(condition: Callable[[], object], patience: float = PATIENCE) -> None:
    """Returns as soon as a condition holds.

    Args:
        condition: is asked every now and then.
        patience: seconds for which it is.

    Raises:
        AssertionError: it did not hold then.
    """
    deadline = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < deadline, f"not within {patience:g} seconds"
        time.sleep(PAUSE)
