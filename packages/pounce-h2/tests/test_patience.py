import pytest

from pounce_h2.fault import ConnectionFault
from pounce_h2.frame import ErrorCode
from pounce_h2.patience import SPAN, Patience


def spend(patience: Patience, count: int, kind: str = "pings") -> None:
    for _ in range(count):
        patience.spend(kind)


def test_ends_the_connection_beyond_the_allowance() -> None:
    patience = Patience(10, 0.0)
    spend(patience, 10)
    with pytest.raises(ConnectionFault) as raised:
        patience.spend("pings")
    assert raised.value.code is ErrorCode.ENHANCE_YOUR_CALM
    assert raised.value.reason == "pings"


def test_counts_each_kind_by_itself() -> None:
    patience = Patience(10, 0.0)
    spend(patience, 10)
    spend(patience, 10, "settings")


def test_requests_that_were_answered_pay() -> None:
    patience = Patience(10, 0.0)
    patience.useful = 5
    spend(patience, 15)
    with pytest.raises(ConnectionFault):
        patience.spend("pings")


def test_requests_that_were_answered_pay_in_their_own_time() -> None:
    patience = Patience(10, 0.0)
    patience.useful = 5
    patience.look(SPAN)
    spend(patience, 10)
    with pytest.raises(ConnectionFault):
        patience.spend("pings")


def test_forgets_in_time() -> None:
    patience = Patience(10, 0.0)
    spend(patience, 10)
    patience.look(SPAN - 0.1)
    with pytest.raises(ConnectionFault):
        patience.spend("pings")
    patience.look(SPAN)
    spend(patience, 10)
