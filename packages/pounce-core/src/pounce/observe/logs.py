"""The server's own log: what the loggers below `pounce` say, on standard error.

Decides its levels, its form and who writes it; never what is worth saying. A record becomes a line
on the thread that made it and is written by another, so that a slow standard error never blocks a
worker. When the user brings a logging configuration, that one rules and nothing here writes.
"""

import json
import logging
import os
import re
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal

from pounce.observe.output import (
    BOLD,
    CYAN,
    DIM,
    RED,
    RESET,
    YELLOW,
    LineOutput,
    Target,
    colors_wanted,
)
from pounce.observe.writer import Lane, Writer
from pounce.protocol.errors import ConfigError

TRACE: Final = 5
"""Below debug: what happens on each connection."""
LEVELS: Final[Mapping[str, int]] = {
    "critical": logging.CRITICAL,
    "error": logging.ERROR,
    "warning": logging.WARNING,
    "info": logging.INFO,
    "debug": logging.DEBUG,
    "trace": TRACE,
}
ACCESS_LOGGER: Final = "pounce.access"
LIMIT: Final = 4_096
"""Lines that wait for a slow standard error before one is dropped."""

_COLORS: Final = {
    "trace": DIM,
    "debug": DIM,
    "info": CYAN,
    "warning": YELLOW,
    "error": RED,
    "critical": BOLD + RED,
}
# A line feed is left, and set in by four blanks, so that a traceback can be read.
_CONTROL: Final = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)
_encode = json.JSONEncoder(separators=(",", ":")).encode


def level_number(level: str | int) -> int:
    """The number of a level's name in any case, or of a number.

    Raises:
        ConfigError: there is no such level.
    """
    if isinstance(level, int):
        return level
    number = LEVELS.get(level.lower())
    if number is None:
        raise ConfigError(f"log-level takes one of {', '.join(LEVELS)}, not {level!r}")
    return number


class Logs:
    """Sets up logging for `pounce` and all below it, until `close`. One a process.

    Args:
        level: the least that is shown: a name of `LEVELS` or a number; None is `"info"`, or with
            `config` what that says.
        style: `"human"` or `"json"`.
        target: descriptor or stream to write to, standard error if need be; never closed here.
        colors: whether to use colours; None for what suits the target.
        config: the user's own configuration: a dictionary for `logging.config`, or the path of
            a .json, .toml or .yaml file with one, or of a file in ConfigParser's form.

    Raises:
        ConfigError: the level or the configuration is wrong.
    """

    def __init__(
        self,
        level: str | int | None = None,
        *,
        style: Literal["human", "json"] = "human",
        target: Target = None,
        colors: bool | None = None,
        config: Mapping[str, Any] | str | Path | None = None,
    ) -> None:
        number = None if level is None else level_number(level)
        logging.addLevelName(TRACE, "TRACE")
        self._logger = logging.getLogger("pounce")
        self._before = (self._logger.level, self._logger.propagate)
        self._handler: _LineHandler | None = None
        if config is not None:
            _configure(config)
            if number is not None:
                self._logger.setLevel(number)
            return
        target = sys.stderr if target is None else target
        formatter = (
            _JsonFormatter() if style == "json" else _HumanFormatter(colors_wanted(target, colors))
        )
        self._handler = _LineHandler(LineOutput(target), formatter, style)
        for handler in self._logger.handlers[:]:
            # A forked worker brings its parent's.
            if isinstance(handler, _LineHandler):
                self._logger.removeHandler(handler)
        self._logger.addHandler(self._handler)
        self._logger.setLevel(logging.INFO if number is None else number)
        self._logger.propagate = False

    @property
    def configured(self) -> bool:
        """Whether the user's configuration rules, so that the access log goes to its logger too."""
        return self._handler is None

    def close(self, timeout: float) -> bool:
        """Writes what is there; waits for it `timeout` seconds at most. Puts the logger back.

        Returns:
            Whether everything was written.
        """
        handler, self._handler = self._handler, None
        if handler is None:
            return True
        self._logger.removeHandler(handler)
        level, self._logger.propagate = self._before
        self._logger.setLevel(level)
        return handler.end(timeout)


class _LineHandler(logging.Handler):
    """Makes a line of a record and hands it to the writer. `emit` runs under the handler's lock."""

    def __init__(self, output: LineOutput, formatter: logging.Formatter, style: str) -> None:
        super().__init__()
        self.setFormatter(formatter)
        self._output = output
        self._style = style
        self._process = 0
        self._writer: Writer[str] | None = None
        self._lane: Lane[str] | None = None

    def emit(self, record: logging.LogRecord) -> None:
        try:
            line = self.format(record)
        except Exception:  # noqa: BLE001 - logging's rule: a record that is wrong ends nothing
            self.handleError(record)
            return
        if self._lane is None or self._process != os.getpid():
            # Threads do not come along when a process forks.
            self._process = os.getpid()
            self._writer = Writer("pounce-log", self._output.write, self._report, LIMIT)
            self._lane = self._writer.lane()
        self._lane.put(line)

    def end(self, timeout: float) -> bool:
        return self._writer is None or self._writer.close(timeout)

    def _report(self, count: int) -> None:
        message = f"{count} lines of the log dropped, because its reader was too slow"
        record = logging.makeLogRecord(
            {"name": "pounce", "levelno": logging.WARNING, "levelname": "WARNING", "msg": message}
        )
        self._output.write([self.format(record)])


class _HumanFormatter(logging.Formatter):
    """`2026-11-22 10:00:00 info     message`; on a terminal without the day, which is known."""

    def __init__(self, colors: bool) -> None:
        super().__init__()
        self._colors = colors
        self._form = f"{DIM}%H:%M:%S{RESET}" if colors else "%Y-%m-%d %H:%M:%S"

    def format(self, record: logging.LogRecord) -> str:
        when = time.strftime(self._form, time.localtime(record.created))
        level = record.levelname.lower()
        shown = f"{level:<8}"
        if self._colors:
            shown = f"{_COLORS.get(level, '')}{shown}{RESET}"
        parts = [record.getMessage(), *_details(self, record)]
        text = _CONTROL.sub(_escape, "\n".join(parts)).replace("\n", "\n    ")
        return f"{when} {shown} {text}"


class _JsonFormatter(logging.Formatter):
    """An object a line, in printable ASCII."""

    def format(self, record: logging.LogRecord) -> str:
        created = datetime.fromtimestamp(record.created, UTC)
        fields: dict[str, Any] = {
            "time": created.isoformat(timespec="milliseconds")[:-6] + "Z",
            "logger": record.name,
            "level": record.levelname.lower(),
            "message": _plain(record.getMessage()),
            "pid": record.process,
            "thread": record.threadName,
        }
        details = _details(self, record)
        if details:
            fields["exception"] = _plain("\n".join(details))
        return _encode(fields)


def _details(formatter: logging.Formatter, record: logging.LogRecord) -> list[str]:
    details: list[str] = []
    if record.exc_info and record.exc_info[0] is not None:
        details.append(formatter.formatException(record.exc_info))
    if record.stack_info:
        details.append(formatter.formatStack(record.stack_info))
    return details


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def _plain(text: str) -> str:
    """Replaces lone surrogates, which a reader of JSON may refuse."""
    return text.encode("utf-8", "backslashreplace").decode()


def _configure(config: Mapping[str, Any] | str | Path) -> None:
    # Few bring one, and these are slow to import.
    import tomllib
    from logging.config import dictConfig, fileConfig

    name = "the dictionary" if isinstance(config, Mapping) else str(config)
    try:
        if isinstance(config, Mapping):
            content: object = config
        else:
            path = Path(config)
            suffix = path.suffix.lower()
            if suffix == ".json":
                content = json.loads(path.read_text("utf-8"))
            elif suffix == ".toml":
                content = tomllib.loads(path.read_text("utf-8"))
            elif suffix in {".yaml", ".yml"}:
                content = _yaml(path)
            else:
                # Otherwise the loggers that exist, pounce's own, would say nothing any more.
                fileConfig(path, disable_existing_loggers=False)
                return
        if not isinstance(content, Mapping):
            raise ConfigError(f"log-config: {name} holds no table of settings")
        settings = {"disable_existing_loggers": False, **content}
        dictConfig(settings)
    except OSError as error:
        raise ConfigError(f"log-config: cannot read {name}: {error.strerror or error}") from None
    except ConfigError:
        raise
    except Exception as error:  # the parsers' errors, and whatever a handler's constructor raises
        detail = f"{error}: {error.__cause__}" if error.__cause__ else str(error)
        raise ConfigError(f"log-config: {name}: {' '.join(detail.split())}") from error


def _yaml(path: Path) -> object:
    try:
        import yaml  # type: ignore[import-untyped] # without types
    except ImportError:
        raise ConfigError(
            f"log-config: {path} needs PyYAML; run: pip install pyyaml, or use .json or .toml"
        ) from None
    content: object = yaml.safe_load(path.read_text("utf-8"))
    return content
