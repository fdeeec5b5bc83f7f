"""What a client says on a connection, and what ends a stream or the connection."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pounce.protocol.exchange import END, GONE, WAIT
from pounce.protocol.limits import Limits
from pounce_h2 import frame
from pounce_h2.connection import DISCARD, TURN
from pounce_h2.frame import ErrorCode
from pounce_h2.settings import Settings

if TYPE_CHECKING:
    from tests.conftest import Client, Connect

type Data = Callable[..., bytes]

POST = b"POST"


def test_the_greeting_comes_first(connect: Connect) -> None:
    client = connect(greet=False)
    client.say(frame.PREFACE)
    assert client.frames[0].kind == frame.SETTINGS
    assert client.settings[frame.MAX_CONCURRENT_STREAMS] == 100


def test_what_is_no_preface(connect: Connect) -> None:
    client = connect(greet=False)
    client.say(b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n")
    assert client.error == ErrorCode.PROTOCOL_ERROR


def test_a_request(connect: Connect) -> None:
    client = connect()
    answered = client.get(b"/a")
    assert (answered.status, answered.body, answered.ended) == (200, b"ok", True)
    assert client.paths == [b"/a"]


def test_it_may_come_byte_by_byte(connect: Connect) -> None:
    client = connect(greet=False)
    data = b"".join((frame.PREFACE, frame.settings([]), client.head(), client.head()))
    for byte in data:
        client.say(bytes((byte,)))
    assert [answered.body for answered in client.answers.values()] == [b"ok", b"ok"]


def talk(client: Client, data: Data) -> list[bytes]:
    """Frames of all kinds, and what comes of them is not looked at."""
    return [
        client.head(POST, b"/a", end=False),
        data(1, b"abc"),
        frame.frame(frame.DATA, frame.PADDED, 1, b"\3xyz\0\0\0"),
        frame.ping(b"12345678"),
        client.head(b"GET", b"/b", (b"cookie", b"a=b")),
        frame.frame(frame.PRIORITY, 0, 9, bytes(5)),
        client.block([(b"x-sum", b"1")], number=1),
        frame.window_update(0, 5),
    ]


@given(cuts=st.lists(st.integers(0, 300), max_size=8))
@settings(max_examples=60, deadline=None)
def test_it_may_be_cut_anywhere(connect: Connect, data: Data, cuts: list[int]) -> None:
    whole, parts = connect(), connect()
    said = b"".join(talk(whole, data))
    whole.say(said)
    last = 0
    for cut in sorted({min(cut, len(said)) for cut in cuts}):
        parts.say(said[last:cut])
        last = cut
    parts.say(said[last:])
    assert parts.output == whole.output


@given(said=st.binary(max_size=200))
@settings(deadline=None)
def test_it_takes_any_bytes(connect: Connect, said: bytes) -> None:
    client = connect()
    client.say(said)
    assert client.handler.running == 0


@given(
    frames=st.lists(
        st.builds(
            frame.frame,
            st.integers(0, 17),
            st.integers(0, 255),
            st.sampled_from([0, 1, 2, 3, 5, 7]),
            st.binary(max_size=40),
        ),
        max_size=12,
    )
)
@settings(deadline=None, max_examples=300)
def test_it_takes_any_frames(connect: Connect, frames: list[bytes]) -> None:
    """The connection ends with a reason, or goes on."""
    client = connect()
    client.say(client.head(POST, end=False), *frames)
    if client.ended():
        assert client.error
        assert client.channel.refusals
    else:
        assert client.handler.running == 0


def test_no_more_requests_are_begun_at_a_turn_than_are_fair(connect: Connect) -> None:
    client = connect()
    count = 2 * TURN + 5
    client.handler.received(b"".join(client.head() for _ in range(count)), 0.0)
    assert len(client.paths) == TURN
    assert client.paused()
    # What comes meanwhile waits behind them.
    client.handler.received(client.head(b"GET", b"/last"), 0.0)
    client.turn()
    assert len(client.paths) == count + 1
    assert client.paths[-1] == b"/last"
    assert not client.paused()
    assert len(client.answers) == count + 1


def test_a_frame_that_is_too_large(connect: Connect) -> None:
    client = connect()
    client.say(frame.HEADER.pack((frame.FRAME_SIZE + 1) << 8, 0, 1))
    assert client.error == ErrorCode.FRAME_SIZE_ERROR


# Header blocks


def test_a_block_in_pieces(connect: Connect) -> None:
    client = connect()
    whole = client.head(b"GET", b"/a", end=True)
    block = whole[9:]
    client.say(frame.frame(frame.HEADERS, frame.END_STREAM, 1, block[:3]))
    client.say(
        frame.frame(frame.CONTINUATION, 0, 1, b""),
        frame.frame(frame.CONTINUATION, frame.END_HEADERS, 1, block[3:]),
    )
    assert client.answers[1].body == b"ok"


def test_padding_and_priority_are_no_part_of_a_block(connect: Connect) -> None:
    client = connect()
    block = client.head()[9:]
    flags = frame.PADDED | frame.WITH_PRIORITY | frame.END_HEADERS | frame.END_STREAM
    client.say(frame.frame(frame.HEADERS, flags, 1, b"\2" + bytes(5) + block + bytes(2)))
    assert client.answers[1].body == b"ok"


@pytest.mark.parametrize(
    ("flags", "payload"),
    [
        (frame.PADDED, b""),
        (frame.PADDED, b"\1"),
        (frame.WITH_PRIORITY, bytes(4)),
        (frame.PADDED | frame.WITH_PRIORITY, b""),
        (frame.PADDED | frame.WITH_PRIORITY, b"\5"),
        (frame.PADDED | frame.WITH_PRIORITY, b"\1"),
        (frame.PADDED | frame.WITH_PRIORITY, b"\0" + bytes(4)),
    ],
)
def test_padding_that_is_more_than_there_is(connect: Connect, flags: int, payload: bytes) -> None:
    client = connect()
    client.say(frame.frame(frame.HEADERS, flags | frame.END_HEADERS, 1, payload))
    assert client.error == ErrorCode.PROTOCOL_ERROR


@pytest.mark.parametrize(
    "between",
    [
        frame.ping(b"12345678"),
        frame.frame(frame.CONTINUATION, 4, 3, b""),
        frame.frame(frame.DATA, 0, 1, b""),
        frame.frame(frame.HEADERS, 4, 3, b"\x82"),
        frame.frame(0x42, 0, 1, b""),
    ],
)
def test_nothing_comes_between_the_pieces_of_a_block(connect: Connect, between: bytes) -> None:
    client = connect()
    client.say(frame.frame(frame.HEADERS, 0, 1, b"\x82"), between)
    assert client.error == ErrorCode.PROTOCOL_ERROR


@pytest.mark.parametrize("number", [0, 2])
def test_a_stream_that_is_no_clients(connect: Connect, number: int) -> None:
    client = connect()
    client.say(client.head(number=number))
    assert client.error == ErrorCode.PROTOCOL_ERROR


def test_a_stream_that_was_passed_over(connect: Connect) -> None:
    client = connect()
    client.say(client.head(number=5), client.head(number=3))
    assert client.error == ErrorCode.STREAM_CLOSED


def test_a_malformed_request_ends_its_stream_alone(connect: Connect) -> None:
    client = connect()
    client.say(client.head(b"GET", b"/ a"), client.head())
    assert client.resets == {1: ErrorCode.PROTOCOL_ERROR}
    assert client.answers[3].body == b"ok"
    assert client.channel.refusals == ["target-invalid"]


def test_the_table_goes_on_after_a_malformed_request(connect: Connect) -> None:
    client = connect()
    client.say(
        client.head(b"GET", b"/ a", (b"x-a", b"b")), client.head(b"GET", b"/", (b"x-a", b"b"))
    )
    assert (b"x-a", b"b") in client.exchange.head.headers


def test_a_request_that_is_too_large_is_answered(connect: Connect) -> None:
    client = connect(limits=Limits(header_bytes=100))
    client.say(client.head(b"GET", b"/", (b"x", b"y" * 100)), client.head())
    assert (client.answers[1].status, client.answers[1].ended) == (431, True)
    assert client.answers[3].status == 200
    assert client.channel.refusals == ["header-bytes"]
    assert client.services.notes == [(b"-", 431), (b"/", 200)]


def test_a_refused_request_whose_body_follows(connect: Connect, data: Data) -> None:
    client = connect(limits=Limits(request_line=10))
    client.say(client.head(POST, b"/" * 11, end=False))
    assert client.answers[1].status == 414
    client.say(data(1, b"x" * 100, end=True), client.head())
    assert client.answers[3].status == 200


# Bodies


def test_a_body(connect: Connect, wait: Any, data: Data) -> None:
    client = connect(wait)
    client.say(client.head(POST, end=False))
    exchange = client.exchange
    assert exchange.read() is WAIT
    client.say(data(1, b"ab"), data(1, b"cd"))
    assert exchange.read() == b"abcd"
    assert not exchange.body_read
    client.say(data(1, b"ef", end=True))
    assert exchange.read() == b"ef"
    assert exchange.body_read
    assert exchange.read() is END


def test_the_connections_window_is_given_back_unread(
    connect: Connect, wait: Any, data: Data
) -> None:
    client = connect(wait, settings=Settings(connection_window=100_000))
    client.say(*(client.head(POST, end=False) for _ in range(4)))
    for number in (1, 3, 5, 7):
        client.say(*(data(number, b"x" * 16_000) for _ in range(4)))
    assert client.error is None
    assert client.windows[0] >= 3 * 64_000
    assert not {1, 3, 5, 7} & client.windows.keys()


def test_a_streams_window_is_given_back_as_it_is_read(
    connect: Connect, wait: Any, data: Data
) -> None:
    client = connect(wait)
    client.say(client.head(POST, end=False), *(data(1, b"x" * 16_000) for _ in range(4)))
    assert len(client.exchange.read()) == 64_000
    client.turn()
    assert client.windows[1] == 64_000
    client.say(*(data(1, b"x" * 16_000) for _ in range(4)))
    assert client.error is None
    assert client.resets == {}


def test_a_client_that_sends_more_than_the_streams_window(
    connect: Connect, wait: Any, data: Data
) -> None:
    client = connect(wait)
    client.say(client.head(POST, end=False), *(data(1, b"x" * 16_384) for _ in range(4)))
    assert client.resets == {1: ErrorCode.FLOW_CONTROL_ERROR}
    assert client.exchange.read() is GONE


def test_a_client_that_sends_more_than_a_reset_stream_may(
    connect: Connect, wait: Any, data: Data
) -> None:
    client = connect(wait)
    client.say(client.head(POST, end=False), frame.window_update(1, 0))
    assert client.resets == {1: ErrorCode.PROTOCOL_ERROR}
    client.say(*(data(1, b"x" * 16_384) for _ in range(4)))
    assert client.error == ErrorCode.FLOW_CONTROL_ERROR


def test_padding_counts_and_is_given_back(connect: Connect, wait: Any) -> None:
    client = connect(wait)
    padded = frame.frame(frame.DATA, frame.PADDED, 1, b"\xfex" + bytes(254))
    client.say(client.head(POST, end=False), *([padded] * 150))
    assert client.windows[1] >= 32_768
    assert client.exchange.read() == b"x" * 150


@pytest.mark.parametrize("payload", [b"", b"\1", b"\x05abcd"])
def test_padding_of_data_that_is_more_than_there_is(
    connect: Connect, wait: Any, payload: bytes
) -> None:
    client = connect(wait)
    client.say(client.head(POST, end=False), frame.frame(frame.DATA, frame.PADDED, 1, payload))
    assert client.error == ErrorCode.PROTOCOL_ERROR


@pytest.mark.parametrize("sent", [b"abc", b"abcdef"])
def test_a_body_of_another_length_than_was_declared(
    connect: Connect, wait: Any, data: Data, sent: bytes
) -> None:
    client = connect(wait)
    client.say(client.head(POST, b"/", (b"content-length", b"5"), end=False))
    client.say(data(1, sent, end=True), client.head())
    assert client.resets == {1: ErrorCode.PROTOCOL_ERROR}
    assert client.channel.exchanges[0].read() is GONE
    assert client.error is None


def test_a_body_of_the_length_that_was_declared(connect: Connect, wait: Any, data: Data) -> None:
    client = connect(wait)
    client.say(client.head(POST, b"/", (b"content-length", b"5"), end=False))
    client.say(data(1, b"abcde"), data(1, b"", end=True))
    assert client.exchange.read() == b"abcde"
    assert client.resets == {}


@pytest.mark.parametrize("number", [0, 2, 5])
def test_data_of_no_stream(connect: Connect, data: Data, number: int) -> None:
    client = connect()
    client.say(client.head(), data(number, b"x"))
    assert client.error == ErrorCode.PROTOCOL_ERROR


def test_data_of_a_stream_that_is_over(connect: Connect, data: Data) -> None:
    client = connect()
    client.say(client.head(), data(1, b"x"))
    assert client.error == ErrorCode.STREAM_CLOSED


def test_data_after_the_end(connect: Connect, wait: Any, data: Data) -> None:
    client = connect(wait)
    client.say(client.head(), data(1, b"x"))
    assert client.resets == {1: ErrorCode.STREAM_CLOSED}
    assert client.error is None


def test_an_answer_waits_for_the_upload(connect: Connect, data: Data) -> None:
    client = connect()
    client.say(client.head(POST, end=False), data(1, b"x" * 1000))
    assert client.answers == {}
    client.say(data(1, b"y", end=True))
    assert client.answers[1].body == b"ok"
    assert client.answers[1].ended
    assert client.resets == {}
    assert client.handler._engine.streams == {}
    assert client.get().status == 200


def test_a_long_upload_that_was_answered_is_cut_short(connect: Connect, data: Data) -> None:
    client = connect()
    client.say(client.head(POST, end=False))
    size = 0
    while not client.resets:
        client.say(data(1, b"x" * 16_384))
        size += 16_384
        assert client.error is None
    assert size == DISCARD + 16_384
    assert client.answers[1].ended
    assert client.resets == {1: ErrorCode.NO_ERROR}
    # Until the client knows.
    client.say(data(1, b"x" * 16_384))
    assert client.get().status == 200


def test_an_answer_does_not_wait_for_an_upload_that_is_long(connect: Connect) -> None:
    client = connect()
    length = (b"content-length", b"%d" % (DISCARD + 1))
    client.say(client.head(POST, b"/", length, end=False))
    assert client.answers[1].ended
    assert client.resets == {1: ErrorCode.NO_ERROR}


def test_an_answer_does_not_wait_for_who_waits_for_it(connect: Connect) -> None:
    client = connect()
    client.say(client.head(POST, b"/", (b"expect", b"100-continue"), end=False))
    assert client.answers[1].ended
    assert client.resets == {1: ErrorCode.NO_ERROR}


# Trailers


def test_trailers_end_a_body(connect: Connect, wait: Any, data: Data) -> None:
    client = connect(wait)
    client.say(client.head(POST, end=False), data(1, b"x"), client.block([(b"a", b"b")], number=1))
    assert client.exchange.read() == b"x"
    assert client.exchange.body_read


@pytest.mark.parametrize(
    ("field", "end"), [((b":path", b"/"), True), ((b"A", b"b"), True), ((b"a", b"b"), False)]
)
def test_what_are_no_trailers(
    connect: Connect, wait: Any, field: tuple[bytes, bytes], end: bool
) -> None:
    client = connect(wait)
    client.say(client.head(POST, end=False), client.block([field], number=1, end=end))
    assert client.resets == {1: ErrorCode.PROTOCOL_ERROR}
    assert client.error is None


def test_trailers_after_the_end(connect: Connect, wait: Any) -> None:
    client = connect(wait)
    client.say(client.head(), client.block([(b"a", b"b")], number=1))
    assert client.resets == {1: ErrorCode.STREAM_CLOSED}


# Resets, and too many


def test_a_reset_takes_the_client_away(connect: Connect, wait: Any) -> None:
    client = connect(wait)
    client.say(client.head(), frame.rst_stream(1, ErrorCode.CANCEL))
    assert client.exchange.gone
    assert client.exchange.read() is GONE
    assert client.services.notes == [(b"/", 0)]


def test_a_reset_of_a_stream_that_is_over_is_overlooked(connect: Connect) -> None:
    client = connect()
    client.say(client.head(), frame.rst_stream(1, ErrorCode.CANCEL))
    assert client.get().status == 200


@pytest.mark.parametrize(
    ("said", "code"),
    [
        (frame.rst_stream(0, 0), ErrorCode.PROTOCOL_ERROR),
        (frame.rst_stream(1, 0), ErrorCode.PROTOCOL_ERROR),
        (frame.rst_stream(2, 0), ErrorCode.PROTOCOL_ERROR),
        (frame.frame(frame.RST_STREAM, 0, 1, b"123"), ErrorCode.FRAME_SIZE_ERROR),
    ],
)
def test_what_is_no_reset(connect: Connect, said: bytes, code: ErrorCode) -> None:
    client = connect()
    client.say(said)
    assert client.error == code


def test_too_many_streams(connect: Connect, wait: Any) -> None:
    client = connect(wait, settings=Settings(max_streams=3))
    client.say(*(client.head() for _ in range(5)))
    assert len(client.paths) == 3
    assert client.resets == {7: ErrorCode.REFUSED_STREAM, 9: ErrorCode.REFUSED_STREAM}
    assert client.channel.refusals == ["too-many-streams"] * 2


def test_calls_of_reset_streams_count_until_they_return(connect: Connect, wait: Any) -> None:
    client = connect(wait, settings=Settings(max_streams=2))
    for _ in range(2):
        client.say(client.head(), frame.rst_stream(client.next - 2, ErrorCode.CANCEL))
    client.say(client.head())
    assert client.resets == {5: ErrorCode.REFUSED_STREAM}
    client.channel.exchanges[0].finish(None)
    client.say(client.head())
    assert client.paths == [b"/"] * 3
