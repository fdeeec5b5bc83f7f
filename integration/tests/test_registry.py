"""The sample of an outsider's, which pounce found because it is installed: served beside HTTP/1.1
on the same port, in the clear and over TLS.
"""

import contextlib
import os
import select
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from signal import SIGHUP, SIGTERM

import pytest

import pounce
from integration.apps.plain import app as plain_app
from integration.tests.certificates import Certificates
from integration.tests.client import TIMEOUT, Client, request
from integration.tests.conftest import KINDS, NATURAL, Fleet, checked
from integration.tests.processes import until_counted
from integration.tests.serving import ROOT, START, Served
from integration.tests.streams import Streams

PREFACE = b"LINES/1\n"
FLAGS = ("--sample-path", "/echo", "--sample-greeting", "hi")
SHOUT = ("connection: upgrade", "upgrade: shout", "sec-shout-version: 1")
TIMES = 12
RELOADS = 2
PACE = 0.02
"""Seconds between two connections of a client: the machine is not to be full."""
OTHER = "processes" if NATURAL == "threads" else "threads"

type Connect = Callable[..., Client]


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    made = Certificates.make(tmp_path_factory.mktemp("certificates"))
    made.server()
    return made


@pytest.fixture(params=["clear", "tls"])
def served(
    request: pytest.FixtureRequest, fleet: Fleet, kind: str, certificates: Certificates
) -> Iterator[Served]:
    """The sample's protocols on each kind of worker, in the clear and over TLS."""
    flags: tuple[str, ...] = FLAGS
    if request.param == "tls":
        flags += ("--ssl-certfile", f"{certificates.folder}/server.pem")
    yield from checked(fleet("plain", kind, *flags))


@pytest.fixture
def connect(served: Served, certificates: Certificates) -> Connect:
    """Makes connections; over TLS, with what is offered in ALPN."""

    def connect(*alpn: str) -> Client:
        if served.urls[0].startswith("http:"):
            return Client.to(served.address)
        context = certificates.trusting()
        if alpn:
            context.set_alpn_protocols(alpn)
        return certificates.connect(served.address, context=context)

    return connect


# Lines


@pytest.mark.parametrize("alpn", [(), ("sample-lines",)], ids=["preface", "alpn"])
def test_lines_are_answered_by_the_application(connect: Connect, alpn: tuple[str, ...]) -> None:
    with connect(*alpn) as client:
        client.send(PREFACE)
        assert client.until(b"\n") == b"hi\n"
        for number in range(5):
            client.send(b"line %d\r\n" % number)
            assert client.until(b"\n") == b"200 line %d\n" % number


@pytest.mark.parametrize("at", [1, len(PREFACE) - 1, len(PREFACE), len(PREFACE) + 3])
def test_a_preface_may_come_in_pieces(connect: Connect, at: int) -> None:
    with connect() as client:
        client.send_split(PREFACE + b"one\n", at)
        assert client.until(b"\n") + client.until(b"\n") == b"hi\n200 one\n"


def test_lines_may_come_byte_by_byte(connect: Connect) -> None:
    with connect() as client:
        client.send_bytewise(PREFACE + b"one\n")
        assert client.until(b"\n") + client.until(b"\n") == b"hi\n200 one\n"


def test_lines_may_come_all_at_once(connect: Connect) -> None:
    with connect() as client:
        client.send(PREFACE + b"".join(b"%d\n" % number for number in range(1000)))
        client.until(b"\n")
        expected = b"".join(b"200 %d\n" % number for number in range(1000))
        assert client.read_bytes(len(expected)) == expected


def test_who_agreed_on_lines_begins_with_its_preface(served: Served, connect: Connect) -> None:
    if served.urls[0].startswith("http:"):
        pytest.skip("nothing is agreed on in the clear")
    with connect("sample-lines") as client:
        client.send(request("/ok"))
        assert client.read_until_closed() == b"400 these are no lines\n"


def test_who_agreed_on_http_is_not_taken_for_lines(served: Served, connect: Connect) -> None:
    if served.urls[0].startswith("http:"):
        pytest.skip("nothing is agreed on in the clear")
    with connect("http/1.1") as client:
        client.send(PREFACE)
        assert client.read_response().status == 400


def test_the_protocol_is_its_own_judge(connect: Connect) -> None:
    with connect() as client:
        client.send(PREFACE + b"x" * 9000)
        assert client.until(b"\n") + client.until(b"\n") == b"hi\n413 the line is too long\n"


# HTTP/1.1 beside it


def test_http_is_served_on_the_same_port(connect: Connect) -> None:
    with connect() as client:
        assert client.get("/ok").body == b"ok"
        assert client.get("/echo", "POST", body=b"hello").body == b"hello"


@pytest.mark.parametrize("at", range(1, len("LINES /ok")))
def test_a_request_that_begins_like_a_preface_is_one(connect: Connect, at: int) -> None:
    with connect() as client:
        client.send_split(request("/ok", "LINES"), at)
        assert client.response("LINES").body == b"ok"


# The upgrade


def test_an_upgrade_takes_its_request_over(connect: Connect) -> None:
    with connect() as client:
        client.ask("/ok", "GET", *SHOUT)
        response = client.response()
        assert (response.status, response.value(b"upgrade")) == (101, b"shout")
        assert response.value(b"sec-shout-version") == b"1"
        client.send(b"one\nt")
        assert client.until(b"\n") == b"ONE!\n"
        client.send(b"wo\n")
        assert client.until(b"\n") == b"TWO!\n"


def test_what_comes_with_the_offer_is_the_upgrades(connect: Connect) -> None:
    with connect() as client:
        client.send(request("/ok", "GET", *SHOUT) + request("/ok").replace(b"\r", b""))
        assert client.response().status == 101
        assert client.until(b"!\n") == b"GET /OK HTTP/1.1!\n"


def test_an_offer_of_another_version_is_answered_by_the_upgrade(connect: Connect) -> None:
    with connect() as client:
        response = client.get("/ok", "GET", *SHOUT[:2], "sec-shout-version: 2")
        assert (response.status, response.value(b"upgrade")) == (426, b"shout")
        assert client.get("/ok").body == b"ok"


@pytest.mark.parametrize("fields", [SHOUT[:2], SHOUT[1:], (SHOUT[0], "upgrade: other", SHOUT[2])])
def test_what_the_upgrade_leaves_is_a_request(connect: Connect, fields: tuple[str, ...]) -> None:
    with connect() as client:
        assert client.get("/ok", "GET", *fields).body == b"ok"
        assert client.get("/ok").body == b"ok"


def test_an_upgrade_takes_a_stream_of_http2_over(connect: Connect) -> None:
    with connect("h2") as client, Streams(client.socket) as streams:
        number = streams.connect("/ok", "shout", (b"sec-shout-version", b"1"))
        streams.send(number, b"one\ntwo")
        answer = streams.answer(number)
        assert (answer.status, answer.fields[b"sec-shout-version"]) == (200, b"1")
        assert answer.body == b"ONE!\nTWO"
        assert streams.get("/ok").body == b"ok"


def test_a_tunnel_carries_much_both_ways(connect: Connect) -> None:
    with connect() as client:
        client.ask("/ok", "GET", *SHOUT)
        assert client.response().status == 101
        lines = b"".join(b"%064d\n" % number for number in range(50_000))
        expected = lines.replace(b"\n", b"!\n")
        assert both_ways(client.socket, lines, len(expected)) == expected


def both_ways(sock: socket.socket, data: bytes, count: int) -> bytes:
    """Sends as the server reads, and reads as it sends, until so much has come."""
    sock.setblocking(False)
    got = bytearray()
    while len(got) < count:
        ready = select.select([sock], [sock] if data else [], [], TIMEOUT)
        assert any(ready), f"{len(got)} bytes came, and {len(data)} were not taken"
        # Over TLS, what is ready below may be nothing above.
        with contextlib.suppress(BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            data = data[sock.send(data[:16_384]) :] if data else data
        with contextlib.suppress(BlockingIOError, ssl.SSLWantReadError):
            piece = sock.recv(65_536)
            assert piece, f"an end behind {len(got)} bytes"
            got += piece
    return bytes(got)


# All of it at once


def test_all_are_served_beside_each_other(connect: Connect) -> None:
    failures: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for turn in range(TIMES):
                with connect() as client:
                    if (number + turn) % 3 == 0:
                        client.send_split(PREFACE + b"%d\n" % turn, 1 + turn % 8)
                        assert client.until(b"\n") + client.until(b"\n") == b"hi\n200 %d\n" % turn
                    elif (number + turn) % 3 == 1:
                        client.ask("/ok", "GET", *SHOUT)
                        client.send(b"%d\n" % turn)
                        assert client.response().status == 101
                        assert client.until(b"\n") == b"%d!\n" % turn
                    else:
                        assert client.get("/echo", "POST", body=b"hello").body == b"hello"
        except BaseException as failure:  # noqa: BLE001 - told to the test's own thread
            failures.append(failure)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(2 * TIMEOUT)
    assert failures == []
    assert not any(thread.is_alive() for thread in threads)


# Settings


def greeting(address: tuple[str, int]) -> bytes:
    with Client.to(address) as client:
        client.send(PREFACE)
        return client.until(b"\n")


def test_a_setting_in_toml(tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    file.write_text('[pounce.line]\ngreeting = "from toml"\n')
    with Served("plain", "--config", str(file)) as served:
        assert greeting(served.address) == b"from toml\n"


def test_a_setting_in_the_environment() -> None:
    with Served("plain", env={"POUNCE_SAMPLE_GREETING": "from the environment"}) as served:
        assert greeting(served.address) == b"from the environment\n"


@pytest.mark.parametrize("kind", KINDS)
def test_a_setting_on_the_command_line(kind: str) -> None:
    with Served("plain", *KINDS[kind], "--sample-greeting=from here") as served:
        assert greeting(served.address) == b"from here\n"


def test_a_setting_in_python() -> None:
    server = pounce.Server(plain_app, port=0, sample_greeting="from python", log_level="error")
    with server:
        host, _, port = server.addresses[0].removeprefix("http://").rpartition(":")
        assert greeting((host, int(port))) == b"from python\n"


def test_a_setting_is_read_again_at_a_reload(tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    file.write_text('[line]\ngreeting = "before"\n')
    with Served("plain", "--config", str(file)) as served:
        assert greeting(served.address) == b"before\n"
        file.write_text('[line]\ngreeting = "after"\n')
        os.kill(served.pid, SIGHUP)
        # The old worker takes clients until it has been told.
        end = time.monotonic() + TIMEOUT
        while (said := greeting(served.address)) == b"before\n":
            assert time.monotonic() < end
        assert said == b"after\n"
        served.stop()


# What a person is told


def output(*arguments: str) -> str:
    command = [sys.executable, "-m", "pounce", *arguments]
    return subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=START, check=True
    ).stdout


def test_info_tells_of_it() -> None:
    lines = output("info").splitlines()
    chosen = r"ALPN sample-lines, the first bytes b'LINES/1\n'"
    assert f"connection        line, from pounce-sample 0.1: {chosen}" in lines
    assert "upgrade           shout, from pounce-sample 0.1: Upgrade shout" in lines


def test_help_tells_of_its_settings() -> None:
    assert "--sample-greeting TEXT" in output("--help")


def test_config_tells_of_its_settings() -> None:
    lines = output("config", "a:b", "--shout-mark", "?").splitlines()
    assert [line.split() for line in lines if line.startswith("shout_mark")] == [
        ["shout_mark", "?", "--shout-mark"]
    ]


def test_the_log_tells_of_it(fleet: Fleet) -> None:
    log = fleet("plain", "thread", *FLAGS).log
    assert log.find(r"HTTP/1\.1.*Lines.*Shouting") is not None


def test_answers_are_logged(fleet: Fleet) -> None:
    served = fleet("plain", "thread", *FLAGS)
    with Client.to(served.address) as client:
        client.send(PREFACE + b"one\n")
        client.until(b"\n")
        client.until(b"\n")
    with Client.to(served.address) as client:
        client.ask("/shouted", "GET", *SHOUT)
        client.half_close()
        client.response()
        assert client.read_until_closed() == b""
    assert served.access.find(r'"POST /echo HTTP/1\.1" 200') is not None
    assert served.access.find(r'"GET /shouted HTTP/1\.1" 101') is not None


# The end

GATED = """
import asyncio, os

async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        raise NotImplementedError
    reader, writer = await asyncio.open_connection("127.0.0.1", int(os.environ["GATE"]))
    await reader.read(1)
    writer.close()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"freed"})
"""


@pytest.mark.parametrize(
    ("kind", "scheme"),
    [("thread", "clear"), (NATURAL, "tls"), (OTHER, "clear")],
    scope="function",
)
def test_clients_are_bid_farewell_when_the_server_ends(
    kind: str, scheme: str, certificates: Certificates, tmp_path: Path
) -> None:
    (tmp_path / "served.py").write_text(GATED)
    flags = KINDS[kind]
    if scheme == "tls":
        flags += ("--ssl-certfile", f"{certificates.folder}/server.pem")
    with contextlib.ExitStack() as stack:
        gate = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        gate.settimeout(TIMEOUT)
        env = {"GATE": str(gate.getsockname()[1])}
        served = stack.enter_context(Served("served:app", *flags, cwd=tmp_path, env=env))

        def connect() -> Client:
            if scheme == "clear":
                return stack.enter_context(Client.to(served.address))
            return stack.enter_context(certificates.connect(served.address))

        idle, busy, shouted = connect(), connect(), connect()
        for client in (idle, busy):
            client.send(PREFACE)
            assert client.until(b"\n") == b"hello\n"
        shouted.ask("/", "GET", *SHOUT)
        assert shouted.response().status == 101
        busy.send(b"one\n")
        held, _ = gate.accept()
        stack.enter_context(held)
        served.signal(SIGTERM)
        assert idle.read_until_closed() == b"bye\n"
        assert shouted.read_until_closed() == b"GOOD BYE\n"
        shouted.close()
        held.send(b"x")
        assert busy.read_until_closed() == b"200 freed\nbye\n"
        served.stop()


def test_clients_are_bid_farewell_when_their_worker_is_replaced(kind: str) -> None:
    with Served("plain", *KINDS[kind]) as served, contextlib.ExitStack() as stack:
        line, shouted = (stack.enter_context(Client.to(served.address)) for _ in range(2))
        line.send(PREFACE)
        assert line.until(b"\n") == b"hello\n"
        shouted.ask("/", "GET", *SHOUT)
        assert shouted.response().status == 101
        os.kill(served.pid, SIGHUP)
        assert shouted.read_until_closed() == b"GOOD BYE\n"
        shouted.close()
        line.send(b"one\n")
        assert line.read_until_closed() in {b"bye\n", b"200 ok\nbye\n"}
        with Client.to(served.address) as later:
            later.send(PREFACE + b"two\n")
            assert later.until(b"\n") + later.until(b"\n") == b"hello\n200 ok\n"
        served.stop()


@pytest.mark.parametrize(
    ("kind", "scheme"),
    [("thread", "clear"), (NATURAL, "clear"), (NATURAL, "tls"), (OTHER, "clear")],
    scope="function",
)
def test_no_client_is_lost_while_the_code_is_replaced(
    kind: str, scheme: str, certificates: Certificates
) -> None:
    flags = (*KINDS[kind], "--no-access-log")
    if scheme == "tls":
        flags += ("--ssl-certfile", f"{certificates.folder}/server.pem")
    failures: list[BaseException] = []
    over = threading.Event()
    done: list[int] = []

    def work(address: tuple[str, int], number: int) -> None:
        turn = number
        try:
            while not over.wait(PACE):
                turn += 1
                with (
                    Client.to(address) if scheme == "clear" else certificates.connect(address)
                ) as client:
                    if turn % 2:
                        # Not behind the preface: who has been greeted has a second for a line.
                        at = 1 + turn % (len(PREFACE) - 1)
                        client.send_split(PREFACE + b"one\n", at)
                        assert client.until(b"\n") + client.until(b"\n") == b"hello\n200 ok\n"
                    else:
                        client.send_split(request("/ok", "LINES"), 1 + turn % len(PREFACE))
                        assert client.response("LINES").body == b"ok"
                done.append(turn)
        except BaseException as failure:  # noqa: BLE001 - told to the test's own thread
            failures.append(failure)

    with Served("plain", *flags) as served:
        threads = [threading.Thread(target=work, args=(served.address, each)) for each in range(4)]
        for thread in threads:
            thread.start()
        try:
            for number in range(RELOADS):
                before = len(done)
                os.kill(served.pid, SIGHUP)
                until_counted(served, "serves", 2 + number)
                while len(done) < before + 20 and not failures:
                    over.wait(0.01)
        finally:
            over.set()
            for thread in threads:
                thread.join(TIMEOUT)
        assert failures == []
        served.stop()
