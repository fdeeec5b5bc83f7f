"""One request and its response, the same for every protocol.

A connection makes an `Exchange` for each request; the ASGI layer talks to nothing else.
Everything here is called on the worker's own thread. No method blocks: what has to wait
says so by its result, and the caller is told through `Exchange.on_change`.
"""

from collections.abc import Callable, Iterable
from typing import Final, Protocol

type Client = tuple[str, int] | None
"""Address and port; None on a Unix socket."""
type Headers = list[tuple[bytes, bytes]]
type RawHeaders = Iterable[Iterable[bytes]]


class RequestHead:
    """What the client asked for (RFC 9110 section 6). Made anew for each request, never shared.

    Attributes:
        method: the method as sent; methods are case-sensitive (RFC 9110 section 9.1).
        raw_path: the path as sent, still percent-encoded, without the query.
        query: what follows the first `?`, without it.
        version: `"1.0"`, `"1.1"`, `"2"` or `"3"`.
        headers: field names in lower case, values without outer white space, in order.
        upgrade: the protocol the client offers to change to, in lower case, or None: the first of
            the `Upgrade` field, or the `:protocol` of an extended CONNECT (RFC 8441).
        accepts_trailers: whether the client sent `TE: trailers` (RFC 9110 section 10.1.4).
        forwarded: whether a field of a forwarding proxy is among the headers.
        origin: the client and scheme that these fields tell, once somebody has asked for them; see
            `pounce.guard.proxies`. The application may change the headers afterwards.
    """

    __slots__ = (
        "accepts_trailers",
        "forwarded",
        "headers",
        "method",
        "origin",
        "query",
        "raw_path",
        "upgrade",
        "version",
    )

    def __init__(
        self,
        method: str,
        raw_path: bytes,
        query: bytes,
        version: str,
        headers: Headers,
        upgrade: bytes | None = None,
        accepts_trailers: bool = False,
        forwarded: bool = False,
    ) -> None:
        self.method = method
        self.raw_path = raw_path
        self.query = query
        self.version = version
        self.headers = headers
        self.upgrade = upgrade
        self.accepts_trailers = accepts_trailers
        self.forwarded = forwarded
        self.origin: tuple[Client, str] | None = None


class Outcome(Protocol):
    """What came of a request, for whoever counts or logs it: an `Exchange`, or a `Refusal`."""

    @property
    def head(self) -> RequestHead: ...

    @property
    def began(self) -> float: ...

    @property
    def status(self) -> int: ...

    @property
    def body_sent(self) -> int: ...


class Refusal:
    """A request that was answered without an exchange: its head, or the time for it, was bad.

    Args:
        head: what is known of it; see `unknown_head`.
        status: of the answer.
        now: monotonic time.
    """

    __slots__ = ("began", "body_sent", "head", "status")

    def __init__(self, head: RequestHead, status: int, now: float) -> None:
        self.head = head
        self.status = status
        self.began = now
        self.body_sent = 0


def unknown_head(
    method: str = "-", raw_path: bytes = b"-", query: bytes = b"", version: str = "-"
) -> RequestHead:
    """The head of a request that could not be read: `-` for what is not known, and no headers."""
    return RequestHead(method, raw_path, query, version, [])


class BodyState:
    """What `Exchange.read` answers when it has no bytes to give."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return self.name


END: Final = BodyState("END")
"""The body is complete; nothing follows."""
WAIT: Final = BodyState("WAIT")
"""Nothing is there yet."""
GONE: Final = BodyState("GONE")
"""The client went, or its body broke a rule or a limit: it will never be complete."""


class Exchange(Protocol):
    """One request and its response. The connection implements it; the ASGI layer uses it.

    Attributes:
        head: the request's head.
        body_read: all of the request's body has been handed out by `read`.
        flushed: all that was written is with the kernel.
        gone: the client went, or broke a rule, before the response was complete: nothing can
            be sent any more.
        disconnected: the client sends no more, has gone, or the response is over.
        over: the response is complete, or was given up.
        draining: the worker ends or is replaced: what would go on without end is to say good-bye.
        on_change: called when one of the above changed, or body bytes arrived. The ASGI
            layer sets it while it waits.
        cancel: cancels the application's call, once that has suspended.
        holds: set by the ASGI layer while the size of the body is being found out: the head, which
            is to name it, waits for that.
        began: monotonic time at which the request's head was complete.
        status: the response's status, 0 before its start.
        body_sent: bytes of the response's body so far.
    """

    body_read: bool
    gone: bool
    disconnected: bool
    over: bool
    draining: bool
    on_change: Callable[[], None] | None
    cancel: Callable[[], None] | None

    holds: bool
    began: float

    @property
    def head(self) -> RequestHead: ...

    @property
    def flushed(self) -> bool: ...

    @property
    def status(self) -> int: ...

    @property
    def body_sent(self) -> int: ...

    def read(self) -> bytes | BodyState:
        """Returns the next bytes of the request body, or `END`, `WAIT` or `GONE`.

        Reading is what opens the client's flow: a 100 (Continue) is sent, and a paused
        connection read again, when the application first asks and nothing is there.
        """
        ...

    def start(self, status: int, headers: RawHeaders, *, trailers: bool = False) -> None:
        """Takes the response head. It is on the wire by the time the application first waits.

        Raises:
            ResponseError: a status or field that no response may carry, or a second start.
            ClientDisconnected: there is nobody to write to.
        """
        ...

    def write(self, data: bytes, *, more: bool) -> bool:
        """Takes bytes of the response body; `more=False` ends the body.

        Returns:
            True when the kernel has them all; False when the caller is to wait for `flushed`.

        Raises:
            ResponseError: more or fewer bytes than `content-length` promised.
            ClientDisconnected: there is nobody to write to.
        """
        ...

    def write_parts(self, head: bytes, data: bytes, *, more: bool) -> bool:
        """As `write` of both together, without joining them where `data` is large.

        Neither is copied then: what many clients are sent is kept once while they read slowly.
        """
        ...

    def write_trailers(self, headers: RawHeaders) -> bool:
        """Takes the trailer fields, which end the response. Returns and raises as `write`."""
        ...

    def inform(self, status: int, headers: RawHeaders) -> None:
        """Sends an interim response, such as a 103; nothing once the head is on the wire."""
        ...

    def send_file(self, file: int, count: int, *, more: bool = False) -> bool:
        """Sends `count` bytes of an open file, from its position. Returns and raises as `write`.

        The descriptor stays the caller's, who may close it when this has returned.
        """
        ...

    def accept(self, headers: RawHeaders) -> None:
        """Changes protocols, in place of a response: 101 (Switching Protocols) over HTTP/1.1, 200
        to an extended CONNECT elsewhere (RFC 9110 section 7.8, RFC 8441 section 5).

        From now on `read` gives the tunnel's bytes as they come, and `END` when the client has
        ended its half; `write` sends bytes as they are, and its `more=False` ends our half. The
        client's limits on bodies and requests hold no longer, those on slow readers do.

        Args:
            headers: fields of the answer; `upgrade` and `connection` are added where they belong.

        Raises:
            ResponseError: a field that no response may carry, or a response was started.
            ClientDisconnected: there is nobody to write to.
        """
        ...

    def suspended(self) -> None:
        """Says that the application waits for something: what was held back leaves now."""
        ...

    def refuse(self, status: int) -> None:
        """Answers in the application's place, which is not called."""
        ...

    def finish(self, error: BaseException | None) -> None:
        """Says that the application returned, or raised `error`. Called exactly once, last.

        A response that was not started becomes a 500; one that was not ended is cut off so
        that the client can tell.
        """
        ...
