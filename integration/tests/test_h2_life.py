"""How HTTP/2 connections end with their server, and that nobody loses a request by it."""

import threading
from signal import SIGHUP, SIGTERM
from typing import Self

import pytest

from integration.tests.client import TIMEOUT
from integration.tests.conftest import KINDS, NATURAL
from integration.tests.record import Record
from integration.tests.serving import Served
from integration.tests.streams import Streams

LARGEST = 0x7FFF_FFFF


@pytest.mark.parametrize("kind", ["thread", NATURAL])
def test_the_end(record: Record, token: str, kind: str) -> None:
    """Idle connections are told and end; what is under way is finished."""
    with Served("plain", *KINDS[kind], env=record.env) as served:
        with Streams.to(served.address) as idle, Streams.to(served.address) as busy:
            assert idle.get("/ok").body == b"ok"
            number = busy.ask(f"/hold?{token}", "POST", end=False)
            record.wait(token, "held")
            served.signal(SIGTERM)
            idle.wait_closed()
            assert idle.goaways == [(LARGEST, 0), (1, 0)]
            busy.send(number, b"done")
            assert busy.answer(number).body == b"done"
            busy.wait_closed()
            assert busy.goaways == [(LARGEST, 0), (number, 0)]
        served.stop()


def test_events_end_at_the_end(record: Record, token: str) -> None:
    with (
        Served("plain", "--timeout-graceful-shutdown", "1", env=record.env) as served,
        Streams.to(served.address) as streams,
    ):
        number = streams.ask(f"/events?{token}")
        while not streams.answers[number].body:
            assert streams.hear()
        served.announce("was cancelled before its end", "outlived the 1 seconds of grace")
        served.signal(SIGTERM)
        streams.wait_closed()
        served.stop()
        assert {"left", "cancelled"} & set(record.now(token))


class Asking:
    """Clients that open a new connection when they are told to, each in a thread of its own.

    What the farewell names as not served is asked for again there, and nothing else is.
    """

    def __init__(self, served: Served, count: int) -> None:
        self.faults: list[str] = []
        self._served = served
        self._stop = threading.Event()
        self._changed = threading.Condition()
        self._asked = [0] * count
        self._threads = [
            threading.Thread(target=self._ask, args=(index,), daemon=True) for index in range(count)
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        self.wait()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(2 * TIMEOUT)

    def wait(self) -> None:
        """Waits until each has asked and been answered, from now on."""
        with self._changed:
            before = list(self._asked)
            done = self._changed.wait_for(
                lambda: self.faults or all(a < b for a, b in zip(before, self._asked, strict=True)),
                TIMEOUT,
            )
        assert not self.faults
        assert done, "nothing was answered"

    def _ask(self, index: int) -> None:
        try:
            while not self._stop.is_set():
                with Streams.to(self._served.address) as streams:
                    while not self._stop.is_set() and not streams.goaways:
                        for number in [streams.ask("/ok") for _ in range(5)]:
                            self._hear(streams, number)
                        with self._changed:
                            self._asked[index] += 1
                            self._changed.notify_all()
        except Exception as error:  # noqa: BLE001 - whatever it is, a request has failed
            with self._changed:
                self.faults.append(repr(error))
                self._changed.notify_all()

    @staticmethod
    def _hear(streams: Streams, number: int) -> None:
        answer = streams.answers[number]
        while not answer.ended:
            if streams.goaways and number > streams.goaways[-1][0]:
                return
            assert answer.reset is None, vars(answer)
            assert streams.hear(), f"stream {number}: {vars(answer)}, {streams.goaways}"
        assert answer.body == b"ok", vars(answer)


def test_no_request_is_lost_by_a_reload() -> None:
    with Served("plain", *KINDS[NATURAL]) as served, Asking(served, 2) as asking:
        for generation in (2, 3):
            served.process.send_signal(SIGHUP)
            served.log.find(rf"generation {generation}\b")
            asking.wait()
    assert not asking.faults
