"""The service manager's protocols, with a socket of the test's in its place."""

import os
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pounce.supervise import systemd
from pounce.supervise.systemd import inherited_descriptors, notify, watchdog_interval

MODULE = "pounce.supervise.systemd"
FREE = 200
"""A descriptor that nothing in the test's process uses, nor those that follow it."""

type Pass = Callable[..., list[int]]


@pytest.fixture(autouse=True)
def no_manager(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in list(os.environ):
        if variable.startswith(("LISTEN_", "NOTIFY_", "WATCHDOG_")):
            monkeypatch.delenv(variable)


@pytest.fixture
def manager(monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    # A folder of pytest's can be too long for a socket, and the protocol wants a whole path.
    path = f"/tmp/pounce-{os.getpid()}.notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(path)
        sock.settimeout(10)
        monkeypatch.setenv("NOTIFY_SOCKET", path)
        yield sock
    Path(path).unlink()


@pytest.fixture
def passes(monkeypatch: pytest.MonkeyPatch) -> Iterator[Pass]:
    """Passes so many sockets as systemd would."""
    passed: list[int] = []

    def passes(count: int, names: str | None = None) -> list[int]:
        for number in range(FREE, FREE + count):
            with socket.socket() as sock:
                passed.append(os.dup2(sock.fileno(), number, inheritable=True))
        monkeypatch.setattr(f"{MODULE}.FIRST_DESCRIPTOR", FREE)
        monkeypatch.setenv("LISTEN_PID", str(os.getpid()))
        monkeypatch.setenv("LISTEN_FDS", str(count))
        if names is not None:
            monkeypatch.setenv("LISTEN_FDNAMES", names)
        return passed

    yield passes
    for number in passed:
        os.close(number)


# What the manager is told


def test_the_manager_is_told(manager: socket.socket) -> None:
    notify("READY=1")
    assert manager.recv(100) == b"READY=1"


def test_says_that_it_was_told(manager: socket.socket) -> None:
    assert notify("READY=1")


@pytest.mark.skipif(not hasattr(os, "eventfd"), reason="only Linux has abstract sockets")
def test_an_abstract_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(f"\0pounce-{os.getpid()}")
        sock.settimeout(10)
        monkeypatch.setenv("NOTIFY_SOCKET", f"@pounce-{os.getpid()}")
        notify("READY=1")
        assert sock.recv(100) == b"READY=1"


@pytest.mark.parametrize("place", ["", "relative", "/no/such/socket", "@", "/" + "x" * 200])
def test_no_manager_is_no_error(monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", place)
    assert not notify("READY=1")


def test_without_a_manager_nobody_is_told() -> None:
    assert not notify("READY=1")


@pytest.mark.usefixtures("manager")
def test_a_manager_whose_queue_is_full_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"{MODULE}.PATIENCE", 0.01)
    assert any(not notify("x" * 1000) for _ in range(10_000))


@pytest.mark.parametrize(
    ("say", "words"),
    [
        (systemd.ready, b"READY=1"),
        (systemd.stopping, b"STOPPING=1"),
        (systemd.alive, b"WATCHDOG=1"),
        (lambda: systemd.main_pid(7), b"MAINPID=7"),
        (lambda: systemd.status("two\nlines"), b"STATUS=two lines"),
    ],
)
def test_says(manager: socket.socket, say: Callable[[], bool], words: bytes) -> None:
    say()
    assert manager.recv(100) == words


def test_a_reload_says_that_it_is_one(manager: socket.socket) -> None:
    systemd.reloading()
    assert manager.recv(100).startswith(b"RELOADING=1\nMONOTONIC_USEC=")


def test_a_reload_says_when_it_began(manager: socket.socket) -> None:
    before = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    systemd.reloading()
    after = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    assert before <= int(manager.recv(100).rpartition(b"=")[2]) <= after


# The watchdog


def test_no_watchdog() -> None:
    assert watchdog_interval() is None


def test_the_watchdog_is_told_twice_as_often_as_it_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", "30000000")
    assert watchdog_interval() == 15


def test_the_watchdog_may_name_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", "30000000")
    monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()))
    assert watchdog_interval() == 15


def test_the_watchdog_may_mean_another_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", "30000000")
    monkeypatch.setenv("WATCHDOG_PID", "1")
    assert watchdog_interval() is None


@pytest.mark.parametrize("text", ["", "0", "x", "-1"])
def test_a_watchdog_without_a_time_is_none(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", text)
    assert watchdog_interval() is None


# The sockets that it passes


def test_no_sockets() -> None:
    assert inherited_descriptors() == ((), ())


def test_sockets_without_names(passes: Pass) -> None:
    passes(2)
    assert inherited_descriptors() == ((FREE, FREE + 1), ("unknown", "unknown"))


def test_sockets_with_names(passes: Pass) -> None:
    passes(2, "web:admin")
    assert inherited_descriptors() == ((FREE, FREE + 1), ("web", "admin"))


def test_fewer_names_than_sockets(passes: Pass) -> None:
    passes(2, "web")
    assert inherited_descriptors()[1] == ("web", "unknown")


def test_more_names_than_sockets(passes: Pass) -> None:
    passes(1, "web:admin")
    assert inherited_descriptors()[1] == ("web",)


def test_sockets_are_taken_once(passes: Pass) -> None:
    passes(1)
    inherited_descriptors()
    assert inherited_descriptors() == ((), ())


def test_children_are_not_told_of_them(passes: Pass) -> None:
    passes(1, "web")
    inherited_descriptors()
    assert not [variable for variable in os.environ if variable.startswith("LISTEN_")]


def test_children_do_not_inherit_them(passes: Pass) -> None:
    (descriptor,) = passes(1)
    inherited_descriptors()
    assert not os.get_inheritable(descriptor)


def test_another_processs_sockets(passes: Pass, monkeypatch: pytest.MonkeyPatch) -> None:
    passes(1)
    monkeypatch.setenv("LISTEN_PID", "1")
    assert inherited_descriptors() == ((), ())


def test_another_process_keeps_its_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LISTEN_PID", "1")
    inherited_descriptors()
    assert os.environ["LISTEN_PID"] == "1"


def test_sockets_that_are_not_there(passes: Pass, monkeypatch: pytest.MonkeyPatch) -> None:
    passes(1)
    monkeypatch.setenv("LISTEN_FDS", "999999999")
    assert inherited_descriptors() == ((FREE,), ("unknown",))


@pytest.mark.parametrize("count", ["", "x", "-1"])
def test_a_count_that_is_none(monkeypatch: pytest.MonkeyPatch, count: str) -> None:
    monkeypatch.setenv("LISTEN_PID", str(os.getpid()))
    monkeypatch.setenv("LISTEN_FDS", count)
    assert inherited_descriptors() == ((), ())
