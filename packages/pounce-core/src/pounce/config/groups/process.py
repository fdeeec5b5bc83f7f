"""Settings of the server's own process: whose it is, and how others find it.

Describes them. Never looks a user up, and never writes a file.
"""

from typing import Final

from pounce.config.account import AccountText
from pounce.protocol.kind import Optional, PathText
from pounce.protocol.setting import About

PID_FILE: Final = About(
    Optional(PathText("FILE")),
    group="process",
    help="file to write the process's number to once the server has started",
    reason="None: service managers know what they started; it is for scripts that send signals.",
)

USER: Final = About(
    Optional(AccountText("USER")),
    group="process",
    help="user to go on as after a start as root, by name or number",
    reason="None: a service manager does it better, and before any code of ours runs.",
)

GROUP: Final = About(
    Optional(AccountText("GROUP")),
    group="process",
    help="group to go on as after a start as root, by name or number",
    reason="None: that of the user.",
)
