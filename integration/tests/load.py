"""Clients that ask without a pause while a server is changed under them, and forgive nothing.

Each is a thread with one connection at a time. It does what HTTP lets a client count on: it goes on
with a connection until a response says `connection: close`, and takes a new one then. Whatever else
ends or hinders it is a failed request.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable
from types import TracebackType
from typing import Final, Self

from integration.tests.client import Client
from pounce.testing.wire import Address, Response

PATIENCE: Final = 60.0
"""Seconds for something that is bound to be seen."""
PACE: Final = 0.03
"""Seconds between two requests of a client: the server is to be busy, and the machine not full."""


class Load:
    """Clients that ask from the start of a `with` statement to its end.

    Args:
        address: of the server.
        keep_alive: how many keep their connection.
        fresh: how many take a new one for each request.
        slow: how many ask for `/slow`, and keep their connection.
        target: what the others ask for.
    """

    def __init__(
        self,
        address: Address,
        *,
        keep_alive: int = 3,
        fresh: int = 2,
        slow: int = 1,
        target: str = "/",
    ) -> None:
        self.failures: list[str] = []
        self.answers = 0
        self.slowest = 0.0
        self.connections: Counter[str] = Counter()
        """How many connections each kind of client has made."""
        self._address = address
        self._last: dict[int, bytes] = {}
        # Guards all that the clients' threads note.
        self._changed = threading.Condition()
        self._stopping = threading.Event()
        kinds = [
            *[("keep-alive", target)] * keep_alive,
            *[("fresh", target)] * fresh,
            *[("slow", "/slow")] * slow,
        ]
        self._threads = [
            threading.Thread(target=self._ask, args=(number, *kind), daemon=True)
            for number, kind in enumerate(kinds)
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        self.wait(lambda _: True)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join(PATIENCE)
        if kind is None:
            assert not self.failures, self.told()

    def told(self) -> str:
        """What failed, in a few lines."""
        return f"{len(self.failures)} failed of {self.answers}: {self.failures[:5]}"

    def wait(self, fits: Callable[[bytes], bool], timeout: float = PATIENCE) -> None:
        """Waits until the last answer that each client has had, from now on, is one that fits."""
        with self._changed:
            self._last.clear()
            seen = self._changed.wait_for(
                lambda: (
                    bool(self.failures)
                    or (
                        len(self._last) == len(self._threads)
                        and all(fits(body) for body in self._last.values())
                    )
                ),
                timeout,
            )
        assert not self.failures, self.told()
        assert seen, f"not within {timeout:g} s; the last answers are {self._last}"

    def _ask(self, number: int, kind: str, target: str) -> None:
        client: Client | None = None
        while not self._stopping.wait(PACE):
            began = time.monotonic()
            try:
                if client is None:
                    client = Client.to(self._address)
                    with self._changed:
                        self.connections[kind] += 1
                fields = ("connection: close",) if kind == "fresh" else ()
                response = client.get(target, "GET", *fields)
                assert response.status == 200, response
                if response.value(b"connection") == b"close":
                    assert client.ended(), f"{client.end} after connection: close"
                    client.close()
                    client = None
            except Exception as error:  # noqa: BLE001 - whatever it is, a request has failed
                if client is not None:
                    client.close()
                client = None
                self._fail(f"{kind}: {error!r}")
            else:
                self._note(number, response, time.monotonic() - began)
        if client is not None:
            client.close()

    def _fail(self, why: str) -> None:
        with self._changed:
            self.failures.append(why)
            self._changed.notify_all()

    def _note(self, number: int, response: Response, seconds: float) -> None:
        with self._changed:
            self.answers += 1
            self.slowest = max(self.slowest, seconds)
            self._last[number] = response.body
            self._changed.notify_all()
