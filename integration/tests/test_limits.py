"""What a client may send, in numbers: served at each limit, refused one beyond it."""

import resource
import socket
from collections.abc import Iterator

import pytest

from integration.tests.client import Client, request
from integration.tests.conftest import KINDS, Fleet, checked
from integration.tests.record import Record
from integration.tests.serving import Served

LINE = 200
COUNT = 10
BYTES = 1_000
BODY = 1_000
REQUESTS = 3
FLAGS = (
    f"--limit-request-line={LINE}",
    f"--limit-header-count={COUNT}",
    f"--limit-header-bytes={BYTES}",
    f"--limit-body={BODY}",
    f"--limit-keep-alive-requests={REQUESTS}",
)


@pytest.fixture
def strict(fleet: Fleet, kind: str) -> Iterator[Served]:
    yield from checked(fleet("plain", kind, *FLAGS))


@pytest.fixture
def client(strict: Served) -> Iterator[Client]:
    with Client.to(strict.address) as client:
        yield client


def line_of(size: int) -> str:
    """A target that makes a request line of so many bytes."""
    return "/ok?" + "x" * (size - len("GET /ok? HTTP/1.1"))


def header_of(size: int) -> str:
    """A field that makes header fields of so many bytes, line ends included."""
    return "x: " + "y" * (size - len("host: test\r\n") - len("x: \r\n"))


def refused(client: Client, status: int) -> bool:
    response = client.response()
    return (
        response.status == status
        and response.value(b"connection") == b"close"
        and client.read_until_closed() == b""
    )


def test_a_request_line_at_the_limit(client: Client) -> None:
    assert client.get(line_of(LINE)).status == 200


def test_a_request_line_over_the_limit(client: Client) -> None:
    client.ask(line_of(LINE + 1))
    assert refused(client, 414)


def test_a_request_line_without_end(client: Client) -> None:
    client.send(b"GET /" + b"x" * LINE * 2)
    assert refused(client, 414)


def test_as_many_headers_as_the_limit(client: Client) -> None:
    assert client.get("/ok", "GET", *("x: y" for _ in range(COUNT - 1))).status == 200


def test_more_headers_than_the_limit(client: Client) -> None:
    client.ask("/ok", "GET", *("x: y" for _ in range(COUNT)))
    assert refused(client, 431)


def test_headers_of_as_many_bytes_as_the_limit(client: Client) -> None:
    assert client.get("/ok", "GET", header_of(BYTES)).status == 200


def test_headers_of_more_bytes_than_the_limit(client: Client) -> None:
    client.ask("/ok", "GET", header_of(BYTES + 1))
    assert refused(client, 431)


def test_headers_without_end(client: Client) -> None:
    client.send(request("/ok")[:-2] + b"x: " + b"y" * 2 * BYTES)
    assert refused(client, 431)


def test_a_body_at_the_limit(client: Client) -> None:
    body = b"x" * BODY
    assert client.get("/echo", "POST", body=body).body == body


def test_a_body_over_the_limit_is_refused_before_it_is_sent(
    client: Client, record: Record, token: str
) -> None:
    client.send(request(f"/echo?{token}", "POST", f"content-length: {BODY + 1}"))
    assert refused(client, 413)
    assert record.now(token) == []


def test_a_chunked_body_at_the_limit(client: Client) -> None:
    client.send(request("/echo", "POST", "transfer-encoding: chunked"))
    client.send(b"%x\r\n%b\r\n" % (BODY - 1, b"x" * (BODY - 1)))
    client.send(b"1\r\nx\r\n0\r\n\r\n")
    assert client.response().body == b"x" * BODY


def test_a_chunked_body_over_the_limit_is_never_a_whole_one(
    client: Client, record: Record, token: str
) -> None:
    client.send(request(f"/echo?{token}", "POST", "transfer-encoding: chunked"))
    client.send(b"%x\r\n%b\r\n" % (BODY, b"x" * BODY))
    client.send(b"1\r\nx\r\n0\r\n\r\n")
    assert refused(client, 413)
    record.wait(token, "disconnect")


def test_a_client_that_goes_on_sending_gets_its_refusal(client: Client) -> None:
    """The response is not lost in a reset because of what was still on its way."""
    # As much as the kernel takes at once: a client that was stopped on its way would be too late.
    client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
    client.send(request("/echo", "POST", "content-length: 500000") + b"x" * 200_000)
    assert refused(client, 413)


def test_requests_on_one_connection(client: Client, record: Record, token: str) -> None:
    client.send(request("/ok") * REQUESTS + request(f"/ok?{token}"))
    endings = [client.response().value(b"connection") for _ in range(REQUESTS)]
    assert endings == [None] * (REQUESTS - 1) + [b"close"]
    assert client.read_until_closed() == b""
    assert record.now(token) == []


def test_connections_beyond_the_limit_wait(fleet: Fleet, kind: str, record: Record) -> None:
    served = fleet("plain", kind, "--limit-connections=2", "--timeout-keep-alive=600")
    token = record.token()
    first, second, third = (Client.to(served.address) for _ in range(3))
    with second, third:
        with first:
            assert first.get("/ok").body == b"ok"
            assert second.get("/ok").body == b"ok"
            third.ask(f"/ok?{token}")
            for _ in range(50):
                assert first.get("/ok").body == b"ok"
            assert third.idle()
            assert record.now(token) == []
        assert third.response().body == b"ok"
    # Room is there again for as many as before.
    with Client.to(served.address) as first, Client.to(served.address) as second:
        assert first.get("/ok").body == second.get("/ok").body == b"ok"


@pytest.fixture
def busy(fleet: Fleet) -> Served:
    """Serves two requests at once, on one thread."""
    return fleet("plain", "thread", "--limit-concurrency=2")


def test_requests_at_once_beyond_the_limit(busy: Served, record: Record, token: str) -> None:
    with Client.to(busy.address) as one, Client.to(busy.address) as two:
        for client in (one, two):
            client.send(request(f"/hold?{token}", "POST", "content-length: 1"))
        record.wait(token, "held", times=2)
        with Client.to(busy.address) as further:
            response = further.get(f"/ok?{token}")
            assert response.status == 503
        for client in (one, two):
            client.send(b"x")
            assert client.response().body == b"x"
    assert record.now(token).count("called") == 2
    with Client.to(busy.address) as further:
        assert further.get("/ok").status == 200


def test_idle_connections_are_no_requests(busy: Served, record: Record, token: str) -> None:
    idle = [Client.to(busy.address) for _ in range(10)]
    try:
        for client in idle:
            assert client.get("/ok").status == 200
        with Client.to(busy.address) as one, Client.to(busy.address) as two:
            one.send(request(f"/hold?{token}", "POST", "content-length: 1"))
            record.wait(token, "held")
            assert two.get("/ok").status == 200
            one.send(b"x")
            assert one.response().status == 200
    finally:
        for client in idle:
            client.close()


@pytest.mark.parametrize("kind", ["thread", "threads"], scope="function")
def test_descriptors_that_run_out(kind: str, record: Record) -> None:
    """Those connected are served, the processor is not kept busy, and later all are served."""
    # Who waits for its turn is not to get it by others' being idle for long.
    idle = "--timeout-keep-alive=600"
    with Served("plain", *KINDS[kind], idle, env=record.env) as served:
        with Client.to(served.address) as first:
            assert first.get("/ok").status == 200
            soft, hard = resource.prlimit(served.pid, resource.RLIMIT_NOFILE)
            room = 5 + max(served.descriptors)
            resource.prlimit(served.pid, resource.RLIMIT_NOFILE, (room, hard))
            waiting = [Client.to(served.address) for _ in range(20)]
            try:
                for client in waiting:
                    client.ask("/ok")
                assert served.log.find("(?i)cannot accept")
                before = served.cpu
                for _ in range(100):
                    assert first.get("/ok").status == 200
                assert not all(select_ready(waiting))
                resource.prlimit(served.pid, resource.RLIMIT_NOFILE, (soft, hard))
                assert [client.response().status for client in waiting] == [200] * 20
                # Some of it is for the requests, and much of it where the machine is slow.
                assert served.cpu - before < 1.0
            finally:
                for client in waiting:
                    client.close()
        assert served.log.text.count("annot accept") == 1


def select_ready(clients: list[Client]) -> list[bool]:
    return [not client.idle() for client in clients]
