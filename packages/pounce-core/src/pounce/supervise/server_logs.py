"""The logs of one process of the server, set up from the configuration.

Decides where log and access log go; never what is in them.
"""

import logging
import os
import sys
from pathlib import Path
from typing import Any, Literal, TextIO, cast

from pounce.config.config import Config
from pounce.observe.access_log import AccessLog
from pounce.observe.logs import ACCESS_LOGGER, Logs
from pounce.observe.output import colors_wanted

logger = logging.getLogger("pounce.supervise")

CLOSE_WAIT = 2.0
"""Seconds that a slow reader of the logs has at the end."""


def _output() -> int | TextIO | None:
    """Standard output: its descriptor, or what a notebook or test has in its place, or nothing."""
    stream: TextIO | None = sys.stdout
    if stream is None:
        return None
    try:
        return stream.fileno()
    except OSError, AttributeError:
        return stream


def _reopen(handler: logging.FileHandler) -> None:
    """Has a handler open its file again with the next record, if it is another one by then.

    `FileHandler.close()` would not do: one with mode "w" stays closed for good.
    """
    handler.acquire()
    try:
        stream: TextIO | None = handler.stream
        if stream is None or _is_at(stream, handler.baseFilename):
            return
        handler.stream = cast("Any", None)
        stream.close()
    except (OSError, ValueError) as error:
        logger.warning("the log %s was not closed well: %s", handler.baseFilename, error)
    finally:
        handler.release()


def _is_at(stream: TextIO, path: str) -> bool:
    """Whether an open file is the one at a path."""
    try:
        return os.path.samestat(os.fstat(stream.fileno()), Path(path).stat())
    except FileNotFoundError:
        return False


class ServerLogs:
    """Log and access log, from now until `close`.

    Raises:
        ConfigError: the logging configuration is wrong.
    """

    def __init__(self, config: Config) -> None:
        style: Literal["human", "json"] = "json" if config.access_log_format == "json" else "human"
        self._logs = Logs(
            config.log_level, style=style, colors=config.use_colors, config=config.log_config
        )
        self.access_log: AccessLog | None = None
        if config.access_log:
            target = logging.getLogger(ACCESS_LOGGER) if self._logs.configured else _output()
            if target is not None:
                colors = colors_wanted(sys.stdout, config.use_colors)
                self.access_log = AccessLog(target, style, colors=colors)

    @staticmethod
    def reopen() -> None:
        """Opens the files of the user's logging configuration again, after they were moved away.

        pounce itself logs to the standard streams, which whoever started it opened.
        """
        # A copy, made at once: other threads may make loggers meanwhile.
        known = list(logging.root.manager.loggerDict.values())
        loggers = [logging.root, *(each for each in known if isinstance(each, logging.Logger))]
        for handler in {handler for each in loggers for handler in list(each.handlers)}:
            if isinstance(handler, logging.FileHandler):
                _reopen(handler)

    def close(self) -> None:
        """Writes what is there, within a bounded time."""
        if self.access_log is not None:
            self.access_log.close(CLOSE_WAIT)
        self._logs.close(CLOSE_WAIT)
