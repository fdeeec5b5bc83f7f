"""What a client may send, in numbers, whatever the protocol it speaks.

Frozen and shared: a worker copies what its hot path needs. Sizes are bytes, times are
seconds; `None` means no limit.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The limits of one listener's connections.

    Attributes:
        request_line: bytes of an HTTP/1 request line, or of a request target elsewhere (414).
        header_count: fields in one head (431).
        header_bytes: bytes of one head's fields (431).
        body: bytes of one request body (413).
        keep_alive_requests: requests on one connection before it is closed.
        concurrency: requests under way at once in one worker (503).
        head_timeout: from the first byte wanted to a whole head (408).
        keep_alive_timeout: idle between two requests.
        body_timeout: the window in which a body must advance by `body_rate` a second (408).
        body_rate: bytes a second, the least at which a client may send a body.
        write_timeout: the window in which a client must take `write_rate` a second.
        write_rate: bytes a second, the least at which a client may read a response.
        request_timeout: from a whole head to the end of the response.
    """

    request_line: int = 8_190
    header_count: int = 100
    header_bytes: int = 32_768
    body: int | None = None
    keep_alive_requests: int | None = None
    concurrency: int | None = None
    head_timeout: float | None = 10.0
    keep_alive_timeout: float | None = 75.0
    body_timeout: float | None = 20.0
    body_rate: int = 240
    write_timeout: float | None = 20.0
    write_rate: int = 240
    request_timeout: float | None = None
