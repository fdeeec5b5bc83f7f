from typing import TYPE_CHECKING

from pounce.protocol.exchange import Exchange
from pounce.testing.exchange import MemoryExchange
from pounce_ws.call import WebSocketCall

if TYPE_CHECKING:
    from tests.conftest import Lab


class Caller:
    def returned(self, call: object) -> None: ...


def test_a_request_becomes_a_call(lab: Lab) -> None:
    exchange: Exchange = MemoryExchange(head=lab.head())
    assert isinstance(lab.worker(exchange, Caller()), WebSocketCall)


def test_a_request_of_another_version_is_answered(lab: Lab) -> None:
    head = lab.head((b"sec-websocket-version", b"8"), without=b"sec-websocket-version")
    exchange = MemoryExchange(head=head)
    assert lab.worker(exchange, Caller()) is None
    (_, status, headers, _), (_, body, more) = exchange.calls
    assert status == 426
    assert (b"sec-websocket-version", b"13") in headers  # type: ignore[operator]
    assert body == b"426 Upgrade Required\n"
    assert more is False
    assert exchange.finished == 1
    assert lab.services.refusals == ["websocket-version"]


def test_a_request_that_breaks_a_rule_is_answered(lab: Lab) -> None:
    exchange = MemoryExchange(head=lab.head(without=b"sec-websocket-key"))
    assert lab.worker(exchange, Caller()) is None
    assert exchange.calls[0][1] == 400
    assert lab.services.refusals == ["websocket-key"]


def test_a_client_that_is_gone_is_not_answered(lab: Lab) -> None:
    exchange = MemoryExchange(head=lab.head(without=b"sec-websocket-key"))
    exchange.gone = True
    assert lab.worker(exchange, Caller()) is None
    assert exchange.finished == 1


def test_calls_are_told_the_time_until_they_end(lab: Lab) -> None:
    async def test() -> None:
        talk = lab.talk(lab.echo)
        await lab.settle()
        lab.tick(0.0, 20.0)
        assert talk.written == lab.unmasked(0x89)
        await talk.arrive(lab.masked(0x88))
        await talk.end()
        lab.tick(50.0, 100.0)
        assert talk.written == lab.unmasked(0x89) + lab.unmasked(0x88)

    lab.run(test)
