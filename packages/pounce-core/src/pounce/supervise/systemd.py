"""The service manager: what systemd is told, and the sockets that it passed.

Speaks its two small protocols (sd_notify(3), sd_listen_fds(3)), which other managers speak too.
Decides nothing about the server. Without a manager every word goes nowhere, and a manager that is
gone never stops the server: nothing here raises.
"""

import os
import socket
from time import CLOCK_MONOTONIC, clock_gettime_ns
from typing import Final

FIRST_DESCRIPTOR: Final = 3
"""The first that is passed; those below are standard input, output and error."""

PATIENCE: Final = 1.0
"""Seconds to wait for a manager whose queue is full."""


def notify(state: str) -> bool:
    """Tells the manager; from any thread.

    Args:
        state: lines of the protocol, such as `READY=1`.

    Returns:
        Whether there is a manager, and it was told.
    """
    place = os.environ.get("NOTIFY_SOCKET", "")
    if place.startswith("@"):
        place = f"\0{place[1:]}"
    elif not place.startswith("/"):
        return False
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
            sock.settimeout(PATIENCE)
            sock.sendto(state.encode(), os.fsencode(place))
    except OSError, ValueError:
        return False
    return True


def ready() -> bool:
    """The server serves; said again when a reload is over."""
    return notify("READY=1")


def reloading() -> bool:
    """A reload begins; `ready` ends it, whatever came of it."""
    return notify(f"RELOADING=1\nMONOTONIC_USEC={clock_gettime_ns(CLOCK_MONOTONIC) // 1000}")


def stopping() -> bool:
    """The server is about to end."""
    return notify("STOPPING=1")


def status(text: str) -> bool:
    """What `systemctl status` shows, on one line."""
    return notify(f"STATUS={' '.join(text.split())}")


def main_pid(number: int) -> bool:
    """Another process is the service's main one from now on."""
    return notify(f"MAINPID={number}")


def alive() -> bool:
    """The server is well; to be said at each `watchdog_interval`."""
    return notify("WATCHDOG=1")


def watchdog_interval() -> float | None:
    """Seconds between two signs of life, half of what the manager waits; None if it does not."""
    if os.environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    microseconds = _number("WATCHDOG_USEC")
    return microseconds / 2_000_000 if microseconds else None


def inherited_descriptors() -> tuple[tuple[int, ...], tuple[str, ...]]:
    """The sockets that the manager opened for this process; asked for once, later there are none.

    The variables that tell of them are taken away, and no child process inherits the sockets.

    Returns:
        Their descriptors, and as many names; `unknown` for those that the manager did not name.
    """
    meant = os.environ.get("LISTEN_PID") == str(os.getpid())
    count = _number("LISTEN_FDS") if meant else 0
    given = os.environ.get("LISTEN_FDNAMES", "")
    if meant:
        for variable in ("LISTEN_PID", "LISTEN_PIDFDID", "LISTEN_FDS", "LISTEN_FDNAMES"):
            os.environ.pop(variable, None)
    descriptors: list[int] = []
    for descriptor in range(FIRST_DESCRIPTOR, FIRST_DESCRIPTOR + count):
        try:
            os.set_inheritable(descriptor, False)
        except OSError:
            break
        descriptors.append(descriptor)
    names = given.split(":") if given else []
    names += ["unknown"] * (len(descriptors) - len(names))
    return tuple(descriptors), tuple(names[: len(descriptors)])


def _number(variable: str) -> int:
    text = os.environ.get(variable, "")
    return int(text) if text.isascii() and text.isdigit() else 0
