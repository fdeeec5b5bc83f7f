"""What costs the server more than the client is bounded, counted, and ended with the right error.

Each attack is sent ten thousand times, or without end: the connection has to end after few.
"""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from pounce.protocol.exchange import Exchange
from pounce.protocol.limits import Limits
from pounce_h2 import frame
from pounce_h2.control import UPDATES
from pounce_h2.frame import ErrorCode
from pounce_h2.settings import Settings

if TYPE_CHECKING:
    from tests.conftest import Client, Connect

type Attack = Callable[[Client], Iterator[bytes]]

CALM = ErrorCode.ENHANCE_YOUR_CALM
OFTEN = 10_000


def rapid_reset(client: Client) -> Iterator[bytes]:
    while True:
        yield client.head() + frame.rst_stream(client.next - 2, ErrorCode.CANCEL)


def window_update_of_nothing(client: Client) -> Iterator[bytes]:
    """MadeYouReset: the server is made to reset what the client opens."""
    while True:
        yield client.head(b"POST", end=False) + frame.window_update(client.next - 2, 0)


def window_overflow(client: Client) -> Iterator[bytes]:
    while True:
        yield client.head(b"POST", end=False) + frame.window_update(client.next - 2, frame.LARGEST)


def data_after_the_end(client: Client) -> Iterator[bytes]:
    while True:
        yield client.head() + frame.frame(frame.DATA, 0, client.next - 2, b"x")


def body_of_another_length(client: Client) -> Iterator[bytes]:
    while True:
        head = client.head(b"POST", b"/", (b"content-length", b"9"), end=False)
        yield head + frame.frame(frame.DATA, frame.END_STREAM, client.next - 2, b"x")


def trailers_after_the_end(client: Client) -> Iterator[bytes]:
    while True:
        head = client.head()
        yield head + client.block([(b"a", b"b")], number=client.next - 2)


def malformed(client: Client) -> Iterator[bytes]:
    while True:
        yield client.head(b"GET", b"/ a")


def too_many_streams(client: Client) -> Iterator[bytes]:
    while True:
        yield client.head()


def repeated(*frames: bytes) -> Attack:
    def attack(_client: Client) -> Iterator[bytes]:
        while True:
            yield from frames

    return attack


def head_and(*frames: bytes) -> Attack:
    """The same, of stream 1."""

    def attack(client: Client) -> Iterator[bytes]:
        yield client.head(b"POST", end=False)
        while True:
            yield from frames

    return attack


def continuation(piece: bytes) -> Attack:
    def attack(_client: Client) -> Iterator[bytes]:
        yield frame.frame(frame.HEADERS, 0, 1, b"\x82")
        while True:
            yield frame.frame(frame.CONTINUATION, 0, 1, piece)

    return attack


ATTACKS: dict[str, Attack] = {
    "rapid-reset": rapid_reset,
    "window-update-of-nothing": window_update_of_nothing,
    "window-overflow": window_overflow,
    "data-after-the-end": data_after_the_end,
    "body-of-another-length": body_of_another_length,
    "trailers-after-the-end": trailers_after_the_end,
    "malformed": malformed,
    "too-many-streams": too_many_streams,
    "pings": repeated(frame.ping(b"12345678")),
    "answers-to-pings": repeated(frame.ping(b"12345678", ack=True)),
    "settings": repeated(frame.settings([])),
    "settings-of-windows": repeated(
        frame.settings([(frame.INITIAL_WINDOW_SIZE, 0)]),
        frame.settings([(frame.INITIAL_WINDOW_SIZE, frame.LARGEST)]),
    ),
    "answers-to-settings": repeated(frame.SETTINGS_ACK),
    "priorities": repeated(frame.frame(frame.PRIORITY, 0, 1, bytes(5))),
    "dependencies-on-itself": repeated(frame.frame(frame.PRIORITY, 0, 1, b"\0\0\0\1\0")),
    "priority-updates": repeated(frame.frame(frame.PRIORITY_UPDATE, 0, 0, b"\0\0\0\1u=1")),
    "unknown-frames": repeated(frame.frame(0x42, 0, 0, b"")),
    "goaways": repeated(frame.goaway(0, 0)),
    "connection-windows": repeated(frame.window_update(0, 1)),
    "stream-windows": head_and(frame.window_update(1, 1)),
    "empty-data": head_and(frame.frame(frame.DATA, 0, 1, b"")),
    "padding": head_and(frame.frame(frame.DATA, frame.PADDED, 1, b"\0")),
    "resets": head_and(frame.rst_stream(1, 0)),
    "continuations": continuation(b"\x40\x01a\x01b"),
    "empty-continuations": continuation(b""),
    "large-continuations": continuation(b"\x00\x01a\x7f\x80\x7f" + b"x" * 16_000),
}


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
def test_an_attack_is_ended_after_few(connect: Connect, wait: Any, attack: Attack) -> None:
    client = connect(wait)
    sent = 0
    for piece in attack(client):
        client.say(piece)
        sent += 1
        if client.ended():
            break
        assert sent < OFTEN, "the attack goes on"
        assert client.handler.running <= 100
    assert client.error == CALM
    # Its name is counted, and it has not cost much to find out.
    assert client.channel.refusals
    assert sent <= 1_200
    assert len(client.output) < 40_000
    assert all(exchange.gone for exchange in client.channel.exchanges)


def test_headers_without_names(connect: Connect) -> None:
    client = connect()
    for _ in range(OFTEN):
        client.say(client.block([(b"", b"")] * 50))
        if client.ended():
            break
    assert client.error == CALM
    assert client.paths == []


def test_a_bomb(connect: Connect) -> None:
    client = connect()
    client.say(client.head(b"GET", b"/", (b"x", b"y" * 3900)))
    client.say(frame.headers(client.next, b"\xbe" * 16_000, end=True))
    assert client.error == CALM
    assert client.channel.refusals[-1] == "header-bomb"


@pytest.mark.parametrize(
    "block", [b"\x3f\xe2\x1f", b"\xff\x80\x80\x80\x80\x80\x80\x80\x01", b"\x41\x81\xfe"]
)
def test_compression_that_is_none(connect: Connect, block: bytes) -> None:
    client = connect()
    client.say(frame.headers(1, block, end=True))
    assert client.error == ErrorCode.COMPRESSION_ERROR


def test_honest_requests_pay_for_pings(connect: Connect) -> None:
    client = connect()
    for _ in range(1_000):
        client.say(client.head(), frame.ping(b"12345678"))
    assert client.error is None


def test_a_browser_may_close_a_page(connect: Connect, wait: Any) -> None:
    """It resets all that is open, as often as people do that."""
    client = connect(wait)
    for now in range(0, 100, 11):
        first = client.next
        client.say(*(client.head() for _ in range(100)), now=float(now))
        numbers = range(first, client.next, 2)
        client.say(*(frame.rst_stream(number, ErrorCode.CANCEL) for number in numbers), now=now)
        for exchange in client.channel.exchanges[-100:]:
            exchange.finish(None)
    assert client.error is None
    assert len(client.paths) == 1_000


def test_windows_that_are_opened_for_what_was_sent(connect: Connect) -> None:
    """A client may open its windows as often as it takes the frames that it gets."""

    def app(exchange: Exchange) -> bool:
        exchange.start(200, [])
        exchange.write(b"x" * 4_000_000, more=False)
        exchange.finish(None)
        return True

    client = connect(app)
    client.say(client.head())
    while not client.answers[1].ended:
        client.say(frame.window_update(0, 2_000), frame.window_update(1, 2_000))
        assert client.error is None


def test_windows_that_are_opened_for_each_small_piece(connect: Connect, wait: Any) -> None:
    """Some clients give back at once what they were sent, be it little, as with events."""
    client = connect(wait)
    client.say(client.head())
    client.exchange.start(200, [])
    for _ in range(2 * UPDATES):
        client.exchange.write(b"data: 1\n\n", more=True)
        client.turn()
        client.say(frame.window_update(0, 9), frame.window_update(1, 9))
    assert client.error is None


def test_windows_that_are_opened_for_each_small_response(connect: Connect) -> None:
    client = connect()
    for number in range(1, 4 * UPDATES, 2):
        client.say(client.head())
        client.say(frame.window_update(0, 2), frame.window_update(number, 2))
    assert client.error is None


def test_windows_that_are_opened_byte_by_byte(connect: Connect, wait: Any) -> None:
    """What a client has cut up itself pays for nothing."""
    client = connect(wait, values=((frame.INITIAL_WINDOW_SIZE, 0),))
    client.say(client.head())
    client.exchange.start(200, [])
    client.exchange.write(b"x" * 2 * UPDATES, more=True)
    for _ in range(2 * UPDATES):
        client.say(frame.window_update(1, 1))
    assert client.error == ErrorCode.ENHANCE_YOUR_CALM


def test_who_reads_nothing_is_read_no_more(connect: Connect) -> None:
    """The output that waits is bounded, whatever the client asks for."""
    client = connect(settings=Settings(patience=10**6))
    client.channel.takes = False
    for _ in range(OFTEN):
        if client.paused():
            break
        client.say(frame.ping(b"12345678") * 10, client.head())
    assert client.paused()
    assert client.handler.outbound.size < 100_000
    assert len(client.output) < 200_000
    client.flush()
    client.turn()
    assert not client.paused()
    assert client.handler.outbound.size == 0


def test_bodies_that_nobody_reads_are_bounded(connect: Connect, wait: Any) -> None:
    client = connect(wait)
    client.say(*(client.head(b"POST", end=False) for _ in range(100)))
    for number in range(1, 200, 2):
        for _ in range(3):
            client.say(frame.frame(frame.DATA, 0, number, b"x" * 16_384))
    assert client.error is None
    waiting = sum(exchange.stream.unread for exchange in client.channel.exchanges)
    assert waiting == 100 * 3 * 16_384
    client.say(*(frame.frame(frame.DATA, 0, number, b"x" * 16_384) for number in range(1, 200, 2)))
    assert sum(exchange.stream.unread for exchange in client.channel.exchanges) == 0


def test_a_hundred_streams_whose_windows_are_closed(connect: Connect) -> None:
    """What waits is one message each, and the next stream with a window flows."""

    def app(exchange: Exchange) -> bool:
        exchange.start(200, [])
        exchange.write(b"x" * 10_000, more=False)
        exchange.finish(None)
        return True

    client = connect(
        app, values=((frame.INITIAL_WINDOW_SIZE, 0),), settings=Settings(max_streams=100)
    )
    client.say(*(client.head() for _ in range(99)))
    client.say(client.head(), frame.window_update(199, 20_000))
    assert client.answers[199].ended
    assert client.answers[1].body == b""
    client.say(client.head(), client.head())
    assert client.resets == {203: ErrorCode.REFUSED_STREAM}


def test_a_head_that_drips_is_ended(connect: Connect) -> None:
    client = connect(limits=Limits(head_timeout=10.0))
    head = client.head()
    for now, byte in enumerate(head):
        client.say(bytes((byte,)), now=float(now))
        client.wait(float(now))
        if client.ended():
            break
    assert client.error == CALM
    assert client.channel.refusals == ["head-timeout"]
