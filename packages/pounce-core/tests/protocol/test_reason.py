"""The phrases of codes that are known and of others."""

from http import HTTPStatus

import pytest

from pounce.protocol.reason import phrase


@pytest.mark.parametrize("status", [status.value for status in HTTPStatus])
def test_every_registered_status_has_a_phrase(status: int) -> None:
    # 510 was given up (RFC 9110 made it historic) and has none.
    assert phrase(status) or status == 510


def test_an_unknown_status_has_none() -> None:
    assert phrase(299) == b""
