"""What we write, as hyperframe reads it."""

import pytest
from hyperframe import frame as peer
from hypothesis import given
from hypothesis import strategies as st

from pounce_h2 import frame

NUMBERS = st.integers(1, frame.LARGEST)


def read(data: bytes) -> peer.Frame:
    """The one frame that the data is."""
    found, size = peer.Frame.parse_frame_header(memoryview(data[:9]))
    assert len(data) == 9 + size
    found.parse_body(memoryview(data[9:]))
    return found


@given(NUMBERS, st.sampled_from(frame.ErrorCode))
def test_rst_stream(number: int, code: frame.ErrorCode) -> None:
    found = read(frame.rst_stream(number, code))
    assert isinstance(found, peer.RstStreamFrame)
    assert (found.stream_id, found.error_code) == (number, code)


@given(st.integers(0, frame.LARGEST), NUMBERS)
def test_window_update(number: int, increment: int) -> None:
    found = read(frame.window_update(number, increment))
    assert isinstance(found, peer.WindowUpdateFrame)
    assert (found.stream_id, found.window_increment) == (number, increment)


@given(st.integers(0, frame.LARGEST), st.sampled_from(frame.ErrorCode))
def test_goaway(last: int, code: frame.ErrorCode) -> None:
    found = read(frame.goaway(last, code))
    assert isinstance(found, peer.GoAwayFrame)
    assert (found.last_stream_id, found.error_code) == (last, code)


@pytest.mark.parametrize("ack", [False, True])
def test_ping(ack: bool) -> None:
    found = read(frame.ping(b"12345678", ack=ack))
    assert isinstance(found, peer.PingFrame)
    assert (found.opaque_data, "ACK" in found.flags) == (b"12345678", ack)


def test_settings() -> None:
    values = {frame.MAX_CONCURRENT_STREAMS: 100, frame.ENABLE_CONNECT_PROTOCOL: 1}
    data = frame.settings(values.items())
    found = read(data)
    assert isinstance(found, peer.SettingsFrame)
    assert found.settings == values
    assert dict(frame.read_settings(data[9:])) == values


def test_the_answer_to_settings() -> None:
    found = read(frame.SETTINGS_ACK)
    assert isinstance(found, peer.SettingsFrame)
    assert "ACK" in found.flags


@given(
    st.sampled_from([0, 1, frame.FRAME_SIZE, frame.FRAME_SIZE + 1, 3 * frame.FRAME_SIZE, 50_000]),
    st.booleans(),
)
def test_a_header_block_takes_as_many_frames_as_it_needs(size: int, end: bool) -> None:
    data = frame.headers(5, b"x" * size, end=end)
    frames: list[peer.Frame] = []
    while data:
        length = int.from_bytes(data[:3])
        assert length <= frame.FRAME_SIZE
        frames.append(read(data[: 9 + length]))
        data = data[9 + length :]
    first, *rest = frames
    assert isinstance(first, peer.HeadersFrame)
    assert ("END_STREAM" in first.flags) is end
    assert all(isinstance(each, peer.ContinuationFrame) for each in rest)
    assert ["END_HEADERS" in each.flags for each in frames] == [False] * len(rest) + [True]
    assert sum(each.body_len for each in frames) == size
