"""How much memory a process takes, as the system counts it.

Decides nothing; None where the system does not tell.
"""

import os
from pathlib import Path


def resident_bytes(pid: int | None = None) -> int | None:
    """Bytes of memory that a process has in RAM (its RSS): this one, or the one with `pid`."""
    try:
        fields = Path(f"/proc/{pid or 'self'}/statm").read_text().split()
    except OSError:
        return None
    return int(fields[1]) * os.sysconf("SC_PAGE_SIZE")
