"""Listening sockets over loopback: what is opened, what is refused and how, what is left behind."""

import errno
import os
import pickle
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pounce.config.config import Config
from pounce.protocol.errors import BindError
from pounce.supervise.listeners import (
    Listener,
    ListenerDescription,
    adopt_listeners,
    open_listeners,
)

type Open = Callable[..., tuple[Listener, ...]]


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as sock:
            sock.bind(("::1", 0))
    except OSError:
        return False
    return True


needs_ipv6 = pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6 loopback")


@pytest.fixture
def listen() -> Iterator[Open]:
    opened: list[Listener] = []

    def listen(default: str = "http", **settings: Any) -> tuple[Listener, ...]:
        found = open_listeners(Config("a:b", **{"port": 0, **settings}), default)
        opened.extend(found)
        return found

    yield listen
    for listener in opened:
        listener.close()


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    # The folder's own path can be too long for a socket.
    monkeypatch.chdir(tmp_path)
    return "s.sock"


def port_of(listener: Listener) -> int:
    port = listener.server[1]
    assert port is not None
    return port


def connects(*place: Any, family: int = socket.AF_INET) -> bool:
    with socket.socket(family) as sock:
        sock.settimeout(10)
        try:
            sock.connect(place)
        except OSError:
            return False
        return True


def resolves_to(monkeypatch: pytest.MonkeyPatch, *found: tuple[int, tuple[Any, ...]]) -> None:
    monkeypatch.setattr(
        socket,
        "getaddrinfo",
        lambda *_, **__: [(family, socket.SOCK_STREAM, 6, "", place) for family, place in found],
    )


def test_listens_on_host_and_port(listen: Open) -> None:
    (listener,) = listen()
    assert connects(*listener.server)


def test_a_free_port_is_told(listen: Open) -> None:
    (listener,) = listen()
    assert listener.server == ("127.0.0.1", listener.socket.getsockname()[1])


def test_the_url_of_ipv4(listen: Open) -> None:
    (listener,) = listen()
    assert listener.url == f"http://127.0.0.1:{port_of(listener)}"


@needs_ipv6
def test_the_url_of_ipv6_has_brackets(listen: Open) -> None:
    (listener,) = listen(host="::1")
    assert listener.url == f"http://[::1]:{port_of(listener)}"


def test_an_address_that_names_no_scheme_has_the_default(listen: Open, path: str) -> None:
    opened = listen("https", bind=["127.0.0.1:0", "http://127.0.0.1:0", f"unix:{path}"])
    assert [each.scheme for each in opened] == ["https", "http", "https"]
    assert opened[0].url == f"https://127.0.0.1:{port_of(opened[0])}"
    assert opened[2].url == f"https://unix:{path}"


def test_all_addresses_of_a_name_have_its_scheme(listen: Open) -> None:
    assert {each.scheme for each in listen(bind=["https://localhost:0"])} == {"https"}


def test_is_non_blocking(listen: Open) -> None:
    (listener,) = listen()
    with pytest.raises(BlockingIOError):
        listener.socket.accept()


def test_is_not_inherited(listen: Open) -> None:
    (listener,) = listen()
    assert not listener.socket.get_inheritable()


def test_accepted_sockets_do_not_delay(listen: Open) -> None:
    (listener,) = listen()
    listener.socket.setblocking(True)
    with socket.create_connection(listener.server), listener.socket.accept()[0] as accepted:
        assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_a_port_with_lingering_connections_is_free(listen: Open) -> None:
    (listener,) = listen()
    port = port_of(listener)
    listener.socket.setblocking(True)
    client = socket.create_connection(("127.0.0.1", port))
    # Who closes first lingers.
    listener.socket.accept()[0].close()
    client.close()
    listener.close()
    (again,) = listen(port=port)
    assert port_of(again) == port


def test_several_addresses(listen: Open, path: str) -> None:
    listeners = listen(bind=("127.0.0.1:0", f"unix:{path}"))
    assert [listener.socket.family for listener in listeners] == [socket.AF_INET, socket.AF_UNIX]


def test_when_one_fails_none_is_left(listen: Open, path: str) -> None:
    with pytest.raises(BindError):
        listen(bind=(f"unix:{path}", "fd://9999"))
    assert not Path(path).exists()


@needs_ipv6
def test_a_name_is_all_its_addresses_on_one_port(
    listen: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolves_to(
        monkeypatch, (socket.AF_INET6, ("::1", 0, 0, 0)), (socket.AF_INET, ("127.0.0.1", 0))
    )
    first, second = listen(host="a.test")
    assert port_of(first) == port_of(second)


@needs_ipv6
def test_a_port_that_only_one_address_has_free_is_not_taken(
    listen: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolves_to(
        monkeypatch, (socket.AF_INET, ("127.0.0.1", 0)), (socket.AF_INET6, ("::1", 0, 0, 0))
    )
    bind, refused = socket.socket.bind, list[int]()

    def bind_but_once(sock: socket.socket, place: Any) -> None:
        if sock.family == socket.AF_INET6 and not refused:
            refused.append(place[1])
            raise OSError(errno.EADDRINUSE, "in use")
        bind(sock, place)

    monkeypatch.setattr(socket.socket, "bind", bind_but_once)
    first, second = listen(host="a.test")
    assert port_of(first) == port_of(second)


def test_an_address_of_a_name_that_this_machine_lacks_is_left_out(
    listen: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolves_to(monkeypatch, (socket.AF_INET, ("192.0.2.1", 0)), (socket.AF_INET, ("127.0.0.1", 0)))
    assert [listener.server[0] for listener in listen(host="a.test")] == ["127.0.0.1"]


def test_an_address_that_a_name_has_twice_is_opened_once(
    listen: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolves_to(monkeypatch, (socket.AF_INET, ("127.0.0.1", 0)), (socket.AF_INET, ("127.0.0.1", 0)))
    assert len(listen(host="a.test")) == 1


@needs_ipv6
def test_every_interface_over_both(listen: Open) -> None:
    ports = {port_of(listener) for listener in listen(bind=(":0",))}
    (port,) = ports
    assert connects("127.0.0.1", port)
    assert connects("::1", port, family=socket.AF_INET6)


@needs_ipv6
def test_ipv6_alone_takes_ipv4_too(listen: Open) -> None:
    (listener,) = listen(host="::")
    assert connects("127.0.0.1", port_of(listener))


@needs_ipv6
def test_ipv6_leaves_ipv4_alone_when_both_are_given(listen: Open) -> None:
    _, listener = listen(bind=("127.0.0.1:0", "[::]:0"))
    assert listener.socket.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY)


@needs_ipv6
def test_both_wildcards_on_one_port(listen: Open) -> None:
    (listener,) = listen(host="0.0.0.0")
    port = port_of(listener)
    listener.close()
    assert len(listen(bind=(f"[::]:{port}", f"0.0.0.0:{port}"))) == 2


def test_a_port_in_use(listen: Open) -> None:
    (listener,) = listen()
    port = port_of(listener)
    with pytest.raises(BindError, match=rf"^127\.0\.0\.1:{port} is in use: .* --port"):
        listen(port=port)


def test_an_address_of_another_machine(listen: Open) -> None:
    with pytest.raises(BindError, match=r"^192\.0\.2\.1:0 is not an address of this machine"):
        listen(host="192.0.2.1")


def test_a_port_that_needs_a_privilege(listen: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    def bind(sock: socket.socket, place: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(socket.socket, "bind", bind)
    with pytest.raises(BindError, match=r"^127\.0\.0\.1:80 needs a privilege .* from 1024 up"):
        listen(port=80)


def test_an_unknown_name(listen: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    with pytest.raises(BindError, match=r'^the host "a\.test" is not known here'):
        listen(host="a.test")


def test_a_name_that_cannot_be(listen: Open) -> None:
    with pytest.raises(BindError, match="is not known here"):
        listen(host="a" * 64 + ".test")


def test_another_error_is_told_as_it_is(listen: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    def bind(sock: socket.socket, place: object) -> None:
        raise OSError(errno.ENOBUFS, "No buffer space available")

    monkeypatch.setattr(socket.socket, "bind", bind)
    with pytest.raises(BindError, match="cannot be listened on: No buffer space available"):
        listen()


# Descriptors


@pytest.fixture
def given() -> Iterator[socket.socket]:
    sock = socket.create_server(("127.0.0.1", 0))
    yield sock
    try:
        sock.close()
    except OSError:
        sock.detach()


def test_a_descriptor_is_served(listen: Open, given: socket.socket) -> None:
    port = given.getsockname()[1]
    (listener,) = listen(fd=given.detach())
    assert listener.url == f"http://127.0.0.1:{port}"


def test_a_descriptor_is_closed_with_its_listener(listen: Open, given: socket.socket) -> None:
    number = given.detach()
    (listener,) = listen(fd=number)
    listener.close()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(number)


def test_a_descriptor_becomes_non_blocking_and_private(listen: Open, given: socket.socket) -> None:
    given.set_inheritable(True)
    (listener,) = listen(fd=given.detach())
    assert (listener.socket.getblocking(), listener.socket.get_inheritable()) == (False, False)


def test_a_descriptor_that_is_not_open(listen: Open) -> None:
    with pytest.raises(BindError, match=r"^descriptor 9999 is not open"):
        listen(fd=9999)


def test_a_descriptor_that_is_no_socket(listen: Open) -> None:
    reader, writer = os.pipe()
    try:
        with pytest.raises(BindError, match="is not a socket"):
            listen(fd=reader)
    finally:
        os.close(reader)
        os.close(writer)


def test_a_socket_that_does_not_listen(listen: Open) -> None:
    with socket.socket() as sock:
        with pytest.raises(BindError, match="does not listen: pass a stream socket that listens"):
            listen(fd=sock.fileno())
        assert os.fstat(sock.fileno())


def test_a_socket_that_is_no_stream(listen: Open) -> None:
    with (
        socket.socket(type=socket.SOCK_DGRAM) as sock,
        pytest.raises(BindError, match="is not a stream socket"),
    ):
        listen(fd=sock.fileno())


# Child processes


def adopted(description: ListenerDescription) -> Listener:
    """Adopts a copy, as a child process has it."""
    (listener,) = adopt_listeners([replace(description, descriptor=os.dup(description.descriptor))])
    return listener


def test_a_description_can_be_pickled(listen: Open) -> None:
    (listener,) = listen()
    assert pickle.loads(pickle.dumps(listener.describe())) == listener.describe()


def test_an_adopted_listener_is_the_same(listen: Open) -> None:
    (listener,) = listen()
    child = adopted(listener.describe())
    try:
        assert (child.url, child.server) == (listener.url, listener.server)
        assert child.socket.getsockname() == listener.socket.getsockname()
    finally:
        child.close()


def test_an_adopted_listener_has_the_scheme_that_was_told(listen: Open) -> None:
    [listener] = listen("https")
    child = adopted(listener.describe())
    child.close()
    assert (child.scheme, child.url) == ("https", listener.url)


def test_an_adopted_listener_accepts(listen: Open) -> None:
    (listener,) = listen()
    child = adopted(listener.describe())
    listener.close()
    try:
        assert connects(*child.server)
    finally:
        child.close()


def test_a_descriptor_that_was_not_passed() -> None:
    description = ListenerDescription(9999, socket.AF_INET, ("127.0.0.1", 1), "http")
    with pytest.raises(BindError, match=r"was not given the socket of http://127\.0\.0\.1:1"):
        adopt_listeners([description])


def test_when_one_was_not_passed_the_others_stay_open(listen: Open) -> None:
    (listener,) = listen()
    missing = replace(listener.describe(), descriptor=9999)
    with pytest.raises(BindError):
        adopt_listeners([listener.describe(), missing])
    assert connects(*listener.server)


def test_opening_in_many_threads_gives_each_a_port_of_its_own(listen: Open) -> None:
    ports: list[int] = []

    def one() -> None:
        ports.append(port_of(listen()[0]))

    threads = [threading.Thread(target=one) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(ports)) == 16
