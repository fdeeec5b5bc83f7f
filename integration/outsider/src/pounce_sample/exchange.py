"""One line and its answer, as the application's request and response.

Decides how a response becomes a line: its status, a space, and its body, whose own line feeds
become spaces. Fields are checked and dropped: a line has no place for them. Sans-I/O: it writes to
a channel, and knows no socket, loop or clock.
"""

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from pounce.protocol.errors import ClientDisconnected, ResponseError
from pounce.protocol.exchange import END, GONE, BodyState, RawHeaders, RequestHead
from pounce.protocol.reason import phrase
from pounce.protocol.response import check_final, check_pair, whole_number

if TYPE_CHECKING:
    from pounce_sample.connection import LineConnection


class LineExchange:
    """See `pounce.protocol.exchange.Exchange` for what each method promises."""

    def __init__(self, connection: LineConnection, path: bytes, line: bytes, now: float) -> None:
        fields = [
            (b"content-type", b"text/plain; charset=utf-8"),
            (b"content-length", b"%d" % len(line)),
        ]
        self.head = RequestHead("POST", path, b"", "1.1", fields)
        self.began = now
        self.status = 0
        self.body_sent = 0
        self.body_read = False
        self.gone = False
        self.disconnected = False
        self.over = False
        self.draining = False
        self.holds = False
        self.pending = False
        """Whether something of the answer has not left."""
        self.on_change: Callable[[], None] | None = None
        self.cancel: Callable[[], None] | None = None
        self._connection = connection
        self._line = line

    @property
    def flushed(self) -> bool:
        return not self.pending

    def read(self) -> bytes | BodyState:
        if self.gone or self.over:
            return GONE
        if self.body_read or not self._line:
            self.body_read = True
            return END
        self.body_read = True
        return self._line

    def start(self, status: int, headers: RawHeaders, *, trailers: bool = False) -> None:
        self._check_client()
        if self.status:
            raise ResponseError("the response was started already")
        status = whole_number(status)
        check_final(status)
        for pair in headers:
            check_pair(tuple(pair))
        self.status = status
        self._write(b"%d " % status)

    def write(self, data: bytes, *, more: bool) -> bool:
        self._check_client()
        self.body_sent += len(data)
        done = self._write(data.replace(b"\n", b" ") + (b"" if more else b"\n"))
        if not more:
            self._end()
        return done

    def write_parts(self, head: bytes, data: bytes, *, more: bool) -> bool:
        return self.write(head + data, more=more)

    def write_trailers(self, headers: RawHeaders) -> bool:
        for pair in headers:
            check_pair(tuple(pair))
        return self.write(b"", more=False)

    def inform(self, status: int, headers: RawHeaders) -> None:
        """A line has no place for it."""

    def send_file(self, file: int, count: int, *, more: bool = False) -> bool:
        # Not as it is: there may be line feeds in it.
        pieces: list[bytes] = []
        while count and (piece := os.read(file, count)):
            pieces.append(piece)
            count -= len(piece)
        return self.write(b"".join(pieces), more=more)

    def accept(self, headers: RawHeaders) -> None:
        raise ResponseError("lines change to no other protocol")

    def suspended(self) -> None:
        """Nothing is held back."""

    def refuse(self, status: int) -> None:
        self.status = status
        try:
            self._write(b"%d %b\n" % (status, phrase(status)))
        except ClientDisconnected:
            return
        self._end()

    def finish(self, error: BaseException | None) -> None:
        self.cancel = None
        if self.over or self.gone:
            return
        if self.status:
            # Half a line is on its way, and nothing else would tell that it is one.
            self._connection.break_off()
        else:
            self.refuse(500)

    def _check_client(self) -> None:
        if self.gone or self.over:
            raise ClientDisconnected

    def _write(self, data: bytes) -> bool:
        if data and not self._connection.write(data):
            self.pending = True
        return not self.pending

    def _end(self) -> None:
        self.over = self.disconnected = True
        self._connection.answered(self)

    # What the connection reports

    def changed(self) -> None:
        if self.on_change is not None:
            self.on_change()

    def left(self) -> None:
        """All that was written is with the kernel."""
        self.pending = False
        self.changed()

    def half_closed(self) -> None:
        """The client sends no more."""
        self.disconnected = True
        self.changed()

    def lose(self) -> None:
        """The client went."""
        self.gone = self.disconnected = True
        self.changed()
