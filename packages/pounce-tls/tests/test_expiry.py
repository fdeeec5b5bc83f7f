import logging
from datetime import UTC, datetime, timedelta

import pytest

from pounce_tls.expiry import first_end, notices
from pounce_tls.identity import Identity
from pounce_tls.kinds import KeyPair

START = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def identity(life: timedelta, file: str = "c.pem") -> Identity:
    return Identity(KeyPair(file), (), "", START, START + life)


@pytest.mark.parametrize(
    ("life", "at", "said"),
    [
        (90 * DAY, 60 * DAY, None),
        (90 * DAY, 76 * DAY, None),
        (90 * DAY, 77 * DAY, "expires in 13 days, on 2026-04-01"),
        (90 * DAY, 89 * DAY, "expires in 24 hours"),
        (90 * DAY, 90 * DAY - timedelta(minutes=1), "expires in 1 hour,"),
        (90 * DAY, 90 * DAY, "has expired on 2026-04-01, and clients refuse it"),
        (6 * DAY, 4 * DAY, None),
        (6 * DAY, 5 * DAY, "expires in 24 hours, on 2026-01-07"),
        (90 * DAY, -DAY, "is good from 2026-01-01 00:00 UTC only"),
    ],
)
def test_says_what_is_due(life: timedelta, at: timedelta, said: str | None) -> None:
    found = notices([identity(life)], START + at)
    if said is None:
        assert found == []
    else:
        ((_, text),) = found
        assert text.startswith("the certificate in c.pem ")
        assert said in text


def test_an_end_that_is_near_is_a_warning_and_one_that_was_an_error() -> None:
    near, past = identity(DAY, "near"), identity(timedelta(), "past")
    levels = [level for level, _ in notices([near, past], START + 0.9 * DAY)]
    assert levels == [logging.WARNING, logging.ERROR]


def test_the_first_end() -> None:
    assert first_end([identity(9 * DAY), identity(DAY)]) == (START + DAY).timestamp()
