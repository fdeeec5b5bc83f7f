"""Response heads: what may go out, and as which bytes."""

from typing import Any

import hpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pounce.protocol.errors import ResponseError
from pounce_h2.answer import Answers, encode_field, encode_integer, encode_status

type Pair = tuple[bytes, bytes]


def decode(block: bytes) -> list[Pair]:
    decoder = hpack.Decoder()
    fields = [(name, value) for name, value in decoder.decode(block, raw=True)]
    assert not decoder.header_table.dynamic_entries
    return fields


@pytest.fixture
def answers() -> Answers:
    return Answers()


def test_a_head(answers: Answers) -> None:
    answer = answers.answer(200, [(b"Content-Type", b"text/plain"), (b"content-length", b"13")])
    assert decode(answer.block) == [
        (b":status", b"200"),
        (b"content-type", b"text/plain"),
        (b"content-length", b"13"),
    ]
    assert (answer.status, answer.content_length, answer.dated) == (200, 13, True)


@pytest.mark.parametrize("status", [200, 204, 206, 304, 400, 404, 500, 201, 418, 503, 599])
def test_a_status(status: int) -> None:
    assert decode(encode_status(status)) == [(b":status", b"%d" % status)]


def test_a_head_that_was_seen_is_remembered(answers: Answers) -> None:
    headers = [(b"a", b"b")]
    assert answers.answer(200, headers) is answers.answer(200, iter(headers))


@given(st.binary(min_size=1, max_size=20), st.binary(max_size=300))
def test_a_field(name: bytes, value: bytes) -> None:
    assert decode(encode_field(name, value)) == [(name, value)]


@given(st.integers(0, 1 << 20), st.integers(4, 7))
def test_an_integer(number: int, prefix: int) -> None:
    coded = encode_integer(number, prefix, 0)
    assert hpack.hpack.decode_integer(coded, prefix) == (number, len(coded))


def test_a_cookie_is_never_to_be_added_to_a_table() -> None:
    (field,) = hpack.Decoder().decode(encode_field(b"set-cookie", b"a=b"), raw=True)
    assert isinstance(field, hpack.NeverIndexedHeaderTuple)


def test_outer_space_is_no_part_of_a_value(answers: Answers) -> None:
    block = answers.answer(200, [(b"a", b" b\t")]).block
    assert decode(block)[1:] == [(b"a", b"b")]


@pytest.mark.parametrize("name", [b"connection", b"Keep-Alive", b"proxy-connection", b"upgrade"])
def test_fields_of_a_hop_stop_here(answers: Answers, name: bytes) -> None:
    assert len(decode(answers.answer(200, [(name, b"x")]).block)) == 1


def test_chunks_are_left_to_the_server(answers: Answers) -> None:
    block = answers.answer(200, [(b"transfer-encoding", b"chunked")]).block
    assert len(decode(block)) == 1


def test_no_length_goes_out_with_a_204(answers: Answers) -> None:
    assert len(decode(answers.answer(204, [(b"content-length", b"0")]).block)) == 1


WRONG: list[tuple[Any, Any]] = [
    (0, []),
    (99, []),
    (101, []),
    (600, []),
    ("200", []),
    (200.0, []),
    (True, []),
    (200, [(b"a",)]),
    (200, [(b"a", "b")]),
    (200, [5]),
    (200, [(b"", b"b")]),
    (200, [(b":status", b"200")]),
    (200, [(b"a b", b"c")]),
    (200, [(b"a", b"b\r\nc: d")]),
    (200, [(b"a", b"\0")]),
    (200, [(b"a", b"\x0b")]),
    (200, [(b"content-length", b"1"), (b"content-length", b"1")]),
    (200, [(b"content-length", b"+1")]),
    (200, [(b"transfer-encoding", b"gzip")]),
    (200, [(b"transfer-encoding", b"chunked"), (b"content-length", b"1")]),
]


@pytest.mark.parametrize(("status", "headers"), WRONG)
def test_what_no_response_may_carry(answers: Answers, status: Any, headers: Any) -> None:
    answers.answer(200, [])
    with pytest.raises(ResponseError):
        answers.answer(status, headers)


def test_fields_for_every_response() -> None:
    answers = Answers([(b"Server", b"x"), (b"via", b"y")])
    assert decode(answers.answer(200, []).block)[1:] == [(b"server", b"x"), (b"via", b"y")]
    block = answers.answer(200, [(b"server", b"mine")]).block
    assert decode(block)[1:] == [(b"server", b"mine"), (b"via", b"y")]


def test_the_date(answers: Answers) -> None:
    answers.set_date(b"date: Thu, 01 Jan 1970 00:00:00 GMT\r\n")
    assert decode(answers.date) == [(b"date", b"Thu, 01 Jan 1970 00:00:00 GMT")]


def test_the_date_of_the_application(answers: Answers) -> None:
    assert not answers.answer(200, [(b"Date", b"today")]).dated
    assert not Answers([(b"date", b"today")]).answer(200, []).dated


def test_an_interim_head(answers: Answers) -> None:
    block = answers.interim(103, [(b"link", b"</a>")])
    assert decode(block) == [(b":status", b"103"), (b"link", b"</a>")]
    with pytest.raises(ResponseError):
        answers.interim(200, [])
    with pytest.raises(ResponseError):
        answers.interim(103, [(b"content-length", b"1")])
    with pytest.raises(ResponseError):
        answers.interim(103, [(b"link", b"a\r\nb")])


def test_trailers(answers: Answers) -> None:
    assert decode(answers.trailers([(b"X-Sum", b"1")])) == [(b"x-sum", b"1")]
    assert answers.trailers([]) == b""
    with pytest.raises(ResponseError):
        answers.trailers([(b"content-length", b"1")])
    with pytest.raises(ResponseError):
        answers.trailers([(b":status", b"1")])


def test_the_head_of_a_tunnel() -> None:
    answers = Answers([(b"server", b"x")])
    answers.set_date(b"date: today\r\n")
    block = answers.tunnel([(b"sec-websocket-protocol", b"chat"), (b"upgrade", b"websocket")])
    assert decode(block) == [
        (b":status", b"200"),
        (b"sec-websocket-protocol", b"chat"),
        (b"server", b"x"),
        (b"date", b"today"),
    ]
    with pytest.raises(ResponseError):
        answers.tunnel([(b"content-length", b"1")])


def test_the_memory_is_bounded(answers: Answers) -> None:
    for number in range(3000):
        answers.answer(200, [(b"x", b"%d" % number), (b"set-cookie", b"%d" % number)])
    assert len(answers._answers) <= 512  # pyright: ignore[reportPrivateUsage]
    assert len(answers._fields) <= 2048  # pyright: ignore[reportPrivateUsage]
