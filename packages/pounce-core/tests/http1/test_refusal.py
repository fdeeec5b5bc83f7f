"""The server's own answers: whole, closing, and without a body where there must be none."""

import h11
import pytest

from pounce.http1.answer import ResponseDefaults
from pounce.http1.refusal import error_response

STATUSES = (400, 408, 413, 414, 417, 431, 500, 501, 503, 505)


def defaults() -> ResponseDefaults:
    made = ResponseDefaults(b"server: pounce\r\n", [(b"x-extra", b"1")])
    made.date_line = b"date: now\r\n"
    return made


@pytest.mark.parametrize("status", STATUSES)
def test_a_client_reads_a_whole_response_that_closes(status: int) -> None:
    client = h11.Connection(h11.CLIENT)
    client.send(h11.Request(method="GET", target="/", headers=[("host", "x")]))
    client.send(h11.EndOfMessage())
    client.receive_data(error_response(status, defaults()))
    head = client.next_event()
    assert isinstance(head, h11.Response)
    assert head.status_code == status
    assert (b"connection", b"close") in head.headers
    body = client.next_event()
    assert isinstance(body, h11.Data)
    assert body.data.startswith(b"%d " % status)
    assert isinstance(client.next_event(), h11.EndOfMessage)


def test_an_answer_to_head_has_the_length_and_no_body() -> None:
    whole = error_response(500, defaults())
    head = error_response(500, defaults(), head_only=True)
    assert whole.startswith(head)
    assert head.endswith(b"\r\n\r\n")


def test_it_carries_the_fields_of_every_response() -> None:
    answer = error_response(400, defaults())
    for line in (b"server: pounce\r\n", b"x-extra: 1\r\n", b"date: now\r\n"):
        assert line in answer
