import pytest
from hypothesis import given
from hypothesis import strategies as st

from pounce_ws.closing import (
    BAD_DATA,
    MOST_REASON,
    NO_CODE,
    PROTOCOL_ERROR,
    Closed,
    Failed,
    may_be_sent,
    payload_of,
    read_payload,
)

SENT = [1000, 1001, 1002, 1003, 1007, 1008, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999]
NEVER = [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535]


@pytest.mark.parametrize("code", SENT)
def test_codes_that_are_for_the_wire(code: int) -> None:
    assert may_be_sent(code)
    assert read_payload(code.to_bytes(2) + b"why") == Closed(code, "why")


@pytest.mark.parametrize("code", NEVER)
def test_codes_that_are_not(code: int) -> None:
    assert not may_be_sent(code)
    found = read_payload(code.to_bytes(2))
    assert isinstance(found, Failed)
    assert found.code == PROTOCOL_ERROR


def test_a_close_without_a_code() -> None:
    assert read_payload(b"") == Closed(NO_CODE)
    assert payload_of(Closed(NO_CODE)) == b""


def test_half_a_code_is_refused() -> None:
    found = read_payload(b"\x03")
    assert isinstance(found, Failed)
    assert found.code == PROTOCOL_ERROR


@pytest.mark.parametrize("reason", [b"\xff", b"\xe2\x82", b"\xed\xa0\x80"])
def test_a_reason_is_utf8(reason: bytes) -> None:
    found = read_payload(b"\x03\xe8" + reason)
    assert isinstance(found, Failed)
    assert found.code == BAD_DATA


def test_the_longest_reason() -> None:
    assert len(payload_of(Closed(1000, "x" * MOST_REASON))) == 125
    with pytest.raises(ValueError, match="123 bytes"):
        payload_of(Closed(1000, "x" * (MOST_REASON + 1)))


def test_no_frame_says_what_is_not_for_the_wire() -> None:
    with pytest.raises(ValueError, match="1006 is no close code"):
        payload_of(Closed(1006))


def test_failing_is_not_closing() -> None:
    assert Failed(1002, "x") != Closed(1002, "x")
    assert {Failed(1002, "x"), Failed(1002, "x")} == {Failed(1002, "x")}


def test_a_failure_has_a_name_for_counters() -> None:
    failed = read_payload(b"\x03")
    assert isinstance(failed, Failed)
    assert failed.token == "websocket-half-a-close-code"


@given(st.sampled_from(SENT), st.text(max_size=30))
def test_what_is_written_is_read(code: int, reason: str) -> None:
    assert read_payload(payload_of(Closed(code, reason))) == Closed(code, reason)
