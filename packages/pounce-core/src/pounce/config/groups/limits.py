"""Settings of what a client may ask for: numbers, sizes and speeds.

Describes them. Never enforces one; `pounce.protocol.limits` has them as a connection sees them.
"""

from typing import Final

from pounce.protocol.kind import Unlimited, Whole
from pounce.protocol.setting import About
from pounce.protocol.size import Size

LIMIT_CONCURRENCY: Final = About(
    Unlimited(Whole(1)),
    unit="requests",
    group="limits",
    help="requests under way at once in one worker; more are answered with 503",
    reason="None: only the application knows what it can stand. Idle connections never count.",
)

LIMIT_CONNECTIONS: Final = About(
    Unlimited(Whole(1)),
    unit="connections",
    group="limits",
    help="open connections of the whole server; more wait to be accepted",
    reason="None: the system's limit on descriptors holds in any case.",
    reloadable=False,
)

LIMIT_REQUEST_LINE: Final = About(
    Size(16),
    unit="bytes",
    group="limits",
    help="length of a request line (414)",
    reason="What proxies allow by default, so that whatever passes them passes here.",
)

LIMIT_HEADER_COUNT: Final = About(
    Whole(1),
    unit="fields",
    group="limits",
    help="fields in the head of a request (431)",
    reason="Browsers send some 20; each costs the application an object or two.",
)

LIMIT_HEADER_BYTES: Final = About(
    Size(64),
    unit="bytes",
    group="limits",
    help="size of the head of a request (431)",
    reason="Room for large cookies and tokens; it is what an unknown client can make us keep.",
    also=("--h11-max-incomplete-event-size",),
)

LIMIT_BODY: Final = About(
    Unlimited(Size(1)),
    unit="bytes",
    group="limits",
    help="size of the body of a request (413)",
    reason="None: bodies are streamed, so a large one costs no memory here.",
)

LIMIT_KEEP_ALIVE_REQUESTS: Final = About(
    Unlimited(Whole(1)),
    unit="requests",
    group="limits",
    help="requests on one connection before it is closed",
    reason="None: a connection that is kept is one that need not be made.",
)

LIMIT_BODY_RATE: Final = About(
    Whole(1),
    unit="bytes a second",
    group="limits",
    help="least speed of an upload, over the time of --timeout-body",
    reason="Slower than real networks, faster than a client that only wants to hold a place.",
)

LIMIT_WRITE_RATE: Final = About(
    Whole(1),
    unit="bytes a second",
    group="limits",
    help="least speed of a download, over the time of --timeout-write",
    reason="As for uploads: a client that does not read holds memory.",
)
