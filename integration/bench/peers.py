"""Servers side by side: each runs on one processor, in rounds, so that a drift of the machine falls
on all alike.

Decides how a server is started and ended, what its CPU time is, and how figures are shown: that of
all its processes, user and system, over what was answered. Never puts a load on a server. Needs
Linux's /proc.
"""

import os
import signal
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

FOLDER = Path(__file__).parent
BIN = Path(sys.executable).parent
TICKS = os.sysconf("SC_CLK_TCK")


class Run(NamedTuple):
    """What one run measured: microseconds of CPU for one answer, and answers a second."""

    cpu: float
    rate: float


def installed(servers: dict[str, list[str]]) -> list[str]:
    """The servers whose program is there."""
    return [name for name, command in servers.items() if (BIN / command[0]).exists()]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def stat(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()


def family(pid: int) -> list[int]:
    """A process and all that come of it."""
    found = [pid]
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                parent = int(stat(int(folder.name))[1])
            except OSError:
                continue
            if parent == pid:
                found += family(int(folder.name))
    return found


def cpu_seconds(pids: list[int]) -> float:
    return sum(int(field) for pid in pids for field in stat(pid)[11:13]) / TICKS


@contextmanager
def running(command: Sequence[str], processor: int, answers: Callable[[], bool]) -> Iterator[int]:
    """A server on one processor, by its process number, from its first answer on.

    Args:
        command: the name of its program, and arguments.
        processor: where it runs.
        answers: asks it once; an OSError means that it does not answer yet.
    """
    program, *arguments = command
    process = subprocess.Popen(
        ["taskset", "-c", str(processor), str(BIN / program), *arguments],
        cwd=FOLDER,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        for _ in range(200):
            try:
                if answers():
                    break
            except OSError:
                pass
            time.sleep(0.05)
        else:
            sys.exit(f"{program} does not answer")
        yield process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def compare(
    names: list[str], rounds: int, measure: Callable[[str], Run], what: str, label: str = ""
) -> None:
    """Measures each server in each round, and prints medians, ranges and ratios.

    Args:
        names: of the servers; the ratios are to the first.
        rounds: how often each is measured.
        measure: one run of a server by its name.
        what: is answered: `"request"`.
        label: begins each line.
    """
    runs: dict[str, list[Run]] = {name: [] for name in names}
    for _ in range(rounds):
        for name in names:
            runs[name].append(measure(name))
    base = statistics.median(run.cpu for run in runs[names[0]])
    for name in names:
        cpu = [run.cpu for run in runs[name]]
        rate = statistics.median(run.rate for run in runs[name])
        print(
            f"{label}{name:9} {statistics.median(cpu):7.2f} µs CPU a {what}"
            f" ({min(cpu):.2f} to {max(cpu):.2f}), {rate:7.0f} {what}s a second,"
            f" {statistics.median(cpu) / base:.2f} times {names[0]}'s CPU"
        )
