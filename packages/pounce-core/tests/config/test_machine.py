"""Processors by affinity and quota, with control groups as files of a made-up machine."""

import os
import sys
from pathlib import Path

import pytest

from pounce.config.machine import cgroup_quota, gil_enabled, usable_cpus


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


V2 = {"proc/self/cgroup": "0::/a/b\n"}
V1 = {"proc/self/cgroup": "5:memory:/a\n4:cpu,cpuacct:/a\n"}


@pytest.mark.parametrize(
    ("files", "quota"),
    [
        ({}, None),
        (V2, None),
        ({**V2, "sys/fs/cgroup/a/b/cpu.max": "max 100000\n"}, None),
        ({**V2, "sys/fs/cgroup/a/b/cpu.max": "150000 100000\n"}, 1.5),
        ({**V2, "sys/fs/cgroup/a/cpu.max": "50000 100000\n"}, 0.5),
        (
            {
                **V2,
                "sys/fs/cgroup/a/cpu.max": "50000 100000",
                "sys/fs/cgroup/a/b/cpu.max": "200000 100000",
            },
            0.5,
        ),
        ({**V2, "sys/fs/cgroup/cpu.max": "300000 100000"}, 3.0),
        ({**V2, "sys/fs/cgroup/a/b/cpu.max": "nonsense"}, None),
        ({**V2, "sys/fs/cgroup/a/b/cpu.max": "1 0"}, None),
        (
            {
                **V1,
                "sys/fs/cgroup/cpu/a/cpu.cfs_quota_us": "250000",
                "sys/fs/cgroup/cpu/a/cpu.cfs_period_us": "100000",
            },
            2.5,
        ),
        ({**V1, "sys/fs/cgroup/cpu/a/cpu.cfs_quota_us": "-1"}, None),
    ],
)
def test_quota(tmp_path: Path, files: dict[str, str], quota: float | None) -> None:
    assert cgroup_quota(write(tmp_path, files)) == quota


@pytest.mark.parametrize(
    ("cpus", "quota", "usable"),
    [(8, "150000 100000", 2), (8, "10000 100000", 1), (1, "400000 100000", 1), (8, "max 1", 8)],
)
def test_usable_is_the_lesser_of_affinity_and_quota(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cpus: int, quota: str, usable: int
) -> None:
    monkeypatch.setattr(os, "process_cpu_count", lambda: cpus)
    write(tmp_path, {**V2, "sys/fs/cgroup/a/b/cpu.max": quota})
    assert usable_cpus(tmp_path) == usable


def test_a_system_that_does_not_tell_has_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "process_cpu_count", lambda: None)
    assert usable_cpus(tmp_path) == 1


def test_this_machine_has_at_least_one() -> None:
    assert usable_cpus() >= 1


@pytest.mark.parametrize("state", [True, False])
def test_the_gil_is_what_the_interpreter_says(monkeypatch: pytest.MonkeyPatch, state: bool) -> None:
    monkeypatch.setattr(sys, "_is_gil_enabled", lambda: state)
    assert gil_enabled() is state
