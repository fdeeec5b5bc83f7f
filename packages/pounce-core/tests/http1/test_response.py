"""The head, the frame of the body and the end of a response, and whether the connection goes on."""

from collections.abc import Iterable
from typing import Any

import h11
import pytest

from pounce.http1.framing import read_framing
from pounce.http1.request import Request
from pounce.http1.response import Response, ResponseDefaults
from pounce.protocol.errors import ResponseError

HEAD_LINE = b"HTTP/1.1 200 OK\r\n"
LENGTH_5 = [(b"content-length", b"5")]


def request(method: str = "GET", version: str = "1.1", *fields: tuple[bytes, bytes]) -> Request:
    headers = [(b"host", b"x"), *fields]
    return Request(method, b"/", b"", version, headers, read_framing(headers, version))


def response(method: str = "GET", version: str = "1.1", *fields: tuple[bytes, bytes]) -> Response:
    return Response(request(method, version, *fields), ResponseDefaults())


def lines(head: bytes) -> list[bytes]:
    assert head.endswith(b"\r\n\r\n")
    return head[:-4].split(b"\r\n")[1:]


def sent(
    made: Response,
    body: Iterable[bytes],
    headers: Any = (),
    *,
    status: int = 200,
    length: int | None = None,
    close: bool = False,
    trailers: Any = None,
) -> bytes:
    """A whole response as its caller puts it on the wire, each part of the body a frame."""
    made.start(status, headers, trailers=trailers is not None)
    parts = [made.head(length, close=close)]
    pieces = list(body)
    for number, piece in enumerate(pieces, 1):
        before, after = made.frame(len(piece), more=number < len(pieces))
        parts += [before, b"" if made.bodiless else piece, after]
    if trailers is not None:
        parts.append(made.trailers(trailers))
    assert made.ended
    return b"".join(parts)


def by_h11(made: Response, raw: bytes, method: str = "GET") -> tuple[bytes, bool]:
    """The body that a client reads, and whether it may send a further request."""
    client = h11.Connection(h11.CLIENT)
    client.send(h11.Request(method=method, target="/", headers=[("host", "x")]))
    client.send(h11.EndOfMessage())
    client.receive_data(raw)
    body = b""
    if made.ends_by_close:
        client.receive_data(b"")
    while True:
        event = client.next_event()
        if isinstance(event, h11.Data):
            body += event.data
        elif isinstance(event, h11.EndOfMessage):
            return body, client.our_state is h11.DONE
        else:
            assert isinstance(event, h11.Response)


class TestHead:
    def test_with_a_promised_length(self) -> None:
        made = response()
        made.start(200, LENGTH_5)
        assert made.head(None, close=False) == HEAD_LINE + b"content-length: 5\r\n\r\n"

    def test_with_a_known_length(self) -> None:
        made = response()
        made.start(200, [])
        assert made.head(5, close=False) == HEAD_LINE + b"content-length: 5\r\n\r\n"

    def test_with_a_length_of_nothing(self) -> None:
        made = response()
        made.start(200, [])
        assert lines(made.head(0, close=False)) == [b"content-length: 0"]

    def test_with_an_unknown_length_comes_in_chunks(self) -> None:
        made = response()
        made.start(200, [])
        assert lines(made.head(None, close=False)) == [b"transfer-encoding: chunked"]

    def test_with_an_unknown_length_ends_with_the_connection_in_1_0(self) -> None:
        made = response("GET", "1.0", (b"connection", b"keep-alive"))
        made.start(200, [])
        assert lines(made.head(None, close=False)) == [b"connection: close"]
        assert made.ends_by_close
        assert not made.keep_alive

    def test_has_the_date_last(self) -> None:
        defaults = ResponseDefaults(b"server: pounce\r\n")
        defaults.date_line = b"date: now\r\n"
        made = Response(request(), defaults)
        made.start(200, LENGTH_5)
        assert lines(made.head(5, close=False)) == [
            b"content-length: 5",
            b"server: pounce",
            b"date: now",
        ]

    def test_leaves_the_date_to_the_application(self) -> None:
        defaults = ResponseDefaults()
        defaults.date_line = b"date: now\r\n"
        made = Response(request(), defaults)
        made.start(200, [(b"date", b"then"), *LENGTH_5])
        assert b"date: now" not in made.head(5, close=False)

    @pytest.mark.parametrize("length", [4, 6])
    def test_of_a_body_that_has_not_the_promised_length_is_refused(self, length: int) -> None:
        made = response()
        made.start(200, LENGTH_5)
        with pytest.raises(ResponseError, match="content-length promised"):
            made.head(length, close=False)

    def test_is_given_once(self) -> None:
        made = response()
        made.start(200, [])
        with pytest.raises(ResponseError, match="already"):
            made.start(200, [])

    def test_that_was_refused_is_not_started(self) -> None:
        made = response()
        with pytest.raises(ResponseError):
            made.start(200, [(b"a\r\n", b"")])
        assert not made.started
        assert made.status == 0
        made.start(500, [])
        assert made.status == 500


class TestConnection:
    @pytest.mark.parametrize(
        ("version", "asked", "close", "answered", "kept", "line"),
        [
            ("1.1", b"", False, b"", True, None),
            ("1.1", b"close", False, b"", False, b"connection: close"),
            ("1.1", b"", True, b"", False, b"connection: close"),
            ("1.1", b"", False, b"close", False, b"connection: close"),
            ("1.1", b"", False, b"keep-alive", True, None),
            ("1.1", b"", False, b"upgrade", True, b"connection: upgrade"),
            ("1.1", b"", True, b"Upgrade", False, b"connection: close, upgrade"),
            ("1.0", b"", False, b"", False, b"connection: close"),
            ("1.0", b"", False, b"keep-alive", False, b"connection: close"),
            ("1.0", b"keep-alive", False, b"", True, b"connection: keep-alive"),
            ("1.0", b"keep-alive", True, b"", False, b"connection: close"),
            ("1.0", b"keep-alive", False, b"close", False, b"connection: close"),
        ],
    )
    def test_is_kept_when_all_wish_it(
        self, version: str, asked: bytes, close: bool, answered: bytes, kept: bool, line: Any
    ) -> None:
        made = response("GET", version, (b"connection", asked))
        made.start(200, [*LENGTH_5, (b"connection", answered)])
        found = [one for one in lines(made.head(5, close=close)) if one.startswith(b"conn")]
        assert found == ([] if line is None else [line])
        assert made.keep_alive == kept


class TestBody:
    @pytest.mark.parametrize(
        "body", [[b"hello"], [b"he", b"llo"], [b"hello", b""], [b"", b"hello"]]
    )
    @pytest.mark.parametrize("version", ["1.0", "1.1"])
    @pytest.mark.parametrize("headers", [[], LENGTH_5])
    def test_a_client_reads_what_was_sent(
        self, body: list[bytes], version: str, headers: list[tuple[bytes, bytes]]
    ) -> None:
        made = response("GET", version)
        assert by_h11(made, sent(made, body, headers))[0] == b"hello"
        assert made.body_sent == 5

    @pytest.mark.parametrize("body", [[b""], [b"hello"]])
    def test_a_client_reads_what_is_sent_at_once(self, body: list[bytes]) -> None:
        made = response()
        raw = sent(made, body, length=len(body[0]))
        assert by_h11(made, raw) == (body[0], True)

    def test_chunks(self) -> None:
        made = response()
        raw = sent(made, [b"hello", b"", b"x" * 16, b""])
        _, _, body = raw.partition(b"\r\n\r\n")
        assert body == b"5\r\nhello\r\n10\r\n" + b"x" * 16 + b"\r\n0\r\n\r\n"

    def test_the_last_chunk_and_the_end_come_together(self) -> None:
        made = response()
        made.start(200, [])
        made.head(None, close=False)
        assert made.frame(5, more=False) == (b"5\r\n", b"\r\n0\r\n\r\n")

    def test_an_application_that_frames_by_chunks_is_framed_by_the_server(self) -> None:
        made = response()
        raw = sent(made, [b"hello", b""], [(b"Transfer-Encoding", b"chunked")])
        assert raw.count(b"hunked") == 1
        assert by_h11(made, raw) == (b"hello", True)

    @pytest.mark.parametrize("sizes", [[6], [5, 1], [3, 3]])
    def test_more_than_promised_is_refused(self, sizes: list[int]) -> None:
        made = response()
        made.start(200, LENGTH_5)
        made.head(None, close=False)
        for size in sizes[:-1]:
            made.frame(size, more=True)
        with pytest.raises(ResponseError, match="longer than the 5 bytes"):
            made.frame(sizes[-1], more=True)
        assert not made.keep_alive
        assert not made.ended

    @pytest.mark.parametrize("sizes", [[4], [4, 0], [0]])
    def test_less_than_promised_is_refused(self, sizes: list[int]) -> None:
        made = response()
        made.start(200, LENGTH_5)
        made.head(None, close=False)
        for size in sizes[:-1]:
            made.frame(size, more=True)
        with pytest.raises(ResponseError, match="and not the 5"):
            made.frame(sizes[-1], more=False)
        assert not made.keep_alive
        assert not made.ended

    @pytest.mark.parametrize("headers", [[], LENGTH_5])
    def test_nothing_comes_after_the_end(self, headers: list[tuple[bytes, bytes]]) -> None:
        made = response()
        sent(made, [b"hello"], headers)
        with pytest.raises(ResponseError, match="complete"):
            made.frame(1, more=False)


class TestBodiless:
    @pytest.mark.parametrize(
        ("method", "status", "headers", "length", "expected"),
        [
            ("HEAD", 200, LENGTH_5, 0, [b"content-length: 5"]),
            ("HEAD", 200, LENGTH_5, 5, [b"content-length: 5"]),
            ("HEAD", 200, [], 5, [b"content-length: 5"]),
            ("HEAD", 200, [], None, []),
            ("HEAD", 200, [], 0, []),
            ("GET", 304, LENGTH_5, 0, [b"content-length: 5"]),
            ("GET", 304, [], 0, []),
            ("GET", 304, [], None, []),
            ("GET", 204, LENGTH_5, 0, []),
            ("GET", 204, [], 0, []),
            ("GET", 204, [], None, []),
            ("HEAD", 204, LENGTH_5, 5, []),
        ],
    )
    def test_the_head_tells_what_is_true_without_a_body(
        self,
        method: str,
        status: int,
        headers: list[tuple[bytes, bytes]],
        length: int | None,
        expected: list[bytes],
    ) -> None:
        made = response(method)
        made.start(status, headers)
        assert lines(made.head(length, close=False)) == expected
        assert made.bodiless
        assert made.keep_alive

    @pytest.mark.parametrize(("method", "status"), [("HEAD", 200), ("GET", 204), ("GET", 304)])
    @pytest.mark.parametrize("body", [[b"hello"], [b"he", b"llo"], [b""]])
    @pytest.mark.parametrize("headers", [[], LENGTH_5])
    @pytest.mark.parametrize("version", ["1.0", "1.1"])
    def test_nothing_of_the_body_goes_out(
        self,
        method: str,
        status: int,
        body: list[bytes],
        headers: list[tuple[bytes, bytes]],
        version: str,
    ) -> None:
        made = response(method, version)
        raw = sent(made, body, headers, status=status)
        assert raw.endswith(b"\r\n\r\n")
        assert raw.count(b"\r\n\r\n") == 1
        assert made.body_sent == 0
        assert by_h11(made, raw, method)[0] == b""


class TestTrailers:
    TE = (b"te", b"trailers")
    FIELDS = ((b"x-sum", b"1"),)

    def test_go_to_a_client_that_accepts_them(self) -> None:
        made = response("GET", "1.1", self.TE)
        raw = sent(made, [b"hello"], trailers=self.FIELDS)
        assert raw.endswith(b"5\r\nhello\r\n0\r\nx-sum: 1\r\n\r\n")

    def test_have_chunks_made_even_when_the_length_is_known(self) -> None:
        made = response("GET", "1.1", self.TE)
        raw = sent(made, [b"hello"], length=5, trailers=self.FIELDS)
        assert raw.endswith(b"0\r\nx-sum: 1\r\n\r\n")

    def test_are_left_out_for_a_client_that_does_not(self) -> None:
        made = response()
        raw = sent(made, [b"hello"], trailers=self.FIELDS)
        assert raw.endswith(b"5\r\nhello\r\n0\r\n\r\n")

    @pytest.mark.parametrize("version", ["1.0", "1.1"])
    def test_are_left_out_where_there_are_no_chunks(self, version: str) -> None:
        made = response("GET", version, self.TE)
        assert sent(made, [b"hello"], LENGTH_5, trailers=self.FIELDS).endswith(b"\r\n\r\nhello")

    def test_are_left_out_of_an_answer_to_head(self) -> None:
        made = response("HEAD", "1.1", self.TE)
        assert sent(made, [b""], trailers=self.FIELDS).endswith(b"\r\n\r\n")

    def test_may_be_none(self) -> None:
        made = response("GET", "1.1", self.TE)
        assert sent(made, [b"hello"], trailers=[]).endswith(b"\r\n0\r\n\r\n")

    def test_the_body_does_not_end_before_them(self) -> None:
        made = response("GET", "1.1", self.TE)
        made.start(200, [], trailers=True)
        made.head(None, close=False)
        assert made.frame(5, more=False) == (b"5\r\n", b"\r\n")
        assert not made.ended

    @pytest.mark.parametrize(
        "pair",
        [
            (b"a\r\n", b"b"),
            (b"a", b"b\r\n\r\n"),
            (b"Content-Length", b"5"),
            (b"transfer-encoding", b"chunked"),
            (b"a", "b"),
        ],
    )
    def test_that_could_split_the_response_are_refused(self, pair: Any) -> None:
        made = response("GET", "1.1", self.TE)
        made.start(200, [], trailers=True)
        made.head(None, close=False)
        made.frame(5, more=False)
        with pytest.raises(ResponseError):
            made.trailers([pair])
        assert not made.ended

    def test_do_not_hide_that_the_body_is_too_short(self) -> None:
        made = response("GET", "1.1", self.TE)
        made.start(200, LENGTH_5, trailers=True)
        made.head(None, close=False)
        made.frame(4, more=True)
        with pytest.raises(ResponseError, match="and not the 5"):
            made.trailers(self.FIELDS)

    def test_come_once(self) -> None:
        made = response("GET", "1.1", self.TE)
        sent(made, [b"hello"], trailers=self.FIELDS)
        with pytest.raises(ResponseError, match="complete"):
            made.trailers(self.FIELDS)


class TestInterim:
    def test_goes_out_before_the_response(self) -> None:
        found = response().inform(103, [(b"link", b"</a>; rel=preload")])
        assert found == b"HTTP/1.1 103 Early Hints\r\nlink: </a>; rel=preload\r\n\r\n"

    def test_may_change_the_protocol(self) -> None:
        found = response().inform(101, [(b"connection", b"upgrade"), (b"upgrade", b"websocket")])
        assert lines(found) == [b"connection: upgrade", b"upgrade: websocket"]

    def test_is_not_for_1_0(self) -> None:
        assert response("GET", "1.0").inform(103, []) == b""

    @pytest.mark.parametrize("status", [99, 200, 0, True, "103", None, 103.0])
    def test_has_a_status_of_its_own(self, status: Any) -> None:
        with pytest.raises(ResponseError):
            response().inform(status, [])

    @pytest.mark.parametrize(
        "pair",
        [
            (b"link", b"a\r\n\r\nHTTP/1.1 200 OK"),
            (b"li nk", b"a"),
            (b"content-length", b"5"),
            (b"transfer-encoding", b"chunked"),
            ("link", "a"),
            (b"link",),
            (b"link", [b"a"]),
        ],
    )
    def test_carries_nothing_that_could_split_it(self, pair: Any) -> None:
        with pytest.raises(ResponseError):
            response().inform(103, [pair])


class TestSwitch:
    def test_names_the_protocol(self) -> None:
        made = response()
        assert lines(made.switch(b"chat", [])) == [b"upgrade: chat", b"connection: upgrade"]
        assert (made.status, made.started, made.bodiless) == (101, True, False)

    def test_carries_the_fields_that_were_given_and_those_of_every_response(self) -> None:
        defaults = ResponseDefaults(b"server: pounce\r\n", [(b"x-every", b"1")])
        defaults.date_line = b"date: now\r\n"
        found = Response(request(), defaults).switch(b"chat", [(b"Sec-A", b"b")])
        assert lines(found)[2:] == [b"Sec-A: b", b"x-every: 1", b"server: pounce", b"date: now"]

    def test_is_a_101_to_h11(self) -> None:
        offer = [("host", "x"), ("connection", "upgrade"), ("upgrade", "chat")]
        client = h11.Connection(h11.CLIENT)
        client.send(h11.Request(method="GET", target="/", headers=offer))
        client.send(h11.EndOfMessage())
        client.receive_data(response().switch(b"chat", [(b"a", b"b")]) + b"\0\1")
        event = client.next_event()
        assert isinstance(event, h11.InformationalResponse)
        assert event.status_code == 101
        assert client.next_event() is h11.PAUSED
        assert client.trailing_data == (b"\0\1", False)

    def test_comes_in_place_of_a_response(self) -> None:
        made = response()
        made.start(200, [])
        with pytest.raises(ResponseError, match="started already"):
            made.switch(b"chat", [])
        made = response()
        made.switch(b"chat", [])
        with pytest.raises(ResponseError, match="started already"):
            made.start(200, [])

    @pytest.mark.parametrize(
        "pair",
        [
            (b"sec-a", b"a\r\n\r\nHTTP/1.1 200 OK"),
            (b"se ca", b"a"),
            (b"Connection", b"close"),
            (b"upgrade", b"other"),
            (b"content-length", b"5"),
            (b"transfer-encoding", b"chunked"),
            ("sec-a", "a"),
            (b"sec-a",),
        ],
    )
    def test_refuses_what_has_no_place_there_and_can_still_be_answered(self, pair: Any) -> None:
        made = response()
        with pytest.raises(ResponseError):
            made.switch(b"chat", [pair])
        assert not made.started
