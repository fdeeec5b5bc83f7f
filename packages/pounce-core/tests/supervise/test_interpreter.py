"""A process that another one starts says how its interpreter was told to run."""

import json
import subprocess
import sys
from typing import Any

import pytest

PATIENCE = 120.0
CHILD = """
import json, sys
import warnings
flags = {name: getattr(sys.flags, name) for name in dir(sys.flags) if not name.startswith("_")}
del flags["count"], flags["index"]
filters = [str(each) for each in warnings.filters]
print(json.dumps([flags, sys._xoptions, list(dict.fromkeys(filters)), sys.stdout.write_through]))
"""
PARENT = f"""
import subprocess
from pounce.supervise.interpreter import interpreter
child = {CHILD!r}
exec(child, {{}})
print(subprocess.check_output([*interpreter(), "-c", child], text=True))
"""


def told(*options: str) -> list[Any]:
    """What a process under these options says of itself, and what its child says."""
    command = [sys.executable, *options, "-c", PARENT]
    output = subprocess.check_output(command, text=True, timeout=PATIENCE)
    return [json.loads(line) for line in output.split("\n") if line]


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("-O",),
        ("-OO", "-B", "-q"),
        ("-bb", "-s", "-P"),
        ("-I",),
        ("-u",),
        ("-X", "dev", "-W", "error"),
        ("-W", "ignore::DeprecationWarning", "-W", "error", "-X", "utf8=0"),
        ("-X", "gil=1"),
        ("-X", "faulthandler", "-X", "tracemalloc=3", "-X", "int_max_str_digits=700"),
    ],
    ids=" ".join,
)
def test_a_child_has_the_options_of_its_parent(options: tuple[str, ...]) -> None:
    parent, child = told(*options)
    assert child == parent


def test_options_are_seen_at_all() -> None:
    flags, options, filters, through = told("-OO", "-u", "-X", "dev", "-W", "error")[1]
    assert (flags["optimize"], options, through) == (2, {"dev": True}, True)
    assert filters[0].startswith("('error'")
