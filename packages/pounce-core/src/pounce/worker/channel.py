"""The byte stream of one accepted connection, served where the poller says it is ready: a TCP or
Unix socket as it is, or what a transport makes of it.

Decides what is read and written when, when the socket is watched for what, and how it is
closed (RFC 9112 section 9.6). Never looks into the bytes. Belongs to its worker's thread.
Hot path: `ready` and `write`; benchmark: integration/bench.
"""

import os
import select
import socket
import struct
from array import array
from fcntl import ioctl
from math import inf
from termios import TIOCOUTQ
from typing import TYPE_CHECKING, Any, Final, NoReturn

from pounce.protocol.errors import ClientDisconnected
from pounce.protocol.exchange import Exchange
from pounce.protocol.roles import Handler, Peer, Stream
from pounce.worker.nobody import NOBODY
from pounce.worker.outbox import Outbox
from pounce.worker.poller import BROKEN, READ, WRITE

if TYPE_CHECKING:
    from pounce.worker.arrival import Arrival
    from pounce.worker.worker import Worker

READ_SIZE: Final = 73_728
"""Bytes taken from a socket at once; more than that waits for the next turn of the loop. Clients
like pieces of 64 KiB, and what is around one (a head, the frame of a message) fits in beside it."""
JOIN: Final = 16_384
"""Up to this size a copy into one piece costs less than a vector of pieces."""
LINGER: Final = 2.0
"""Seconds in which a client may go on sending after the last response, before it is closed."""
LINGER_BYTES: Final = 1 << 20
"""Bytes thrown away while lingering."""
_RESET: Final = struct.pack("ii", 1, 0)


def _given_away(*_: Any) -> NoReturn:
    """In place of what a transport does for a connection that another worker has by now."""
    raise BrokenPipeError


class Channel:
    """One accepted connection; see `pounce.protocol.roles.Channel` for each method's promise."""

    __slots__ = (
        "_closing",
        "_discarded",
        "_eof",
        "_lingering",
        "_mask",
        "_outbox",
        "_paused",
        "_recv",
        "_send",
        "_socket",
        "_stream",
        "_worker",
        "_write_mark",
        "arrival",
        "closed",
        "deadline",
        "fd",
        "handler",
        "peer",
        "scheduled",
        "write_deadline",
    )

    handler: Handler
    """What speaks on it; once it is closed or given away, nobody."""

    def __init__(
        self,
        worker: Worker,
        sock: socket.socket,
        peer: Peer,
        arrival: Arrival,
        stream: Stream | None = None,
    ) -> None:
        self.arrival = arrival
        self._worker = worker
        self._socket = sock
        self._stream = stream
        self._recv = sock.recv if stream is None else stream.recv
        self._send = sock.send if stream is None else stream.send
        self._mask = READ
        self._outbox: Outbox | None = None
        self._paused = False
        self._eof = False
        self._closing = False
        self._lingering = False
        self._discarded = 0
        self._write_mark = 0
        self.closed = False
        self.deadline = inf
        self.write_deadline = inf
        self.fd = sock.fileno()
        self.peer = peer
        self.scheduled = False

    # What the worker calls

    def ready(self, mask: int, now: float) -> None:
        """Serves what the poller found. Hot path."""
        if mask & WRITE:
            self._flush(now)
            if self.closed:
                return
        if mask & READ and self._mask & READ:
            try:
                data = self._recv(READ_SIZE)
            except BlockingIOError:
                return
            except OSError:
                self._drop()
                return
            if data:
                if not self._lingering:
                    self.handler.received(data, now)
                else:
                    self._discard(data)
            else:
                self._end_of_stream(now)
        elif mask & BROKEN and self._is_broken():
            self._drop()

    def sweep(self, now: float) -> None:
        """Acts on a deadline that has passed."""
        if now >= self.write_deadline:
            self._check_write_rate(now)
        if now >= self.deadline and not self.closed:
            if self._lingering:
                self._drop()
            else:
                self.deadline = inf
                self.handler.expired(now)

    @property
    def alpn(self) -> bytes | None:
        """What was agreed on in the handshake, if there was one."""
        return None if self._stream is None else self._stream.alpn

    def detach(self) -> Stream | None:
        """Gives the socket away, with the transport's hold on it. The channel is closed for
        everybody who still knows it."""
        self.closed = True
        self.handler = NOBODY
        self.deadline = self.write_deadline = inf
        if self._stream is None:
            self._socket.detach()
        else:
            self._send = self._recv = _given_away
        return self._stream

    # What the handler calls

    def write(self, data: bytes) -> bool:
        outbox = self._outbox
        if outbox is None or not outbox:
            try:
                count = self._send(data)
            except BlockingIOError:
                count = 0
            except OSError:
                self._drop()
                raise ClientDisconnected from None
            if count == len(data):
                return True
            data = data[count:]
        elif self._closing or self.closed:
            raise ClientDisconnected
        self._queue().add(data)
        self._arm()
        return False

    def write_parts(self, head: bytes, body: bytes, tail: bytes) -> bool:
        if len(body) <= JOIN:
            return self.write(head + body + tail)
        outbox = self._queue()
        outbox.add(head)
        outbox.add(body)
        outbox.add(tail)
        return self._send_queued()

    def send_file(self, file: int, count: int) -> bool:
        self._queue().add_file(file, os.lseek(file, 0, os.SEEK_CUR), count)
        return self._send_queued()

    def pause_reading(self) -> None:
        if not self._paused:
            self._paused = True
            self._watch()

    def resume_reading(self) -> None:
        if self._paused:
            self._paused = False
            self._watch()

    def schedule(self) -> None:
        if not self.scheduled:
            self.scheduled = True
            self._worker.schedule(self)

    def hand_on(self) -> bool:
        return self._worker.hand_on(self)

    def start(self, exchange: Exchange) -> None:
        self._worker.calls.start(exchange, self.peer)

    def refused(self, reason: str) -> None:
        self._worker.refused(reason, self.peer)

    def close(self, *, linger: bool = False) -> None:
        if self.closed or self._closing:
            return
        self._closing = True
        self._lingering = linger and not self._eof
        self.deadline = inf
        if not self._outbox:
            self._finish_close()

    def abort(self) -> None:
        if not self.closed:
            self._reset_at_close()
            self._drop()

    def discard(self) -> None:
        """Closes it at once, before anything speaks on it."""
        self.closed = True
        self._reset_at_close()
        self._worker.forget(self)
        self._socket.close()

    # Its own affairs

    def _reset_at_close(self) -> None:
        # A zero linger time turns the close into a reset.
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        except OSError:
            # The client has reset it already.
            pass

    def _queue(self) -> Outbox:
        if self._closing or self.closed:
            raise ClientDisconnected
        if self._outbox is None:
            self._outbox = Outbox(self._socket, self._stream)
        return self._outbox

    def _send_queued(self) -> bool:
        assert self._outbox is not None
        try:
            if self._outbox.flush():
                return True
        except OSError:
            self._drop()
            raise ClientDisconnected from None
        self._arm()
        return False

    def _arm(self) -> None:
        """Waits for the kernel to take more, and for the client to read at a decent rate."""
        if not self._mask & WRITE:
            limits = self._worker.limits
            if limits.write_timeout is not None:
                self._write_mark = self._taken()
                self.write_deadline = self._worker.now + limits.write_timeout
            self._watch()

    def _check_write_rate(self, now: float) -> None:
        limits = self._worker.limits
        if limits.write_timeout is None:
            return
        taken = self._taken()
        if taken - self._write_mark < limits.write_rate * limits.write_timeout:
            self.refused("write-timeout")
            self.abort()
            return
        self._write_mark = taken
        self.write_deadline = now + limits.write_timeout

    def _taken(self) -> int:
        """How much the client has taken, up to a constant: what the kernel has and it has not
        acknowledged does not count. The kernel itself may hold megabytes for a slow reader.
        """
        sent = self._outbox.sent if self._outbox is not None else 0
        unacknowledged = array("i", [0])
        ioctl(self.fd, TIOCOUTQ, unacknowledged)
        return sent - unacknowledged[0]

    def _flush(self, now: float) -> None:
        if not self._outbox:
            return
        try:
            done = self._outbox.flush()
        except OSError:
            self._drop()
            return
        if not done:
            return
        self.write_deadline = inf
        self._watch()
        self.handler.flushed(now)
        if self._closing and not self._outbox:
            self._finish_close()

    def _watch(self) -> None:
        """Tells the poller what the channel waits for, if that changed."""
        if self.closed:
            return
        mask = 0 if self._paused or self._eof else READ
        if self._outbox:
            mask |= WRITE
        if mask != self._mask:
            self._mask = mask
            self._worker.poller.change(self.fd, mask)

    def _end_of_stream(self, now: float) -> None:
        if self._lingering:
            self._drop()
            return
        # The end of the stream stays readable for ever: watch no longer for it.
        self._eof = True
        self._watch()
        if not self._closing:
            self.handler.received_eof(now)

    def _discard(self, data: bytes) -> None:
        self._discarded += len(data)
        if self._discarded > LINGER_BYTES:
            self._drop()

    def _finish_close(self) -> None:
        if self._stream is not None:
            self._stream.end()
        if not self._lingering:
            self._drop()
            return
        try:
            self._socket.shutdown(socket.SHUT_WR)
        except OSError:
            self._drop()
            return
        self._paused = False
        self._watch()
        self.deadline = self._worker.now + LINGER

    def _is_broken(self) -> bool:
        """Asks about this very socket: an event may be older than the socket's descriptor."""
        poll = select.poll()
        poll.register(self.fd, 0)
        return bool(poll.poll(0))

    def _drop(self) -> None:
        """Closes the socket and says so, once."""
        if self.closed:
            return
        self.closed = True
        self.deadline = self.write_deadline = inf
        if self._outbox:
            self._outbox.clear()
        self._worker.forget(self)
        self._socket.close()
        self.handler.lost()
        self.handler = NOBODY
