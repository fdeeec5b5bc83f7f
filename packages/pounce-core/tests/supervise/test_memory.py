"""How much memory a process takes."""

import subprocess
import sys
from pathlib import Path

import pytest

from pounce.supervise.memory import resident_bytes

MEGA = 1 << 20

on_linux = pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="Linux only")


@on_linux
def test_memory_that_is_used_is_counted() -> None:
    """Written to, so that the system has to have it in RAM."""
    before = resident_bytes()
    used = b"x" * (64 * MEGA)
    after = resident_bytes()
    assert before is not None
    assert after is not None
    assert after - before > len(used) // 2


@on_linux
def test_that_of_another_process_is_told_too() -> None:
    program = f"used = b'x' * {64 * MEGA}; print(flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        size = resident_bytes(process.pid)
        process.communicate(b"\n")
    assert size is not None
    assert 64 * MEGA < size < 1024 * MEGA


def test_of_a_process_that_has_gone_nothing_is_known() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    assert resident_bytes(process.pid) is None


def test_where_the_system_does_not_tell_nothing_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_path: Path) -> str:
        raise FileNotFoundError

    monkeypatch.setattr(Path, "read_text", fail)
    assert resident_bytes() is None
