"""How HTTP/2 connections end with their server, and that nobody loses a request by it."""

import threading
from signal import SIGHUP, SIGTERM

import pytest

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


def test_no_request_is_lost_by_a_reload() -> None:
    """A client that opens a new connection when it is told to, and asks again for nothing."""
    with Served("plain", *KINDS[NATURAL]) as served:
        faults: list[str] = []
        stop = threading.Event()
        asked = [0, 0]

        def ask(index: int) -> None:
            while not stop.is_set():
                with Streams.to(served.address) as streams:
                    while not stop.is_set() and not streams.goaways:
                        numbers = [streams.ask("/ok") for _ in range(5)]
                        answers = [streams.answer(number) for number in numbers]
                        faults.extend(repr(vars(each)) for each in answers if each.body != b"ok")
                        asked[index] += 5

        threads = [threading.Thread(target=ask, args=(index,)) for index in range(2)]
        for thread in threads:
            thread.start()
        for generation in (2, 3):
            served.signal(SIGHUP)
            served.log.find(rf"generation {generation}\b")
        stop.set()
        for thread in threads:
            thread.join(30)
        assert not faults
        assert min(asked) > 0
        served.signal(SIGTERM)
        served.stop()
