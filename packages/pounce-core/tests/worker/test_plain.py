"""The plain transport's descriptor."""

import subprocess
import sys
from dataclasses import fields

from pounce.protocol.descriptor import API
from pounce.worker.channel import Channel
from pounce.worker.plain import PlainSettings, descriptor


def test_it_is_made_for_this_interface() -> None:
    assert (descriptor.name, descriptor.api, descriptor.scheme) == ("plain", API, "http")
    assert descriptor.distribution == "bengal-pounce"


def test_it_has_no_settings() -> None:
    assert descriptor.settings is PlainSettings
    assert fields(PlainSettings) == ()


def test_it_loads_what_serves_a_socket() -> None:
    assert descriptor.load() is Channel


def test_the_descriptor_itself_imports_nothing_heavy() -> None:
    program = (
        "import sys, pounce.worker.plain;"
        "print([m for m in sys.modules if m in {'asyncio', 'pounce.worker.channel'}])"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert ran.stdout == "[]\n"
