"""`Hello, World!` over TLS: what hello.py measures, over kept connections with one certificate.

Every server has the same certificate, and the client chooses version and suite. The handshakes are
counted too; one for each connection is under a hundredth of the time.
"""

import argparse
import os
import shutil
import ssl
import sys
import tempfile
import urllib.request
from datetime import UTC, datetime
from pathlib import Path

from integration.bench.hello import loaded
from integration.bench.peers import Run, compare, free_port, installed, running
from pounce_tls.development import development_certificate

SERVERS = {
    "pounce": [
        "pounce", "{app}", "--no-access-log", "--ssl-certfile", "{cert}", "--ssl-keyfile",
        "{key}", "--port",
    ],
    "granian": [
        "granian", "{app}", "--interface", "asgi", "--no-access-log", "--http", "1",
        "--ssl-certificate", "{cert}", "--ssl-keyfile", "{key}", "--port",
    ],
    "uvicorn": [
        "uvicorn", "{app}", "--no-access-log", "--loop", "uvloop", "--http", "httptools",
        "--ssl-certfile", "{cert}", "--ssl-keyfile", "{key}", "--port",
    ],
}  # fmt: skip


class Files:
    """A certificate for localhost in a folder, its key apart, since one of the peers wants that."""

    def __init__(self, folder: Path) -> None:
        made = development_certificate(folder, datetime.now(UTC))
        chain, begin, key = made.file.read_text().partition("-----BEGIN PRIVATE KEY-----")
        self.authority = made.authority
        self.cert = folder / "cert.pem"
        self.cert.write_text(chain)
        self.key = folder / "key.pem"
        self.key.write_text(begin + key)


def measure(name: str, app: str, files: Files, seconds: int, connections: int) -> Run:
    processors = sorted(os.sched_getaffinity(0))
    port = free_port()
    address = f"https://localhost:{port}/"
    trust = ssl.create_default_context(cafile=str(files.authority))
    names = {"app": app, "cert": str(files.cert), "key": str(files.key)}
    command = [*(each.format_map(names) for each in SERVERS[name]), str(port)]

    def answers() -> bool:
        return bool(urllib.request.urlopen(address, timeout=1, context=trust).read())

    with running(command, processors[0], answers) as pid:
        return loaded(pid, address, seconds, connections, processors[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--app", default="hello_app:app")
    options = parser.parse_args()
    if shutil.which("wrk") is None:
        sys.exit("wrk is missing: install it (Debian: apt-get install wrk)")
    print(f"Python {sys.version.split()[0]}, {options.connections} connections, one processor each")
    with tempfile.TemporaryDirectory() as folder:
        files = Files(Path(folder))
        compare(
            installed(SERVERS),
            options.rounds,
            lambda name: measure(name, options.app, files, options.seconds, options.connections),
            "request",
        )


if __name__ == "__main__":
    main()
