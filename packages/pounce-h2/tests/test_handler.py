"""How a connection ends: farewells, faults, losses; and what the worker is told."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

import pytest

from pounce.protocol.errors import ClientDisconnected
from pounce.protocol.exchange import GONE, Exchange
from pounce.protocol.limits import Limits
from pounce_h2 import frame
from pounce_h2.connection import PARTING, TURN
from pounce_h2.frame import ErrorCode

if TYPE_CHECKING:
    from tests.conftest import Client, Connect

    from pounce.protocol.roles import Farewell

FAREWELLS = ["close", "fade", "move", "patient"]
SEEN = frame.ping(PARTING, ack=True)


def end(exchange: Any) -> None:
    exchange.start(200, [])
    exchange.write(b"ok", more=False)
    exchange.finish(None)


def drain(client: Client, farewell: str = "close", now: float = 0.0) -> None:
    client.handler.drain(now, cast("Farewell", farewell))
    client.turn(now)


@pytest.mark.parametrize("farewell", FAREWELLS)
def test_an_idle_connection_ends_when_the_client_has_seen_it(
    connect: Connect, farewell: str
) -> None:
    client = connect()
    client.get()
    drain(client, farewell)
    assert client.goaways == [(frame.LARGEST, 0)]
    assert not client.ended()
    client.say(SEEN)
    assert client.goaways == [(frame.LARGEST, 0), (1, 0)]
    assert client.ended()
    assert client.channel.lingers


def test_a_request_on_the_way_is_served(connect: Connect) -> None:
    client = connect()
    drain(client)
    assert client.get().status == 200
    client.say(SEEN)
    assert client.goaways[-1] == (1, 0)
    assert client.ended()


def test_a_client_that_does_not_answer_is_not_waited_for(connect: Connect) -> None:
    client = connect()
    drain(client, now=5.0)
    assert client.channel.deadline <= 6.0
    client.wait(6.0)
    assert client.goaways[-1] == (0, 0)
    assert client.ended()


def test_what_is_under_way_is_finished(connect: Connect, wait: Any) -> None:
    client = connect(wait)
    client.say(client.head())
    drain(client)
    client.say(SEEN)
    assert not client.ended()
    end(client.exchange)
    client.turn()
    assert client.answers[1].body == b"ok"
    assert client.ended()


def test_what_comes_after_the_last_word_is_not_looked_at(connect: Connect, wait: Any) -> None:
    client = connect(wait)
    client.say(client.head())
    drain(client)
    client.say(SEEN, client.head(b"POST", end=False), frame.frame(frame.DATA, 1, 3, b"x"))
    assert client.goaways[-1] == (1, 0)
    assert len(client.paths) == 1
    assert 3 not in client.answers
    end(client.exchange)
    client.turn()
    assert client.answers[1].ended


@pytest.mark.parametrize(
    "said",
    [frame.rst_stream(3, ErrorCode.CANCEL), frame.window_update(3, 10)],
    ids=["reset", "window"],
)
def test_what_a_client_says_before_it_knows_the_last_word_is_overlooked(
    connect: Connect, wait: Any, said: bytes
) -> None:
    """The requests that are under way go on."""
    client = connect(wait)
    client.say(client.head())
    drain(client)
    client.say(SEEN, client.head(b"POST", end=False), said)
    end(client.exchange)
    client.turn()
    assert client.answers[1].ended
    assert client.error == ErrorCode.NO_ERROR


@pytest.mark.parametrize(
    "said",
    [
        frame.rst_stream(5, ErrorCode.CANCEL),
        frame.window_update(5, 10),
        frame.frame(frame.DATA, 0, 5, b"x"),
        frame.frame(frame.DATA, 0, 4, b"x"),
    ],
    ids=["reset", "window", "data", "even"],
)
def test_a_stream_that_has_not_begun_after_the_last_word(
    connect: Connect, wait: Any, said: bytes
) -> None:
    client = connect(wait)
    client.say(client.head())
    drain(client)
    client.say(SEEN, client.head(), said)
    assert client.error == ErrorCode.PROTOCOL_ERROR


@pytest.mark.parametrize("farewell", FAREWELLS)
def test_what_goes_on_without_end_is_told_unless_the_worker_goes_on(
    connect: Connect, wait: Any, farewell: str
) -> None:
    client = connect(wait)
    client.say(client.head())
    changes: list[bool] = []
    client.exchange.on_change = lambda: changes.append(client.exchange.draining)
    drain(client, farewell)
    assert changes == ([] if farewell == "fade" else [True])
    client.say(client.head())
    assert client.exchange.draining is (farewell != "fade")


def test_a_farewell_is_said_once(connect: Connect, wait: Any) -> None:
    client = connect(wait)
    client.say(client.head())
    for farewell in ("fade", "patient", "close"):
        drain(client, farewell)
    assert len(client.goaways) == 1
    assert client.exchange.draining


def test_it_is_never_handed_on(connect: Connect) -> None:
    client = connect()
    client.channel.heir = True
    assert client.handler.release() is None
    drain(client, "move")
    assert client.channel.handed_on is None


def test_a_connection_that_has_served_its_number_of_requests(connect: Connect) -> None:
    client = connect(limits=Limits(keep_alive_requests=2))
    client.get()
    assert client.goaways == []
    assert client.get().status == 200
    assert client.goaways == [(frame.LARGEST, 0)]
    client.say(SEEN)
    assert client.ended()


def test_an_idle_connection_is_closed(connect: Connect) -> None:
    client = connect(limits=Limits(keep_alive_timeout=60.0))
    client.get()
    client.say(frame.ping(b"12345678"), now=30.0)
    client.wait(59.0)
    assert not client.ended()
    client.wait(60.0)
    assert client.goaways == [(1, 0)]
    assert client.ended()


def test_a_request_keeps_it(connect: Connect) -> None:
    client = connect(limits=Limits(keep_alive_timeout=60.0))
    client.say(client.head())
    client.say(client.head(), now=30.0)
    client.wait(60.0)
    assert not client.ended()
    client.wait(90.0)
    assert client.ended()


def test_a_fault_ends_all(connect: Connect, wait: Any) -> None:
    client = connect(wait)
    client.say(client.head(), client.head(), frame.frame(frame.PING, 0, 0, b"1"), client.head())
    assert client.goaways == [(3, ErrorCode.FRAME_SIZE_ERROR)]
    assert client.channel.lingers
    assert [exchange.gone for exchange in client.channel.exchanges] == [True, True]
    assert len(client.services.notes) == 2
    # Whatever else comes.
    client.handler.received(client.head(), 0.0)
    client.handler.flushed(0.0)
    client.handler.turn(0.0)
    client.handler.lost()
    assert len(client.services.notes) == 2


def test_a_lost_connection_is_told_to_all(connect: Connect, wait: Any) -> None:
    client = connect(wait)
    client.say(client.head(), client.head())
    end(client.channel.exchanges[0])
    client.channel.abort()
    assert client.channel.exchanges[1].gone
    assert client.channel.exchanges[1].read() is GONE
    assert client.services.notes == [(b"/", 200), (b"/", 0)]
    client.channel.exchanges[1].finish(None)
    assert client.handler.running == 0


def test_a_client_that_reset_the_connection_unnoticed(connect: Connect, wait: Any) -> None:
    client = connect(wait)
    client.say(client.head())
    client.channel.broken = True
    end(client.exchange)
    client.settle()
    assert client.channel.closed


def test_a_client_that_is_lost_while_it_is_answered_asks_for_nothing_more(
    connect: Connect,
) -> None:
    """What came in the same piece begins no call that nobody would ever end."""

    def app(exchange: Exchange) -> bool:
        client.channel.broken = True
        exchange.start(200, [])
        exchange.write(b"x" * 100_000, more=True)
        with pytest.raises(ClientDisconnected):
            exchange.write(b"x", more=True)
        return False

    client = connect(app)
    client.receive(client.head() + client.head())
    assert client.channel.closed
    assert len(client.channel.exchanges) == 1
    assert client.exchange.gone


def test_a_client_that_sends_no_more_gets_its_answer(connect: Connect, wait: Any) -> None:
    client = connect(wait)
    client.say(client.head())
    client.handler.received_eof(0.0)
    assert client.exchange.disconnected
    end(client.exchange)
    client.turn()
    assert client.answers[1].body == b"ok"
    assert client.ended()
    assert not client.channel.lingers


def test_a_client_that_ends_in_the_middle_of_a_body(connect: Connect, wait: Any) -> None:
    client = connect(wait)
    client.say(client.head(b"POST", end=False))
    client.handler.received_eof(0.0)
    client.turn()
    assert client.exchange.read() is GONE
    assert client.channel.refusals == ["body-incomplete"]
    assert client.ended()


def test_a_client_that_ends_before_all_that_it_sent_was_looked_at(
    connect: Connect, wait: Any, data: Callable[..., bytes]
) -> None:
    """What is whole is served; what is not is not waited for."""
    client = connect(wait)
    heads = [client.head() for _ in range(TURN - 1)]
    whole, cut = client.head(b"POST", end=False), client.head(b"POST", end=False)
    said = b"".join(heads) + whole + data(2 * TURN - 1, b"x", end=True) + cut
    client.handler.received(said, 0.0)
    client.handler.received_eof(0.0)
    client.turn()
    assert client.channel.refusals == ["body-incomplete"]
    assert client.channel.exchanges[-2].read() == b"x"
    assert client.channel.exchanges[-1].read() is GONE


def test_an_idle_client_that_ends(connect: Connect) -> None:
    client = connect()
    client.handler.received_eof(0.0)
    assert client.channel.closed


def test_all_are_told_to_give_up(connect: Connect, wait: Any) -> None:
    client = connect(wait)
    client.say(client.head(), client.head())
    client.handler.disconnect()
    assert all(exchange.disconnected for exchange in client.channel.exchanges)


def test_a_body_that_is_declared_too_large(connect: Connect) -> None:
    client = connect(limits=Limits(body=10))
    client.say(client.head(b"POST", b"/", (b"content-length", b"11"), end=False))
    assert client.answers[1].status == 413
    assert client.paths == []
    assert client.services.notes == [(b"/", 413)]


def test_a_body_that_becomes_too_large(connect: Connect, wait: Any) -> None:
    client = connect(wait, limits=Limits(body=10))
    client.say(client.head(b"POST", end=False), frame.frame(0, 0, 1, b"x" * 10))
    assert client.exchange.read() == b"x" * 10
    client.say(frame.frame(0, 0, 1, b"x"))
    assert client.exchange.read() is GONE
    assert client.answers[1].status == 413
    assert client.channel.refusals == ["body-too-large"]


def test_a_body_that_becomes_too_large_after_the_start(connect: Connect, wait: Any) -> None:
    client = connect(wait, limits=Limits(body=10))
    client.say(client.head(b"POST", end=False))
    client.exchange.start(200, [])
    client.exchange.write(b"x", more=True)
    client.say(frame.frame(0, 0, 1, b"x" * 11))
    assert client.resets == {1: ErrorCode.CANCEL}
    assert client.exchange.gone


def test_a_fast_reader_does_not_keep_the_worker(connect: Connect) -> None:
    def app(exchange: Exchange) -> bool:
        exchange.start(200, [])
        exchange.write(b"x" * 5_000_000, more=False)
        exchange.finish(None)
        return True

    client = connect(app, values=((frame.INITIAL_WINDOW_SIZE, 10**7),))
    client.handler.received(frame.window_update(0, 10**7) + client.head(), 0.0)
    client.look()
    assert len(client.answers[1].body) < 3_000_000
    assert client.channel.scheduled
    client.turn()
    assert len(client.answers[1].body) == 5_000_000


def test_the_urgent_leave_first_when_the_kernel_is_full(connect: Connect, wait: Any) -> None:
    client = connect(wait)
    client.say(
        client.head(b"GET", b"/a", (b"priority", b"u=6")),
        client.head(b"GET", b"/b", (b"priority", b"u=1")),
    )
    client.channel.takes = False
    client.say(frame.ping(b"12345678"))
    for exchange in client.channel.exchanges:
        exchange.start(200, [])
        exchange.write(b"x" * 20_000, more=False)
    client.flush()
    client.look()
    order = [each.number for each in client.frames if each.kind == frame.DATA]
    assert order == [3, 3, 1, 1]
