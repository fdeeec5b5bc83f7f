"""What the registry is told of HTTP/2.

It decides by what a connection is recognised as HTTP/2, and which settings there are. It never
speaks the protocol, and imports nothing heavy: that is for `load`, when it is first needed.
"""

from typing import TYPE_CHECKING

from pounce.protocol.descriptor import ConnectionDescriptor
from pounce_h2.frame import PREFACE
from pounce_h2.settings import Settings

if TYPE_CHECKING:
    from pounce.protocol.roles import ConnectionFactory


def load() -> ConnectionFactory:
    from pounce_h2.worker import H2Worker

    return H2Worker


def wanted(settings: Settings) -> bool:
    return settings.enabled


descriptor = ConnectionDescriptor(
    name="h2",
    # The interface that this was written for, not the one that happens to be installed.
    api=1,
    distribution="bengal-pounce-h2",
    settings=Settings,
    load=load,
    title="HTTP/2",
    prefix="h2",
    wanted=wanted,
    alpn=(b"h2",),
    preface=PREFACE,
)
