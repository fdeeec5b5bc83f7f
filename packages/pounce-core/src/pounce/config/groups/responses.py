"""Settings of what is added to every response.

Describes them. Never makes a response.
"""

from typing import Final

from pounce.config.header import HeaderList
from pounce.protocol.kind import Switch
from pounce.protocol.setting import About

SERVER_HEADER: Final = About(
    Switch(),
    group="responses",
    help='add "server: pounce"',
    reason="On, so that it can be seen which hop answered.",
)

DATE_HEADER: Final = About(
    Switch(),
    group="responses",
    help="add the date",
    reason="On: RFC 9110 section 6.6.1 wants it of every server that has a clock.",
)

HEADERS: Final = About(
    HeaderList(),
    flag="--header",
    group="responses",
    help="field to add to every response, several times",
    reason="Empty: a response is the application's.",
)
