"""WebSockets when their server ends, reloads, or has many that say nothing."""

import contextlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from signal import SIGHUP, SIGTERM

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from integration.tests.client import TIMEOUT, Client
from integration.tests.record import Record
from integration.tests.serving import Served

KINDS = ("thread", "process")
GOING = "the server is going away"
IDLE = 300


def flags(kind: str) -> tuple[str, ...]:
    return ("--workers=2", f"--worker-type={kind}", "--timeout-graceful-shutdown=300")


def open_socket(served: Served, path: str) -> ClientConnection:
    host, port = served.address
    url = f"ws://{host}:{port}/{path}"
    return connect(url, proxy=None, open_timeout=TIMEOUT, ping_interval=None)


def end_of(client: ClientConnection) -> tuple[int, str]:
    with pytest.raises(ConnectionClosed) as caught:
        client.recv(TIMEOUT)
    assert caught.value.rcvd is not None
    return caught.value.rcvd.code, caught.value.rcvd.reason


@pytest.mark.parametrize("kind", KINDS)
def test_an_end_is_told_to_clients_and_to_the_application(
    kind: str, record: Record, token: str
) -> None:
    with (
        Served("sockets", *flags(kind), env=record.env) as served,
        contextlib.ExitStack() as stack,
    ):
        clients = [stack.enter_context(open_socket(served, f"echo?{token}")) for _ in range(6)]
        clients[0].send("x")
        assert clients[0].recv(TIMEOUT) == "x"
        served.signal(SIGTERM)
        assert [end_of(client) for client in clients] == [(1012, GOING)] * 6
        assert record.wait(token, "disconnect", 6) == [[1012, GOING]] * 6
        # Nothing is left to wait for: long before the time for a graceful end is over.
        served.stop()


@pytest.mark.parametrize("kind", KINDS)
def test_an_application_that_does_not_listen_is_ended(
    kind: str, record: Record, token: str
) -> None:
    quick = (*flags(kind)[:2], "--timeout-graceful-shutdown=3")
    with (
        Served("sockets", *quick, env=record.env) as served,
        open_socket(served, f"deaf?{token}") as client,
    ):
        served.announce("outlived", "do not end")
        served.signal(SIGTERM)
        assert end_of(client) == (1012, GOING)
        assert record.wait(token, "ended") == [None]
        served.stop()


@pytest.mark.parametrize("kind", KINDS)
def test_a_reload_ends_connections_so_that_clients_come_back(kind: str, record: Record) -> None:
    with Served("sockets", *flags(kind), env=record.env) as served:
        with open_socket(served, "echo") as client:
            served.process.send_signal(SIGHUP)
            assert end_of(client) == (1012, GOING)
        with open_socket(served, "echo") as client:
            client.send("x")
            assert client.recv(TIMEOUT) == "x"


def test_many_that_are_idle_are_pinged_and_kept(record: Record) -> None:
    pings = ("--ws-ping-interval=1", "--ws-ping-timeout=60")
    with Served("sockets", *flags("thread"), *pings, env=record.env) as served:
        before = served.memory
        clients = [Client.to(served.address) for _ in range(IDLE)]
        try:
            for client in clients:
                client.ask(
                    "/echo",
                    "GET",
                    "connection: upgrade",
                    "upgrade: websocket",
                    "sec-websocket-version: 13",
                    "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==",
                    "sec-websocket-extensions: permessage-deflate",
                )
            for client in clients:
                assert client.read_response().status == 101
            for _ in range(2):
                for client in clients:
                    assert client.read_bytes(2) == b"\x89\x00"
                    client.send(b"\x8a\x80" + bytes(4))
            # None of them has compressed anything, so that none has paid for it: 300 KB each. What
            # is resident has pages, too, that an allocator keeps.
            assert (served.memory - before) / IDLE < 150 * 1024
        finally:
            for client in clients:
                client.close()


@pytest.mark.parametrize("word", ["none", "auto"])
def test_websocket_can_be_left_off(word: str, record: Record) -> None:
    with (
        Served("sockets", "--ws", word, env=record.env) as served,
        Client.to(served.address) as client,
    ):
        response = client.get(
            "/echo",
            "GET",
            "connection: upgrade",
            "upgrade: websocket",
            "sec-websocket-version: 13",
            "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==",
        )
        assert response.status == (200 if word == "none" else 101)


def test_threads_serve_at_once(record: Record) -> None:
    """Clients on every worker, each at its own pace, never see another's messages."""
    with Served("sockets", "--workers=4", "--worker-type=thread", env=record.env) as served:
        wrong: list[object] = []

        def talk(name: int) -> None:
            with open_socket(served, "echo") as client:
                for number in range(50):
                    client.send(f"{name} {number}")
                    if client.recv(TIMEOUT) != f"{name} {number}":
                        wrong.append((name, number))

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(talk, range(8)))
        assert wrong == []


def test_settings_come_from_a_table_and_the_environment(tmp_path: Path, record: Record) -> None:
    file = tmp_path / "pounce.toml"
    file.write_text("[pounce.ws]\nmax_size = 10\n")
    environment = record.env | {"POUNCE_WS_PER_MESSAGE_DEFLATE": "false"}
    with (
        Served("sockets", "--config", str(file), env=environment) as served,
        open_socket(served, "echo") as client,
    ):
        assert client.response is not None
        assert "sec-websocket-extensions" not in client.response.headers
        client.send("x" * 11)
        assert end_of(client)[0] == 1009
