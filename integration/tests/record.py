"""The test's end of the journal that the applications write; see `integration.apps.journal`."""

import json
import os
import threading
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

from integration.apps.journal import VARIABLE

LIMIT = 60.0
"""Seconds for something to be noted that is bound to be."""


class Record:
    """What the applications of all servers have noted so far."""

    def __init__(self, path: Path) -> None:
        self.env = {VARIABLE: str(path)}
        os.mkfifo(path)
        # Open for both, so that it does not end with the last server.
        self._pipe = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        self._entries: dict[str, list[tuple[str, Any]]] = {}
        self._changed = threading.Condition()
        self._numbers = count()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        with os.fdopen(self._pipe, "rb", closefd=False) as stream:
            for line in stream:
                token, what, detail = json.loads(line)
                with self._changed:
                    self._entries.setdefault(token, []).append((what, detail))
                    self._changed.notify_all()
                if what == "close":
                    return

    def token(self) -> str:
        """A name that no other request has."""
        return f"t{next(self._numbers)}"

    def wait(self, token: str, what: str, times: int = 1, *, timeout: float = LIMIT) -> list[Any]:
        """Waits until something was noted so many times; returns the details."""
        return self.wait_for(token, what, lambda details: len(details) >= times, timeout)

    def wait_for(
        self,
        token: str,
        what: str,
        enough: Callable[[list[Any]], bool],
        timeout: float = LIMIT,
    ) -> list[Any]:
        """Waits until the details of what was noted are enough; returns them."""
        with self._changed:
            if not self._changed.wait_for(lambda: enough(self._details(token, what)), timeout):
                raise AssertionError(f"{what!r} of {token} is missing in {self._of(token)}")
            return self._details(token, what)

    def now(self, token: str) -> list[str]:
        """What was noted of a token up to now."""
        self._catch_up()
        return [what for what, _ in self._of(token)]

    def details(self, token: str, what: str) -> list[Any]:
        """The details of what was noted up to now."""
        self._catch_up()
        return self._details(token, what)

    def _catch_up(self) -> None:
        """Reads all that is in the pipe by now."""
        mark = self.token()
        os.write(self._pipe, json.dumps([mark, "mark", None]).encode() + b"\n")
        self.wait(mark, "mark")

    def _of(self, token: str) -> list[tuple[str, Any]]:
        with self._changed:
            return list(self._entries.get(token, []))

    def _details(self, token: str, what: str) -> list[Any]:
        return [detail for noted, detail in self._of(token) if noted == what]

    def close(self) -> None:
        os.write(self._pipe, b'["", "close", null]\n')
        self._thread.join(LIMIT)
        os.close(self._pipe)
