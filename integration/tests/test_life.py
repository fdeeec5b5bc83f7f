"""The end of a server, by signals: graceful, within its deadline, with exit status 0, on every kind
of worker; and at once when it is asked twice.

Each server of this module has its own story, with all sorts of clients connected. They are played
at the same time, because most of it is waiting; the tests then look at what was seen.
"""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from signal import SIGINT, SIGTERM, Signals

import pytest

from integration.tests.client import Client, request
from integration.tests.conftest import KINDS
from integration.tests.record import Record
from integration.tests.serving import Served
from pounce.supervise.stop_signals import AGAIN
from pounce.testing.wire import Response

GRACE = 0.5
SOON = 40.0
"""Seconds in which an end without anything to wait for has come, on a busy machine too."""
WORKERS = {"thread": 1, "threads": 4, "processes": 2}
NUMBERS = (SIGINT, SIGTERM)


@dataclass
class End:
    """How a server ended, and what its clients saw of it."""

    status: int = -1
    seconds: float = 0.0
    faults: list[str] = field(default_factory=list[str])
    noted: list[str] = field(default_factory=list[str])
    starts: int = 0
    ends: int = 0
    idle: list[bytes] = field(default_factory=list[bytes])
    refused: bool = False
    slow: Response = field(default_factory=Response)
    cut_off: bytes = b""


def refuses(address: tuple[str, int]) -> bool:
    try:
        Client.to(address).close()
    except ConnectionError:
        return True
    return False


def graceful(record: Record, kind: str, number: Signals) -> End:
    """Connections are idle, and a request is under way, which then ends."""
    token, end = record.token(), End()
    # More than it takes to see all this, on a busy machine too.
    flags = (*KINDS[kind], "--timeout-graceful-shutdown=120")
    with Served("plain", *flags, env=record.env) as served:
        pids = served.pids
        idle = [Client.to(served.address) for _ in range(6)]
        for client in idle:
            assert client.get("/ok").body == b"ok"
        with Client.to(served.address) as slow:
            slow.send(request(f"/hold?{token}", "POST", "content-length: 5"))
            record.wait(token, "held")
            served.signal(number)
            end.idle = [client.read_until_closed() for client in idle]
            # The last worker that hears of the end is not much behind the first.
            until = time.monotonic() + SOON
            while not end.refused and time.monotonic() < until:
                end.refused = refuses(served.address)
            slow.send(b"hello")
            end.slow = slow.read_response()
            slow.read_until_closed()
        began = time.monotonic()
        for client in idle:
            client.close()
        end.status = served.wait()
        end.seconds = time.monotonic() - began
        end.faults = served.faults()
    end.starts = sum(pid in pids for pid in record.details("lifespan", "startup"))
    end.ends = sum(pid in pids for pid in record.details("lifespan", "shutdown"))
    return end


def late(record: Record, kind: str, number: Signals) -> End:
    """Requests are under way that never end by themselves."""
    token, end = record.token(), End()
    flags = (*KINDS[kind], f"--timeout-graceful-shutdown={GRACE}")
    with Served("plain", *flags, env=record.env) as served:
        served.announce("outlived", "cancelled before its end")
        with Client.to(served.address) as stream, Client.to(served.address) as stalled:
            stream.ask("/events")
            stalled.ask(f"/stall?{token}")
            record.wait(token, "stalled")
            end.cut_off = stream.until(b"data: 1\n\n")
            began = time.monotonic()
            served.signal(number)
            end.cut_off += stream.read_until_closed()
            end.status = served.wait()
            end.seconds = time.monotonic() - began
        end.faults = served.faults()
    end.noted = record.now(token)
    return end


def hurried(record: Record, kind: str, number: Signals) -> End:
    """The end has ten minutes, and is asked for twice."""
    token, end = record.token(), End()
    flags = (*KINDS[kind], "--timeout-graceful-shutdown=600")
    with Served("plain", *flags, env=record.env) as served:
        served.announce("cancelled before its end")
        with Client.to(served.address) as stalled, Client.to(served.address) as idle:
            stalled.ask(f"/stall?{token}")
            record.wait(token, "stalled")
            assert idle.get("/ok").body == b"ok"
            served.signal(number)
            # The first has been heard when this is closed; two at once count as one.
            end.idle = [idle.read_until_closed()]
            time.sleep(AGAIN)
            began = time.monotonic()
            served.signal(number)
            end.status = served.wait(60)
            end.seconds = time.monotonic() - began
        end.faults = served.faults()
    return end


def silent(record: Record, kind: str, number: Signals) -> End:
    """A client has connected and not asked for anything."""
    end = End()
    with Served("plain", *KINDS[kind], env=record.env) as served:
        with Client.to(served.address) as client:
            began = time.monotonic()
            served.signal(number)
            end.idle = [client.read_until_closed()]
        end.status = served.wait()
        end.seconds = time.monotonic() - began
    return end


def stubborn(record: Record, kind: str, number: Signals) -> End:
    """A request is under way that does not end even when it is cancelled."""
    token, end = record.token(), End()
    flags = (*KINDS[kind], "--timeout-graceful-shutdown=0")
    with Served("plain", *flags, env=record.env) as served, Client.to(served.address) as client:
        client.ask(f"/stubborn?{token}")
        record.wait(token, "stalled")
        served.signal(number)
        end.status = served.wait()
    return end


type Story = Callable[[Record, str, Signals], End]
type Ends = Callable[[Story, str, Signals], End]


@pytest.fixture(scope="session")
def ends(record: Record) -> Iterator[Ends]:
    with ThreadPoolExecutor(6) as pool:
        told: dict[tuple[Story, str, Signals], Future[End]] = {}

        def begin(story: Story, kind: str, number: Signals) -> None:
            told[story, kind, number] = pool.submit(story, record, kind, number)

        begin(stubborn, "thread", SIGTERM)
        begin(silent, "thread", SIGTERM)
        for kind in KINDS:
            begin(late, kind, SIGTERM)
            begin(hurried, kind, SIGINT)
            for number in NUMBERS:
                begin(graceful, kind, number)
        yield lambda story, kind, number: told[story, kind, number].result(200)


@pytest.fixture(params=NUMBERS, ids=["SIGINT", "SIGTERM"])
def end(ends: Ends, kind: str, request: pytest.FixtureRequest) -> End:
    """A graceful one."""
    return ends(graceful, kind, request.param)


def test_the_exit_status_is_0(end: End) -> None:
    assert end.status == 0


def test_nothing_is_waited_for_when_nothing_is_under_way(end: End) -> None:
    assert end.seconds < SOON


def test_idle_connections_are_closed_without_a_word(end: End) -> None:
    assert end.idle == [b""] * 6


def test_no_connection_is_accepted_while_it_ends(end: End) -> None:
    assert end.refused


def test_a_request_under_way_is_finished(end: End) -> None:
    assert end.slow.complete
    assert end.slow.body == b"hello"
    assert end.slow.value(b"connection") == b"close"


def test_the_log_has_no_fault(end: End) -> None:
    assert not end.faults


def test_the_application_ends_once_for_each_worker(end: End, kind: str) -> None:
    assert end.starts == end.ends == WORKERS[kind]


def test_requests_that_never_end_have_until_the_deadline(ends: Ends, kind: str) -> None:
    end = ends(late, kind, SIGTERM)
    assert end.status == 0
    assert not end.faults
    assert GRACE * 0.9 <= end.seconds < SOON


def test_a_stream_without_end_is_cut_off_at_the_deadline(ends: Ends, kind: str) -> None:
    end = ends(late, kind, SIGTERM)
    # Its client can tell that it was not all.
    assert not end.cut_off.endswith(b"0\r\n\r\n")


def test_a_request_that_never_ends_is_cancelled_at_the_deadline(ends: Ends, kind: str) -> None:
    assert "cancelled" in ends(late, kind, SIGTERM).noted


def test_a_second_signal_ends_it_at_once(ends: Ends, kind: str) -> None:
    end = ends(hurried, kind, SIGINT)
    assert end.status == 128 + SIGINT
    assert end.seconds < SOON
    assert not end.faults


def test_a_client_that_has_never_asked_is_not_waited_for_long(ends: Ends) -> None:
    end = ends(silent, "thread", SIGTERM)
    assert end.idle == [b""]
    assert end.status == 0
    assert end.seconds < SOON


def test_an_application_that_ignores_cancellation_does_not_outlive_the_deadline(
    ends: Ends,
) -> None:
    assert ends(stubborn, "thread", SIGTERM).status in {0, 1}


def test_a_signal_right_after_the_start_is_not_lost(record: Record) -> None:
    for _ in range(3):
        with Served("plain", env=record.env) as served:
            served.stop()


def test_a_worker_whose_parent_is_killed_ends_too(record: Record) -> None:
    with Served("plain", *KINDS["processes"], env=record.env) as served:
        workers = set(served.pids) - {served.pid}
        assert len(workers) == WORKERS["processes"]
        with Client.to(served.address) as client:
            assert client.get("/ok").body == b"ok"
            served.process.kill()
            served.wait()
            assert client.ended()
    record.wait_for("lifespan", "shutdown", lambda pids: workers <= set(pids))
