"""A request without a connection: for tests of what serves an exchange.

Never speaks a protocol, and never starts a loop.
"""

from collections.abc import Callable

from pounce.protocol.errors import ClientDisconnected
from pounce.protocol.exchange import END, GONE, WAIT, BodyState, RawHeaders, RequestHead


class MemoryExchange:
    """An exchange that notes what it is told, and reads what the test laid out.

    Args:
        pieces: what `read` gives, in turn; `WAIT` when nothing is left.
        head: of a GET for `/` by default.
    """

    def __init__(self, *pieces: bytes | BodyState, head: RequestHead | None = None) -> None:
        self.head = head or RequestHead("GET", b"/", b"", "1.1", [])
        self.pieces = list(pieces)
        self.calls: list[tuple[object, ...]] = []
        """What it was told: the method and its arguments."""
        self.body_read = False
        self.gone = False
        self.disconnected = False
        self.over = False
        self.draining = False
        self.holds = False
        self.on_change: Callable[[], None] | None = None
        self.cancel: Callable[[], None] | None = None
        self.began = 0.0
        self.takes = True
        """Whether what is written leaves at once."""
        self.flushed = True
        self.status = 0
        self.body_sent = 0
        self.error: BaseException | None = None
        self.finished = 0

    # What the test does

    def change(self) -> None:
        if self.on_change is not None:
            self.on_change()

    def arrive(self, *pieces: bytes | BodyState) -> None:
        self.pieces += pieces
        self.change()

    def flush(self) -> None:
        self.flushed = True
        self.change()

    def lose(self) -> None:
        self.gone = self.disconnected = True
        self.change()

    # What the application's side does

    def read(self) -> bytes | BodyState:
        if self.gone:
            return GONE
        piece = self.pieces.pop(0) if self.pieces else WAIT
        self.body_read = piece is END or (bool(self.pieces) and self.pieces[0] is END)
        return piece

    def start(self, status: int, headers: RawHeaders, *, trailers: bool = False) -> None:
        self._note("start", status, list(headers), trailers)

    def write(self, data: bytes, *, more: bool) -> bool:
        self._note("write", data, more)
        self.over = self.disconnected = not more
        return self._left()

    def write_parts(self, head: bytes, data: bytes, *, more: bool) -> bool:
        return self.write(head + data, more=more)

    def write_trailers(self, headers: RawHeaders) -> bool:
        self._note("trailers", list(headers))
        self.over = self.disconnected = True
        return self._left()

    def inform(self, status: int, headers: RawHeaders) -> None:
        self._note("inform", status, list(headers))

    def send_file(self, file: int, count: int, *, more: bool = False) -> bool:
        self._note("file", count, more)
        self.over = self.disconnected = not more
        return self._left()

    def accept(self, headers: RawHeaders) -> None:
        self._note("accept", list(headers))

    def suspended(self) -> None: ...

    def refuse(self, status: int) -> None:
        self._note("refuse", status)
        self.over = self.disconnected = True

    def finish(self, error: BaseException | None) -> None:
        self.finished += 1
        self.error = error
        self.over = self.disconnected = True

    def _left(self) -> bool:
        self.flushed = self.takes
        return self.takes

    def _note(self, *call: object) -> None:
        if self.gone:
            raise ClientDisconnected
        self.calls.append(call)
