"""One open WebSocket without an application: reading ahead, answers, ends."""

from typing import TYPE_CHECKING

import pytest

from pounce.protocol.exchange import END
from pounce.protocol.limits import Limits
from pounce.testing.exchange import MemoryExchange
from pounce_ws.closing import Closed, Failed
from pounce_ws.connection import Connection
from pounce_ws.keepalive import Times
from pounce_ws.session import AT_ONCE, QUEUE_BYTES, Session
from pounce_ws.settings import Settings

if TYPE_CHECKING:
    from tests.conftest import Lab

TIMES = Times.of(
    Settings(ping_interval=20.0, ping_timeout=10.0, close_timeout=5.0),
    Limits(body_timeout=5.0, body_rate=100),
)
CLOSE = 0x88
PING = 0x89
PONG = 0x8A
TEXT = 0x81
BIN = 0x82
BYE = b"\x03\xe8bye"


class Bench:
    """A session, and what its exchange was told."""

    def __init__(self, most: int = 3, limit: int = 4 << 20) -> None:
        self.exchange = MemoryExchange()
        self.refusals: list[str] = []
        self.turns = 0
        self.session = Session(
            self.exchange,
            Connection(limit, None),
            TIMES,
            most,
            refused=self.refusals.append,
            soon=self.ask_for_turn,
        )
        self.exchange.on_change = self.session.changed

    def ask_for_turn(self) -> None:
        self.turns += 1

    def is_over(self) -> bool:
        return self.session.over

    def ended(self) -> Closed | None:
        return self.session.ended

    @property
    def written(self) -> list[tuple[object, ...]]:
        """What was written, and whether more may follow."""
        return [call[1:] for call in self.exchange.calls]


@pytest.fixture
def bench() -> Bench:
    return Bench()


# Reading ahead


def test_messages_wait_for_the_application(bench: Bench, lab: Lab) -> None:
    bench.exchange.arrive(lab.masked(TEXT, b"a") + lab.masked(BIN, b"b"))
    assert [bench.session.take(), bench.session.take()] == ["a", b"b"]


def test_no_more_is_read_than_the_queue_takes(bench: Bench, lab: Lab) -> None:
    frame = lab.masked(TEXT, b"a")
    bench.exchange.arrive(frame * 5, frame)
    assert len(bench.session.queue) == 3
    assert len(bench.exchange.pieces) == 1
    for _ in range(6):
        bench.session.take()
    assert not bench.session.queue
    assert not bench.exchange.pieces


def test_bytes_fill_a_queue_too(bench: Bench, lab: Lab) -> None:
    frame = lab.masked(BIN, bytes(QUEUE_BYTES))
    bench.exchange.arrive(frame, frame)
    assert len(bench.session.queue) == 1
    assert bench.session.is_full


def test_a_full_queue_gives_nobody_up(bench: Bench, lab: Lab) -> None:
    bench.exchange.arrive(lab.masked(TEXT, b"a") * 5)
    for now in range(0, 1000, 20):
        bench.session.tick(float(now))
    assert bench.written == []


# Pings


def test_a_ping_is_answered(bench: Bench, lab: Lab) -> None:
    bench.exchange.arrive(lab.masked(PING, b"?"))
    assert bench.written == [(lab.unmasked(PONG, b"?"), True)]


def test_many_frames_are_acted_on_by_turns(bench: Bench, lab: Lab) -> None:
    bench.exchange.arrive(lab.masked(PING) * 150)
    assert len(bench.written) < AT_ONCE
    assert bench.turns == 1
    bench.session.go_on()
    assert AT_ONCE < len(bench.written) < 150
    assert bench.turns == 2
    bench.session.go_on()
    assert len(bench.written) == 150
    assert bench.turns == 2


def test_a_turn_is_asked_for_once(bench: Bench, lab: Lab) -> None:
    bench.exchange.arrive(lab.masked(PING) * 200)
    bench.exchange.arrive(lab.masked(PING))
    assert bench.turns == 1


def test_very_many_fragments_are_taken_by_turns(bench: Bench, lab: Lab) -> None:
    bench.exchange.arrive(lab.masked(0x02, b"x") + lab.masked(0, b"x") * 300 + lab.masked(0x80))
    turns = 0
    while bench.turns > turns:
        assert not bench.session.queue
        turns = bench.turns
        bench.session.go_on()
    assert bench.session.take() == b"x" * 301
    assert turns > 2


def test_of_the_pings_of_a_client_that_does_not_read_the_last_is_answered(
    bench: Bench, lab: Lab
) -> None:
    bench.exchange.takes = False
    bench.exchange.arrive(b"".join(lab.masked(PING, b"%d" % n) for n in range(50)))
    assert bench.written == [(lab.unmasked(PONG, b"0"), True)]
    bench.exchange.takes = True
    bench.exchange.flush()
    assert bench.written[1:] == [(lab.unmasked(PONG, b"49"), True)]


def test_a_silent_client_is_pinged_then_failed(bench: Bench, lab: Lab) -> None:
    for now in (0.0, 20.0, 30.0):
        bench.session.tick(now)
    assert bench.written == [
        (lab.unmasked(PING), True),
        (lab.unmasked(CLOSE, b"\x03\xf3a ping was not answered"), False),
    ]
    assert bench.is_over()
    assert bench.ended() == Failed(1011, "a ping was not answered")
    assert bench.refusals == ["websocket-a-ping-was-not-answered"]


def test_a_pong_is_a_sign_of_life(bench: Bench, lab: Lab) -> None:
    bench.session.tick(0.0)
    bench.session.tick(20.0)
    bench.exchange.arrive(lab.masked(PONG))
    bench.session.tick(29.0)
    bench.session.tick(48.0)
    assert bench.written == [(lab.unmasked(PING), True)]


def test_a_client_that_does_not_read_gets_no_ping(bench: Bench) -> None:
    bench.exchange.flushed = False
    bench.session.tick(0.0)
    bench.session.tick(20.0)
    assert bench.written == []


def test_a_frame_that_drips_is_cut_off(bench: Bench, lab: Lab) -> None:
    frame = lab.masked(BIN, bytes(1000))
    for now in range(7):
        bench.exchange.arrive(frame[now : now + 1])
        bench.session.tick(float(now))
    assert bench.ended() == Failed(1008, "a frame came too slowly")
    assert bench.is_over()


# The client's close


def test_a_close_is_answered_by_its_code(bench: Bench, lab: Lab) -> None:
    bench.exchange.arrive(lab.masked(CLOSE, BYE))
    assert bench.written == [(lab.unmasked(CLOSE, b"\x03\xe8"), False)]
    assert bench.ended() == Closed(1000, "bye")
    assert bench.is_over()


def test_a_close_without_a_code_is_answered_without_one(bench: Bench, lab: Lab) -> None:
    bench.exchange.arrive(lab.masked(CLOSE))
    assert bench.written == [(lab.unmasked(CLOSE), False)]
    assert bench.ended() == Closed(1005)


def test_a_close_waits_for_the_answer_to_what_came_before(bench: Bench, lab: Lab) -> None:
    session = bench.session
    bench.exchange.arrive(lab.masked(TEXT, b"a") + lab.masked(CLOSE, BYE))
    assert bench.ended() is None
    session.take()
    assert bench.ended() is None
    session.settle()
    assert bench.ended() == Closed(1000, "bye")


def test_a_close_does_not_wait_for_ever(bench: Bench, lab: Lab) -> None:
    bench.exchange.arrive(lab.masked(TEXT, b"a") + lab.masked(CLOSE, BYE))
    bench.session.tick(1.0)
    assert bench.ended() is None
    bench.session.tick(2.0)
    assert bench.is_over()
    assert list(bench.session.queue) == ["a"]


def test_a_broken_rule_is_told_after_what_came_before(bench: Bench, lab: Lab) -> None:
    bench.exchange.arrive(lab.masked(TEXT, b"a") + lab.masked(0x83))
    assert bench.session.take() == "a"
    assert bench.written == []
    bench.session.settle()
    ((frame, more),) = bench.written
    assert isinstance(frame, bytes)
    assert frame[2:4] == b"\x03\xea"
    assert more is False
    assert bench.refusals == ["websocket-a-frame-of-an-unknown-kind"]


@pytest.mark.parametrize("how", ["end", "loss"])
def test_a_client_that_goes_without_a_close(bench: Bench, how: str) -> None:
    if how == "end":
        bench.exchange.arrive(END)
        assert bench.written == [(b"", False)]
    else:
        bench.exchange.lose()
        assert bench.written == []
    assert bench.ended() == Closed(1006)
    assert bench.is_over()


def test_a_client_that_goes_while_its_close_waits(bench: Bench, lab: Lab) -> None:
    bench.exchange.arrive(lab.masked(TEXT, b"a") + lab.masked(CLOSE, BYE))
    bench.exchange.lose()
    assert bench.ended() == Closed(1000, "bye")


# Our close


def test_our_close_waits_for_the_clients(bench: Bench, lab: Lab) -> None:
    session = bench.session
    session.close(Closed(1001, "gone"))
    assert bench.written == [(lab.unmasked(CLOSE, b"\x03\xe9gone"), True)]
    assert bench.ended() == Closed(1001, "gone")
    assert not bench.is_over()
    bench.exchange.arrive(lab.masked(TEXT, b"late") * 9, lab.masked(CLOSE, b"\x03\xe9"))
    assert not session.queue
    assert bench.is_over()
    assert bench.written[1:] == [(b"", False)]


def test_our_close_goes_out_once(bench: Bench) -> None:
    bench.session.close(Closed(1000))
    bench.session.close(Closed(1001))
    assert len(bench.written) == 1
    assert bench.ended() == Closed(1000)


def test_pings_after_our_close_are_not_answered(bench: Bench, lab: Lab) -> None:
    bench.session.close(Closed(1000))
    bench.exchange.arrive(lab.masked(PING))
    assert len(bench.written) == 1


def test_a_broken_rule_after_our_close_ends_it(bench: Bench, lab: Lab) -> None:
    bench.session.close(Closed(1000))
    bench.exchange.arrive(lab.masked(0x83))
    assert bench.written[1:] == [(b"", False)]
    assert bench.is_over()


def test_our_close_does_not_wait_for_ever(bench: Bench) -> None:
    bench.session.close(Closed(1000))
    for now in (100.0, 104.9):
        bench.session.tick(now)
    assert not bench.is_over()
    bench.session.tick(105.0)
    assert bench.is_over()
    assert bench.ended() == Closed(1000)
    assert bench.refusals == ["websocket-close-timeout"]


def test_our_close_after_the_clients_ends_it(bench: Bench, lab: Lab) -> None:
    bench.exchange.arrive(lab.masked(TEXT, b"a") + lab.masked(CLOSE, BYE))
    bench.session.close(Closed(1001))
    assert bench.written == [(lab.unmasked(CLOSE, b"\x03\xe9"), False)]
    assert bench.is_over()


def test_a_worker_that_ends_says_so(bench: Bench, lab: Lab) -> None:
    bench.exchange.draining = True
    bench.exchange.change()
    frame = lab.unmasked(CLOSE, b"\x03\xf4the server is going away")
    assert bench.written == [(frame, True)]
    assert bench.ended() == Closed(1012, "the server is going away")


def test_hanging_up_waits_for_nothing(bench: Bench) -> None:
    bench.session.close(Closed(1001))
    bench.session.hang_up()
    bench.session.hang_up()
    assert bench.written[1:] == [(b"", False)]
    assert bench.ended() == Closed(1001)


def test_a_client_that_goes_while_we_write(bench: Bench, lab: Lab) -> None:
    bench.exchange.pieces.append(lab.masked(PING))
    bench.exchange.gone = True
    bench.session.read()
    assert bench.is_over()
    assert bench.ended() == Closed(1006)
