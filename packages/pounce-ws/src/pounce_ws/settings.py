"""The settings of WebSocket: `[pounce.ws]` in TOML, `POUNCE_WS_…`, `--ws-…`.

Decides names, units and defaults, which are Uvicorn's where it has the setting; never reads a file
or the environment.
"""

# ruff: noqa: RUF009 - setting() makes a dataclass field, and no value that instances share

from dataclasses import dataclass
from typing import Literal

from pounce.protocol.kind import Choice, Seconds, Switch, Unlimited, Whole
from pounce.protocol.setting import About, accept_values, setting
from pounce.protocol.size import Size

type Implementation = Literal["auto", "none", "websockets", "websockets-sansio", "wsproto"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a server lets its WebSocket clients do, and costs itself. Sizes are bytes, times are
    seconds."""

    implementation: Implementation = setting(
        "auto",
        About(
            Choice[Implementation](("auto", "none", "websockets", "websockets-sansio", "wsproto")),
            flag="--ws",
            help="none serves no WebSocket; the other words mean the same, pounce's own",
            reason="Uvicorn's words, so that its command lines work; there is one implementation.",
            reloadable=False,
        ),
    )

    max_size: int = setting(
        16 * 1024 * 1024,
        About(
            Size(1),
            unit="bytes",
            help="the largest message that a client may send, decompressed (1009)",
            reason="Uvicorn's default. A connection may hold that much and one queue more.",
        ),
    )

    max_queue: int = setting(
        32,
        About(
            Whole(1),
            unit="messages",
            help="messages read ahead of the application; beyond, TCP slows the client",
            reason="Uvicorn's default. A mebibyte of messages counts as a full queue as well.",
        ),
    )

    ping_interval: float | None = setting(
        20.0,
        About(
            Unlimited(Seconds()),
            unit="seconds",
            help="how long after a sign of life a client is asked for the next; none for never",
            reason="Uvicorn's default; shorter than the 60 s in which proxies give up a silent "
            "connection.",
        ),
    )

    ping_timeout: float | None = setting(
        20.0,
        About(
            Unlimited(Seconds()),
            unit="seconds",
            help="how long a client may take to answer a ping (1011); none for any time",
            reason="Uvicorn's default.",
        ),
    )

    per_message_deflate: bool = setting(
        True,
        About(
            Switch(),
            help="compress messages for clients that can (RFC 7692)",
            reason="As with Uvicorn. An idle connection costs nothing for it.",
        ),
    )

    deflate_window_bits: int = setting(
        12,
        About(
            Whole(9, 15),
            unit="bits",
            help="the history of each direction of compression, as a power of two of bytes",
            reason="With 12 bits a connection that compresses both ways takes about 50 KiB, with "
            "15 about 300 KiB; text becomes a few percent smaller by that.",
        ),
    )

    deflate_context_takeover: bool = setting(
        True,
        About(
            Switch(),
            help="keep the history of compression between messages",
            reason="Small messages that are alike shrink by it; without, a connection takes memory "
            "for compression only while a message is under way.",
        ),
    )

    handshake_timeout: float | None = setting(
        20.0,
        About(
            Unlimited(Seconds()),
            unit="seconds",
            help="how long the application may take to accept or refuse (503)",
            reason="Room for a look-up; a client that waits longer has given up.",
        ),
    )

    close_timeout: float = setting(
        10.0,
        About(
            Seconds(),
            unit="seconds",
            help="how long a client may take to answer a close",
            reason="A round trip, and what the client had on the way before it read the close.",
        ),
    )

    def __post_init__(self) -> None:
        accept_values(self)
