"""Streams of one connection beside each other, on each kind of worker."""

import json
from collections.abc import Iterator

import pytest

from integration.tests.record import Record
from integration.tests.serving import Served
from integration.tests.streams import GOAWAY, HEADERS, RST_STREAM, Frames, Streams

GROWTH = 48 << 20
"""Bytes by which a server may grow over what is large, with all that its allocator keeps."""


@pytest.fixture
def streams(plain: Served) -> Iterator[Streams]:
    with Streams.to(plain.address) as streams:
        yield streams


def test_the_scope(streams: Streams) -> None:
    scope = json.loads(
        streams.get("/show?a=b", "GET", (b"cookie", b"a=1"), (b"cookie", b"b=2")).body
    )
    assert scope["http_version"] == "2"
    assert scope["headers"] == [["host", "test"], ["cookie", "a=1; b=2"]]
    assert (scope["method"], scope["path"], scope["query_string"]) == ("GET", "/show", "a=b")


def test_a_hundred_at_once(streams: Streams) -> None:
    bodies = {streams.ask("/echo", "POST", end=False): b"%d" % index for index in range(100)}
    for number, body in bodies.items():
        streams.send(number, body * 1_000)
    for number, body in bodies.items():
        assert streams.answer(number).body == body * 1_000


def test_the_order_is_the_applications(streams: Streams, token: str, record: Record) -> None:
    slow = streams.ask(f"/hold?{token}", "POST", end=False)
    record.wait(token, "held")
    assert streams.get("/ok").body == b"ok"
    streams.send(slow, b"done")
    assert streams.answer(slow).body == b"done"


def test_an_upload_that_nobody_reads_starves_no_other(
    streams: Streams, token: str, record: Record
) -> None:
    unread = streams.ask(f"/unread?{token}", "POST", end=False)
    record.wait(token, "waits")
    window = streams.engine.local_flow_control_window(unread)
    streams.send(unread, b"x" * window, end=False)
    # Many times the first window of the connection.
    body = b"y" * 1_000_000
    assert streams.get("/echo", "POST", body=body).body == body
    streams.get(f"/open?{token}")
    streams.send(unread, b"x" * 10)
    assert int(streams.answer(unread).body) == window + 10


def test_a_download_that_nobody_reads_starves_no_other(
    plain: Served, token: str, record: Record
) -> None:
    with Streams.to(plain.address, windows=False) as streams:
        stuck = streams.ask(f"/push?{token}")
        while len(streams.answers[stuck].body) < 65_535:
            assert streams.hear()
        streams.engine.increment_flow_control_window(1_000_000)
        assert streams.get("/stream").body == b"one two three"
        streams.engine.reset_stream(stuck)
        streams.flush()
    record.wait(token, "left")


def test_a_long_download_keeps_no_short_answer_back(plain: Served) -> None:
    """Its client has named no priority, and has opened its windows wide."""
    # The kernel's buffers are small, or the whole might be in there before the second is asked for.
    with Streams.to(plain.address, initial_window=1 << 30, receive_buffer=65_536) as streams:
        streams.engine.increment_flow_control_window(1 << 30)
        long = streams.ask("/once")
        assert streams.get("/ok").body == b"ok"
        assert not streams.answers[long].ended


def test_a_large_download_takes_no_memory(plain: Served) -> None:
    before = plain.memory
    plain.forget_peak()
    with Streams.to(plain.address, initial_window=1 << 20) as streams:
        number = streams.ask("/push")
        answer, total = streams.answers[number], 0
        while not answer.ended:
            assert streams.hear()
            total += len(answer.body)
            answer.body = b""
    assert total == 64 << 20
    assert plain.peak - before < GROWTH


def test_the_urgent_come_first(plain: Served) -> None:
    with Streams.to(plain.address, windows=False, initial_window=1 << 24) as streams:
        later = streams.ask("/once", "GET", (b"priority", b"u=6"))
        while len(streams.answers[later].body) < 65_535:
            assert streams.hear()
        sooner = streams.ask("/once", "GET", (b"priority", b"u=1"))
        # Its head is there: it waits for the connection's window too.
        while not streams.answers[sooner].status:
            assert streams.hear()
        streams.engine.increment_flow_control_window(1_000_000)
        streams.flush()
        while len(streams.answers[sooner].body) < 1_000_000:
            assert streams.hear()
        assert len(streams.answers[later].body) == 65_535


def test_a_client_that_resets_is_gone(streams: Streams, token: str, record: Record) -> None:
    number = streams.ask(f"/wait?{token}")
    record.wait(token, "waits")
    streams.engine.reset_stream(number, 8)
    streams.flush()
    record.wait(token, "returned")
    assert streams.get("/ok").body == b"ok"


def test_an_application_that_fails_half_way(streams: Streams, plain: Served) -> None:
    plain.announce("exception in the application for GET '/raise-after'")
    answer = streams.get("/raise-after")
    assert (answer.status, answer.ended, answer.reset) == (200, False, 2)
    assert streams.get("/ok").body == b"ok"


def test_an_application_that_fails_at_once(streams: Streams, plain: Served) -> None:
    plain.announce("exception in the application for GET '/raise-before")
    assert streams.get("/raise-before/Deliberate").status == 500


def test_more_streams_than_there_may_be(streams: Streams, token: str, record: Record) -> None:
    numbers = [streams.ask(f"/wait?{token}") for _ in range(100)]
    streams.engine.remote_settings.update({3: 1_000})
    beyond = streams.ask("/ok")
    assert streams.answer(beyond).reset == 7
    streams.engine.reset_stream(numbers[0])
    streams.flush()
    # The call has to return first: from there it takes a turn of the loop.
    record.wait(token, "returned")
    assert any(streams.get("/ok").reset is None for _ in range(10))


MALFORMED = {
    "upper-case": [(b"X-Upper", b"a")],
    "connection": [(b"connection", b"close")],
    "te": [(b"te", b"gzip")],
    "host": [(b"host", b"other")],
    "space": [(b"x", b" a ")],
    "line": [(b"x", b"a\r\nb: c")],
}


@pytest.mark.parametrize("fields", MALFORMED.values(), ids=MALFORMED)
def test_a_malformed_request_ends_its_stream_alone(
    plain: Served, fields: list[tuple[bytes, bytes]]
) -> None:
    with Frames.to(plain.address) as frames:
        frames.say(frames.head() + frames.head(b"/ok", *fields) + frames.head())
        said: dict[int, int] = {}
        for each in frames.frames():
            assert each.kind != GOAWAY
            if each.kind in (HEADERS, RST_STREAM):
                said[each.number] = each.kind
            if len(said) == 3:
                break
    assert said == {1: HEADERS, 3: RST_STREAM, 5: HEADERS}


def test_a_head_that_comes_byte_by_byte(plain: Served) -> None:
    with Frames.to(plain.address) as frames:
        for byte in frames.head():
            frames.say(bytes((byte,)))
        assert next(each for each in frames.frames() if each.number == 1).kind == HEADERS
