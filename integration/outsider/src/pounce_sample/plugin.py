"""What the registry is told of the two protocols.

Decides by what each is recognised and which settings there are. It never speaks either, and imports
nothing heavy: that is for `load`, when it is first needed.
"""

from typing import TYPE_CHECKING, Final

from pounce.protocol.descriptor import ConnectionDescriptor, UpgradeDescriptor
from pounce_sample.settings import LineSettings, ShoutSettings

if TYPE_CHECKING:
    from pounce.protocol.roles import ConnectionFactory, UpgradeFactory

PREFACE: Final = b"LINES/1\n"
"""What a client says first, so that it is known for one."""


def _load_line() -> ConnectionFactory:
    from pounce_sample.connection import LineWorker

    return LineWorker


def _load_shout() -> UpgradeFactory:
    from pounce_sample.upgrade import ShoutWorker

    return ShoutWorker


line = ConnectionDescriptor(
    name="line",
    title="Lines",
    # The interface that this was written for, not the one that happens to be installed.
    api=1,
    distribution="pounce-sample",
    settings=LineSettings,
    prefix="sample",
    load=_load_line,
    alpn=(b"sample-lines",),
    preface=PREFACE,
)

shout = UpgradeDescriptor(
    name="shout",
    title="Shouting",
    api=1,
    distribution="pounce-sample",
    settings=ShoutSettings,
    load=_load_shout,
    token=b"shout",
)
