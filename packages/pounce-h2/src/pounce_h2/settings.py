"""The settings of HTTP/2, read from `[pounce.h2]`, the environment and the command line.

Decides names, units and defaults; never reads a file or the environment.
"""

from dataclasses import dataclass

from pounce.protocol.kind import Switch, Whole
from pounce.protocol.setting import About, accept_values, setting
from pounce_h2.frame import FIRST_WINDOW, LARGEST


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What one may say about HTTP/2; the limits that all protocols share count here too."""

    enabled: bool = setting(
        True,
        About(
            Switch(),
            help="whether HTTP/2 is spoken: by ALPN over TLS, by prior knowledge elsewhere",
            reason="On: whoever installed it wants it, and clients of HTTP/1.1 never notice.",
        ),
    )
    max_streams: int = setting(
        100,
        About(
            Whole(1, LARGEST),
            unit="requests",
            help="requests under way at once on one connection; more are refused",
            reason="What RFC 9113 names as the least that is not slow. Calls whose stream was "
            "reset count until they have returned, so that resets buy nothing.",
        ),
    )
    stream_window: int = setting(
        FIRST_WINDOW,
        About(
            Whole(FIRST_WINDOW, LARGEST),
            unit="bytes",
            help="of a request's body that a client may send ahead of the application",
            reason="The protocol's own first window. Times the streams, it is what a connection "
            "can make the server hold; more of it makes single uploads over long ways faster.",
        ),
    )
    connection_window: int = setting(
        1 << 20,
        About(
            Whole(FIRST_WINDOW, LARGEST),
            unit="bytes",
            help="of all bodies of a connection that may be on their way",
            reason="It is given back as bytes arrive, read or not, so that it costs no memory and "
            "an upload that nobody reads blocks no other.",
        ),
    )
    patience: int = setting(
        100,
        About(
            Whole(10),
            unit="frames",
            help="frames that only cause work (resets, pings, settings, empty ones; each kind by "
            "itself) that a client may send in ten seconds, beyond one for each request answered",
            reason="A browser that closes a page resets what it has open, which is 100 streams; "
            "attacks send thousands. Whoever sends more is told ENHANCE_YOUR_CALM.",
        ),
    )

    def __post_init__(self) -> None:
        accept_values(self)
