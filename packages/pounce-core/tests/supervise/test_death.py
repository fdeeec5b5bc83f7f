"""Deaths are counted within a window, and told by what they came of."""

from collections.abc import Sequence

from pounce.protocol.errors import StartupError
from pounce.supervise.crew import Member
from pounce.supervise.death import Deaths, cause, traceback


class Victim:
    """A member of which only the name matters."""

    name = "worker-1"
    ready = False
    since = 0.0
    lifetime: float | None = None
    remains = False

    def start(self) -> None: ...
    def retire(self, heirs: Sequence[Member]) -> None: ...
    def fade(self) -> None: ...
    def end(self) -> None: ...
    def hurry(self) -> None: ...
    def kill(self) -> None: ...
    def join(self, timeout: float | None) -> bool:
        return True

    def memory(self) -> int | None:
        return None

    def reopen_logs(self) -> None: ...


def test_deaths_within_the_window_add_up() -> None:
    deaths = Deaths()
    assert [deaths.count(now, window=10.0) for now in (0.0, 5.0, 9.0)] == [1, 2, 3]


def test_deaths_before_the_window_are_forgotten() -> None:
    deaths = Deaths()
    deaths.count(0.0, window=10.0)
    assert deaths.count(10.0, window=10.0) == 1


def test_an_end_without_an_error_is_told_as_one() -> None:
    assert cause(Victim(), None) == "worker-1 ended without being asked"


def test_a_refusal_is_told_in_its_own_words() -> None:
    assert cause(Victim(), StartupError("no room")) == "no room"


def test_a_fault_is_told_with_its_type() -> None:
    assert cause(Victim(), KeyError("x")) == "worker-1 died of KeyError: 'x'"


def test_a_fault_is_shown_with_its_own_traceback() -> None:
    fault = KeyError("x")
    assert traceback(fault) is fault


def test_a_refusal_is_shown_with_that_of_its_cause() -> None:
    fault = KeyError("x")
    refusal = StartupError("no room")
    refusal.__cause__ = fault
    assert traceback(refusal) is fault


def test_nothing_is_shown_where_nothing_was_raised() -> None:
    assert traceback(None) is None
