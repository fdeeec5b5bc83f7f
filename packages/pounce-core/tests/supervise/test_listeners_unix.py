"""Unix sockets: whose file it is, what may be replaced, and what is left behind."""

import errno
import os
import socket
import stat
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pounce.config.config import Config
from pounce.protocol.errors import BindError
from pounce.supervise.listeners import Listener, adopt_listeners, open_listeners

type Open = Callable[..., tuple[Listener, ...]]


@pytest.fixture
def listen() -> Iterator[Open]:
    opened: list[Listener] = []

    def listen(**settings: Any) -> tuple[Listener, ...]:
        found = open_listeners(Config("a:b", **{"port": 0, **settings}))
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


def connects(path: str) -> bool:
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(10)
        try:
            sock.connect(path)
        except OSError:
            return False
        return True


def test_listens_on_a_unix_socket(listen: Open, path: str) -> None:
    listen(uds=path)
    assert connects(path)


def test_the_url_and_name_of_a_unix_socket(listen: Open, path: str) -> None:
    (listener,) = listen(uds=path)
    assert (listener.url, listener.server) == (f"unix:{path}", (path, None))


@pytest.mark.parametrize("permissions", [0o666, 0o600])
def test_its_permissions_whatever_the_umask(listen: Open, path: str, permissions: int) -> None:
    before = os.umask(0o077)
    try:
        listen(uds=path, uds_permissions=permissions)
    finally:
        os.umask(before)
    assert stat.S_IMODE(Path(path).stat().st_mode) == permissions


def test_its_file_is_removed_at_close(listen: Open, path: str) -> None:
    (listener,) = listen(uds=path)
    listener.close()
    assert not Path(path).exists()


def test_its_file_is_removed_wherever_the_process_went(
    listen: Open, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (listener,) = listen(uds=path)
    file = Path(path).absolute()
    monkeypatch.chdir("/")
    listener.close()
    assert not file.exists()


def test_closing_twice_leaves_the_file_of_the_next(listen: Open, path: str) -> None:
    (listener,) = listen(uds=path)
    listener.close()
    listen(uds=path)
    listener.close()
    assert Path(path).exists()


def test_a_file_that_another_put_there_is_left(listen: Open, path: str) -> None:
    (listener,) = listen(uds=path)
    Path(path).unlink()
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(path)
        listener.close()
        assert Path(path).exists()


def test_a_file_that_is_gone_is_no_error(listen: Open, path: str) -> None:
    (listener,) = listen(uds=path)
    Path(path).unlink()
    listener.close()
    assert listener.socket.fileno() == -1


def test_another_process_leaves_the_file(
    listen: Open, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (listener,) = listen(uds=path)
    monkeypatch.setattr(os, "getpid", lambda: -1)
    listener.close()
    assert Path(path).exists()


def test_a_stale_file_is_replaced(listen: Open, path: str) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(path)
    listen(uds=path)
    assert connects(path)


def test_a_live_socket_is_left_alone(listen: Open, path: str) -> None:
    listen(uds=path)
    with pytest.raises(BindError, match=r"^s\.sock is in use: .* --uds"):
        listen(uds=path)
    assert connects(path)


def test_a_live_socket_with_a_full_backlog_is_left_alone(listen: Open, path: str) -> None:
    with socket.socket(socket.AF_UNIX) as busy:
        busy.bind(path)
        busy.listen(0)
        clients: list[socket.socket] = []
        try:
            while True:
                client = socket.socket(socket.AF_UNIX)
                clients.append(client)
                client.setblocking(False)
                client.connect(path)
        except BlockingIOError:
            with pytest.raises(BindError, match="is in use"):
                listen(uds=path)
        finally:
            for client in clients:
                client.close()


def test_a_datagram_socket_is_left_alone(listen: Open, path: str) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
        other.bind(path)
        with pytest.raises(BindError, match="is in use"):
            listen(uds=path)


def test_a_file_that_is_no_socket_is_left_alone(listen: Open, path: str) -> None:
    Path(path).write_text("precious")
    with pytest.raises(BindError, match="exists and is not a socket"):
        listen(uds=path)
    assert Path(path).read_text() == "precious"


def test_a_link_to_a_socket_is_left_alone(listen: Open, path: str) -> None:
    Path(path).symlink_to("elsewhere")
    with pytest.raises(BindError, match="exists and is not a socket"):
        listen(uds=path)


def test_a_path_that_is_too_long(listen: Open) -> None:
    with pytest.raises(BindError, match="has 108 bytes, of which the system takes 107"):
        listen(uds="x" * 108)


def test_the_longest_path(listen: Open, path: str) -> None:
    if os.uname().sysname != "Linux":
        pytest.skip("other systems take less")
    listen(uds="x" * 107)
    assert Path("x" * 107).exists()


def test_a_folder_that_is_missing(listen: Open, path: str) -> None:
    with pytest.raises(BindError, match=r"there is no folder nowhere for the socket nowhere/s"):
        listen(uds="nowhere/s")


def test_a_folder_that_may_not_be_written_to(
    listen: Open, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def bind(sock: socket.socket, place: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(socket.socket, "bind", bind)
    with pytest.raises(BindError, match="may not make or use the socket"):
        listen(uds=path)


def test_a_file_is_not_left_when_listening_fails(
    listen: Open, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(sock: socket.socket, backlog: int) -> None:
        raise OSError(errno.ENOBUFS, "No buffer space available")

    monkeypatch.setattr(socket.socket, "listen", fail)
    with pytest.raises(BindError, match="No buffer space available"):
        listen(uds=path)
    assert not Path(path).exists()


def test_a_descriptor_of_a_unix_socket(listen: Open, path: str) -> None:
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(path)
        sock.listen()
        (listener,) = listen(bind=(f"fd://{sock.detach()}",))
    assert listener.url == f"unix:{path}"


def test_the_file_of_a_given_unix_socket_stays(listen: Open, path: str) -> None:
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(path)
        sock.listen()
        (listener,) = listen(fd=sock.detach())
    listener.close()
    assert Path(path).exists()


def test_an_adopted_listener_leaves_the_socket_file(listen: Open, path: str) -> None:
    (listener,) = listen(uds=path)
    description = replace(listener.describe(), descriptor=os.dup(listener.socket.fileno()))
    adopt_listeners([description])[0].close()
    assert Path(path).exists()


def stale(path: str) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(path)


def fails(monkeypatch: pytest.MonkeyPatch, owner: type, name: str, error: OSError) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(owner, name, fail)


def test_a_socket_that_may_not_be_looked_at_is_left_alone(
    listen: Open, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    stale(path)
    fails(monkeypatch, socket.socket, "connect", PermissionError(errno.EACCES, "denied"))
    with pytest.raises(BindError, match="may not make or use the socket"):
        listen(uds=path)
    assert Path(path).exists()


def test_a_stale_file_that_goes_by_itself_is_no_error(
    listen: Open, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    stale(path)

    def connect(sock: socket.socket, place: str) -> None:
        Path(place).unlink()
        raise FileNotFoundError(errno.ENOENT, "gone")

    with monkeypatch.context() as patch:
        patch.setattr(socket.socket, "connect", connect)
        listen(uds=path)
    assert connects(path)


def test_a_stale_file_that_cannot_be_removed(
    listen: Open, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    stale(path)
    fails(monkeypatch, Path, "unlink", PermissionError(errno.EPERM, "denied"))
    with pytest.raises(BindError, match="may not make or use the socket"):
        listen(uds=path)


def test_a_file_that_another_makes_meanwhile(
    listen: Open, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fails(monkeypatch, socket.socket, "bind", OSError(errno.EADDRINUSE, "in use"))
    with pytest.raises(BindError, match=r"^s\.sock is in use"):
        listen(uds=path)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_the_file_can_be_given_to_another_user(listen: Open, path: str) -> None:
    (listener,) = listen(uds=path)
    listener.give_to(12345, 54321)
    found = Path(path).lstat()
    assert (found.st_uid, found.st_gid) == (12345, 54321)


def test_a_file_that_cannot_be_given_away(
    listen: Open, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    (listener,) = listen(uds=path)
    monkeypatch.setattr(os, "chown", refuse)
    with pytest.raises(BindError, match=r"s\.sock cannot be given to the user of --user: Operat"):
        listener.give_to(12345, 54321)


def test_a_socket_without_a_file_has_nothing_to_give(listen: Open) -> None:
    (listener,) = listen()
    listener.give_to(12345, 54321)
