"""The access log: one line for each request, written by a thread of its own.

Decides what the line says and how it is kept one line, whatever bytes the client sent; never when
or whether a request is answered. A worker's part is to put a tuple into its lane. When the reader
of the log is slower than the workers, entries are dropped and counted, and the log says how many.
"""

import json
import logging
import re
import time
from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Any, Final, Literal

from pounce.observe.output import CYAN, DIM, GREEN, RED, RESET, WHOLE, YELLOW, LineOutput, Target
from pounce.observe.writer import Writer
from pounce.protocol.exchange import Headers

type Entry = tuple[float, tuple[str, int] | None, str, bytes, bytes, str, int, int, float, Headers]
"""What a worker puts into its sink, in this order: time the request started (seconds of the epoch),
client's address and port or None on a Unix socket, method, raw path, query, HTTP version (`"1.1"`),
status, body bytes sent, duration (seconds), request headers. A plain tuple, because one is made for
every request."""

type Sink = Callable[[Entry], None]
type Style = Literal["human", "json"]

LIMIT: Final = 16_384
"""Entries that wait for each worker before one is dropped: some MB, and 0.2 s of a full load."""

# Longer values are cut: to the first of these, or where so many characters had to be escaped that
# the line is longer than what a pipe takes in one piece, to the second.
_LONGEST: Final = (1_024, 96)
_METHOD_LONGEST: Final = 32

_UNSAFE: Final = re.compile(r"[^ !#-\[\]-~]")
_PHRASES: Final = {status.value: " " + status.phrase for status in HTTPStatus}
_STATUS_COLORS: Final = {1: CYAN, 2: GREEN, 3: CYAN, 4: YELLOW, 5: RED}
_FIELDS: Final = {
    b"user-agent": "agent",
    b"referer": "referer",
    b"x-forwarded-for": "forwarded_for",
}
_encode = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode


class AccessLog:
    """Takes entries from workers and writes them on one thread. Shared by all workers.

    Args:
        target: a file descriptor or a stream, never closed here; or a logger, which then gets a
            record for each entry, on the writing thread.
        style: `"human"` for a line to read, `"json"` for an object a line. Not for a logger.
        colors: whether a human line has colours and a short time, as fits a terminal.
        limit: entries that wait for each worker before one is dropped.
    """

    def __init__(
        self,
        target: Target | logging.Logger,
        style: Style = "human",
        *,
        colors: bool = False,
        limit: int = LIMIT,
    ) -> None:
        self._output = LineOutput(None)
        self._logger: logging.Logger | None = None
        self._line: Callable[[Entry, int], str]
        consume = self._write
        if isinstance(target, logging.Logger):
            self._logger = target
            consume = self._log
        else:
            self._output = LineOutput(target)
        self._style = style
        self._line = JsonLine() if style == "json" else HumanLine(colors)
        self._writer = Writer("pounce-access-log", consume, self._report, limit)

    def sink(self) -> Sink:
        """Makes a worker's sink: what it calls with an entry, on the thread that called this.

        It never waits, and costs the worker some 0.3 µs. Call this after any fork. When the sink
        is let go, what it holds is still written.
        """
        return self._writer.lane().put

    def close(self, timeout: float) -> bool:
        """Writes what is there; waits for it `timeout` seconds at most, then leaves it.

        Returns:
            Whether everything was written.
        """
        return self._writer.close(timeout)

    def _write(self, batch: list[Entry]) -> int:
        if self._output.gone:
            return len(batch)
        return self._output.write([self._safe_line(entry) for entry in batch])

    def _safe_line(self, entry: Entry) -> str:
        try:
            line = ""
            for longest in _LONGEST:
                line = self._line(entry, longest)
                if len(line) < WHOLE:
                    break
            return line
        except Exception as error:  # noqa: BLE001 - an application may leave anything in its headers
            name = type(error).__name__
            if self._style == "json":
                return _encode({"logger": "pounce.access", "event": "unreadable", "error": name})
            return f"access log: an entry could not be read: {name}"

    def _log(self, batch: list[Entry]) -> int:
        logger = self._logger
        assert logger is not None
        if logger.isEnabledFor(logging.INFO):
            for entry in batch:
                _log_entry(logger, entry)
        return 0

    def _report(self, count: int) -> None:
        text = f"access log: {count} entries dropped, because its reader was too slow"
        if self._logger is not None:
            self._logger.warning("%s", text)
        elif self._style == "json":
            event = {"logger": "pounce.access", "event": "dropped", "entries": count}
            self._output.write([_encode({"time": _Utc()(time.time()), **event})])
        else:
            self._output.write([text])


class HumanLine:
    """Formats an entry for a person, in printable ASCII. It keeps the text of the last second."""

    def __init__(self, colors: bool) -> None:
        self._colors = colors
        self._second = -1
        self._time = ""

    def __call__(self, entry: Entry, longest: int) -> str:
        started, client, method, path, query, version, status, size, duration, _ = entry
        second = int(started)
        if second != self._second:
            # On a terminal the day is known.
            form = f"{DIM}%H:%M:%S{RESET}" if self._colors else "%Y-%m-%d %H:%M:%S"
            self._time = time.strftime(form, time.localtime(second))
            self._second = second
        answer = f"{status:d}{_PHRASES.get(status, '')}"
        if self._colors:
            answer = f"{_STATUS_COLORS.get(status // 100, RED)}{answer}{RESET}"
        return (
            f"{self._time} {_client(client)} - "
            f'"{_escape(method, _METHOD_LONGEST)} {_target(path, query, longest)} '
            f'HTTP/{_escape(version, 8)}" '
            f"{answer} {_bytes(size)} {_duration(duration)}"
        )


class JsonLine:
    """Formats an entry as a JSON object, in printable ASCII."""

    def __init__(self) -> None:
        self._utc = _Utc()

    def __call__(self, entry: Entry, longest: int) -> str:
        return _encode(_fields(entry, longest, self._utc))


class _Utc:
    """The ISO form of a time. It keeps the text of the last second, which is most of the work."""

    def __init__(self) -> None:
        self._second = -1
        self._text = ""

    def __call__(self, seconds: float) -> str:
        second = int(seconds)
        if second != self._second:
            self._text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
            self._second = second
        return f"{self._text}.{int((seconds - second) * 1_000):03d}Z"


def _fields(entry: Entry, longest: int, utc: _Utc) -> dict[str, Any]:
    started, client, method, path, query, version, status, size, duration, headers = entry
    fields: dict[str, Any] = {
        "time": utc(started),
        "logger": "pounce.access",
        "client": None if client is None else _client(client),
        "method": _text(method, _METHOD_LONGEST),
        "path": _text(path, longest),
        "query": _text(query, longest),
        "http": _text(version, 8),
        "status": status,
        "bytes": size,
        "duration_ms": round(duration * 1_000, 3),
    }
    for name, value in headers:
        key = _FIELDS.get(name)
        if key is not None:
            fields[key] = _text(value, longest)
    return fields


def _log_entry(logger: logging.Logger, entry: Entry) -> None:
    """Gives a logger the entry: as arguments of the message, and each value as an attribute."""
    try:
        longest = _LONGEST[0]
        fields = _fields(entry, longest, _Utc())
        _, client, method, path, query, version, status, *_ = entry
        # Filters that people have for access logs look at these five.
        arguments: Sequence[object] = (
            _client(client),
            _escape(method, _METHOD_LONGEST),
            _target(path, query, longest),
            _escape(version, 8),
            status,
        )
    except Exception as error:  # noqa: BLE001 - as above
        logger.warning("an entry could not be read: %s", type(error).__name__)
        return
    fields["started"] = fields.pop("time")
    del fields["logger"]
    logger.info('%s - "%s %s HTTP/%s" %d', *arguments, extra=fields)


def _client(client: tuple[str, int] | None) -> str:
    if client is None:
        return "unix"
    host = _escape(client[0], 64)
    return f"[{host}]:{client[1]}" if ":" in host else f"{host}:{client[1]}"


def _target(path: bytes, query: bytes, longest: int) -> str:
    return _escape(path + b"?" + query if query else path, longest)


def _escape(value: str | bytes, longest: int) -> str:
    """Cuts and marks what is too long; escapes all but printable ASCII, quotes and backslashes."""
    if len(value) > longest:
        return _escape(value[:longest], longest) + _cut(value, longest)
    text = value if isinstance(value, str) else value.decode("latin-1")
    return _UNSAFE.sub(_escape_one, text) if _UNSAFE.search(text) else text


def _escape_one(match: re.Match[str]) -> str:
    char = match[0]
    if char in '"\\':
        return "\\" + char
    code = ord(char)
    return f"\\x{code:02x}" if code < 0x100 else f"\\U{code:08x}"


def _text(value: str | bytes, longest: int) -> str:
    """Cuts and marks what is too long; makes text of any bytes. JSON does the rest."""
    if len(value) > longest:
        return _text(value[:longest], longest) + _cut(value, longest)
    data = value.encode("utf-8", "backslashreplace") if isinstance(value, str) else value
    return data.decode("utf-8", "backslashreplace")


def _cut(value: str | bytes, longest: int) -> str:
    return f"...[{len(value) - longest} more]"


def _bytes(size: int) -> str:
    if size < 1_000:
        return f"{size}B"
    number = float(size)
    for unit in ("kB", "MB", "GB"):
        number /= 1_000
        if number < 999.95:
            return f"{number:.1f}{unit}"
    return f"{number / 1_000:.1f}TB"


def _duration(seconds: float) -> str:
    if seconds < 0.09995:
        return f"{seconds * 1_000:.1f}ms"
    if seconds < 0.9995:
        return f"{seconds * 1_000:.0f}ms"
    return f"{seconds:.2f}s"
