"""HTTP/2 by prior knowledge, as curl, nghttp and h2load speak it, on each kind of worker."""

import re
import subprocess
from pathlib import Path

import pytest

from integration.apps import plain as app
from integration.programs import find
from integration.tests.serving import Served


@pytest.fixture(scope="session")
def programs() -> dict[str, Path]:
    return find(["curl", "nghttp", "h2load"])


class Curl:
    def __init__(self, program: Path, served: Served) -> None:
        host, port = served.address
        self._command = [str(program), "--silent", "--show-error", "--max-time", "120"]
        self._root = f"http://{host}:{port}"

    def __call__(self, target: str, *flags: str, version: str = "--http2-prior-knowledge") -> bytes:
        command = [*self._command, version, *flags, self._root + target]
        return subprocess.run(command, capture_output=True, check=True).stdout


@pytest.fixture
def curl(programs: dict[str, Path], plain: Served) -> Curl:
    return Curl(programs["curl"], plain)


def test_curl_gets(curl: Curl) -> None:
    answer = curl("/ok", "--include")
    assert answer.startswith(b"HTTP/2 200")
    assert answer.endswith(b"\r\n\r\nok")


def test_curl_speaks_http1_at_the_same_port(curl: Curl) -> None:
    assert curl("/ok", "--include", version="--http1.1").startswith(b"HTTP/1.1 200")


def test_curl_uploads(curl: Curl, tmp_path: Path) -> None:
    body = bytes(range(256)) * 8_000
    file = tmp_path / "body"
    file.write_bytes(body)
    assert curl("/echo", "--data-binary", f"@{file}") == body


def test_curl_waits_before_it_uploads(curl: Curl, tmp_path: Path) -> None:
    file = tmp_path / "body"
    file.write_bytes(b"x" * 100_000)
    answer = curl("/count", "--header", "expect: 100-continue", "--upload-file", str(file))
    assert answer == b"100000"


def test_curl_uploads_what_nobody_reads(curl: Curl, tmp_path: Path) -> None:
    file = tmp_path / "body"
    file.write_bytes(b"x" * 1_000_000)
    assert curl("/ignore", "--data-binary", f"@{file}") == b"ignored"


def test_curl_downloads(curl: Curl) -> None:
    assert len(curl("/once")) == 256 * len(app.PIECE)
    assert curl("/path") == app.FILE.read_bytes()


def test_curl_gets_trailers(curl: Curl) -> None:
    assert curl("/trailers", "--include").endswith(b"bodyx-sum: 1\r\nx-more: 2\r\n")


def test_curl_gets_early_hints(curl: Curl) -> None:
    answer = curl("/hints", "--include")
    assert answer.startswith(b"HTTP/2 103 \r\nlink: </a.css>; rel=preload\r\n\r\nHTTP/2 200")


@pytest.mark.parametrize("target", ["/ok", "/no-content", "/not-modified"])
def test_curl_asks_for_heads(curl: Curl, target: str) -> None:
    assert curl(target, "--head").startswith(b"HTTP/2 ")


def test_curl_notices_what_is_incomplete(curl: Curl, plain: Served) -> None:
    plain.announce("returned without completing its response")
    with pytest.raises(subprocess.CalledProcessError) as raised:
        curl("/half")
    assert raised.value.returncode == 92


def test_nghttp(programs: dict[str, Path], plain: Served) -> None:
    host, port = plain.address
    urls = [f"http://{host}:{port}/{name}" for name in ("ok", "stream", "trailers", "path", "once")]
    command = [str(programs["nghttp"]), "--stat", "--null-out", *urls]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    assert len(re.findall(r" 200 +[\d.]+[KM]? /", done.stdout)) == len(urls), done.stdout
    assert not done.stderr


@pytest.mark.parametrize("flags", [[], ["--data={}"]], ids=["gets", "posts"])
def test_h2load(programs: dict[str, Path], plain: Served, tmp_path: Path, flags: list[str]) -> None:
    body = tmp_path / "body"
    body.write_bytes(b"x" * 20_000)
    host, port = plain.address
    count = 300 if flags else 3_000
    command = [str(programs["h2load"]), f"-n{count}", "-c8", "-m32"]
    command += [flag.format(body) for flag in flags]
    command.append(f"http://{host}:{port}/{'count' if flags else 'ok'}")
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    assert f"{count} succeeded, 0 failed, 0 errored, 0 timeout" in done.stdout
    assert f"{count} 2xx" in done.stdout
