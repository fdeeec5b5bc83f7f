"""HTTP/1.1 has no settings of its own, and none can be slipped in."""

from dataclasses import fields

import pytest

from pounce.http1.settings import Http1Settings


def test_there_are_none() -> None:
    assert fields(Http1Settings) == ()
    assert Http1Settings() == Http1Settings()


def test_none_can_be_added() -> None:
    with pytest.raises((AttributeError, TypeError)):
        Http1Settings().more = 1  # type: ignore[attr-defined]
