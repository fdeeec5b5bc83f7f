"""What an HTTP/2 engine is asked for, and what it reports.

The engine has the frames, the compression and the states of streams and connection; whoever drives
it has the socket, the requests and the time. This is all that the two know of each other, so that
another engine may take the place of `connection`.
"""

from typing import TYPE_CHECKING, Protocol

from pounce.protocol.errors import ProtocolError
from pounce_h2.outbound import Outbound
from pounce_h2.request import Request
from pounce_h2.stream import Stream

if TYPE_CHECKING:
    from pounce_h2.frame import ErrorCode


class Listener(Protocol):
    """What the engine reports to. It may be called whenever bytes are received."""

    @property
    def running(self) -> int:
        """Calls of the application that have not returned."""
        ...

    def requested(self, stream: Stream, head: Request) -> None:
        """A request came; its body may follow."""
        ...

    def faulty(self, stream: Stream, error: ProtocolError) -> None:
        """A request came that is to be answered with an error."""
        ...

    def arrived(self, stream: Stream) -> None:
        """Bytes of its body came, or the end of it."""
        ...

    def ended_early(self, stream: Stream) -> None:
        """The stream was reset, by whichever side."""
        ...

    def refused(self, reason: str) -> None:
        """A rule or limit ended a stream."""
        ...


class Engine(Protocol):
    """One connection.

    Attributes:
        outbound: what is to be sent, and the way to send responses.
        streams: those that are not over, by number.
        last: the highest number of a stream so far.
        behind: whether frames that have come wait for `proceed`.
        unfinished: whether the client has begun a frame or a header block, other than a body's,
            and not ended it.
        ready: whether the client's preface has come.
    """

    outbound: Outbound
    streams: dict[int, Stream]
    last: int
    behind: bool

    @property
    def unfinished(self) -> bool: ...

    @property
    def ready(self) -> bool: ...

    def receive(self, data: bytes, now: float) -> None:
        """Takes what the client sent; reports what it means.

        Raises:
            ConnectionFault: the connection is over; `goaway` says so to the client.
        """
        ...

    def proceed(self, now: float) -> None:
        """Goes on with what has come; raises as `receive`."""
        ...

    def progress(self, stream: Stream) -> int:
        """Bytes of a stream's body so far, with those of a frame that is not complete."""
        ...

    def returned(self, stream: Stream, count: int) -> None:
        """The application has taken so many bytes of a body: the client may send more."""
        ...

    def may_end(self, stream: Stream) -> bool:
        """Whether a response that is complete may say so to its client.

        If not, because an upload that can be waited for is under way, what comes of that is thrown
        away, and the end is said by itself when it is there: many clients take it for a failure
        when they are answered in the middle of their upload.
        """
        ...

    def end(self, stream: Stream) -> None:
        """Says the end of a response that waits for its upload."""
        ...

    def reset(self, stream: Stream, code: ErrorCode) -> None:
        """Ends a stream before its time."""
        ...

    def farewell(self) -> None:
        """Asks the client, politely, to make no more requests here (RFC 9113 section 6.8)."""
        ...

    def last_word(self) -> None:
        """Says which request was the last: what comes after is not looked at."""
        ...

    @property
    def parting(self) -> bool:
        """Whether `last_word` has been said, since the client took note of `farewell`, too."""
        ...

    def goaway(self, code: ErrorCode) -> None:
        """Says why the connection ends."""
        ...
