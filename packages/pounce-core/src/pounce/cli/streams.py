"""The standard streams, which whoever starts the program may have closed.

Decides that one that is closed leads nowhere. Otherwise the next socket would get its number, and
what is written to standard output or error would go to a client. Never touches one that is open.
"""

import os
import sys


def open_missing() -> None:
    """Opens those that are closed on the null device; to be called before anything is opened."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            # It gets the lowest number that is free: this one. The workers' processes have it too.
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
    if sys.stdout is None:
        sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115 - as long as the program
    if sys.stderr is None:
        sys.stderr = open(2, "w", closefd=False)  # noqa: SIM115 - as long as the program
