"""What the application may say in a response head, and what the worker adds and remembers."""

from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

import pytest

from pounce.http1 import answer as answer_module
from pounce.http1.answer import ResponseDefaults, status_line
from pounce.protocol.errors import ResponseError

CONTROLS = [*range(0x09), *range(0x0A, 0x20), 0x7F]


def defaults(extra: Iterable[tuple[bytes, bytes]] = ()) -> ResponseDefaults:
    return ResponseDefaults(b"server: pounce\r\n", extra)


def wire(*headers: tuple[bytes, bytes]) -> bytes:
    return defaults().answer(200, headers).wire


def refusal(headers: Any, status: Any = 200) -> str:
    with pytest.raises(ResponseError):
        shared.answer(status, headers)
    # Nothing of it is remembered as if it were right.
    with pytest.raises(ResponseError) as caught:
        shared.answer(status, headers)
    return str(caught.value)


shared = defaults()


def test_a_head_is_its_status_line_and_its_fields() -> None:
    found = wire((b"Content-Type", b"text/plain"), (b"x", b""))
    assert found == b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nx: \r\nserver: pounce\r\n"


@pytest.mark.parametrize(
    "headers",
    [
        [(b"a", b"b"), (b"c", b"d")],
        ((b"a", b"b"), (b"c", b"d")),
        [[b"a", b"b"], [b"c", b"d"]],
        iter([(b"a", b"b"), (b"c", b"d")]),
        {b"a": b"b", b"c": b"d"}.items(),
    ],
    ids=["list", "tuple", "lists", "iterator", "items"],
)
def test_pairs_come_in_any_form(headers: Any) -> None:
    assert b"a: b\r\nc: d\r\n" in defaults().answer(200, headers).wire


class TestStatus:
    @pytest.mark.parametrize("status", [200, 299, 599, HTTPStatus.NOT_FOUND])
    def test_is_a_number_from_200_to_599(self, status: int) -> None:
        found = defaults().answer(status, [])
        assert type(found.status) is int
        assert found.wire.startswith(b"HTTP/1.1 %d " % status)

    @pytest.mark.parametrize(
        "status",
        [
            0,
            1,
            99,
            100,
            101,
            103,
            199,
            600,
            999,
            1000,
            -200,
            True,
            False,
            "200",
            200.0,
            None,
        ],
    )
    def test_is_nothing_else(self, status: Any) -> None:
        shared.answer(200, [])
        assert "status" in refusal([], status)


class TestFields:
    @pytest.mark.parametrize("byte", CONTROLS)
    def test_a_value_holds_no_control_character(self, byte: int) -> None:
        assert "control" in refusal([(b"x", b"a" + bytes([byte]) + b"b")])

    @pytest.mark.parametrize("byte", [0x09, 0x20, *range(0x80, 0x100)])
    def test_a_value_may_hold_any_other(self, byte: int) -> None:
        value = b"a" + bytes([byte]) + b"b"
        assert b"x: %b\r\n" % value in wire((b"x", value))

    @pytest.mark.parametrize(
        "name", [b"", b"a b", b"a:", b"a\r\nb", b" a", b"a\0", b"\xe4", b"a\n"]
    )
    def test_a_name_is_a_token(self, name: bytes) -> None:
        assert "field name" in refusal([(name, b"x")])

    @pytest.mark.parametrize(
        "headers",
        [
            [("a", "b")],
            [(b"a", "b")],
            [("a", b"b")],
            [(b"a", 1)],
            [(b"a", None)],
            [(b"a", bytearray(b"b"))],
            [(b"a", memoryview(b"b"))],
            [(b"a",)],
            [(b"a", b"b", b"c")],
            [()],
            [b"ab"],
            ["ab"],
            [1],
            [None],
            1,
            None,
            {b"ab": b"c"},
            [(b"a", [b"b"])],
        ],
    )
    def test_are_pairs_of_bytes(self, headers: Any) -> None:
        assert "pairs of bytes" in refusal(headers)


class TestLength:
    def test_is_read(self) -> None:
        found = defaults().answer(200, [(b"Content-Length", b"13")])
        assert found.content_length == 13
        assert b"Content-Length: 13\r\n" in found.wire

    @pytest.mark.parametrize("value", [b"", b"x", b"-1", b"+1", b"1_0", b"1,1", b"1.0", b"1" * 19])
    def test_is_digits(self, value: bytes) -> None:
        assert "content-length" in refusal([(b"content-length", value)])

    @pytest.mark.parametrize("second", [b"1", b"2"])
    def test_comes_once(self, second: bytes) -> None:
        headers = [(b"content-length", b"1"), (b"Content-Length", second)]
        assert "not several" in refusal(headers)

    def test_is_left_out_of_a_204(self) -> None:
        found = defaults().answer(204, [(b"content-length", b"0")])
        assert b"content-length" not in found.wire


class TestCoding:
    @pytest.mark.parametrize("value", [b"chunked", b"Chunked", b" chunked\t"])
    def test_chunked_is_left_to_the_server(self, value: bytes) -> None:
        assert b"ncoding" not in wire((b"Transfer-Encoding", value))

    @pytest.mark.parametrize("value", [b"gzip", b"gzip, chunked", b"", b"identity"])
    def test_any_other_is_refused(self, value: bytes) -> None:
        assert "frames the body itself" in refusal([(b"transfer-encoding", value)])

    def test_beside_a_length_is_refused(self) -> None:
        headers = [(b"content-length", b"1"), (b"transfer-encoding", b"chunked")]
        assert "not both" in refusal(headers)


class TestConnection:
    @pytest.mark.parametrize(
        ("value", "close", "upgrade"),
        [
            (b"close", True, False),
            (b"Close", True, False),
            (b"keep-alive", False, False),
            (b"x , close,upgrade", True, True),
            (b"", False, False),
        ],
    )
    def test_is_read_and_not_copied(self, value: bytes, close: bool, upgrade: bool) -> None:
        found = defaults().answer(200, [(b"Connection", value)])
        assert (found.close, found.upgrade) == (close, upgrade)
        assert b"onnection" not in found.wire


class TestDefaults:
    def test_the_server_is_named(self) -> None:
        assert wire().endswith(b"\r\nserver: pounce\r\n")

    def test_the_application_may_name_another_server(self) -> None:
        assert wire((b"Server", b"mine")).count(b"erver") == 1

    def test_the_date_is_added_unless_the_application_gave_it(self) -> None:
        made = defaults()
        assert made.answer(200, []).dated
        assert not made.answer(200, [(b"Date", b"x")]).dated

    def test_the_date_is_what_was_set_last(self) -> None:
        made = defaults()
        assert made.ending == b"\r\n"
        made.date_line = b"date: now\r\n"
        assert made.date_line == b"date: now\r\n"
        assert made.ending == b"date: now\r\n\r\n"

    def test_extra_fields_are_added_unless_the_application_gave_them(self) -> None:
        made = defaults([(b"X-A", b"1"), (b"X-B", b"2")])
        assert b"X-A: 1\r\nX-B: 2\r\n" in made.answer(200, []).wire
        found = made.answer(200, [(b"x-a", b"3")]).wire
        assert b"x-a: 3\r\n" in found
        assert b"X-A" not in found

    def test_extra_fields_replace_server_and_date(self) -> None:
        found = defaults([(b"Server", b"s"), (b"Date", b"d")]).answer(200, [])
        assert found.wire.count(b"erver") == 1
        assert not found.dated

    @pytest.mark.parametrize("pair", [(b"a b", b"c"), (b"a", b"b\r\nc")])
    def test_extra_fields_are_checked(self, pair: tuple[bytes, bytes]) -> None:
        with pytest.raises(ResponseError):
            defaults([pair])


class TestMemory:
    def test_an_answer_is_remembered(self) -> None:
        made = defaults()
        first = made.answer(200, [(b"a", b"b")])
        assert made.answer(200, [[b"a", b"b"]]) is first
        assert made.answer(201, [(b"a", b"b")]) is not first

    def test_is_bounded(self) -> None:
        made = defaults()
        for number in range(5000):
            made.answer(200, [(b"etag", b"%d" % number)])
            assert len(made._answers) <= answer_module._ANSWERS
            assert len(made._lines) <= answer_module._LINES

    def test_keeps_nothing_that_is_long(self) -> None:
        made = defaults()
        made.answer(200, [(b"a", b"b" * 5000)])
        assert not made._answers
        assert not made._lines

    def test_what_equals_remembered_bytes_goes_out_as_they_did(self) -> None:
        made = defaults()
        first = made.answer(200, [(b"a", b"b"), (b"connection", b"close")])
        views: Any = [(memoryview(b"a"), memoryview(b"b")), (b"connection", memoryview(b"close"))]
        assert made.answer(201, views).wire[12:].endswith(first.wire[17:])

    def test_text_does_not_equal_remembered_bytes(self) -> None:
        made = defaults()
        made.answer(200, [(b"connection", b"close")])
        text: Any = [(b"connection", "close")]
        with pytest.raises(ResponseError):
            made.answer(200, text)


@pytest.mark.parametrize(
    ("names", "added"),
    [
        ([], b"x: 1\r\nserver: pounce\r\ndate: now\r\n\r\n"),
        ([b"x"], b"server: pounce\r\ndate: now\r\n\r\n"),
        ([b"server"], b"x: 1\r\ndate: now\r\n\r\n"),
        ([b"date"], b"x: 1\r\nserver: pounce\r\n\r\n"),
        ([b"x", b"server", b"date"], b"\r\n"),
    ],
)
def test_additions_are_what_a_head_has_not(names: list[bytes], added: bytes) -> None:
    made = defaults([(b"x", b"1")])
    made.date_line = b"date: now\r\n"
    assert made.additions(names) == added


def test_a_date_and_a_server_of_every_response_are_the_only_ones() -> None:
    made = defaults([(b"Date", b"never"), (b"server", b"own")])
    made.date_line = b"date: now\r\n"
    assert made.additions([]) == b"Date: never\r\nserver: own\r\n\r\n"


def test_the_line_of_a_known_status() -> None:
    assert status_line(404) == b"HTTP/1.1 404 Not Found\r\n"


def test_the_line_of_an_unknown_status_keeps_its_second_space() -> None:
    assert status_line(299) == b"HTTP/1.1 299 \r\n"
