"""What the registry is told of TLS.

It decides what a socket wrapped in TLS is called, and which settings there are. It never touches a
socket, and imports nothing heavy: that is for `load`, when it is first needed.
"""

from pounce.protocol.descriptor import TransportDescriptor
from pounce.protocol.roles import TransportFactory
from pounce_tls.settings import Settings, wanted


def load() -> TransportFactory:
    from pounce_tls.transport import TlsTransport

    return TlsTransport


descriptor = TransportDescriptor(
    name="tls",
    # The interface that this was written for, not the one that happens to be installed.
    api=1,
    distribution="bengal-pounce-tls",
    settings=Settings,
    load=load,
    title="TLS",
    prefix="ssl",
    wanted=wanted,
    scheme="https",
)
