"""Flow control both ways, whatever is said: what may be sent is, and nothing else."""

from typing import TYPE_CHECKING, Any

from hypothesis import given, settings
from hypothesis import strategies as st

from pounce_h2 import frame
from pounce_h2.settings import Settings

if TYPE_CHECKING:
    from tests.conftest import Connect

WORD = st.integers(0, 100_000)


@given(
    first=WORD,
    pieces=st.lists(st.integers(0, 50_000), min_size=1, max_size=6),
    steps=st.lists(st.tuples(st.sampled_from(["stream", "connection", "settings"]), WORD)),
)
@settings(deadline=None, max_examples=200)
def test_no_more_is_sent_than_the_windows_allow(
    connect: Connect, wait: Any, first: int, pieces: list[int], steps: list[tuple[str, int]]
) -> None:
    """And all of it, in the end, whatever happened to the windows in between."""
    client = connect(wait, values=((frame.INITIAL_WINDOW_SIZE, first),))
    client.say(client.head())
    client.exchange.start(200, [])
    bodies = [b"%c" % (65 + index) * size for index, size in enumerate(pieces)]
    for each in bodies:
        client.exchange.write(each, more=True)
    client.exchange.write(b"", more=False)
    client.turn()
    answered, before = client.answers[1], 0
    windows = {"stream": first, "connection": frame.FIRST_WINDOW}
    for kind, number in [*steps, ("stream", 10**9), ("connection", 10**9)]:
        assert len(answered.body) <= max(before, min(windows.values()))
        before = len(answered.body)
        if kind == "settings":
            windows["stream"] += number - first
            first = number
            client.say(frame.settings([(frame.INITIAL_WINDOW_SIZE, number)]))
        elif number:
            windows[kind] += number
            client.say(frame.window_update(1 if kind == "stream" else 0, number))
    assert client.error is None
    assert answered.ended
    assert answered.body == b"".join(bodies)


@given(
    sent=st.lists(
        st.tuples(st.integers(0, 16_000), st.integers(0, 255), st.booleans()), max_size=40
    )
)
@settings(deadline=None, max_examples=200)
def test_what_is_read_can_be_sent_again(
    connect: Connect, wait: Any, sent: list[tuple[int, int, bool]]
) -> None:
    """Padding and all; no window ever closes to a client whose body is read."""
    client = connect(wait)
    client.say(client.head(b"POST", end=False))
    exchange, body, read, spent = client.exchange, b"", b"", 0
    # The greeting has opened the connection's.
    first = {0: frame.FIRST_WINDOW, 1: frame.FIRST_WINDOW}

    def window(number: int) -> int:
        return first[number] + client.windows.get(number, 0) - spent

    for size, padding, reads in [*sent, (0, 0, True)]:
        piece = b"%c" % (size % 251) * size
        payload = b"%c%b%b" % (padding, piece, bytes(padding))
        client.say(frame.frame(frame.DATA, frame.PADDED, 1, payload))
        body += piece
        spent += len(payload)
        if reads or window(1) < 20_000:
            data = exchange.read()
            read += data if isinstance(data, bytes) else b""
            client.turn()
        assert window(1) >= 20_000
        assert window(0) * 2 >= Settings().connection_window
    assert client.error is None
    assert read == body
