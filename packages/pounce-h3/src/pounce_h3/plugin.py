"""What the registry is told of HTTP/3.

It decides under which name the QUIC listener is found, and which settings there are. It never opens
a socket, and imports nothing heavy: that is for `load`, when it is first needed.
"""

from typing import NoReturn

from pounce.protocol.descriptor import ListenerDescriptor
from pounce.protocol.errors import NotAvailable
from pounce_h3.settings import Settings


def load() -> NoReturn:
    raise NotAvailable(
        "this version of bengal-pounce-h3 holds the place of HTTP/3 and can't serve it yet: "
        "serve without it"
    )


descriptor = ListenerDescriptor(
    name="h3",
    # The interface that this was written for, not the one that happens to be installed.
    api=1,
    distribution="bengal-pounce-h3",
    settings=Settings,
    load=load,
)
