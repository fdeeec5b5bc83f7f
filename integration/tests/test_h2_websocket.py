"""WebSocket over a stream of HTTP/2 (RFC 8441), beside requests on the same connection.

wsproto's frames are the client's; what its handshake would say over HTTP/1.1 is said by the stream.
"""

from collections.abc import Iterator

import pytest
from wsproto.connection import Connection, ConnectionType
from wsproto.events import CloseConnection, Event, Ping, Pong, TextMessage

from integration.tests.conftest import Fleet, checked
from integration.tests.serving import Served
from integration.tests.streams import Streams


class Chat:
    """A WebSocket on one stream."""

    def __init__(self, streams: Streams, target: str, *fields: tuple[bytes, bytes]) -> None:
        self.streams = streams
        self.frames = Connection(ConnectionType.CLIENT)
        version = (b"sec-websocket-version", b"13")
        self.number = streams.connect(target, "websocket", version, *fields)
        self.answer = streams.answers[self.number]
        while not self.answer.status:
            assert streams.hear()

    def say(self, event: Event) -> None:
        self.streams.send(self.number, self.frames.send(event), end=False)

    def hear(self) -> Event:
        """The next event."""
        while True:
            for event in self.frames.events():
                return event
            while not self.answer.body:
                assert self.streams.hear()
            data, self.answer.body = self.answer.body, b""
            self.frames.receive_data(data)


@pytest.fixture
def sockets(fleet: Fleet, kind: str) -> Iterator[Served]:
    yield from checked(fleet("sockets", kind))


def test_an_echo(sockets: Served) -> None:
    with Streams.to(sockets.address) as streams:
        chat = Chat(streams, "/echo")
        assert chat.answer.status == 200
        for text in ("hello", "wörld" * 10_000):
            chat.say(TextMessage(data=text))
            heard = ""
            while heard != text:
                event = chat.hear()
                assert isinstance(event, TextMessage)
                heard += event.data
        chat.say(Ping(payload=b"x"))
        assert chat.hear() == Pong(payload=b"x")
        chat.say(CloseConnection(code=1000))
        assert isinstance(chat.hear(), CloseConnection)
        streams.answer(chat.number)
        assert chat.answer.reset is None


def test_two_on_one_connection(sockets: Served) -> None:
    with Streams.to(sockets.address) as streams:
        first, second = Chat(streams, "/echo"), Chat(streams, "/echo")
        second.say(TextMessage(data="two"))
        first.say(TextMessage(data="one"))
        assert first.hear() == TextMessage(data="one")
        assert second.hear() == TextMessage(data="two")


def test_a_refusal(sockets: Served) -> None:
    with Streams.to(sockets.address) as streams:
        chat = Chat(streams, "/refuse")
        assert streams.answer(chat.number).status == 403


def test_a_protocol_that_is_not_there(sockets: Served) -> None:
    with Streams.to(sockets.address) as streams:
        number = streams.connect("/echo", "connect-udp")
        assert streams.answer(number).status == 501
