"""HTTP/1.1's own settings. Its limits are the server's (`pounce.protocol.limits`)."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Http1Settings:
    """HTTP/1.1 has no settings that other protocols do not share."""
