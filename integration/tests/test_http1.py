"""HTTP/1.1 and 1.0 as a client sees it: heads and bodies in pieces, order, framing, keep-alive."""

import json

import pytest

from integration.apps import plain as application
from integration.tests.client import Client, request
from integration.tests.record import Record
from integration.tests.serving import Served

BODY = b"0123456789" * 1_000


def test_a_head_may_be_split_anywhere(client: Client) -> None:
    head = request("/ok")
    for position in range(1, len(head)):
        client.send(head[:position])
        # While the server answers somebody else, the first piece is all that it has.
        with Client.to(client.socket.getpeername()) as other:
            assert other.get("/ok").body == b"ok"
        assert client.idle(), head[:position]
        client.send(head[position:])
        assert client.response().body == b"ok"


def test_a_request_may_come_byte_by_byte(client: Client) -> None:
    for byte in request("/echo", "POST", "content-length: 5") + b"hello":
        client.send(bytes([byte]))
    assert client.response().body == b"hello"


def test_pipelined_requests_are_answered_in_order(client: Client) -> None:
    client.send(
        b"".join(
            request(f"/echo?{n}", "POST", "content-length: 2") + b"%02d" % n for n in range(20)
        )
    )
    assert [client.response().body for _ in range(20)] == [b"%02d" % n for n in range(20)]


def test_pipelined_requests_wait_for_one_that_takes_long(client: Client) -> None:
    first = request("/hold", "POST", "content-length: 4")
    client.send(first + b"lon")
    client.send(b"g" + request("/ok") * 3)
    assert [client.response().body for _ in range(4)] == [b"long", b"ok", b"ok", b"ok"]


def test_a_body_may_trickle(client: Client, record: Record, token: str) -> None:
    client.send(request(f"/hold?{token}", "POST", f"content-length: {len(BODY)}"))
    record.wait(token, "held")
    for start in range(0, len(BODY), 999):
        client.send(BODY[start : start + 999])
    assert client.response().body == BODY


def test_a_chunked_body_arrives_whole(client: Client) -> None:
    client.send(request("/echo", "POST", "transfer-encoding: chunked"))
    client.send(b"5\r\nhello\r\n1;name=value\r\n \r\n5\r\nworld\r\n0\r\nx-trailer: 1\r\n\r\n")
    assert client.response().body == b"hello world"
    assert client.get("/ok").body == b"ok"


def test_a_chunked_body_may_come_byte_by_byte(client: Client) -> None:
    client.send(request("/echo", "POST", "transfer-encoding: chunked"))
    for byte in b"5\r\nhello\r\n06\r\n world\r\n0\r\n\r\n":
        client.send(bytes([byte]))
    assert client.response().body == b"hello world"


def test_a_body_that_nobody_reads_does_not_reach_the_next_request(client: Client) -> None:
    assert client.get("/ignore", "POST", body=BODY).body == b"ignored"
    assert client.get("/ok").body == b"ok"


def test_continue_is_sent_when_the_application_reads(
    client: Client, record: Record, token: str
) -> None:
    client.send(request(f"/hold?{token}", "POST", "content-length: 5", "expect: 100-continue"))
    assert client.until(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert record.now(token) == ["called", "held"]
    client.send(b"hello")
    response = client.response()
    assert response.body == b"hello"
    assert not response.informational


def test_no_continue_is_sent_when_the_application_does_not_read(client: Client) -> None:
    client.send(request("/ignore", "POST", "content-length: 5", "expect: 100-continue"))
    response = client.response()
    assert not response.informational
    assert response.body == b"ignored"
    # Whether the body follows is not to be known, so nothing may follow it.
    assert response.value(b"connection") == b"close"
    assert client.ended()


def test_no_continue_is_sent_when_the_body_has_begun(client: Client) -> None:
    client.send(request("/echo", "POST", "content-length: 5", "expect: 100-continue") + b"hello")
    response = client.response()
    assert not response.informational
    assert response.body == b"hello"


def test_head_has_the_head_of_get(client: Client) -> None:
    got = client.get("/ok")
    head = client.get("/ok", "HEAD")
    assert [name for name, _ in head.headers] == [name for name, _ in got.headers]
    assert head.value(b"content-length") == b"2"
    assert client.get("/ok").body == b"ok"


def test_head_of_a_stream_has_no_body(client: Client) -> None:
    assert client.get("/stream", "HEAD").status == 200
    assert client.get("/ok").body == b"ok"


def test_no_content_has_neither_body_nor_length(client: Client) -> None:
    response = client.get("/no-content")
    assert response.status == 204
    assert response.value(b"content-length") is None
    assert response.value(b"transfer-encoding") is None
    assert client.get("/ok").body == b"ok"


def test_not_modified_keeps_the_length_of_what_is_not_sent(client: Client) -> None:
    response = client.get("/not-modified")
    assert response.status == 304
    assert response.value(b"content-length") == b"9"
    assert client.get("/ok").body == b"ok"


def test_a_stream_is_chunked(client: Client) -> None:
    response = client.get("/stream")
    assert response.value(b"transfer-encoding") == b"chunked"
    assert response.body == b"one two three"
    assert client.get("/ok").body == b"ok"


def test_http_1_0_is_closed_after_its_response(client: Client) -> None:
    client.send(request("/ok", version="1.0"))
    response = client.response()
    assert response.body == b"ok"
    assert client.ended()


def test_http_1_0_is_kept_alive_when_it_asks(client: Client) -> None:
    for _ in range(2):
        client.send(request("/ok", "GET", "connection: keep-alive", version="1.0"))
        response = client.response()
        assert response.value(b"connection") == b"keep-alive"
        assert response.body == b"ok"


def test_a_stream_to_http_1_0_ends_with_the_connection(client: Client) -> None:
    client.send(request("/stream", "GET", "connection: keep-alive", version="1.0"))
    response = client.response()
    assert response.value(b"transfer-encoding") is None
    assert response.body == b"one two three"


def test_the_client_may_ask_for_the_last_response(client: Client) -> None:
    response = client.get("/ok", "GET", "connection: close")
    assert response.value(b"connection") == b"close"
    assert client.ended()


def test_trailers_go_to_who_asks_for_them(client: Client) -> None:
    response = client.get("/trailers", "GET", "te: trailers", "connection: te")
    assert response.body == b"body"
    assert response.trailers == [(b"x-sum", b"1"), (b"x-more", b"2")]
    assert client.get("/ok").body == b"ok"


def test_trailers_do_not_go_to_who_does_not_ask(client: Client) -> None:
    response = client.get("/trailers")
    assert response.body == b"body"
    assert response.trailers == []
    assert client.get("/ok").body == b"ok"


def test_early_hints_come_before_the_response(client: Client) -> None:
    response = client.get("/hints")
    assert response.informational == [(103, [(b"link", b"</a.css>; rel=preload")])]
    assert response.body == b"hinted"


def test_http_1_0_gets_no_early_hints(client: Client) -> None:
    client.send(request("/hints", version="1.0"))
    response = client.response()
    assert not response.informational
    assert response.body == b"hinted"


def test_a_file_is_sent_by_its_path(client: Client) -> None:
    assert client.get("/path").body == application.FILE.read_bytes()
    assert client.get("/ok").body == b"ok"


def test_a_file_has_its_length(client: Client) -> None:
    """The server looks at the file, so that the application need not."""
    response = client.get("/path")
    assert response.value(b"content-length") == b"%d" % application.FILE.stat().st_size


def test_a_file_may_be_asked_for_by_head(client: Client) -> None:
    assert client.get("/path", "HEAD").status == 200
    assert client.get("/ok").body == b"ok"


def test_a_client_that_ends_its_side_gets_its_response(client: Client) -> None:
    client.ask("/echo", "POST", body=BODY)
    client.half_close()
    assert client.response().body == BODY
    assert client.ended()


def test_a_client_that_ends_its_side_is_answered_though_it_takes_long(
    plain: Served, record: Record, token: str
) -> None:
    """The response begins before the end and goes on after it."""
    with Client.to(plain.address) as client:
        client.ask(f"/left?{token}")
        client.until(b"begun\r\n")
        client.half_close()
        record.wait(token, "http.disconnect")
        # It goes on to send; nothing but the application decides what.
        assert client.until(b"\r\n")


def test_a_reset_is_told_to_the_application(plain: Served, record: Record, token: str) -> None:
    client = Client.to(plain.address)
    client.ask(f"/left?{token}")
    client.until(b"begun\r\n")
    client.reset()
    record.wait(token, "http.disconnect")
    record.wait(token, "oserror")


@pytest.mark.parametrize("path", ["once", "push"])
def test_a_client_that_leaves_is_no_fault(
    plain: Served, record: Record, token: str, path: str
) -> None:
    """It happens all the time: a line at most in the log, and no traceback."""
    with Client.to(plain.address, receive_buffer=65_536) as client:
        client.ask(f"/{path}?{token}")
        assert len(client.read_bytes(100_000)) == 100_000
    record.wait(token, "returned" if path == "push" else "raised")
    with Client.to(plain.address) as client:
        assert client.get(f"/raise-before/Deliberate/{token}").status == 500
    # What is logged comes in order: by now there would be more.
    plain.announce(f"Deliberate/{token}'")
    assert plain.log.find(f"Deliberate/{token}'")
    plain.check()


def test_a_body_cut_off_by_a_reset_is_not_a_whole_one(
    plain: Served, record: Record, token: str
) -> None:
    client = Client.to(plain.address)
    client.send(request(f"/hold?{token}", "POST", "content-length: 10") + b"hello")
    record.wait(token, "held")
    client.reset()
    record.wait(token, "disconnect")
    record.wait(token, "returned")


def test_a_body_cut_off_by_an_end_is_not_a_whole_one(
    client: Client, record: Record, token: str
) -> None:
    client.send(request(f"/echo?{token}", "POST", "content-length: 10") + b"hello")
    client.half_close()
    record.wait(token, "disconnect")
    record.wait(token, "returned")
    assert client.response().status == 400
    assert client.ended()


def test_the_scope_is_that_of_the_specification(plain: Served, client: Client) -> None:
    scope = json.loads(client.get("/show/a%2Fb%20c?d=%20e&f", "GET", "X-Case: Kept As Is").body)
    del scope["state"], scope["extensions"]
    assert scope == {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.5"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": "/show/a/b c",
        "raw_path": "/show/a%2Fb%20c",
        "query_string": "d=%20e&f",
        "root_path": "",
        "headers": [["host", "test"], ["x-case", "Kept As Is"]],
        "client": list(client.socket.getsockname()),
        "server": list(plain.address),
    }


def test_every_response_is_dated_and_named(client: Client) -> None:
    response = client.get("/ok")
    assert response.value(b"server") == b"pounce"
    assert (response.value(b"date") or b"").endswith(b" GMT")
