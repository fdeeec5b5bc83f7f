"""What this machine and this interpreter give: processors to use, and whether there is a GIL.

Asks the operating system and the interpreter. Never remembers an answer: a container's quota can
change while a server runs.
"""

import os
import sys
from math import ceil
from pathlib import Path
from typing import Final

ROOT: Final = Path("/")


def gil_enabled() -> bool:
    """Whether threads take turns."""
    return sys._is_gil_enabled()  # pyright: ignore[reportPrivateUsage] - it has no other name


def usable_cpus(root: Path = ROOT) -> int:
    """Processors that this process may use: by affinity, and by its control group's quota."""
    cpus = os.process_cpu_count() or 1
    quota = cgroup_quota(root)
    return cpus if quota is None else max(1, min(cpus, ceil(quota)))


def cgroup_quota(root: Path = ROOT) -> float | None:
    """The least quota, in processors, of this process's control group and those around it."""
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return None
    found: list[float] = []
    for line in lines:
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if controllers == "":
            base, read = root / "sys/fs/cgroup", _quota_v2
        elif "cpu" in controllers.split(","):
            base, read = root / "sys/fs/cgroup/cpu", _quota_v1
        else:
            continue
        # Inside a container the path may be that of the host, of which only the top is to be seen.
        folder = base / path.strip("/")
        while folder.is_relative_to(base):
            quota = read(folder)
            if quota is not None:
                found.append(quota)
            folder = folder.parent
    return min(found, default=None)


def _quota_v2(folder: Path) -> float | None:
    try:
        quota, period = (folder / "cpu.max").read_text().split()
        return None if quota == "max" else int(quota) / int(period)
    except OSError, ValueError, ZeroDivisionError:
        return None


def _quota_v1(folder: Path) -> float | None:
    try:
        quota = int((folder / "cpu.cfs_quota_us").read_text())
        return None if quota <= 0 else quota / int((folder / "cpu.cfs_period_us").read_text())
    except OSError, ValueError, ZeroDivisionError:
        return None
