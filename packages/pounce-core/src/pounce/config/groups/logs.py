"""Settings of the logs.

Describes them. Never sets logging up.
"""

from typing import Final, Literal

from pounce.config.log import LevelName, LogConfigSource
from pounce.protocol.kind import Choice, OrWord, Switch
from pounce.protocol.setting import About

type AccessLogFormat = Literal["auto", "human", "json"]

LOG_LEVEL: Final = About(
    LevelName(),
    group="logging",
    help="least severity that is logged",
    reason="info tells of start, stop and failures, and nothing of each request but its line.",
)

LOG_CONFIG: Final = About(
    LogConfigSource(),
    group="logging",
    help="logging configuration to use instead of pounce's: .json, .toml, .yaml or .ini",
    reason="None: what pounce logs by itself is enough to run a server.",
)

ACCESS_LOG: Final = About(
    Switch(),
    group="logging",
    help="a line for each request",
    reason="On, because it is the first thing that is looked for when something is wrong.",
)

ACCESS_LOG_FORMAT: Final = About(
    Choice[AccessLogFormat](("auto", "human", "json")),
    group="logging",
    help="form of those lines; auto is human",
    reason="auto, so that a person can read them until a machine is told to.",
)

USE_COLORS: Final = About(
    OrWord[bool, None](Switch(), "auto", None),
    group="logging",
    help="colours in the log; by default on a terminal",
    reason="auto, because colours are noise in a file.",
)
