"""Frames that are about the connection, and which of them are none."""

from typing import TYPE_CHECKING, Any

import pytest

from pounce.protocol.exchange import Exchange
from pounce_h2 import frame
from pounce_h2.frame import ErrorCode

if TYPE_CHECKING:
    from tests.conftest import Connect


def setting(name: int, value: int) -> bytes:
    return frame.settings([(name, value)])


def test_settings_are_acknowledged(connect: Connect) -> None:
    client = connect()
    assert frame.SETTINGS_ACK in client.output


def test_a_ping_is_answered(connect: Connect) -> None:
    client = connect()
    client.say(frame.ping(b"12345678"))
    assert client.output.endswith(frame.ping(b"12345678", ack=True))


def test_the_answer_to_a_ping_is_not_answered(connect: Connect) -> None:
    client = connect()
    before = client.output
    client.say(frame.ping(b"12345678", ack=True))
    assert client.output == before


def test_unknown_settings_and_frames_are_overlooked(connect: Connect) -> None:
    client = connect()
    client.say(setting(0xF0F0, 5), frame.frame(0x42, 0xFF, 7, b"what?"))
    assert client.get().status == 200


WRONG: dict[str, tuple[bytes, ErrorCode]] = {
    "settings-of-a-stream": (frame.frame(frame.SETTINGS, 0, 1, b""), ErrorCode.PROTOCOL_ERROR),
    "settings-cut-off": (frame.frame(frame.SETTINGS, 0, 0, b"12345"), ErrorCode.FRAME_SIZE_ERROR),
    "settings-too-many": (
        frame.settings([(0x99, 1)] * 33),
        ErrorCode.FRAME_SIZE_ERROR,
    ),
    "answer-with-settings": (
        frame.frame(frame.SETTINGS, frame.ACK, 0, b"123456"),
        ErrorCode.FRAME_SIZE_ERROR,
    ),
    "push": (setting(frame.ENABLE_PUSH, 2), ErrorCode.PROTOCOL_ERROR),
    "window": (setting(frame.INITIAL_WINDOW_SIZE, 1 << 31), ErrorCode.FLOW_CONTROL_ERROR),
    "small-frames": (setting(frame.MAX_FRAME_SIZE, 16_383), ErrorCode.PROTOCOL_ERROR),
    "large-frames": (setting(frame.MAX_FRAME_SIZE, 1 << 24), ErrorCode.PROTOCOL_ERROR),
    "connect": (setting(frame.ENABLE_CONNECT_PROTOCOL, 2), ErrorCode.PROTOCOL_ERROR),
    "ping-of-a-stream": (frame.frame(frame.PING, 0, 1, b"12345678"), ErrorCode.PROTOCOL_ERROR),
    "ping-cut-off": (frame.frame(frame.PING, 0, 0, b"1234567"), ErrorCode.FRAME_SIZE_ERROR),
    "priority-of-no-stream": (
        frame.frame(frame.PRIORITY, 0, 0, b"12345"),
        ErrorCode.PROTOCOL_ERROR,
    ),
    "priority-cut-off": (frame.frame(frame.PRIORITY, 0, 1, b"1234"), ErrorCode.FRAME_SIZE_ERROR),
    "goaway-of-a-stream": (frame.frame(frame.GOAWAY, 0, 1, bytes(8)), ErrorCode.PROTOCOL_ERROR),
    "goaway-cut-off": (frame.frame(frame.GOAWAY, 0, 0, bytes(7)), ErrorCode.FRAME_SIZE_ERROR),
    "push-promise": (frame.frame(frame.PUSH_PROMISE, 4, 1, bytes(5)), ErrorCode.PROTOCOL_ERROR),
    "continuation": (frame.frame(frame.CONTINUATION, 4, 1, b"\x82"), ErrorCode.PROTOCOL_ERROR),
    "update-cut-off": (
        frame.frame(frame.WINDOW_UPDATE, 0, 0, bytes(3)),
        ErrorCode.FRAME_SIZE_ERROR,
    ),
    "update-of-nothing": (frame.window_update(0, 0), ErrorCode.PROTOCOL_ERROR),
    "update-too-far": (frame.window_update(0, frame.LARGEST), ErrorCode.FLOW_CONTROL_ERROR),
    "update-of-an-idle-stream": (frame.window_update(7, 1), ErrorCode.PROTOCOL_ERROR),
    "update-of-our-stream": (frame.window_update(2, 1), ErrorCode.PROTOCOL_ERROR),
    "reprioritize-of-a-stream": (
        frame.frame(frame.PRIORITY_UPDATE, 0, 1, bytes(4)),
        ErrorCode.PROTOCOL_ERROR,
    ),
    "reprioritize-cut-off": (
        frame.frame(frame.PRIORITY_UPDATE, 0, 0, bytes(3)),
        ErrorCode.FRAME_SIZE_ERROR,
    ),
    "reprioritize-our-stream": (
        frame.frame(frame.PRIORITY_UPDATE, 0, 0, b"\0\0\0\2"),
        ErrorCode.PROTOCOL_ERROR,
    ),
}


@pytest.mark.parametrize(("said", "code"), WRONG.values(), ids=WRONG)
def test_what_ends_the_connection(connect: Connect, said: bytes, code: ErrorCode) -> None:
    client = connect()
    client.say(said)
    assert client.error == code
    assert len(client.channel.refusals) == 1


@pytest.mark.parametrize(
    "said",
    [
        frame.ping(b"12345678"),
        frame.SETTINGS_ACK,
        frame.rst_stream(1, 0),
        frame.window_update(0, 1),
    ],
)
def test_settings_come_first(connect: Connect, said: bytes) -> None:
    client = connect(greet=False)
    client.say(frame.PREFACE, said)
    assert client.error == ErrorCode.PROTOCOL_ERROR


def answer(size: int) -> Any:
    def app(exchange: Exchange) -> bool:
        exchange.start(200, [])
        exchange.write(b"x" * size, more=False)
        exchange.finish(None)
        return True

    return app


def test_a_window_of_a_stream_that_overflows_ends_the_stream(connect: Connect, wait: Any) -> None:
    client = connect(wait)
    client.say(client.head(), client.head())
    client.say(frame.window_update(1, frame.LARGEST))
    assert client.resets == {1: ErrorCode.FLOW_CONTROL_ERROR}
    assert client.error is None


def test_a_window_that_is_opened_by_nothing_ends_the_stream(connect: Connect) -> None:
    client = connect(answer(100_000))
    client.say(client.head(), frame.window_update(1, 0))
    assert client.resets == {1: ErrorCode.PROTOCOL_ERROR}
    assert client.error is None


def test_settings_change_the_windows_of_streams_that_are_open(connect: Connect) -> None:
    client = connect(answer(100), values=((frame.INITIAL_WINDOW_SIZE, 10),))
    client.say(client.head())
    assert client.answers[1].body == b"x" * 10
    # Less than was sent: the window is negative.
    client.say(setting(frame.INITIAL_WINDOW_SIZE, 0), frame.window_update(1, 10))
    assert len(client.answers[1].body) == 10
    client.say(setting(frame.INITIAL_WINDOW_SIZE, 50))
    assert len(client.answers[1].body) == 60
    client.say(setting(frame.INITIAL_WINDOW_SIZE, 1000))
    assert client.answers[1].ended


def test_settings_that_overflow_a_window(connect: Connect, wait: Any) -> None:
    client = connect(wait)
    client.say(client.head(), frame.window_update(1, 100))
    client.say(setting(frame.INITIAL_WINDOW_SIZE, frame.LARGEST))
    assert client.error == ErrorCode.FLOW_CONTROL_ERROR


def test_a_client_that_shrinks_its_table_is_told_that_it_is_not_used(connect: Connect) -> None:
    client = connect(values=((frame.HEADER_TABLE_SIZE, 0),))
    client.decoder.max_allowed_table_size = 0
    assert client.get().status == 200
    assert client.get().status == 200


def test_a_priority_that_comes_first_counts(connect: Connect, wait: Any) -> None:
    client = connect(wait)
    client.say(
        frame.frame(frame.PRIORITY_UPDATE, 0, 0, b"\0\0\0\1u=0, i"),
        client.head(b"GET", b"/", (b"priority", b"u=6")),
        client.head(b"GET", b"/", (b"priority", b"u=6")),
    )
    assert [exchange.stream.urgency for exchange in client.channel.exchanges] == [0, 6]


def test_a_priority_that_comes_later_counts(connect: Connect, wait: Any) -> None:
    client = connect(wait)
    client.say(client.head(), frame.frame(frame.PRIORITY_UPDATE, 0, 0, b"\0\0\0\1u=7"))
    assert client.exchange.stream.urgency == 7


def test_a_client_that_names_no_priority_reads_several_at_once(connect: Connect) -> None:
    """It asked for something endless, and then for something small."""

    def app(exchange: Exchange) -> bool:
        exchange.start(200, [])
        size = 5_000_000 if exchange.head.raw_path == b"/much" else 20_000
        exchange.write(b"x" * size, more=False)
        return True

    client = connect(app, values=((frame.INITIAL_WINDOW_SIZE, frame.LARGEST),))
    client.say(frame.window_update(0, 1 << 30))
    client.channel.takes = False
    client.say(client.head(b"GET", b"/much"), client.head())
    client.flush()
    client.look()
    assert client.answers[3].ended
    assert not client.answers[1].ended


def test_a_client_that_names_one_means_the_default_by_naming_none(
    connect: Connect, wait: Any
) -> None:
    client = connect(wait)
    client.say(client.head(), client.head(b"GET", b"/", (b"priority", b"u=3")), client.head())
    assert [bool(exchange.stream.turn) for exchange in client.channel.exchanges] == [
        True,
        False,
        False,
    ]


def test_the_client_says_goodbye(connect: Connect, wait: Any) -> None:
    client = connect(wait)
    client.say(client.head(), frame.goaway(0, 0))
    client.exchange.start(200, [])
    client.exchange.write(b"ok", more=False)
    client.turn()
    assert client.answers[1].body == b"ok"
    assert client.error is None
