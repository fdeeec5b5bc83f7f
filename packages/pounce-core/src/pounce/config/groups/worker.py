"""Settings of the workers: how many, of which kind, and when one is replaced.

Describes them. Never asks the machine what it has.
"""

from typing import Final, Literal

from pounce.protocol.kind import Choice, OrWord, Seconds, Unlimited, Whole
from pounce.protocol.setting import About
from pounce.protocol.size import Size

type WorkerType = Literal["auto", "thread", "process"]

WORKERS: Final = About(
    OrWord[int, Literal["auto"]](Whole(1, 1024), "auto", "auto"),
    group="workers",
    help="number of workers; auto for one a usable processor",
    reason="One, which every application can stand; more ask it to be safe in several threads.",
    environment=("WEB_CONCURRENCY",),
    reloadable=True,
)

WORKER_TYPE: Final = About(
    Choice[WorkerType](("auto", "thread", "process")),
    group="workers",
    help="kind of worker; auto takes processes for several workers under a GIL, else threads",
    reason="Threads share one copy of the application, where they can run in parallel.",
)

LIMIT_MAX_REQUESTS: Final = About(
    Unlimited(Whole(1)),
    unit="requests",
    group="workers",
    help="requests after which a worker is replaced",
    reason="None: it is a remedy for an application that leaks.",
    reloadable=True,
)

LIMIT_MAX_REQUESTS_JITTER: Final = About(
    Whole(0),
    unit="requests",
    group="workers",
    help="up to so many more, at random for each worker, so that not all are replaced at once",
    reason="0, so that the number above means what it says.",
    reloadable=True,
)

LIMIT_MAX_AGE: Final = About(
    Unlimited(Seconds()),
    unit="seconds",
    group="workers",
    help="age at which a worker is replaced",
    reason="None: it is a remedy too, for what goes bad with time.",
    reloadable=True,
)

LIMIT_MAX_MEMORY: Final = About(
    Unlimited(Size(1)),
    unit="bytes",
    group="workers",
    help="memory of a worker's process at which it is replaced, such as 512M",
    reason="None: a remedy as well. Threads share one process, whose memory it is then.",
    reloadable=True,
)

LIMIT_RESTARTS: Final = About(
    OrWord[int, None](Whole(0), "none", None),
    unit="restarts a minute",
    group="workers",
    help="dead workers to replace within a minute before the server gives up, with status 4; "
    "0 to replace none, none for no limit",
    reason="Enough for accidents; where every start ends badly, who watches should see the end.",
    reloadable=True,
)
