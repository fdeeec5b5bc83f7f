"""`Hello, World!` side by side: CPU time a request and requests a second, pounce beside its peers.

Run it from the top folder, `python -m integration.bench.hello`. wrk, on a processor of its own,
loads each server; see `integration.bench.peers`. Quote medians and ratios. The peers are those that
are installed.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import urllib.request

from integration.bench.peers import Run, compare, cpu_seconds, family, free_port, installed, running

SERVERS = {
    "pounce": ["pounce", "hello_app:app", "--no-access-log", "--port"],
    "granian": ["granian", "hello_app:app", "--interface", "asgi", "--no-access-log", "--port"],
    "uvicorn": [
        "uvicorn", "hello_app:app", "--no-access-log", "--loop", "uvloop", "--http", "httptools",
        "--port",
    ],
}  # fmt: skip


def loaded(pid: int, address: str, seconds: int, connections: int, processor: int) -> Run:
    """Loads a server whose processes are those of `pid`, and measures it."""
    wrk(address, 1, connections, processor)
    pids = family(pid)
    before = cpu_seconds(pids)
    requests, rate = wrk(address, seconds, connections, processor)
    return Run((cpu_seconds(pids) - before) / requests * 1e6, rate)


def wrk(address: str, seconds: int, connections: int, processor: int) -> tuple[int, float]:
    """Loads an address; returns requests and requests a second. A failed request is an error."""
    command = ["taskset", "-c", str(processor), "wrk", "-t1", f"-c{connections}", f"-d{seconds}"]
    out = subprocess.run([*command, address], capture_output=True, text=True, check=True).stdout
    if "Socket errors" in out or "Non-2xx" in out:
        sys.exit(f"requests failed:\n{out}")
    requests = re.search(r"(\d+) requests in", out)
    rate = re.search(r"Requests/sec:\s+([\d.]+)", out)
    assert requests is not None
    assert rate is not None
    return int(requests[1]), float(rate[1])


def measure(name: str, seconds: int, connections: int) -> Run:
    processors = sorted(os.sched_getaffinity(0))
    port = free_port()
    address = f"http://127.0.0.1:{port}/"

    def answers() -> bool:
        return bool(urllib.request.urlopen(address, timeout=1).read())

    with running([*SERVERS[name], str(port)], processors[0], answers) as pid:
        return loaded(pid, address, seconds, connections, processors[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--connections", type=int, default=64)
    options = parser.parse_args()
    if shutil.which("wrk") is None:
        sys.exit("wrk is missing: install it (Debian: apt-get install wrk)")
    print(f"Python {sys.version.split()[0]}, {options.connections} connections, one processor each")
    compare(
        installed(SERVERS),
        options.rounds,
        lambda name: measure(name, options.seconds, options.connections),
        "request",
    )


if __name__ == "__main__":
    main()
