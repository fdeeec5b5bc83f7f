"""Settings of the application: what it is, and how it is called.

Describes them. Never imports what they name.
"""

from typing import Final, Literal

from pounce.protocol.kind import ApplicationName, Choice, Optional, PathText, Switch, Text
from pounce.protocol.setting import About

type LifespanMode = Literal["auto", "on", "off"]
type ApplicationScope = Literal["server", "worker"]

APP: Final = About(
    ApplicationName(),
    group="application",
    help='what to serve: "module:attribute", with dots inside either',
    reason="There is no default: a guess could serve the wrong thing.",
    flag="",
)

FACTORY: Final = About(
    Switch(),
    group="application",
    help="APP is a function that returns the application",
    reason="Off, because most modules hold the application itself.",
)

APP_DIR: Final = About(
    PathText("DIR"),
    group="application",
    help="folder to import APP from",
    reason="The working directory, which a console script does not import from by itself.",
)

ENV_FILE: Final = About(
    Optional(PathText("FILE")),
    group="application",
    help="file of NAME=value lines to add to the environment; what is set already stays",
    reason="None, so that nothing is read that was not asked for.",
)

LIFESPAN: Final = About(
    Choice[LifespanMode](("auto", "on", "off")),
    group="application",
    help="whether APP has start-up and shutdown events; auto finds out",
    reason="auto takes an application without them as it is, and still ends when one's fail.",
    reloadable=True,
)

ROOT_PATH: Final = About(
    Text("PATH"),
    group="application",
    help="URL path that APP is mounted at by a proxy, such as /api",
    reason="Empty: an application is at the top unless a proxy says otherwise.",
    reloadable=True,
)

APP_SCOPE: Final = About(
    Choice[ApplicationScope](("server", "worker")),
    group="application",
    help="with --factory: whether APP is made once, for all threads, or once a worker",
    reason="server: one copy in memory, and what it keeps in there is the same for every request.",
)
