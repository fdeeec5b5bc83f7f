"""`import pounce`: what it offers, and that it costs nothing until it is used."""

import subprocess
import sys
from importlib.metadata import version

import pytest

import pounce
from pounce.cli.run import run
from pounce.config.config import Config


def modules_after(statement: str) -> set[str]:
    """The modules that a statement imports in a fresh interpreter."""
    program = (
        "import sys; before = set(sys.modules)\n"
        f"{statement}\n"
        "print(*sorted(set(sys.modules) - before))"
    )
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return set(result.stdout.split())


def test_importing_imports_nothing_else() -> None:
    assert modules_after("import pounce") == {"pounce"}


@pytest.mark.parametrize("heavy", ["asyncio", "ssl", "h11", "logging", "argparse", "tomllib"])
def test_a_configuration_needs_nothing_heavy(heavy: str) -> None:
    assert heavy not in modules_after("import pounce; pounce.Config('a:b')")


def test_version() -> None:
    assert pounce.__version__ == version("bengal-pounce")


def test_config() -> None:
    assert pounce.Config is Config


def test_run() -> None:
    assert pounce.run is run


def test_server() -> None:
    assert pounce.Server.__module__ == "pounce.supervise.server"


def test_nothing_else() -> None:
    with pytest.raises(AttributeError, match="'pounce' has no attribute 'serve'"):
        getattr(pounce, "serve")  # noqa: B009 - that it is no name of the module is the point


@pytest.mark.parametrize("name", pounce.__all__)
def test_names_are_listed(name: str) -> None:
    assert name in dir(pounce)
