"""The engine against another's: what h2's client says and understands, this understands and says.

Both ends are driven by Hypothesis, which also decides how the bytes are cut.
"""

from typing import TYPE_CHECKING

import h2.config
import h2.connection
import h2.events
import h2.settings
from hypothesis import given, settings
from hypothesis import strategies as st

from pounce.protocol.exchange import END, WAIT, Exchange
from pounce.protocol.limits import Limits
from pounce.testing.channel import RecordedConnection
from pounce_h2.connection import Connection
from pounce_h2.settings import Settings
from pounce_h2.worker import H2Worker

if TYPE_CHECKING:
    from pounce_h2.engine import Engine, Listener
    from pounce_h2.rules import Rules

type Exchanged = tuple[bytes, bool]
"""A body that goes and comes back, and whether trailers follow it."""

REQUESTS = st.lists(
    st.tuples(
        st.binary(max_size=40_000),
        st.booleans(),
    ),
    min_size=1,
    max_size=6,
)


def echo(exchange: Exchange) -> bool:
    """Answers with what it has read, piece by piece."""
    pieces: list[bytes] = []

    def go_on() -> None:
        while (piece := exchange.read()) is not WAIT:
            if not isinstance(piece, bytes):
                assert piece is END
                exchange.on_change = None
                answer()
                return
            pieces.append(piece)
            if exchange.body_read:
                exchange.on_change = None
                answer()
                return

    def answer() -> None:
        trailers = exchange.head.query == b"trailers"
        exchange.start(200, [(b"x-path", exchange.head.raw_path)], trailers=trailers)
        for piece in pieces:
            exchange.write(piece, more=True)
        if trailers:
            exchange.write_trailers([(b"x-sum", b"1")])
        else:
            exchange.write(b"", more=False)
        exchange.finish(None)

    exchange.on_change = go_on
    go_on()
    return False


@given(REQUESTS, st.integers(1, 5_000), st.booleans())
@settings(max_examples=60, deadline=None)
def test_requests_and_responses(requests: list[Exchanged], cut: int, small_windows: bool) -> None:
    client = h2.connection.H2Connection(
        h2.config.H2Configuration(client_side=True, header_encoding=None)
    )
    if small_windows:
        client.local_settings = h2.settings.Settings(
            client=True, initial_values={h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: 1_000}
        )
    client.initiate_connection()
    server = RecordedConnection(H2Worker, Limits(), echo, Settings())
    bodies: dict[int, bytes] = {}
    trailers: dict[int, bool] = {}
    ended: set[int] = set()
    left: dict[int, bytes] = {}
    read = 0

    def exchange_all() -> None:
        nonlocal read
        while True:
            said = client.data_to_send()
            for at in range(0, len(said), cut):
                server.receive(said[at : at + cut])
            heard = server.output[read:]
            read += len(heard)
            if not said and not heard:
                return
            for event in client.receive_data(heard) if heard else ():
                note(event)

    def note(event: h2.events.Event) -> None:
        match event:
            case h2.events.DataReceived():
                number = event.stream_id
                bodies[number] = bodies.get(number, b"") + event.data
                client.acknowledge_received_data(event.flow_controlled_length, number)
            case h2.events.TrailersReceived():
                trailers[event.stream_id] = True
            case h2.events.StreamEnded():
                ended.add(event.stream_id)
            case h2.events.StreamReset() | h2.events.ConnectionTerminated():
                raise AssertionError(event)
            case _:
                pass

    wanted: dict[int, tuple[bytes, bool]] = {}
    for body, has_trailers in requests:
        number = client.get_next_available_stream_id()
        path = b"/%d" % number + (b"?trailers" if has_trailers else b"")
        client.send_headers(
            number,
            [
                (b":method", b"POST"),
                (b":scheme", b"http"),
                (b":authority", b"a"),
                (b":path", path),
                (b"content-length", b"%d" % len(body)),
            ],
        )
        wanted[number] = (body, has_trailers)
        left[number] = body
    while left:
        for number, body in list(left.items()):
            size = min(client.local_flow_control_window(number), 16_384, len(body))
            client.send_data(number, body[:size], end_stream=size == len(body))
            left[number] = body[size:]
            if size == len(body):
                del left[number]
        exchange_all()
    exchange_all()
    assert ended == set(wanted)
    for number, (body, has_trailers) in wanted.items():
        assert bodies.get(number, b"") == body
        assert trailers.get(number, False) is has_trailers
    assert server.channel.refusals == []
    assert server.handler.running == 0


def test_the_connection_is_an_engine() -> None:
    def make(listener: Listener, rules: Rules) -> Engine:
        return Connection(listener, rules, 0.0)

    assert callable(make)
