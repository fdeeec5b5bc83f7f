"""`Hello, World!` over HTTP/2 in cleartext: CPU time a request, pounce beside its peers.

Run it from the top folder, `python -m integration.bench.h2`. Each server runs on one processor,
h2load on another, in rounds, so that a drift of the machine falls on all alike. Quote medians and
ratios. Needs h2load (Debian's nghttp2-client) and Linux's /proc; the peers are those that are
installed. The CPU time is that of the server's processes, user and system, over the requests that
h2load made; there are few of them because Hypercorn closes a connection after 1000. `--paths` asks
for as many paths in turn.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile

from integration.bench.peers import Run, compare, cpu_seconds, family, free_port, installed, running

SERVERS = {
    "pounce": ["pounce", "hello_app:app", "--no-access-log", "--port", "{port}"],
    "granian": [
        "granian", "hello_app:app", "--interface", "asgi", "--http", "2", "--no-access-log",
        "--port", "{port}",
    ],
    "hypercorn": ["hypercorn", "hello_app:app", "--bind", "127.0.0.1:{port}"],
}  # fmt: skip


def h2load(arguments: list[str], processor: int) -> str:
    command = ["taskset", "-c", str(processor), "h2load", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def measure(name: str, options: argparse.Namespace) -> Run:
    processors = sorted(os.sched_getaffinity(0))
    port = free_port()
    address = f"http://127.0.0.1:{port}/"
    command = [each.format(port=port) for each in SERVERS[name]]

    def answers() -> bool:
        return "1 succeeded" in h2load(["-n1", address], processors[-1])

    with (
        running(command, processors[0], answers) as pid,
        tempfile.NamedTemporaryFile("w") as urls,
    ):
        urls.writelines(f"{address}items/{number}\n" for number in range(options.paths))
        urls.flush()
        load = [f"-c{options.connections}", f"-m{options.streams}"]
        target = ["-i", urls.name] if options.paths else [address]
        h2load([f"-n{options.requests // 10}", *load, *target], processors[-1])
        pids = family(pid)
        before = cpu_seconds(pids)
        out = h2load([f"-n{options.requests}", *load, *target], processors[-1])
        spent = cpu_seconds(pids) - before
        if f"{options.requests} succeeded, 0 failed" not in out:
            sys.exit(f"requests failed:\n{out}")
        rate = re.search(r"([\d.]+) req/s", out)
        assert rate is not None
        return Run(spent / options.requests * 1e6, float(rate[1]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--requests", type=int, default=24_000)
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--streams", type=int, default=32)
    parser.add_argument("--paths", type=int, default=0)
    options = parser.parse_args()
    if shutil.which("h2load") is None:
        sys.exit("h2load is missing: install it (Debian: apt-get install nghttp2-client)")
    print(
        f"Python {sys.version.split()[0]}, {options.connections} connections with"
        f" {options.streams} streams each, one processor each"
    )
    compare(installed(SERVERS), options.rounds, lambda name: measure(name, options), "request")


if __name__ == "__main__":
    main()
