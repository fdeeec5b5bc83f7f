"""What a sibling imports of core is light: it may be read by a process that serves nothing."""

import pkgutil
import subprocess
import sys

import pytest

from pounce import protocol

MODULES = [module.name for module in pkgutil.iter_modules(protocol.__path__, "pounce.protocol.")]
HEAVY = {"asyncio", "socket", "ssl", "selectors", "threading", "logging", "h11"}


@pytest.mark.parametrize("module", MODULES)
def test_importing_brings_nothing_that_serves(module: str) -> None:
    program = f"import sys, {module}; print(*sys.modules)"
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert HEAVY.isdisjoint(result.stdout.split())
