from pounce.protocol.limits import Limits
from pounce_h2 import frame
from pounce_h2.rules import Rules
from pounce_h2.settings import Settings


def said(rules: Rules) -> dict[int, int]:
    """What the greeting's SETTINGS say."""
    size = int.from_bytes(rules.greeting[:3])
    return dict(frame.read_settings(rules.greeting[9 : 9 + size]))


def test_the_greeting_says_our_limits() -> None:
    values = said(Rules(Limits(), Settings(max_streams=7, stream_window=100_000), frozenset()))
    assert values[frame.MAX_CONCURRENT_STREAMS] == 7
    assert values[frame.INITIAL_WINDOW_SIZE] == 100_000
    assert values[frame.MAX_HEADER_LIST_SIZE] >= Limits().header_bytes
    assert values[frame.NO_RFC7540_PRIORITIES] == 1


def test_extended_connect_is_offered_where_there_is_something_for_it() -> None:
    assert frame.ENABLE_CONNECT_PROTOCOL not in said(Rules(Limits(), Settings(), frozenset()))
    values = said(Rules(Limits(), Settings(), frozenset((b"websocket",))))
    assert values[frame.ENABLE_CONNECT_PROTOCOL] == 1


def test_the_greeting_opens_the_window_of_the_connection() -> None:
    rules = Rules(Limits(), Settings(connection_window=100_000), frozenset())
    assert rules.greeting.endswith(frame.window_update(0, 100_000 - frame.FIRST_WINDOW))


def test_the_first_window_need_not_be_opened() -> None:
    rules = Rules(Limits(), Settings(connection_window=frame.FIRST_WINDOW), frozenset())
    assert len(rules.greeting) == 9 + 6 * len(said(rules))
