"""Settings for a server behind a proxy: who is believed about the client.

Describes them. Never looks at a request.
"""

from typing import Final

from pounce.config.proxy import ProxyText
from pounce.protocol.kind import Repeated, Switch
from pounce.protocol.setting import About

PROXY_HEADERS: Final = About(
    Switch(),
    group="proxy",
    help="believe a trusted proxy about the client's address and scheme",
    reason="On, and harmless: nobody is believed but those named below.",
)

FORWARDED_ALLOW_IPS: Final = About(
    Repeated(ProxyText(), ","),
    group="proxy",
    help='trusted proxies: addresses and networks with commas between, or "*" for everybody',
    reason="This machine's own: a proxy beside the server is the usual case.",
    environment=("FORWARDED_ALLOW_IPS",),
)
