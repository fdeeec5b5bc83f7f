"""Handshakes that take long, never end, or are too many: they are cut off, and others served."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack, suppress

import pytest

from integration.tests.certificates import Certificates
from integration.tests.conftest import KINDS, Fleet, checked
from integration.tests.serving import Served

TIMEOUT = 30.0
MOST = 4


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    made = Certificates.make(tmp_path_factory.mktemp("certificates"))
    made.server()
    return made


@pytest.fixture(params=["thread", "processes"])
def hasty(
    request: pytest.FixtureRequest, fleet: Fleet, certificates: Certificates
) -> Iterator[Served]:
    """A server that gives a handshake one second."""
    flags = ("--ssl-certfile", f"{certificates.folder}/server.pem")
    yield from checked(fleet("plain", request.param, *flags, "--ssl-handshake-timeout", "1"))


@pytest.fixture
def narrow(fleet: Fleet, certificates: Certificates) -> Iterator[Served]:
    """A server that has a few handshakes under way at the most."""
    flags = ("--ssl-certfile", f"{certificates.folder}/server.pem")
    yield from checked(fleet("plain", "thread", *flags, "--ssl-handshake-limit", str(MOST)))


def raw(served: Served) -> socket.socket:
    sock = socket.create_connection(served.address, TIMEOUT)
    sock.settimeout(TIMEOUT)
    return sock


def gone(sock: socket.socket) -> bool:
    """Whether the server closes, with no answer but an alert perhaps."""
    with suppress(ConnectionResetError):
        return len(sock.recv(1000)) <= 7
    return True


def answers(served: Served, certificates: Certificates) -> bool:
    with certificates.connect(served.address) as client:
        return client.get("/ok").body == b"ok"


def test_a_silent_client(hasty: Served, certificates: Certificates) -> None:
    with raw(hasty) as sock:
        assert answers(hasty, certificates)
        assert gone(sock)


@pytest.mark.parametrize(
    "start", [b"\x16", b"\x16\x03\x01\x02\x00", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"]
)
def test_a_client_that_stops_in_the_middle(
    hasty: Served, certificates: Certificates, start: bytes
) -> None:
    with raw(hasty) as sock:
        sock.sendall(start)
        assert answers(hasty, certificates)
        assert gone(sock)


def test_a_client_that_drips(hasty: Served, certificates: Certificates) -> None:
    """Each byte comes in time, and the whole does not."""
    hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500)
    with raw(hasty) as sock:
        sock.settimeout(0.05)
        for byte in hello:
            try:
                sock.sendall(bytes([byte]))
                if not sock.recv(100):
                    break
            except TimeoutError:
                continue
            except BrokenPipeError, ConnectionResetError:
                break
        else:
            pytest.fail("the handshake was never cut off")
    assert answers(hasty, certificates)


def test_the_slots_are_free_again(fleet: Fleet, certificates: Certificates) -> None:
    flags = ("--ssl-certfile", f"{certificates.folder}/server.pem")
    served = fleet(
        "plain", "thread", *flags, "--ssl-handshake-timeout", "1", "--limit-connections", "2"
    )
    served.announce("further ones wait")
    with raw(served) as first, raw(served) as second:
        # It waits until one of the silent ones has been cut off.
        assert answers(served, certificates)
        assert gone(first)
        assert gone(second)


def test_too_many_at_once(narrow: Served, certificates: Certificates) -> None:
    with ExitStack() as stack:
        socks = [stack.enter_context(raw(narrow)) for _ in range(MOST)]
        for sock in socks:
            sock.sendall(b"\x16")
        assert answers(narrow, certificates)
        assert gone(socks[0])


def test_a_flood_of_them(narrow: Served, certificates: Certificates) -> None:
    before = len(narrow.descriptors)
    with ExitStack() as stack:
        for _ in range(200):
            stack.enter_context(raw(narrow)).sendall(b"\x16\x03\x01\x02")
        assert answers(narrow, certificates)
        assert len(narrow.descriptors) <= before + MOST + 2


def test_the_server_ends_all_the_same(certificates: Certificates) -> None:
    flags = ("--ssl-certfile", f"{certificates.folder}/server.pem")
    with Served("plain", *KINDS["threads"], *flags) as served, raw(served) as sock:
        sock.sendall(b"\x16\x03\x01\x02")
        # By then a worker has it, since that one came later.
        assert answers(served, certificates)
        served.stop(timeout=8.0)
        assert gone(sock)


def test_nonsense_is_refused(narrow: Served, certificates: Certificates) -> None:
    for nonsense in (
        b"\x00" * 100,
        b"SSH-2.0-x\r\n",
        b"\x16\x03\x01\xff\xff",
        b"\x80\x2e\x01\x03\x01",
    ):
        with raw(narrow) as sock:
            sock.sendall(nonsense)
            assert gone(sock)
    assert answers(narrow, certificates)
