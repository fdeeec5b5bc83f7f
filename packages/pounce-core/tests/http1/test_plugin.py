"""HTTP/1.1's descriptor: light, and the default."""

import subprocess
import sys

from pounce.http1.plugin import descriptor
from pounce.http1.settings import Http1Settings
from pounce.http1.worker import Http1Worker
from pounce.protocol.descriptor import API


def test_it_takes_what_nobody_else_claims() -> None:
    assert descriptor.default
    assert descriptor.preface is None
    assert descriptor.alpn == (b"http/1.1", b"http/1.0")


def test_it_is_made_for_this_interface() -> None:
    assert (descriptor.name, descriptor.api, descriptor.settings) == ("http1", API, Http1Settings)
    assert descriptor.distribution == "bengal-pounce"


def test_it_loads_what_speaks() -> None:
    assert descriptor.load() is Http1Worker


def test_the_descriptor_itself_imports_nothing_heavy() -> None:
    program = (
        "import sys, pounce.http1.plugin;"
        "print([m for m in sys.modules if m in {'h11', 'asyncio', 'pounce.http1.handler'}])"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert ran.stdout == "[]\n"
