"""Settings of where the server listens.

Describes them. Never opens or looks up an address.
"""

from typing import Final

from pounce.config.address import HIGHEST_PORT, BindText, HostName, Permissions
from pounce.protocol.kind import Optional, OrWord, PathText, Repeated, Whole
from pounce.protocol.setting import About

HOST: Final = About(
    HostName(),
    group="address",
    help="address to listen on; 0.0.0.0 or :: for the network",
    reason="Loopback, so that nothing is offered to the network by mistake.",
)

PORT: Final = About(
    Whole(0, HIGHEST_PORT),
    group="address",
    help="port to listen on; 0 takes a free one",
    reason="8000 needs no privilege, and is where other ASGI servers are found.",
)

UDS: Final = About(
    Optional(PathText()),
    group="address",
    help="Unix socket to listen on, instead of host and port",
    reason="None: a browser cannot reach one.",
)

FD: Final = About(
    OrWord[int, None](Whole(0), "none", None),
    group="address",
    help="descriptor of a listening socket, instead of host and port",
    reason="None: only who hands a socket over knows its number.",
)

BIND: Final = About(
    Repeated(BindText(), ","),
    group="address",
    help='address to listen on, several times: "host:port", "unix:PATH", "fd://N"; '
    "counts instead of host and port",
    reason="Empty: host and port name the one address that most servers have. fd://NAME stands for "
    "sockets that systemd opened; when no address is given at all, all of them are taken.",
)

BACKLOG: Final = About(
    Whole(1, 2**31 - 1),
    unit="connections",
    group="address",
    help="connections that the system holds until they are accepted",
    reason="Room for a burst while every worker is busy; the system may lower it.",
)

UDS_PERMISSIONS: Final = About(
    Permissions(),
    group="address",
    help="permission bits of a Unix socket, in octal",
    reason="A proxy runs as another user and has to reach it; the folder can restrict more.",
)
