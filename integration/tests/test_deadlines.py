"""Deadlines: who sends or reads too slowly is cut off, and who is merely slow is not.

Every deadline is five seconds: whoever is merely slow may be kept from its work for almost as long.
All the clients of this module are slow at the same time, each in a thread of its own and on every
kind of worker, so that the whole takes a few seconds; the tests then look at what became of each.
"""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

import pytest

from integration.tests.client import Client, request
from integration.tests.conftest import KINDS, Fleet, checked
from integration.tests.record import Record
from integration.tests.serving import Served

DEADLINE = 5
SOON = 60.0
"""Seconds after which such a deadline has passed for certain, on a busy machine too."""
LONG = 8.0
"""Seconds for which whoever is not to be cut off goes on."""
PACE = 0.1
"""Seconds between two drops of who drips."""

HASTY = (
    f"--timeout-head={DEADLINE}",
    f"--timeout-keep-alive={DEADLINE}",
    f"--timeout-body={DEADLINE}",
    "--limit-body-rate=1000",
    f"--timeout-write={DEADLINE}",
    "--limit-write-rate=20000",
)
LIMITED = (f"--timeout-request={DEADLINE}",)


@dataclass(frozen=True)
class Fate:
    """What became of a client: what it was sent, how that ended, and after how many seconds."""

    data: bytes
    end: str
    seconds: float

    @property
    def in_time(self) -> bool:
        return in_time(self.seconds)


def in_time(seconds: float) -> bool:
    """Neither at once, which a server that was stopped on its way may take for later, nor never."""
    return DEADLINE / 2 <= seconds <= SOON


def drip(client: Client, piece: bytes, seconds: float = SOON) -> None:
    """Sends a piece at each pace, until it is answered or has done so for long."""
    until = time.monotonic() + seconds
    while time.monotonic() < until and client.idle():
        try:
            client.send(piece)
        except ConnectionError:
            return
        time.sleep(PACE)


def silent(client: Client, token: str) -> None:
    """Connects, and that is all."""


def silent_head(client: Client, token: str) -> None:
    client.send(b"GET /ok HTTP/1.1\r\n")


def dripping_head(client: Client, token: str) -> None:
    client.send(b"GET /ok HTTP/1.1\r\nhost: test\r\n")
    drip(client, b"x: y\r\n")


def dripping_second_head(client: Client, token: str) -> None:
    client.get("/ok")
    drip(client, b"G")


def idle(client: Client, token: str) -> None:
    client.get("/ok")


def silent_body(client: Client, token: str) -> None:
    client.send(request(f"/echo?{token}", "POST", "content-length: 100000") + b"x")


def dripping_body(client: Client, token: str) -> None:
    client.send(request(f"/echo?{token}", "POST", "content-length: 100000"))
    drip(client, b"x" * 10)


def dripping_chunks(client: Client, token: str) -> None:
    client.send(request(f"/echo?{token}", "POST", "transfer-encoding: chunked"))
    drip(client, b"1\r\nx\r\n")


def dripping_after_the_response(client: Client, token: str) -> None:
    """The body of a request that was answered without it is not waited for without end either."""
    client.send(request("/ignore", "POST", "content-length: 1000"))
    assert client.response().body == b"ignored"
    drip(client, b"x")


def endless(client: Client, token: str) -> None:
    client.ask(f"/events?{token}")


def stalled(client: Client, token: str) -> None:
    client.ask(f"/stall?{token}")


type Slow = Callable[[Client, str], None]
SLOW: Final[dict[Slow, tuple[str, ...]]] = {
    silent: HASTY,
    silent_head: HASTY,
    dripping_head: HASTY,
    dripping_second_head: HASTY,
    idle: HASTY,
    silent_body: HASTY,
    dripping_body: HASTY,
    dripping_chunks: HASTY,
    dripping_after_the_response: HASTY,
    endless: LIMITED,
    stalled: LIMITED,
}
"""Clients that are to be cut off, with the flags of their server."""


class Watched:
    """A server's slow clients at work; `fate` waits for one of them."""

    def __init__(self, pool: ThreadPoolExecutor, fleet: Fleet, kind: str, record: Record) -> None:
        self.tokens = {slow: record.token() for slow in SLOW}
        self._fates: dict[Slow, Future[Fate]] = {
            slow: pool.submit(self._watch, fleet("plain", kind, *flags), slow)
            for slow, flags in SLOW.items()
        }
        self.steady = {
            steady: pool.submit(steady, fleet("plain", kind, *HASTY), record)
            for steady in (upload, download, long_request, busy_connection)
        }
        self.unread = pool.submit(unread, fleet("plain", kind, *HASTY), record)

    def _watch(self, served: Served, slow: Slow) -> Fate:
        began = time.monotonic()
        with Client.to(served.address) as client:
            slow(client, self.tokens[slow])
            data = client.read_until_closed()
            return Fate(data, client.end, time.monotonic() - began)

    def fate(self, slow: Slow) -> Fate:
        return self._fates[slow].result(SOON * 3)


def upload(served: Served, record: Record) -> bool:
    """Sends slowly, yet faster than the least rate, for longer than the deadline."""
    size = int(LONG / PACE)
    with Client.to(served.address) as client:
        client.send(request("/echo", "POST", f"content-length: {size * 10_000}"))
        for _ in range(size):
            client.send(b"x" * 10_000)
            time.sleep(PACE)
        return client.response().body == b"x" * size * 10_000


def download(served: Served, record: Record) -> bool:
    """Reads slowly, yet faster than the least rate, for longer than the deadline."""
    with Client.to(served.address, receive_buffer=65_536) as client:
        client.ask("/push")
        until = time.monotonic() + LONG
        while time.monotonic() < until:
            assert len(client.read_bytes(100_000)) == 100_000
            time.sleep(PACE)
        return True


def unread(served: Served, record: Record) -> tuple[float, int]:
    """Reads nothing; how long until that is noticed, and how much was accepted meanwhile."""
    token = record.token()
    with Client.to(served.address, receive_buffer=65_536) as client:
        began = time.monotonic()
        client.ask(f"/push?{token}")
        [sent] = record.wait(token, "left")
        return time.monotonic() - began, sent


def long_request(served: Served, record: Record) -> bool:
    """Nothing happens for longer than an idle connection may be, while a request is under way."""
    token = record.token()
    with Client.to(served.address) as client:
        client.ask(f"/wait?{token}")
        record.wait(token, "waits")
        time.sleep(LONG)
        return client.idle()


def busy_connection(served: Served, record: Record) -> bool:
    """Connections that are used at decent intervals are kept."""
    with Client.to(served.address) as client:
        until = time.monotonic() + LONG
        while time.monotonic() < until:
            assert client.get("/ok").body == b"ok"
            time.sleep(PACE)
        return True


@pytest.fixture(scope="session")
def everywhere(fleet: Fleet, record: Record) -> Iterator[dict[str, Watched]]:
    """The slow clients of every kind of worker, all at once."""
    with ThreadPoolExecutor(64) as pool:
        yield {kind: Watched(pool, fleet, kind, record) for kind in KINDS}
    for kind in KINDS:
        for flags in (HASTY, LIMITED):
            for _ in checked(fleet("plain", kind, *flags)):
                pass


@pytest.fixture
def watched(everywhere: dict[str, Watched], kind: str) -> Watched:
    return everywhere[kind]


def test_a_silent_client_is_closed(watched: Watched) -> None:
    fate = watched.fate(silent)
    assert fate.in_time
    assert fate.end == "closed"
    assert fate.data == b""


@pytest.mark.parametrize("slow", [silent_head, dripping_head, dripping_second_head])
def test_a_head_is_due_as_a_whole(watched: Watched, slow: Slow) -> None:
    fate = watched.fate(slow)
    assert fate.in_time
    assert fate.data.startswith(b"HTTP/1.1 408 ")


def test_an_idle_connection_is_closed_without_a_word(watched: Watched) -> None:
    fate = watched.fate(idle)
    assert fate.in_time
    assert fate.end == "closed"
    assert fate.data == b""


@pytest.mark.parametrize("slow", [silent_body, dripping_body, dripping_chunks])
def test_a_body_has_to_advance(watched: Watched, record: Record, slow: Slow) -> None:
    fate = watched.fate(slow)
    assert fate.in_time
    assert fate.data.startswith(b"HTTP/1.1 408 ")
    record.wait(watched.tokens[slow], "disconnect")


def test_a_body_that_nobody_reads_has_to_advance(watched: Watched) -> None:
    fate = watched.fate(dripping_after_the_response)
    assert fate.in_time
    assert b"200" not in fate.data


def test_a_steady_upload_is_not_cut_off(watched: Watched) -> None:
    assert watched.steady[upload].result()


def test_a_client_that_does_not_read_is_cut_off(watched: Watched) -> None:
    seconds, sent = watched.unread.result()
    assert in_time(seconds)
    # The application had to wait: no more was kept than the kernel's buffers hold.
    assert sent < 8 << 20


def test_a_steady_download_is_not_cut_off(watched: Watched) -> None:
    assert watched.steady[download].result()


def test_a_request_under_way_is_not_idle(watched: Watched) -> None:
    assert watched.steady[long_request].result()


def test_a_connection_in_use_is_not_idle(watched: Watched) -> None:
    assert watched.steady[busy_connection].result()


def test_a_request_that_takes_too_long_is_answered_and_cancelled(
    watched: Watched, record: Record
) -> None:
    fate = watched.fate(stalled)
    assert fate.in_time
    assert fate.data.startswith(b"HTTP/1.1 503 ")
    record.wait(watched.tokens[stalled], "cancelled")


def test_a_response_that_takes_too_long_is_cut_off_and_cancelled(
    watched: Watched, record: Record
) -> None:
    fate = watched.fate(endless)
    assert fate.in_time
    assert not fate.data.endswith(b"0\r\n\r\n")
    record.wait(watched.tokens[endless], "cancelled")


def test_a_request_that_takes_less_is_served(fleet: Fleet, kind: str) -> None:
    served = fleet("plain", kind, *LIMITED)
    with Client.to(served.address) as client:
        assert client.get("/ok").status == 200
