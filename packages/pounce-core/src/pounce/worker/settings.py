"""What a worker needs of the configuration.

Decides nothing.
"""

from dataclasses import dataclass

from pounce.guard.proxies import TrustedProxies
from pounce.protocol.limits import Limits


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerSettings:
    """What a worker needs of the configuration; see `WorkerServices` for what is not told here.

    Attributes:
        proxies: whose forwarding fields are believed, or None.
        most_connections: how many it accepts itself before it leaves them to the kernel's
            queue; None for no limit.
        most_requests: after how many requests it asks to be replaced; None for never.
    """

    proxies: TrustedProxies | None
    most_connections: int | None
    most_requests: int | None
    limits: Limits
    upgrades: frozenset[bytes]
    extra_headers: tuple[tuple[bytes, bytes], ...]
    date_header: bool
