"""The settings of HTTP/3, read from `[pounce.h3]` and the command line.

Decides names, units and defaults; never reads a file or the environment.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """There are none yet."""
