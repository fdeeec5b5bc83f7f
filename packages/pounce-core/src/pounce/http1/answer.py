"""What the application says in a response head, checked, and as bytes for the wire.

Decides which statuses, names and values may go out and what the worker adds of its own; refuses
what could split a response and never repairs it. How the body is framed is `response`'s to say.
RFC 9110 sections 5, 6.6.1, 7.6.1, 8.6 and 15; RFC 9112 sections 4, 5 and 6.
"""

from collections.abc import Collection, Iterable
from typing import cast

from pounce.protocol.errors import ResponseError
from pounce.protocol.exchange import RawHeaders
from pounce.protocol.memory import keep
from pounce.protocol.reason import phrase
from pounce.protocol.response import (
    NOT_PAIRS,
    check_final,
    check_pair,
    read_length,
    whole_number,
)

type Pair = tuple[bytes, bytes]
"""Name and value."""
type Line = tuple[bytes, bytes]
"""Name in lower case, and the line with its CRLF."""

# What a worker remembers of its application's answers, at most: entries, and bytes of one. About
# 1 MB each when full.
_ANSWERS, _ANSWER_BYTES = 512, 1024
_LINES, _LINE_BYTES = 2048, 256


class Answer:
    """A checked response head. Frozen by convention: it is shared by all responses that say it.

    Attributes:
        status: as a plain number.
        wire: the status line and all fields but those that depend on the request or the time.
        content_length: what the application promised, or None.
        close: whether the application wants the connection closed.
        upgrade: whether it names `upgrade` as a connection option, as with a 426.
        dated: whether the server is to add `date`.
    """

    __slots__ = ("close", "content_length", "dated", "status", "upgrade", "wire")

    def __init__(
        self,
        status: int,
        wire: bytes,
        content_length: int | None,
        close: bool,
        upgrade: bool,
        dated: bool,
    ) -> None:
        self.status = status
        self.wire = wire
        self.content_length = content_length
        self.close = close
        self.upgrade = upgrade
        self.dated = dated


class ResponseDefaults:
    """What a worker adds to every response, and what it remembers of those it has sent.

    One for each worker, made and used on its thread only.

    Args:
        server_line: the `server` field as a line with its CRLF, or nothing.
        extra_headers: fields for every response; the application's own of the same name win.
    """

    __slots__ = (
        "_adds_date",
        "_answers",
        "_date_line",
        "_extra",
        "_lines",
        "ending",
        "server_line",
    )

    def __init__(self, server_line: bytes = b"", extra_headers: Iterable[Pair] = ()) -> None:
        self._extra = [_line_of(pair) for pair in extra_headers]
        names = {name for name, _ in self._extra}
        self.server_line = b"" if b"server" in names else server_line
        self._adds_date = b"date" not in names
        self._date_line = b""
        self.ending = b"\r\n"
        """The date and the empty line that ends a head."""
        self._answers: dict[tuple[int, tuple[Pair, ...]], Answer] = {}
        self._lines: dict[Pair, Line] = {}

    @property
    def date_line(self) -> bytes:
        """The `date` field as a line with its CRLF; set by the worker each second."""
        return self._date_line

    @date_line.setter
    def date_line(self, line: bytes) -> None:
        self._date_line = line
        self.ending = line + b"\r\n"

    def answer(self, status: int, headers: RawHeaders) -> Answer:
        """Checks a response head, or remembers that it did.

        Raises:
            ResponseError: the application's mistake, in a sentence.
        """
        # Not left to the memory: 200.0 would find what 200 left there.
        if type(status) is not int:
            status = whole_number(status)
        try:
            key = (status, cast("tuple[Pair, ...]", tuple(map(tuple, headers))))
            known = self._answers.get(key)
        except TypeError:
            raise ResponseError(NOT_PAIRS) from None
        return known or self._check(key)

    def additions(self, names: Collection[bytes]) -> bytes:
        """What the server adds to a head that has fields of these names, and the empty line."""
        added = [line for name, line in self._extra if name not in names]
        if b"server" not in names:
            added.append(self.server_line)
        dated = self._adds_date and b"date" not in names
        return b"".join(added) + (self.ending if dated else b"\r\n")

    def lines(self, pairs: Iterable[Pair]) -> list[Line]:
        """Returns the lower-case name and the line of each field, checked.

        Raises:
            ResponseError: a field that no message may carry.
        """
        known = self._lines
        return [known.get(pair) or self._line(pair) for pair in pairs]

    def _line(self, pair: Pair) -> Line:
        line = _line_of(pair)
        if len(line[1]) <= _LINE_BYTES and line[0] not in {b"content-length", b"set-cookie"}:
            keep(self._lines, pair, line, _LINES)
        return line

    def _check(self, key: tuple[int, tuple[Pair, ...]]) -> Answer:
        status, pairs = key
        check_final(status)
        content_length = None
        coded = False
        options: set[bytes] = set()
        dated = self._adds_date
        server_line = self.server_line
        wire = [status_line(status)]
        # Those that the server has an opinion on are not simply copied.
        lines = self.lines(pairs)
        for name, line in lines:
            if name not in {
                b"connection",
                b"content-length",
                b"date",
                b"server",
                b"transfer-encoding",
            }:
                wire.append(line)
            elif name == b"content-length":
                if content_length is not None:
                    raise ResponseError("a response has one content-length, not several")
                content_length = read_length(_value(name, line))
                # No length goes out with a 204 (RFC 9110 section 8.6).
                if status != 204:
                    wire.append(line)
            elif name == b"connection":
                options.update(map(bytes.strip, _value(name, line).lower().split(b",")))
            elif name == b"transfer-encoding":
                # The server frames the body, with chunks where it must.
                if _value(name, line).lower() != b"chunked":
                    raise ResponseError(
                        "the server frames the body itself: leave transfer-encoding out"
                    )
                coded = True
            else:
                wire.append(line)
                if name == b"date":
                    dated = False
                else:
                    server_line = b""
        if coded and content_length is not None:
            raise ResponseError("a response has content-length or chunks, not both")
        wire.append(server_line)
        if self._extra:
            names = {name for name, _ in lines}
            wire += [line for name, line in self._extra if name not in names]
        answer = Answer(
            status,
            b"".join(wire),
            content_length,
            b"close" in options,
            b"upgrade" in options,
            dated,
        )
        if len(answer.wire) <= _ANSWER_BYTES:
            keep(self._answers, key, answer, _ANSWERS)
        return answer


def status_line(status: int) -> bytes:
    """Returns the status line, which speaks 1.1 to every client (RFC 9110 section 6.2)."""
    return b"HTTP/1.1 %d %b\r\n" % (status, phrase(status))


def _line_of(pair: tuple[object, ...]) -> Line:
    """Returns the lower-case name and the line of one field."""
    lower, value = check_pair(pair)
    name = cast("bytes", pair[0])
    return lower, b"%b: %b\r\n" % (name, value)


def _value(name: bytes, line: bytes) -> bytes:
    """The value in a line that this module made."""
    return line[len(name) + 2 : -2].strip(b" \t")
