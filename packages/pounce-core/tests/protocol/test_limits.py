"""The limits: frozen, and such that nobody is at a client's mercy by default."""

from dataclasses import FrozenInstanceError, asdict
from math import inf

import pytest

from pounce.protocol.limits import Limits

DEFAULTS = asdict(Limits())


def test_is_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        Limits().body = 1  # type: ignore[misc] # pyright: ignore[reportAttributeAccessIssue]


def test_equal_ones_are_one_key() -> None:
    assert len({Limits(body=1), Limits(body=1)}) == 1


@pytest.mark.parametrize(
    "timeout", ["head_timeout", "keep_alive_timeout", "body_timeout", "write_timeout"]
)
def test_a_client_has_no_time_without_end(timeout: str) -> None:
    assert 0 < DEFAULTS[timeout] < inf


@pytest.mark.parametrize("rate", ["body_rate", "write_rate"])
def test_a_client_that_drips_is_below_the_rate(rate: str) -> None:
    assert DEFAULTS[rate] > 1


@pytest.mark.parametrize("size", ["request_line", "header_count", "header_bytes"])
def test_a_head_has_a_size(size: str) -> None:
    assert 0 < DEFAULTS[size] < inf


def test_the_fields_of_a_head_hold_as_much_as_its_request_line() -> None:
    assert Limits().header_bytes >= Limits().request_line


@pytest.mark.parametrize(
    "choice", ["body", "keep_alive_requests", "concurrency", "request_timeout"]
)
def test_what_depends_on_the_application_is_not_limited(choice: str) -> None:
    assert DEFAULTS[choice] is None
