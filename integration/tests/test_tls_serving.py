"""HTTP/1.1 over TLS, from outside: what is served, to whom, and how it ends."""

import json
import ssl
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from integration import programs
from integration.tests.certificates import Certificates, shown, tls_of
from integration.tests.client import TIMEOUT, Client, request
from integration.tests.conftest import Fleet, checked
from integration.tests.serving import Served

SIZE = 100 << 20
PIECE = b"x" * (1 << 20)
GROWTH = 40 << 20
CLIENTS = 8
MANY = 500
PACE = 0.05
VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    made = Certificates.make(tmp_path_factory.mktemp("certificates"))
    made.server()
    made.server("other", "other.test", "*.other.test")
    made.client("alice")
    return made


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of 100 MB, most of which is a hole."""
    path = tmp_path_factory.mktemp("large") / "file"
    with path.open("wb") as file:
        file.truncate(SIZE - 3)
        file.seek(0, 2)
        file.write(b"end")
    return path


@pytest.fixture(params=["threads", "processes"])
def secure(
    request: pytest.FixtureRequest, fleet: Fleet, certificates: Certificates
) -> Iterator[Served]:
    """A server over TLS with two certificates, and beside it, in the clear."""
    flags = (*certificates.flags, "--bind", "http://127.0.0.1:0")
    yield from checked(fleet("plain", request.param, *flags))


@pytest.fixture
def client(secure: Served, certificates: Certificates) -> Iterator[Client]:
    with certificates.connect(secure.address) as client:
        yield client


def scope(client: Client) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(client.get("/show").body)
    return found


def openssl(served: Served, *arguments: str, said: str = "") -> subprocess.CompletedProcess[str]:
    program = programs.find(["openssl"])["openssl"]
    host, port = served.address
    return subprocess.run(
        [program, "s_client", "-connect", f"{host}:{port}", *arguments],
        input=said,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


# What is served


def test_curl(secure: Served, certificates: Certificates) -> None:
    curl = programs.find(["curl"])["curl"]
    target = secure.urls[0].replace("127.0.0.1", "localhost") + "/ok"
    flags = ("-s", "--http1.1", "--cacert", certificates.ca, "-w", "%{http_version}")
    assert subprocess.check_output([curl, *flags, target], text=True, timeout=120) == "ok1.1"


def test_the_scope_says_so(client: Client) -> None:
    found = scope(client)
    assert (found["scheme"], found["http_version"]) == ("https", "1.1")
    assert found["extensions"]["tls"]["tls_version"] == 0x0304
    assert found["extensions"]["tls"]["client_cert_name"] is None


def test_in_the_clear_beside_it(secure: Served) -> None:
    host, _, port = secure.urls[1].removeprefix("http://").rpartition(":")
    with Client.to((host, int(port))) as client:
        found = scope(client)
    assert found["scheme"] == "http"
    assert "tls" not in found["extensions"]


@pytest.mark.parametrize("offered", [(), ("http/1.1",), ("spdy/3", "http/1.1")])
def test_alpn(secure: Served, certificates: Certificates, offered: tuple[str, ...]) -> None:
    context = certificates.trusting()
    if offered:
        context.set_alpn_protocols(list(offered))
    with certificates.connect(secure.address, context=context) as client:
        assert tls_of(client).selected_alpn_protocol() == ("http/1.1" if offered else None)
        assert client.get("/ok").body == b"ok"


@pytest.mark.parametrize(
    ("name", "given"),
    [("localhost", "server"), ("other.test", "other"), ("a.other.test", "other")],
)
def test_a_certificate_for_each_name(
    secure: Served, certificates: Certificates, name: str, given: str
) -> None:
    with certificates.connect(secure.address, name) as client:
        assert shown(client) == given
        assert client.get("/ok").body == b"ok"


def test_a_clients_certificate(secure: Served, certificates: Certificates) -> None:
    context = certificates.trusting(f"{certificates.folder}/alice.pem")
    with certificates.connect(secure.address, context=context) as client:
        tls = scope(client)["extensions"]["tls"]
    assert tls["client_cert_name"] == "CN=alice"
    assert tls["client_cert_chain"][0].startswith("-----BEGIN CERTIFICATE-----")


def test_a_strangers_certificate(
    secure: Served, certificates: Certificates, tmp_path_factory: pytest.TempPathFactory
) -> None:
    others = Certificates.make(tmp_path_factory.mktemp("others"))
    context = certificates.trusting(others.client("mallory"))
    # In TLS 1.3 the client has opened the connection before the server looks.
    with (
        certificates.connect(secure.address, context=context) as client,
        pytest.raises(ssl.SSLError, match="UNKNOWN_CA"),
    ):
        client.socket.recv(1)


def test_plain_http_is_told(secure: Served) -> None:
    with Client.to(secure.address) as client:
        response = client.get("/")
        assert response.status == 400
        assert b"https://" in response.body
        assert client.ended()


# Bodies


def test_many_requests_on_one_connection(client: Client) -> None:
    for _ in range(200):
        assert client.get("/ok").body == b"ok"


def test_pipelined_requests(client: Client) -> None:
    client.send(request("/ok") * 20)
    assert [client.response().body for _ in range(20)] == [b"ok"] * 20


def test_a_head_a_byte_a_record(client: Client) -> None:
    for byte in request("/ok"):
        client.send(bytes([byte]))
    assert client.response().body == b"ok"


def test_a_large_upload(secure: Served, client: Client) -> None:
    client.get("/ok")
    secure.forget_peak()
    before = secure.memory
    client.send(request("/count", "POST", f"content-length: {SIZE}"))
    for _ in range(SIZE // len(PIECE)):
        client.send(PIECE)
    assert json.loads(client.response().body) == SIZE
    assert secure.peak - before < GROWTH


def test_a_large_download(secure: Served, client: Client) -> None:
    client.get("/ok")
    secure.forget_peak()
    before = secure.memory
    assert len(client.get("/push").body) == 64 << 20
    assert secure.peak - before < GROWTH


def test_one_large_piece(client: Client) -> None:
    assert client.get("/once").body == b"x" * (16 << 20)


def test_a_file(client: Client) -> None:
    from integration.apps.plain import FILE

    assert client.get("/path").body == FILE.read_bytes()


def test_a_large_file(client: Client, large: Path) -> None:
    messages = [
        {"type": "http.response.start", "status": 200, "headers": []},
        {"type": "http.response.pathsend", "path": str(large)},
    ]
    body = client.get("/script", "POST", body=json.dumps(messages).encode()).body
    assert len(body) == SIZE
    assert body.endswith(b"end")


def test_a_stream(client: Client) -> None:
    assert client.get("/stream").body == b"one two three"


# The end


def test_the_server_says_that_it_is_the_end(client: Client) -> None:
    assert client.get("/ok", "GET", "connection: close").body == b"ok"
    assert client.socket.recv(1) == b""


def test_a_refused_client_hears_why(client: Client) -> None:
    client.send(b"GET / HTTP/1.1\r\n\r\n")
    assert client.response().status == 400
    assert client.socket.recv(1) == b""


def test_half_a_response_is_no_end(client: Client) -> None:
    """HTTP/1.0 has nothing else to tell it by: without an error, the response would be whole."""
    client.send(request("/half", version="1.0"))
    assert client.until(b"half")
    with pytest.raises(OSError, match=r"EOF|reset"):
        client.socket.recv(1)


def test_renegotiation_is_refused(secure: Served) -> None:
    done = openssl(secure, "-tls1_2", said="R\n")
    assert "no renegotiation" in done.stderr.lower()


# Sessions


@pytest.mark.parametrize("version", VERSIONS)
def test_sessions_are_resumed_by_every_worker(
    secure: Served, certificates: Certificates, version: ssl.TLSVersion
) -> None:
    context = certificates.trusting()
    context.maximum_version = version
    with certificates.connect(secure.address, context=context) as client:
        client.get("/ok")
        session = tls_of(client).session
    resumed, workers = [], set[tuple[int, int]]()
    clients: list[Client] = []
    try:
        # Of several processes, whoever is woken first takes a client: until two have been heard.
        while len(clients) < CLIENTS or len(workers) == 1:
            assert len(clients) < MANY
            if len(clients) > CLIENTS:
                # The other one may have to wait for a processor.
                time.sleep(PACE)
            sock = Client.to(secure.address).socket
            wrapped = context.wrap_socket(sock, server_hostname="localhost", session=session)
            clients.append(Client(wrapped, TIMEOUT))
            found = json.loads(clients[-1].get("/who").body)
            workers.add((found["pid"], found["thread"]))
            resumed.append(wrapped.session_reused)
    finally:
        for each in clients:
            each.close()
    assert all(resumed)
    assert len(workers) > 1
