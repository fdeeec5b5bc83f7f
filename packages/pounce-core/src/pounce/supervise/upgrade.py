"""Replaces the running server by a new one, of a new version perhaps, that takes its sockets over.

Decides how the new program is started and what it inherits. The old one goes on serving until the
new one says that it serves; if that never happens, nothing has changed.
"""

import json
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Final

from pounce.protocol.errors import BindError
from pounce.supervise.listeners import Listener, ListenerDescription, adopt_listeners

logger = logging.getLogger("pounce.supervise")

VARIABLE: Final = "INHERITED_BY_POUNCE"
"""Environment variable with what a successor inherits; taken out as soon as it was read."""


class Upgrade:
    """One attempt to start a successor.

    Args:
        listeners: what it takes over.
        succeeded: called, on a thread of its own, when the successor serves.
        failed: called instead when it does not come to that.
    """

    def __init__(
        self,
        listeners: Sequence[Listener],
        succeeded: Callable[[], None],
        failed: Callable[[], None] = lambda: None,
    ) -> None:
        self._failed = failed
        self._listeners = listeners
        self._succeeded = succeeded
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Starts the successor; does not wait for it."""
        ready, tell = os.pipe()
        described = [asdict(listener.describe()) for listener in self._listeners]
        inherited = json.dumps({"listeners": described, "ready": tell})
        try:
            self.process = subprocess.Popen(
                command(),
                env={**_environment(), VARIABLE: inherited},
                pass_fds=[tell, *(each["descriptor"] for each in described)],
            )
        except OSError as error:
            os.close(ready)
            logger.error("the upgrade could not be started: %s", error)
            self._failed()
            return
        finally:
            os.close(tell)
        logger.info("upgrading: pid %d is to take over", self.process.pid)
        threading.Thread(target=self._wait, args=(ready,), name="pounce-heir", daemon=True).start()

    def _wait(self, ready: int) -> None:
        with os.fdopen(ready, "rb") as pipe:
            said = pipe.read()
        assert self.process is not None
        if said == b"ready":
            logger.info("pid %d has taken over; this one finishes what it has", self.process.pid)
            self._succeeded()
        else:
            logger.error("the upgrade failed, the old server goes on: the new one ended early")
            self._failed()
        self.process.wait()


class Inheritance:
    """What this process was given by the one that it replaces, if it replaces one.

    Attributes:
        listeners: the sockets that are there already.
    """

    def __init__(self) -> None:
        self.listeners: tuple[ListenerDescription, ...] = ()
        self._ready: int | None = None
        text = os.environ.pop(VARIABLE, None)
        if text is None:
            return
        try:
            given = json.loads(text)
            self.listeners = tuple(
                ListenerDescription(
                    int(each["descriptor"]),
                    int(each["family"]),
                    _name(each["server"]),
                    str(each["scheme"]),
                )
                for each in given["listeners"]
            )
            self._ready = int(given["ready"])
        except ValueError, TypeError, KeyError:
            raise BindError(
                f"the environment variable {VARIABLE} is pounce's own and has no sense: unset it"
            ) from None

    def __bool__(self) -> bool:
        return self._ready is not None

    def take_over(self) -> None:
        """Tells the process before that this one serves; once."""
        ready, self._ready = self._ready, None
        if ready is not None:
            try:
                os.write(ready, b"ready")
            except OSError:
                # It has gone already: all the same to us.
                pass
            os.close(ready)


def _environment() -> dict[str, str]:
    """This process's, without what the service manager said to this process alone."""
    return {name: value for name, value in os.environ.items() if name != "WATCHDOG_PID"}


def inherit_listeners(described: Sequence[ListenerDescription]) -> tuple[Listener, ...]:
    """Makes listeners of what a server before this one left, and takes their socket files on.

    Raises:
        BindError: a socket is not there.
    """
    listeners = adopt_listeners(described)
    for listener in listeners:
        listener.own_file()
    return listeners


def command() -> list[str]:
    """How this program was called, such that a new version at the same place is what runs."""
    program = sys.argv[0]
    if os.access(program, os.X_OK) and not program.endswith(".py"):
        return [program, *sys.argv[1:]]
    return [sys.executable, *sys.orig_argv[1:]]


def _name(server: list[object]) -> tuple[str, int | None]:
    host, port = server
    return str(host), None if port is None else int(str(port))
