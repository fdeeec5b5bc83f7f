"""What the registry is told."""

import subprocess
import sys

from pounce.protocol.descriptor import ConnectionDescriptor, UpgradeDescriptor
from pounce_sample.connection import LineWorker
from pounce_sample.plugin import PREFACE, line, shout
from pounce_sample.upgrade import ShoutWorker


def test_each_has_its_role() -> None:
    assert isinstance(line, ConnectionDescriptor)
    assert isinstance(shout, UpgradeDescriptor)


def test_each_loads_what_speaks() -> None:
    assert (line.load(), shout.load()) == (LineWorker, ShoutWorker)


def test_the_preface_is_no_request() -> None:
    assert b" " not in PREFACE


def test_nothing_heavy_is_imported() -> None:
    program = "import sys, pounce_sample.plugin; print('asyncio' in sys.modules)"
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, timeout=100, check=True
    )
    assert ran.stdout == b"False\n"
