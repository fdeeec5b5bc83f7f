"""Settings of the reload at a change of the code.

Describes them. Never looks at a file.
"""

from typing import Final

from pounce.protocol.kind import PathText, Repeated, Seconds, Switch, Text
from pounce.protocol.setting import About

RELOAD: Final = About(
    Switch(),
    group="reload",
    help="load the application anew when its code changes",
    reason="Off: it is for development.",
)

RELOAD_DIRS: Final = About(
    Repeated(PathText("DIR"), ","),
    flag="--reload-dir",
    group="reload",
    help="folder to watch instead of that of --app-dir, several times",
    reason="Empty: the code is where the application is.",
)

RELOAD_INCLUDES: Final = About(
    Repeated(Text("GLOB"), ","),
    flag="--reload-include",
    group="reload",
    help='files to watch besides "*.py", by name or path, several times',
    reason="Empty: templates and the like are as a rule read anew without a reload.",
)

RELOAD_EXCLUDES: Final = About(
    Repeated(Text("GLOB"), ","),
    flag="--reload-exclude",
    group="reload",
    help="files and folders not to watch, by name or path, several times",
    reason="Empty: virtual environments, caches, hidden files and editors' own are left out.",
)

RELOAD_DELAY: Final = About(
    Seconds(zero=True),
    unit="seconds",
    group="reload",
    help="how long nothing more has to change until a reload begins",
    reason="An editor that saves several files, or a change of branch, is one change.",
)
