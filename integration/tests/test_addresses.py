"""Where a server listens: several addresses at once, IPv6, Unix sockets, descriptors of others."""

import json
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path
from signal import SIGINT

import pytest

from integration.tests.client import Client
from integration.tests.conftest import KINDS
from integration.tests.record import Record
from integration.tests.serving import Served
from pounce.testing.wire import Address


def ipv6() -> bool:
    with socket.socket(socket.AF_INET6) as probe:
        try:
            probe.bind(("::1", 0))
        except OSError:
            return False
    return True


needs_ipv6 = pytest.mark.skipif(not ipv6(), reason="this machine has no IPv6")


@pytest.fixture
def path() -> Iterator[Path]:
    """A path that is short enough for a Unix socket, wherever pytest keeps its own."""
    with tempfile.TemporaryDirectory(prefix="pounce-", dir="/tmp") as folder:
        yield Path(folder, "socket")


def scope_of(address: Address) -> dict[str, object]:
    with Client.to(address) as client:
        found: dict[str, object] = json.loads(client.get("/show").body)
        return found | {"name": client.socket.getsockname()}


def test_a_unix_socket_is_there_as_long_as_the_server(path: Path) -> None:
    with Served("plain", "--uds", str(path), port=None) as served:
        assert served.urls == [f"unix:{path}"]
        scope = scope_of(path)
        assert scope["client"] is None
        assert scope["server"] == [str(path), None]
        served.stop()
    assert not path.exists()


def test_the_file_of_a_server_that_was_killed_is_no_obstacle(path: Path) -> None:
    with Served("plain", "--uds", str(path), port=None) as served:
        served.process.kill()
        served.wait()
    assert path.exists()
    with Served("plain", "--uds", str(path), port=None):
        assert scope_of(path)["path"] == "/show"
    assert not path.exists()


@needs_ipv6
def test_ipv6() -> None:
    with Served("plain", "--bind=[::1]:0", port=None) as served:
        [url] = served.urls
        assert url.startswith("http://[::1]:")
        scope = scope_of(served.address)
        assert scope["server"] == ["::1", served.address[1]]
        assert scope["client"] == list(scope["name"][:2])  # type: ignore[index]


@needs_ipv6
@pytest.mark.parametrize("kind", ["threads", "processes"], scope="function")
def test_several_addresses_at_once(kind: str, path: Path) -> None:
    binds = ["--bind=127.0.0.1:0", "--bind=[::1]:0", f"--bind=unix:{path}"]
    with Served("plain", *KINDS[kind], *binds, port=None) as served:
        assert len(served.urls) == 3
        ports = [int(url.rpartition(":")[2]) for url in served.urls[:2]]
        places: list[Address] = [("127.0.0.1", ports[0]), ("::1", ports[1]), path]
        servers = [scope_of(place)["server"] for place in places]
        assert servers == [["127.0.0.1", ports[0]], ["::1", ports[1]], [str(path), None]]
    assert not path.exists()


@pytest.mark.parametrize(
    ("kind", "flag"), [("threads", "--fd={}"), ("processes", "--bind=fd://{}")], scope="function"
)
def test_a_descriptor_of_somebody_else(kind: str, flag: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        number = listener.fileno()
        flags = (*KINDS[kind], flag.format(number))
        with Served("plain", *flags, port=None, pass_fds=[number]) as served:
            assert served.address == listener.getsockname()
            assert scope_of(served.address)["server"] == list(served.address)
            served.stop(SIGINT)
        # It was lent, not given.
        assert listener.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)


def test_a_unix_descriptor_of_somebody_else(path: Path, record: Record) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        number = listener.fileno()
        with Served("plain", f"--fd={number}", port=None, pass_fds=[number]):
            assert scope_of(path)["server"] == [str(path), None]
    # Who made the file removes it.
    path.unlink()


def test_all_interfaces() -> None:
    with Served("plain", "--host=0.0.0.0") as served:
        address = ("127.0.0.1", served.address[1])
        assert scope_of(address)["server"] == ["0.0.0.0", served.address[1]]
