"""How long certificates are still good for, and when somebody has to be told.

Decides by when a certificate should have been renewed, and the words. Never renews one.
"""

import logging
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from pounce_tls.identity import Identity

NOTICE: Final = timedelta(days=14)
"""Before the end; those that are renewed by a program have been by then."""
SHARE: Final = 5
"""A short-lived certificate is due in the last fifth of its life."""


def first_end(identities: Iterable[Identity]) -> float:
    """When the first of the certificates ends to be good, in seconds since 1970."""
    return min(each.expires for each in identities).timestamp()


def notices(identities: Iterable[Identity], now: datetime) -> list[tuple[int, str]]:
    """What is to be said of certificates: the level of the log, and a sentence.

    Args:
        now: with a zone.
    """
    found: list[tuple[int, str]] = []
    for identity in identities:
        which, left = f"the certificate in {identity.files.certfile}", identity.expires - now
        day = f"{identity.expires:%Y-%m-%d}"
        if now < identity.starts:
            start = f"{identity.starts:%Y-%m-%d %H:%M} UTC"
            text = f"{which} is good from {start} only: check this machine's clock"
            found.append((logging.WARNING, text))
        if left <= timedelta():
            text = (
                f"{which} has expired on {day}, and clients refuse it: put a new one in its place"
            )
            found.append((logging.ERROR, text))
        elif left < min(NOTICE, (identity.expires - identity.starts) / SHARE):
            text = f"{which} expires in {_span(left)}, on {day}: put a new one in its place"
            found.append((logging.WARNING, text))
    return found


def _span(left: timedelta) -> str:
    hours = round(left.total_seconds() / 3600)
    if hours < 48:
        return f"{max(hours, 1)} hour{'s' if hours > 1 else ''}"
    return f"{left.days} days"
