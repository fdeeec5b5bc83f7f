"""One open WebSocket, between the exchange that carries it and the call that serves it.

Decides how far it reads ahead of the application, what is answered without it (pings, the client's
close, what breaks a rule), and when the connection is over. Knows no ASGI, and waits for nothing.
Belongs to its worker's thread. Hot path: `changed` and `read`; benchmark:
integration/bench/ws_echo.py.
"""

from collections import deque
from collections.abc import Callable
from math import inf
from typing import Final

from pounce.protocol.errors import ClientDisconnected
from pounce.protocol.exchange import WAIT, Exchange
from pounce_ws.closing import ABNORMAL, INTERNAL, POLICY, RESTART, Closed, Failed
from pounce_ws.connection import Connection, More, Ping, Pong
from pounce_ws.keepalive import Keepalive, Times

QUEUE_BYTES: Final = 1 << 20
"""Bytes of messages read ahead of the application; above it the client is slowed."""
AT_ONCE: Final = 64
"""Frames that are acted on in one turn of the loop. One read may bring ten thousand pings, for
which the other connections are not to wait."""
PATIENCE: Final = 2
"""Ticks that an application has to answer what came before the client's close."""


class Session:
    """From the acceptance on.

    Args:
        exchange: that was accepted.
        connection: the protocol.
        times: of the worker.
        most: messages read ahead.
        refused: counts a refusal by its name.
        soon: asks for a call of `go_on` in the next turn of the loop.

    Attributes:
        queue: messages that the application has not taken.
        ended: how it ended, as the application is to be told; None while it may send.
        over: whether nothing more comes and goes: both have closed, or one is gone.
        busy: whether the application took a message and has not asked for the next.
    """

    __slots__ = (
        "_connection",
        "_deadline",
        "_exchange",
        "_keepalive",
        "_most",
        "_owed",
        "_parting",
        "_patience",
        "_queued",
        "_received",
        "_refused",
        "_soon",
        "_times",
        "_turned",
        "busy",
        "ended",
        "over",
        "queue",
    )

    def __init__(
        self,
        exchange: Exchange,
        connection: Connection,
        times: Times,
        most: int,
        *,
        refused: Callable[[str], None],
        soon: Callable[[], None],
    ) -> None:
        self.queue: deque[str | bytes] = deque()
        self.ended: Closed | None = None
        self.over = False
        self.busy = False
        self._exchange = exchange
        self._connection = connection
        self._times = times
        self._keepalive = Keepalive(times)
        self._most = most
        self._refused = refused
        self._soon = soon
        self._turned = False
        """Whether a turn was asked for and has not come."""
        self._queued = 0
        self._received = 0
        self._owed: bytes | None = None
        """The payload of the ping that is to be answered when the client reads again; of several
        the last (RFC 6455 section 5.5.3)."""
        self._parting: Closed | None = None
        """How the client ended it, while the application may still answer what came before."""
        self._patience = PATIENCE
        self._deadline = inf
        """For the client's close, once ours is sent and a tick has come."""

    # What the exchange and the clock report

    def changed(self) -> None:
        """Something arrived, output left, or the client went. Hot path."""
        exchange = self._exchange
        if exchange.gone or exchange.disconnected:
            self._end(self._parting or Closed(ABNORMAL))
            return
        if self._owed is not None and exchange.flushed:
            payload, self._owed = self._owed, None
            self._write(self._connection.pong(payload))
        self.read()
        if exchange.draining:
            self.close(Closed(RESTART, "the server is going away"))

    def tick(self, now: float) -> None:
        """Acts on what is due."""
        if self.over:
            return
        if self.ended is not None:
            if self._deadline == inf:
                self._deadline = now + self._times.close
            elif now >= self._deadline:
                self._refused("websocket-close-timeout")
                self._end(self.ended)
        elif self._parting is not None:
            self._patience -= 1
            if not self._patience:
                self._part()
        else:
            self._look_at_clock(now)

    def _look_at_clock(self, now: float) -> None:
        due = self._keepalive.tick(
            now, self._received, midway=self._connection.midway, paused=self.is_full
        )
        if due == "silent":
            self._fail(Failed(INTERNAL, "a ping was not answered"))
        elif due == "slow":
            self._fail(Failed(POLICY, "a frame came too slowly"))
        elif due is not None and self._exchange.flushed:
            # One that does not read what it gets is the write deadline's affair.
            self._write(self._connection.ping())

    # Reading

    @property
    def is_full(self) -> bool:
        """Whether so much is read ahead that the client has to wait."""
        return len(self.queue) >= self._most or self._queued >= QUEUE_BYTES

    def read(self) -> None:
        """Takes what has arrived, as far as there is room for it. Hot path."""
        exchange, connection, left = self._exchange, self._connection, AT_ONCE
        while self._parting is None and not self.over:
            if self.ended is None and self.is_full:
                # Not read any more, the client is slowed by the exchange's own flow control.
                return
            if not left:
                self._ask_for_turn()
                return
            event = connection.next()
            left -= 1
            if event is None:
                data = exchange.read()
                if isinstance(data, bytes):
                    self._received += len(data)
                    connection.feed(data)
                elif data is WAIT:
                    return
                else:
                    self._end(Closed(ABNORMAL))
            elif isinstance(event, str | bytes):
                # After our close, nobody is there to take it.
                if self.ended is None:
                    self.queue.append(event)
                    self._queued += len(event)
            elif isinstance(event, More):
                left = 0
            else:
                self._act_on(event)

    def _ask_for_turn(self) -> None:
        if not self._turned:
            self._turned = True
            self._soon()

    def go_on(self) -> None:
        """Goes on with reading, in the turn that was asked for."""
        self._turned = False
        self.changed()

    def take(self) -> str | bytes:
        """Gives the next message to the application; there is one. Hot path."""
        full = self.is_full
        message = self.queue.popleft()
        self._queued -= len(message)
        self.busy = True
        if full:
            self.read()
        return message

    def settle(self) -> None:
        """Takes note that the application asks for the next message."""
        self.busy = False
        if self._parting is not None and not self.queue:
            self._part()

    def _act_on(self, event: Ping | Pong | Closed) -> None:
        """Acts on a control frame, or on what broke a rule."""
        if isinstance(event, Ping):
            if self.ended is not None:
                return
            if self._exchange.flushed:
                self._write(self._connection.pong(event.payload))
            else:
                self._owed = event.payload
        elif isinstance(event, Closed):
            if self.ended is not None:
                self._end(self.ended)
                return
            # What came before is to be answered before; a client that wants no answer, and an
            # application that gives none, lose a moment.
            self._parting = event
            if not self.queue and not self.busy:
                self._part()

    # Sending

    def send(self, content: str | bytes) -> bool:
        """Sends a message; returns as `Exchange.write`. Hot path.

        Raises:
            UnicodeEncodeError: the text has surrogates in it.
            ClientDisconnected: there is nobody to send to.
        """
        head, payload = self._connection.message(content)
        return self._exchange.write_parts(head, payload, more=True)

    # Ending

    def close(self, closed: Closed) -> None:
        """Says good-bye, for the application or the server; the client's is waited for.

        Raises:
            ValueError: a code or a reason that no close frame may have.
        """
        if self.ended is not None:
            return
        frame = self._connection.close(closed)
        self.ended = closed
        if self._parting is not None:
            self._end(closed, frame)
            return
        self._write(frame)
        self.read()

    def hang_up(self) -> None:
        """Waits for nothing any more."""
        self._end(self.ended or Closed(ABNORMAL))

    def _part(self) -> None:
        """Answers the client's close, or what it did wrong."""
        parting, self._parting = self._parting, None
        assert parting is not None
        if isinstance(parting, Failed):
            self._fail(parting)
        else:
            # The reason is the client's to give; the code says that it was understood.
            self._end(parting, self._connection.close(Closed(parting.code)))

    def _fail(self, failed: Failed) -> None:
        self._refused(failed.token)
        self._end(failed, self._connection.close(failed))

    def _end(self, closed: Closed, frame: bytes = b"") -> None:
        if self.over:
            return
        self.over = True
        # Who calls it holds the session: no cycle is left to collect.
        self._soon = _never
        if self.ended is None:
            self.ended = closed
        exchange = self._exchange
        if not exchange.gone and not exchange.over:
            try:
                exchange.write(frame, more=False)
            except ClientDisconnected:
                pass

    def _write(self, frame: bytes) -> None:
        """Sends a frame of ours, for which nobody waits."""
        try:
            self._exchange.write(frame, more=True)
        except ClientDisconnected:
            self._end(Closed(ABNORMAL))


def _never() -> None:
    """Nothing is read any more."""
