"""The parts that a protocol plays, and what a worker offers to it.

A worker gives a `Channel` (the byte stream of one accepted connection) to the `Handler`
that the negotiated protocol makes for it. Both live on the worker's thread. A handler
knows no socket, loop, thread or clock: bytes and the time are its arguments.

What the `load` of a descriptor returns, by role:

- connection: a `ConnectionFactory`, called once a worker with the worker's services and the
  protocol's settings. What it returns makes the handler of each connection.
- upgrade: an `UpgradeFactory`, called likewise. What it returns is offered each exchange whose head
  names its token.
- transport: a `TransportFactory`, called once for all workers of a process, and in the process that
  watches over them.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, Protocol

from pounce.protocol.asgi import Application, Scope
from pounce.protocol.exchange import Client, Exchange, Outcome
from pounce.protocol.limits import Limits

if TYPE_CHECKING:
    import asyncio
    import socket


class Peer:
    """Who is at the other end, and by which door; fixed for the life of a connection.

    Attributes:
        client: address and port of the client, None on a Unix socket.
        server: address and port, or socket path and None, of the listener.
        scheme: `"http"`, or `"https"` over TLS.
        trusted: whether the client is a proxy whose forwarding fields are believed.
        tls: the ASGI `tls` extension's fields, or None without TLS.
    """

    __slots__ = ("client", "scheme", "server", "tls", "trusted")

    def __init__(
        self,
        client: Client,
        server: tuple[str, int | None] | None,
        scheme: str,
        trusted: bool,
        tls: dict[str, Any] | None = None,
    ) -> None:
        self.client = client
        self.server = server
        self.scheme = scheme
        self.trusted = trusted
        self.tls = tls


type Farewell = Literal["close", "fade", "move", "patient"]
"""How a connection leaves a worker that drains: `close` closes it when it is idle and tells the
client with the response before; `patient` tells the client too, but waits for a request to tell it
with; `move` hands it to another worker (`Channel.hand_on`) and tells nobody. `fade` is as
`patient`, but the worker does not end yet: what goes on without end is left alone."""


class Handler(Protocol):
    """Speaks one protocol over one channel."""

    def received(self, data: bytes, now: float) -> None:
        """Takes bytes from the client. `now` is monotonic time in seconds, here and below."""
        ...

    def received_eof(self, now: float) -> None:
        """Takes note that the client will send no more. It may still read."""
        ...

    def flushed(self, now: float) -> None:
        """Takes note that all that was written has left, after a write that answered False."""
        ...

    def turn(self, now: float) -> None:
        """Goes on with what it asked a turn for, by `Channel.schedule`."""
        ...

    def expired(self, now: float) -> None:
        """Acts on the deadline that it set on the channel and that has passed."""
        ...

    def drain(self, now: float, farewell: Farewell) -> None:
        """Ends the connection in the given way, as soon as nothing is under way."""
        ...

    def release(self) -> tuple[bytes, int] | None:
        """Gives the connection up, if nothing is under way: it will be served by another handler.

        Returns:
            the bytes that were received and not used, and the requests answered so far; None
            if something is under way, or the protocol's state cannot be moved.
        """
        ...

    def disconnect(self) -> None:
        """Tells the applications of the requests under way that it is over."""
        ...

    def lost(self) -> None:
        """Takes note that the channel is closed, for whatever reason. Nothing follows."""
        ...


class Channel(Protocol):
    """One accepted connection's byte stream, and the way to the application."""

    peer: Peer
    deadline: float
    """Monotonic time at which the handler wants `expired`; infinity for never."""

    def write(self, data: bytes) -> bool:
        """Sends bytes. False when the kernel did not take them all; `flushed` follows then.

        Raises:
            ClientDisconnected: the channel is closed, or the client reset it.
        """
        ...

    def write_parts(self, head: bytes, body: bytes, tail: bytes) -> bool:
        """Sends three pieces as one, without joining a large body. Answers as `write`."""
        ...

    def send_file(self, file: int, count: int) -> bool:
        """Sends `count` bytes of an open file from its position. Answers as `write`."""
        ...

    def pause_reading(self) -> None:
        """Leaves what the client sends in the kernel, so that TCP slows the client."""
        ...

    def resume_reading(self) -> None:
        """Takes up reading again."""
        ...

    def schedule(self) -> None:
        """Asks for `turn`, before the worker next waits for the network."""
        ...

    def hand_on(self) -> bool:
        """Gives the connection to a worker that takes this one's place.

        Calls `Handler.release`. Returns False if there is no such worker.
        """
        ...

    def start(self, exchange: Exchange) -> None:
        """Calls the application with a request."""
        ...

    def refused(self, reason: str) -> None:
        """Counts a refusal by its name; shows it in the log at debug level."""
        ...

    def close(self, *, linger: bool = False) -> None:
        """Sends what is buffered, then closes.

        Args:
            linger: the client may still be sending; wait a little and throw that away, since
                a reset would take the response with it (RFC 9112 section 9.6).
        """
        ...

    def abort(self) -> None:
        """Closes at once by a reset, so that the client can tell that something is missing."""
        ...


type HandlerFactory = Callable[[Channel, float, int], Handler]
"""Makes what speaks on a connection: from its channel, the time, and how many requests have been
answered on it. The handler sets its first deadline right then."""
type ConnectionFactory = Callable[[WorkerServices, Any], HandlerFactory]


# Upgrades


class Caller(Protocol):
    """What called the application, and keeps the calls that have suspended: the worker."""

    def returned(self, call: Call) -> None:
        """Is to be called when a call whose `task` is set has come back: last of all."""
        ...


class Call(Protocol):
    """One call of the application, which the worker begins in an eager task.

    Attributes:
        task: set by the worker once the call has suspended; None before.
    """

    task: asyncio.Task[None] | None

    async def run(self, app: Application, scope: Scope) -> None:
        """Calls the application, and calls `Exchange.finish` when it came back. Never raises.

        Args:
            app: the application.
            scope: an `http` scope of the request, made of objects of its own: what the upgrade's
                is to have else, the call changes there.
        """
        ...

    def cancel(self, why: str = ...) -> None:
        """Cancels it, once it has suspended."""
        ...

    def look_after(self) -> None:
        """Called about once a second while it is suspended."""
        ...


type Upgrade = Callable[[Exchange, Caller], Call | None]
"""Takes an exchange over, or leaves it to be served as a request like any other (None). One that
it answered itself, as with a 426, it finishes; that is told by `Exchange.over`."""
type UpgradeFactory = Callable[[WorkerServices, Any], Upgrade]


# Transports

type Need = Literal["read", "write"]


class Stream(Protocol):
    """A transport's hold on one accepted socket, which it never closes. On one thread at a time;
    a connection that moves to another worker takes it along.

    Attributes:
        socket: non-blocking; what the worker watches and closes.
        alpn: the protocol that was agreed on (RFC 7301), or None; known once it is open.
        tls: the ASGI `tls` extension's fields, or None; known once it is open.
    """

    socket: socket.socket
    alpn: bytes | None
    tls: dict[str, Any] | None

    def open(self) -> Need | None:
        """Begins or goes on with the handshake.

        Returns:
            what the socket is to be ready for before the next call; None once it is open.

        Raises:
            OSError: the handshake failed; the message is a short token for logs and counters.
        """
        ...

    def recv(self, size: int) -> bytes:
        """Returns what is at hand, empty at the end of the stream. `size` is what is wanted at
        most, and may be exceeded: nothing is left behind that no poller would report.

        Raises:
            BlockingIOError: nothing is at hand.
            OSError: the client has gone, or broke the transport's rules.
        """
        ...

    def send(self, data: bytes | memoryview) -> int:
        """Sends as much as the kernel takes; returns how many of the bytes.

        After fewer than all, or `BlockingIOError`, the next call begins with those that are left.

        Raises:
            BlockingIOError: the kernel takes nothing now.
            OSError: the client has gone.
        """
        ...

    def end(self) -> None:
        """Tells the client that nothing follows, as far as the kernel takes that at once."""
        ...


class Transport(Protocol):
    """What wraps the sockets of one scheme. Shared by all workers of a process: it is frozen, or
    has a lock.

    Attributes:
        opening_timeout: seconds for a handshake, of the whole.
        most_opening: handshakes under way at once in a worker; beyond, the oldest is given up.
    """

    opening_timeout: float
    most_opening: int

    def wrap(self, sock: socket.socket) -> Stream:
        """Takes hold of an accepted socket, on the thread of the worker that will serve it."""
        ...

    def look_after(self, now: float) -> None:
        """Called about once a second by each worker, on its own thread, or once a minute where
        there are none: for certificates that changed, say. `now` is monotonic time in seconds."""
        ...


type TransportFactory = Callable[[Any, tuple[bytes, ...], bool], Transport]
"""Made of the settings, the ALPN names of the protocols that are wanted, the best first, and
whether this process tells people what they should know: one of a server's does. Raises
`ConfigError` with a sentence when the settings cannot work."""


# What a worker lends

type Completed = Callable[[Outcome, Peer], None]
type Second = Callable[[bytes], None]
type Look = Callable[[float], None]


class WorkerServices(Protocol):
    """What a worker lends to a protocol's handlers; its own, so used without a lock.

    Attributes:
        limits: what a client may send.
        upgrades: the tokens of the upgrades that are installed and wanted.
        completed: told of each exchange whose response ended, however, and of each request that was
            answered without one; None when nobody asks.
        extra_headers: the fields that go with every response.
        date_header: whether responses carry a `date`.
    """

    limits: Limits
    upgrades: frozenset[bytes]
    completed: Completed | None
    extra_headers: tuple[tuple[bytes, bytes], ...]
    date_header: bool

    def every_second(self, second: Second) -> None:
        """Calls `second` with the `date` field as a line, now and as the seconds pass.

        RFC 9110 section 6.6.1; not called while the worker sleeps.
        """
        ...

    def every_tick(self, look: Look) -> None:
        """Calls `look` with the monotonic time about once a second, as long as there are
        connections."""
        ...

    def refused(self, reason: str, peer: Peer | None = None) -> None:
        """Counts a refusal by its name, for who has no channel; see `Channel.refused`."""
        ...
