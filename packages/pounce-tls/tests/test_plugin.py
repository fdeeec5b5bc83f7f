import subprocess
import sys
from importlib.metadata import entry_points

from pounce.protocol.descriptor import API
from pounce_tls.plugin import descriptor
from pounce_tls.settings import Settings
from pounce_tls.transport import TlsTransport


def test_is_what_the_entry_point_names() -> None:
    (found,) = entry_points(group="pounce.transport", name="tls")
    assert found.load() is descriptor


def test_carries_https() -> None:
    assert descriptor.scheme == "https"


def test_fits_the_core_it_is_pinned_to() -> None:
    assert descriptor.api == API


def test_offers_its_settings() -> None:
    assert (descriptor.settings, descriptor.prefix) == (Settings, "ssl")


def test_is_wanted_when_there_is_a_certificate() -> None:
    assert descriptor.wanted(Settings(certfile="a"))
    assert not descriptor.wanted(Settings())


def test_loads_the_transport() -> None:
    assert descriptor.load() is TlsTransport


def test_imports_nothing_heavy() -> None:
    script = (
        "import sys, pounce_tls.plugin;"
        "print([name for name in ('ssl', 'cryptography', 'asyncio') if name in sys.modules])"
    )
    out = subprocess.check_output([sys.executable, "-c", script], text=True)
    assert out.strip() == "[]"
