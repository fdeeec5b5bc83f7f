"""One request and its response, as the application's side sees it."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pounce.protocol.errors import ClientDisconnected, ResponseError
from pounce.protocol.exchange import GONE, WAIT, Exchange
from pounce_h2 import frame
from pounce_h2.frame import ErrorCode

if TYPE_CHECKING:
    from tests.conftest import Answered, Client, Connect

type Data = Callable[..., bytes]

LENGTH = b"content-length"


@pytest.fixture
def client(connect: Connect, wait: Any) -> Client:
    """Its application waits: the test does what it does."""
    return connect(wait)


def ask(client: Client, method: bytes = b"GET", *fields: tuple[bytes, bytes]) -> Any:
    client.say(client.head(method, b"/", *fields))
    return client.exchange


def heard(client: Client) -> Answered:
    client.turn()
    return client.answers[client.exchange.stream.number]


def test_the_head(client: Client) -> None:
    head = ask(client).head
    assert (head.method, head.raw_path, head.version) == ("GET", b"/", "2")


def test_a_response_is_one_write(client: Client) -> None:
    exchange = ask(client)
    writes = len(client.channel.writes)
    exchange.start(200, [(LENGTH, b"2")])
    assert exchange.write(b"ok", more=False)
    assert exchange.flushed
    assert (exchange.over, exchange.disconnected, exchange.status, exchange.body_sent) == (
        True,
        True,
        200,
        2,
    )
    answered = heard(client)
    assert len(client.channel.writes) == writes + 1
    assert (answered.status, answered.body, answered.ended) == (200, b"ok", True)
    assert client.services.notes == [(b"/", 200)]


def test_the_responses_of_a_turn_are_one_write(connect: Connect) -> None:
    client = connect()
    writes = len(client.channel.writes)
    client.say(*(client.head() for _ in range(50)))
    assert len(client.channel.writes) == writes + 1
    assert len(client.answers) == 50


def test_a_length_is_added_where_the_whole_body_is_at_hand(client: Client) -> None:
    exchange = ask(client)
    exchange.start(200, [])
    exchange.write(b"four", more=False)
    assert heard(client).fields[LENGTH] == b"4"


def test_a_streamed_body_has_no_length(client: Client) -> None:
    exchange = ask(client)
    exchange.start(200, [])
    exchange.write(b"a", more=True)
    exchange.write(b"", more=True)
    exchange.write(b"b", more=True)
    assert not heard(client).ended
    exchange.write(b"", more=False)
    answered = heard(client)
    assert LENGTH not in answered.fields
    assert (answered.body, answered.ended) == (b"ab", True)


def test_a_head_leaves_when_the_application_waits(client: Client) -> None:
    exchange = ask(client)
    exchange.start(200, [])
    assert heard(client).status == 200


def test_a_head_leaves_when_the_call_suspends(connect: Connect) -> None:
    def app(exchange: Exchange) -> bool:
        exchange.start(200, [])
        return False

    client = connect(app)
    assert client.get().status == 200


def test_a_head_waits_while_a_length_is_found_out(client: Client) -> None:
    exchange = ask(client)
    exchange.holds = True
    exchange.start(200, [])
    client.turn()
    assert client.answers == {}
    exchange.holds = False
    exchange.write(b"x", more=False)
    assert heard(client).ended


@pytest.mark.parametrize(("method", "status"), [(b"HEAD", 200), (b"GET", 204), (b"GET", 304)])
def test_no_body_leaves_where_none_may(client: Client, method: bytes, status: int) -> None:
    exchange = ask(client, method)
    exchange.start(status, [(LENGTH, b"5")])
    exchange.write(b"xy", more=True)
    exchange.write(b"xyz", more=False)
    answered = heard(client)
    assert (answered.status, answered.body, answered.ended) == (status, b"", True)
    assert exchange.body_sent == 0


def test_the_length_of_a_head_is_told(client: Client) -> None:
    exchange = ask(client, b"HEAD")
    exchange.start(200, [])
    exchange.write(b"12345", more=False)
    assert heard(client).fields[LENGTH] == b"5"


def test_the_length_of_nothing_to_a_head_is_not(client: Client) -> None:
    exchange = ask(client, b"HEAD")
    exchange.start(200, [])
    exchange.write(b"", more=False)
    assert LENGTH not in heard(client).fields


@pytest.mark.parametrize(("first", "last"), [(b"", b"1234"), (b"", b"123456"), (b"123", b"1")])
def test_a_body_of_another_length_than_was_promised(
    client: Client, first: bytes, last: bytes
) -> None:
    exchange = ask(client)
    exchange.start(200, [(LENGTH, b"5")])
    if first:
        exchange.write(first, more=True)
    with pytest.raises(ResponseError, match="content-length promised"):
        exchange.write(last, more=False)
    exchange.finish(ResponseError())
    answered = heard(client)
    if first:
        assert client.resets == {1: ErrorCode.INTERNAL_ERROR}
        assert not answered.ended
    else:
        assert answered.status == 500


def test_an_application_that_fails_before_the_start(client: Client) -> None:
    exchange = ask(client)
    exchange.finish(ValueError())
    answered = heard(client)
    assert (answered.status, answered.ended) == (500, True)
    assert answered.body == b"500 Internal Server Error\n"
    assert client.services.notes == [(b"/", 500)]
    assert client.handler.running == 0


def test_an_application_that_fails_with_its_head_held_back(client: Client) -> None:
    exchange = ask(client)
    exchange.start(200, [])
    exchange.finish(ValueError())
    assert heard(client).status == 500


def test_an_application_that_fails_after_the_start(client: Client) -> None:
    exchange = ask(client)
    exchange.start(200, [])
    exchange.write(b"half", more=True)
    exchange.finish(ValueError())
    client.turn()
    assert client.resets == {1: ErrorCode.INTERNAL_ERROR}
    assert client.services.notes == [(b"/", 200)]
    assert client.error is None


def test_a_failed_answer_to_a_head_has_no_body(client: Client) -> None:
    exchange = ask(client, b"HEAD")
    exchange.finish(ValueError())
    answered = heard(client)
    assert (answered.status, answered.body, answered.ended) == (500, b"", True)


def test_a_refusal(connect: Connect) -> None:
    def app(exchange: Exchange) -> bool:
        exchange.refuse(503)
        return True

    client = connect(app)
    answered = client.get()
    assert (answered.status, answered.ended) == (503, True)
    assert client.handler.running == 0
    assert client.services.notes == [(b"/", 503)]


def test_trailers(client: Client) -> None:
    exchange = ask(client)
    exchange.start(200, [], trailers=True)
    exchange.write(b"body", more=True)
    assert exchange.write_trailers([(b"X-Sum", b"1")])
    answered = heard(client)
    assert (answered.body, answered.ended) == (b"body", True)
    assert answered.heads[-1] == [(b"x-sum", b"1")]


def test_trailers_after_a_head_alone(client: Client) -> None:
    exchange = ask(client)
    exchange.start(200, [], trailers=True)
    exchange.write_trailers([(b"x-sum", b"1")])
    answered = heard(client)
    assert len(answered.heads) == 2
    assert answered.ended


@pytest.mark.parametrize("method", [b"GET", b"HEAD"])
def test_no_trailers_after_all(client: Client, method: bytes) -> None:
    exchange = ask(client, method)
    exchange.start(200, [], trailers=True)
    exchange.write(b"x", more=True)
    exchange.write_trailers([] if method == b"GET" else [(b"x-sum", b"1")])
    answered = heard(client)
    assert answered.ended
    assert len(answered.heads) == 1


def test_an_interim_response(client: Client) -> None:
    exchange = ask(client)
    exchange.inform(103, [(b"link", b"</a>")])
    assert heard(client).heads == [[(b":status", b"103"), (b"link", b"</a>")]]
    exchange.start(200, [])
    exchange.inform(103, [(b"link", b"</b>")])
    exchange.write(b"ok", more=True)
    exchange.inform(103, [])
    answered = heard(client)
    assert len(answered.heads) == 3
    assert answered.status == 200


def test_a_client_that_waits_is_told_to_go_on(client: Client, data: Data) -> None:
    client.say(client.head(b"POST", b"/", (b"expect", b"100-continue"), end=False))
    exchange = client.exchange
    assert client.answers == {}
    assert exchange.read() is WAIT
    assert exchange.read() is WAIT
    answered = heard(client)
    assert answered.heads == [[(b":status", b"100")]]
    client.say(data(1, b"x", end=True))
    assert exchange.read() == b"x"


def test_a_client_that_did_not_wait_is_not_told(client: Client, data: Data) -> None:
    fields = (b"expect", b"100-continue")
    client.say(client.head(b"POST", b"/", fields, end=False), data(1, b"x", end=True))
    assert client.exchange.read() == b"x"
    client.turn()
    assert client.answers == {}


def test_a_file(client: Client, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"0123456789" * 5_000)
    exchange = ask(client)
    exchange.start(200, [])
    with path.open("rb") as file:
        file.seek(10)
        assert exchange.send_file(file.fileno(), 49_990)
    answered = heard(client)
    assert answered.fields[LENGTH] == b"49990"
    assert answered.body == path.read_bytes()[10:]
    assert answered.ended


def test_a_file_for_a_head(client: Client, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x")
    exchange = ask(client, b"HEAD")
    exchange.start(200, [])
    with path.open("rb") as file:
        exchange.send_file(file.fileno(), 1)
    answered = heard(client)
    assert (answered.fields[LENGTH], answered.body, answered.ended) == (b"1", b"", True)


def test_a_file_and_trailers(client: Client, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x" * 100_000)
    exchange = ask(client)
    exchange.start(200, [], trailers=True)
    with path.open("rb") as file:
        assert not exchange.send_file(file.fileno(), 100_000, more=True)
    exchange.write_trailers([(b"x-sum", b"1")])
    client.say(frame.window_update(0, 100_000), frame.window_update(1, 100_000))
    answered = heard(client)
    assert len(answered.body) == 100_000
    assert answered.heads[-1] == [(b"x-sum", b"1")]


def test_a_writer_waits_for_the_window(client: Client) -> None:
    exchange = ask(client)
    changes: list[bool] = []
    exchange.on_change = lambda: changes.append(exchange.flushed)
    exchange.start(200, [])
    assert not exchange.write(b"x" * 100_000, more=True)
    assert not exchange.flushed
    assert len(heard(client).body) == frame.FIRST_WINDOW
    client.say(frame.window_update(0, 100_000), frame.window_update(1, 100_000))
    assert exchange.flushed
    assert changes[-1]
    assert len(heard(client).body) == 100_000


def test_a_writer_waits_for_the_kernel(client: Client) -> None:
    exchange = ask(client)
    client.channel.takes = False
    exchange.start(200, [])
    # What one write was given is with the kernel, as far as anybody can tell.
    exchange.write(b"x" * 20_000, more=True)
    assert not exchange.write(b"y", more=True)
    client.flush()
    assert exchange.flushed


def test_a_large_piece_leaves_at_once(client: Client) -> None:
    exchange = ask(client)
    exchange.start(200, [])
    assert exchange.write(b"x" * 50_000, more=True)
    client.look()
    assert len(client.answers[1].body) == 50_000


def test_a_second_start(client: Client) -> None:
    exchange = ask(client)
    exchange.start(200, [])
    with pytest.raises(ResponseError):
        exchange.start(200, [])


def test_nothing_is_written_to_a_client_that_left(client: Client) -> None:
    exchange = ask(client)
    client.say(frame.rst_stream(1, ErrorCode.CANCEL))
    calls: list[Callable[[], object]] = [
        lambda: exchange.start(200, []),
        lambda: exchange.write(b"", more=False),
        lambda: exchange.write_parts(b"", b"", more=False),
        lambda: exchange.write_trailers([]),
        lambda: exchange.inform(103, []),
        lambda: exchange.send_file(0, 1),
        lambda: exchange.accept([]),
    ]
    for call in calls:
        with pytest.raises(ClientDisconnected):
            call()
    exchange.finish(None)
    client.turn()
    assert client.answers == {}
    assert client.handler.running == 0


def test_a_writer_that_waits_is_told_that_its_client_left(client: Client) -> None:
    exchange = ask(client)
    exchange.start(200, [])
    assert not exchange.write(b"x" * 100_000, more=False)
    client.say(frame.rst_stream(1, ErrorCode.CANCEL))
    assert exchange.gone
    assert not exchange.flushed
    assert exchange.read() is GONE
