"""Settings of how long something may take, all in seconds.

Describes them. Never looks at a clock.
"""

from typing import Final

from pounce.protocol.kind import OrWord, Seconds, Unlimited
from pounce.protocol.setting import About

TIMEOUT_HEAD: Final = About(
    Unlimited(Seconds()),
    group="timeouts",
    help="how long the whole head of a request may take (408)",
    reason="One packet as a rule; of the whole, so that dripping bytes do not extend it.",
)

TIMEOUT_KEEP_ALIVE: Final = About(
    OrWord[float, None](Seconds(), "none", None),
    group="timeouts",
    help="how long an idle connection is kept between two requests",
    reason="Longer than the 60 s of the usual proxy: who closes first must be the proxy, or a "
    "request of its meets a connection just closed and its client gets a 502.",
)

TIMEOUT_BODY: Final = About(
    Unlimited(Seconds()),
    group="timeouts",
    help="time over which an upload must keep up --limit-body-rate (408)",
    reason="Long enough for a stall of a mobile network.",
)

TIMEOUT_WRITE: Final = About(
    Unlimited(Seconds()),
    group="timeouts",
    help="time over which a client must read at --limit-write-rate",
    reason="As for uploads.",
)

TIMEOUT_REQUEST: Final = About(
    Unlimited(Seconds()),
    group="timeouts",
    help="how long it may be from a whole head to the end of the response",
    reason="None: streams and long polls are as long as they are.",
)

TIMEOUT_GRACEFUL_SHUTDOWN: Final = About(
    OrWord[float, None](Seconds(zero=True), "none", None),
    group="timeouts",
    help="how long requests under way may take to finish at a stop; 0 for no time",
    reason="Less than the 30 s after which containers are killed; without one a stream that "
    "never ends would keep the server from stopping.",
)

TIMEOUT_STARTUP: Final = About(
    Unlimited(Seconds()),
    group="timeouts",
    help="how long the application's start-up may take",
    reason="Room for migrations and models; a start that hangs should be seen to.",
)

TIMEOUT_DRAIN_DELAY: Final = About(
    Seconds(zero=True),
    group="timeouts",
    help="how long to go on serving at a stop while readiness already fails; 0 for no time",
    reason="0: only a load balancer that asks for readiness needs time to look elsewhere.",
)

TIMEOUT_STALL: Final = About(
    Unlimited(Seconds()),
    group="timeouts",
    help="how long a worker may stay away from its loop before it is reported with its stack",
    reason="Long beside what a loop should be kept from, and short beside what a person notices.",
    reloadable=False,
)
