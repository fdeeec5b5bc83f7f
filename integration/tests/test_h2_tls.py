"""HTTP/2 over TLS: what its usual clients do there, and that an attacker is ended there, too."""

import json
import os
import re
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import Final

import pytest

from integration import programs
from integration.tests.certificates import Certificates
from integration.tests.client import TIMEOUT
from integration.tests.conftest import Fleet, checked
from integration.tests.serving import Served
from integration.tests.streams import CALM, Frames, Streams
from integration.tests.test_h2_abuse import ATTACKS, GROWTH, MOST, PROCESSOR

SIZE: Final = 8 << 20
"""Bytes of an upload: many times each window."""


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    made = Certificates.make(tmp_path_factory.mktemp("certificates"))
    made.server()
    made.server("other", "other.test")
    made.client("alice")
    return made


@pytest.fixture(params=["threads", "processes"])
def secure(
    request: pytest.FixtureRequest, fleet: Fleet, certificates: Certificates
) -> Iterator[Served]:
    yield from checked(fleet("plain", request.param, *certificates.flags))


@pytest.fixture
def upload(tmp_path: Path) -> Path:
    file = tmp_path / "upload"
    file.write_bytes(os.urandom(SIZE))
    return file


def find(name: str) -> str:
    return str(programs.find([name])[name])


def curl(served: Served, certificates: Certificates, target: str, *flags: str) -> bytes:
    port = served.address[1]
    command = [
        find("curl"), "--silent", "--show-error", "--max-time", "120",
        "--http2", "--cacert", certificates.ca, "--resolve", f"*:{port}:127.0.0.1",
    ]  # fmt: skip
    host = "other.test" if "--cert" in flags else "localhost"
    target = f"https://{host}:{port}{target}"
    return subprocess.run([*command, *flags, target], capture_output=True, check=True).stdout


def connect(served: Served, certificates: Certificates) -> socket.socket:
    context = certificates.trusting()
    context.set_alpn_protocols(["h2"])
    plain = socket.create_connection(served.address, TIMEOUT)
    return context.wrap_socket(plain, server_hostname="localhost")


def test_curl_gets(secure: Served, certificates: Certificates) -> None:
    answer = curl(secure, certificates, "/ok", "--include")
    assert answer.startswith(b"HTTP/2 200")
    assert answer.endswith(b"\r\n\r\nok")


def test_curl_shows_a_certificate_to_one_of_several_names(
    secure: Served, certificates: Certificates
) -> None:
    show = ("--cert", f"{certificates.folder}/alice.pem")
    scope = json.loads(curl(secure, certificates, "/show", *show))
    assert scope["http_version"] == "2"
    assert scope["extensions"]["tls"]["client_cert_name"] == "CN=alice"


def test_curl_uploads_and_downloads(
    secure: Served, certificates: Certificates, upload: Path
) -> None:
    body = curl(secure, certificates, "/echo", "--data-binary", f"@{upload}")
    assert sha256(body).digest() == sha256(upload.read_bytes()).digest()


def test_nghttp_uploads_and_downloads(secure: Served, upload: Path) -> None:
    host, port = secure.address
    command = [
        find("nghttp"),
        "--no-verify-peer",
        f"--data={upload}",
        f"https://{host}:{port}/echo",
    ]
    body = subprocess.run(command, capture_output=True, check=True, timeout=120).stdout
    assert sha256(body).digest() == sha256(upload.read_bytes()).digest()


def test_nghttp_gets_many(secure: Served) -> None:
    host, port = secure.address
    names = ("ok", "stream", "trailers", "path", "once")
    urls = [f"https://{host}:{port}/{name}" for name in names]
    command = [find("nghttp"), "--no-verify-peer", "--stat", "--null-out", *urls]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    assert len(re.findall(r" 200 +[\d.]+[KM]? /", done.stdout)) == len(urls), done.stdout


def test_h2load(secure: Served) -> None:
    host, port = secure.address
    command = [find("h2load"), "-n2000", "-c8", "-m32", f"https://{host}:{port}/ok"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    assert "2000 succeeded, 0 failed, 0 errored, 0 timeout" in done.stdout
    assert "Application protocol: h2" in done.stdout


def test_all_attacks(secure: Served, certificates: Certificates) -> None:
    """One after the other; every worker has neighbours of theirs, which are served meanwhile."""
    secure.announce("was cancelled before its end")
    before, processor = secure.memory, secure.cpu
    secure.forget_peak()
    with ExitStack() as stack:
        socks = [stack.enter_context(connect(secure, certificates)) for _ in range(8)]
        neighbours = [Streams(sock) for sock in socks]
        for name, attack in ATTACKS.items():
            with Frames(connect(secure, certificates)) as frames:
                cut = not all(frames.say(piece) for piece in islice(attack(frames), MOST))
                code = frames.goaway()
            assert code == CALM or (cut and code is None), name
            assert all(each.get("/ok").body == b"ok" for each in neighbours), name
    assert secure.peak - before < GROWTH
    assert secure.cpu - processor < PROCESSOR
