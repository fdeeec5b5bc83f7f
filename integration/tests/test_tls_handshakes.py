"""Handshakes that take long, never end, or are too many: they are cut off, and others served."""

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress

import pytest

from integration.tests.certificates import Certificates
from integration.tests.client import TIMEOUT
from integration.tests.conftest import KINDS, Fleet, checked
from integration.tests.serving import Served

MOST = 4
SHORT = ("--ssl-handshake-timeout", "4")
"""Seconds for who never ends, and enough for who is only slow."""
LONG = ("--ssl-handshake-timeout", "300", "--timeout-graceful-shutdown", "300")
"""What ends here, and is not cut off by something else, does not end by this."""
STARTS = [b"", b"\x16", b"\x16\x03\x01\x02\x00", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"]
"""What a client says that says no more."""


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    made = Certificates.make(tmp_path_factory.mktemp("certificates"))
    made.server()
    return made


@pytest.fixture(params=["thread", "processes"])
def hasty(
    request: pytest.FixtureRequest, fleet: Fleet, certificates: Certificates
) -> Iterator[Served]:
    """A server that gives a handshake a few seconds."""
    flags = ("--ssl-certfile", f"{certificates.folder}/server.pem")
    yield from checked(fleet("plain", request.param, *flags, *SHORT))


@pytest.fixture
def narrow(fleet: Fleet, certificates: Certificates) -> Iterator[Served]:
    """A server that has a few handshakes under way at the most."""
    flags = ("--ssl-certfile", f"{certificates.folder}/server.pem")
    yield from checked(fleet("plain", "thread", *flags, *LONG, "--ssl-handshake-limit", str(MOST)))


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


def test_clients_that_stop_in_the_middle(hasty: Served, certificates: Certificates) -> None:
    with ExitStack() as stack:
        socks = {start: stack.enter_context(raw(hasty)) for start in STARTS}
        for start, sock in socks.items():
            sock.sendall(start)
        assert answers(hasty, certificates)
        assert [start for start, sock in socks.items() if not gone(sock)] == []


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
    served = fleet("plain", "thread", *flags, *SHORT, "--limit-connections", "2")
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
        # Those that were closed may be about to go.
        end = time.monotonic() + TIMEOUT
        while len(narrow.descriptors) > before + MOST + 2:
            assert time.monotonic() < end
            time.sleep(0.01)


def test_the_server_ends_all_the_same(certificates: Certificates) -> None:
    flags = ("--ssl-certfile", f"{certificates.folder}/server.pem")
    with Served("plain", *KINDS["threads"], *flags, *LONG) as served, raw(served) as sock:
        sock.sendall(b"\x16\x03\x01\x02")
        # By then a worker has it, since that one came later.
        assert answers(served, certificates)
        served.stop()
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
