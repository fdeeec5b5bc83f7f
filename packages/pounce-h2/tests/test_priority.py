import pytest
from hypothesis import given
from hypothesis import strategies as st

from pounce_h2.priority import DEFAULT, Priority, parse_priority


@pytest.mark.parametrize(
    ("value", "priority"),
    [
        (b"", DEFAULT),
        (b"u=0", Priority(0, False)),
        (b"u=7, i", Priority(7, True)),
        (b"i,u=5", Priority(5, True)),
        (b"i=?1", Priority(3, True)),
        (b"i=?0", DEFAULT),
        (b"u=1, u=2", Priority(2, False)),
        (b"u=2;x=1, i;y", Priority(2, True)),
        (b"other=1, u=4", Priority(4, False)),
    ],
)
def test_reads_urgency_and_incremental(value: bytes, priority: Priority) -> None:
    assert parse_priority(value) == priority


@pytest.mark.parametrize("value", [b"u=8", b"u=-1", b"u=a", b"u=", b"u", b"i=1", b"U=1", b"u=03"])
def test_what_it_cannot_read_says_nothing(value: bytes) -> None:
    assert parse_priority(value) == DEFAULT


@given(st.binary(max_size=64))
def test_takes_any_bytes(value: bytes) -> None:
    urgency, _ = parse_priority(value)
    assert 0 <= urgency <= 7
