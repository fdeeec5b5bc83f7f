"""The stream over real sockets, against OpenSSL's client."""

import itertools
import socket
import ssl
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pounce_tls.hello import LONGEST, NOT_HTTPS
from pounce_tls.stream import HELLO_RECORDS, MOST, RECORD, TlsStream, token
from pounce_tls.transport import TlsTransport

if TYPE_CHECKING:
    from tests.conftest import Client, Connect, Folder

type Opened = tuple[TlsStream, Client]


# The handshake


def test_opens(transport: TlsTransport, connect: Connect) -> None:
    stream, client = connect(transport)
    client.shake_hands(stream)
    assert (client.tls.version(), stream.open()) == ("TLSv1.3", None)


def test_waits_for_the_client(transport: TlsTransport, connect: Connect) -> None:
    stream, _ = connect(transport)
    assert stream.open() == "read"


def test_opens_whatever_the_pieces(transport: TlsTransport, connect: Connect) -> None:
    stream, client = connect(transport)
    needs = {"read"}
    for _ in range(2):
        with suppress(ssl.SSLWantReadError):
            client.tls.do_handshake()
        for byte in client.outgoing.read():
            client.socket.send(bytes([byte]))
            needs.add(str(stream.open()))
        client.fill()
    assert needs == {"read", "None"}


def test_a_hello_cut_into_many_records(transport: TlsTransport, connect: Connect) -> None:
    stream, client = connect(transport)
    with pytest.raises(ssl.SSLWantReadError):
        client.tls.do_handshake()
    record = client.outgoing.read()
    message = record[5:]
    step = len(message) // 8 + 1
    for at in range(0, len(message), step):
        piece = message[at : at + step]
        client.socket.send(record[:3] + len(piece).to_bytes(2) + piece)
    client.shake_hands(stream)
    assert stream.open() is None


def test_leaves_what_follows_the_handshake_to_the_poller(
    transport: TlsTransport, connect: Connect
) -> None:
    stream, client = connect(transport)
    for _ in range(2):
        with suppress(ssl.SSLWantReadError):
            client.tls.do_handshake()
        if client.tls.version() is not None and not client.tls.cipher():
            continue
        with suppress(ssl.SSLError):
            client.tls.write(b"the first request")
        client.flush()
        if stream.open() is None:
            break
        client.fill()
    assert stream.socket.recv(65_536, socket.MSG_PEEK)
    assert stream.recv(65_536) == b"the first request"


def test_alpn_takes_what_the_server_likes_best(
    folder: Folder, transport: TlsTransport, connect: Connect
) -> None:
    context = folder.trusting()
    context.set_alpn_protocols(["http/1.1", "h2"])
    stream, client = connect(transport, context)
    client.shake_hands(stream)
    assert (stream.alpn, client.tls.selected_alpn_protocol()) == (b"h2", "h2")


def test_without_alpn_none_is_agreed_on(opened: Opened) -> None:
    assert opened[0].alpn is None


def test_an_unknown_alpn_is_none(folder: Folder, transport: TlsTransport, connect: Connect) -> None:
    context = folder.trusting()
    context.set_alpn_protocols(["spdy/3"])
    stream, client = connect(transport, context)
    client.shake_hands(stream)
    assert stream.alpn is None


def test_tells_the_application(opened: Opened) -> None:
    tls = opened[0].tls
    assert tls is not None
    assert tls["tls_version"] == 0x0304


def refusal(stream: TlsStream) -> str:
    with pytest.raises(ConnectionAbortedError) as caught:
        stream.open()
    return str(caught.value)


def test_plain_http_is_told(transport: TlsTransport, connect: Connect) -> None:
    stream, client = connect(transport)
    client.socket.send(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
    assert refusal(stream) == "plain-http"
    assert client.socket.recv(1000) == NOT_HTTPS


def test_another_protocol_is_refused(transport: TlsTransport, connect: Connect) -> None:
    stream, client = connect(transport)
    client.socket.send(b"SSH-2.0-x\r\n")
    assert refusal(stream) == "not-tls"


def test_a_client_that_leaves_early(transport: TlsTransport, connect: Connect) -> None:
    stream, client = connect(transport)
    client.socket.close()
    assert refusal(stream) == "tls-closed"


def test_a_record_that_is_too_large(transport: TlsTransport, connect: Connect) -> None:
    stream, client = connect(transport)
    client.socket.send(b"\x16\x03\x01\xff\xff")
    assert refusal(stream) == "tls-record-too-large"


def test_a_hello_that_is_too_large(transport: TlsTransport, connect: Connect) -> None:
    stream, client = connect(transport)
    client.socket.send(b"\x16\x03\x01\x00\x04\x01" + (LONGEST + 1).to_bytes(3))
    assert refusal(stream) == "tls-hello-too-large"


def test_a_hello_in_too_many_records(transport: TlsTransport, connect: Connect) -> None:
    stream, client = connect(transport)
    client.socket.send(b"\x16\x03\x01\x00\x04\x01\x00\x10\x00")
    for _ in range(HELLO_RECORDS - 2):
        client.socket.send(b"\x16\x03\x01\x00\x01\x00")
        assert stream.open() == "read"
    client.socket.send(b"\x16\x03\x01\x00\x01\x00")
    assert refusal(stream) == "tls-hello-too-large"


def test_reads_only_so_much_in_one_call(transport: TlsTransport, connect: Connect) -> None:
    stream, client = connect(transport)
    client.socket.send(b"\x16\x03\x01\x00\x04\x01\x00\x10\x00" + b"\x16\x03\x01\x00\x01\x00" * 60)
    assert stream.open() == "read"
    assert stream.socket.recv(1, socket.MSG_PEEK)


def test_openssl_refuses_nonsense(transport: TlsTransport, connect: Connect) -> None:
    stream, client = connect(transport)
    client.socket.send(b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00")
    assert refusal(stream).startswith("tls-")


def test_an_old_version_is_refused_with_an_alert(
    folder: Folder, transport: TlsTransport, connect: Connect
) -> None:
    context = folder.trusting()
    with pytest.warns(DeprecationWarning, match=r"TLSv1_1"):
        context.minimum_version = ssl.TLSVersion.TLSv1_1
    with pytest.warns(DeprecationWarning, match=r"TLSv1_1"):
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")
    stream, client = connect(transport, context)
    with pytest.raises(ConnectionAbortedError, match=r"^tls-unsupported-protocol$"):
        client.shake_hands(stream)
    client.fill()
    with pytest.raises(ssl.SSLError, match="PROTOCOL_VERSION"):
        client.tls.do_handshake()


# Receiving


def test_receives(opened: Opened) -> None:
    stream, client = opened
    client.say(b"hello")
    assert stream.recv(65_536) == b"hello"


def test_nothing_is_at_hand(opened: Opened) -> None:
    with pytest.raises(BlockingIOError):
        opened[0].recv(65_536)


def test_half_a_record_is_nothing_yet(opened: Opened) -> None:
    stream, client = opened
    client.tls.write(b"hello")
    record = client.outgoing.read()
    client.socket.send(record[:9])
    with pytest.raises(BlockingIOError):
        stream.recv(65_536)
    client.socket.send(record[9:])
    assert stream.recv(65_536) == b"hello"


def test_leaves_nothing_that_no_poller_reports(opened: Opened) -> None:
    stream, client = opened
    for word in (b"one", b"two", b"three"):
        client.say(word)
    assert stream.recv(65_536) == b"onetwothree"


@pytest.mark.parametrize("size", [1, RECORD - 1, RECORD, RECORD + 1, 65_536, 1_000_000])
def test_receives_bodies_of_any_size(opened: Opened, size: int) -> None:
    stream, client = opened
    body = bytes(range(256)) * (size // 256 + 1)
    client.say(body)
    got = bytearray()
    while len(got) < len(body):
        with suppress(BlockingIOError):
            got += stream.recv(65_536)
        client.flush()
    assert got == body


@given(
    messages=st.lists(st.binary(min_size=1, max_size=40_000), min_size=1, max_size=5),
    cuts=st.lists(st.integers(1, 30_000), min_size=1, max_size=10),
)
@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_cut_gives_the_same_bytes(
    opened: Opened, messages: list[bytes], cuts: list[int]
) -> None:
    stream, client = opened
    for message in messages:
        client.tls.write(message)
        client.tls.write(message[:1])
    wire, got = client.outgoing.read(), b""
    for cut in itertools.cycle(cuts):
        if not wire:
            break
        client.socket.sendall(wire[:cut])
        wire = wire[cut:]
        with suppress(BlockingIOError):
            got += stream.recv(65_536)
    assert got == b"".join(message[:16_384] + message[:1] for message in messages)


def test_close_notify_is_the_end(opened: Opened) -> None:
    stream, client = opened
    with pytest.raises(ssl.SSLWantReadError):
        client.tls.unwrap()
    client.flush()
    assert stream.recv(65_536) == b""


def test_what_comes_before_the_end_counts(opened: Opened) -> None:
    stream, client = opened
    client.tls.write(b"last words")
    with pytest.raises(ssl.SSLWantReadError):
        client.tls.unwrap()
    client.flush()
    client.socket.shutdown(socket.SHUT_WR)
    assert [stream.recv(65_536), stream.recv(65_536)] == [b"last words", b""]


def test_what_comes_behind_the_end_is_dropped(opened: Opened) -> None:
    stream, client = opened
    with pytest.raises(ssl.SSLWantReadError):
        client.tls.unwrap()
    client.flush()
    client.socket.send(b"x" * 100_000)
    assert [stream.recv(65_536), stream.recv(65_536)] == [b"", b""]


def test_an_end_without_close_notify_is_told_apart(opened: Opened) -> None:
    stream, client = opened
    client.socket.close()
    with pytest.raises(ConnectionAbortedError, match=r"^tls-truncated$"):
        stream.recv(65_536)


def test_a_changed_record_ends_it(opened: Opened) -> None:
    stream, client = opened
    client.tls.write(b"hello")
    record = bytearray(client.outgoing.read())
    record[-1] ^= 1
    client.socket.send(record)
    with pytest.raises(ConnectionAbortedError, match=r"^tls-record-layer-failure$"):
        stream.recv(65_536)
    client.fill()
    with pytest.raises(ssl.SSLError, match="BAD_RECORD_MAC"):
        client.tls.read(1)


# Sending


def test_sends(opened: Opened) -> None:
    stream, client = opened
    assert stream.send(b"hello") == 5
    assert client.hear() == b"hello"


def test_sends_nothing(opened: Opened) -> None:
    assert opened[0].send(b"") == 0


@pytest.mark.parametrize("size", [RECORD, RECORD + 1, 100_000])
def test_sends_much_at_once(opened: Opened, size: int) -> None:
    stream, client = opened
    stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
    body = bytes(range(256)) * (size // 256)
    assert stream.send(memoryview(body)) == len(body)
    assert client.hear() == body


def drain(stream: TlsStream, client: Client, body: bytes, *, piece: int | None = None) -> bytes:
    """Sends all of it as a worker does, to a client that reads a little at a time."""
    left, got = memoryview(body), bytearray()
    while left:
        try:
            left = left[stream.send(left[:piece]) :]
        except BlockingIOError:
            client.incoming.write(client.socket.recv(5_000))
            with suppress(ssl.SSLWantReadError):
                while part := client.tls.read(65_536):
                    got += part
    return bytes(got) + client.hear()


@pytest.mark.parametrize("piece", [None, 1_000, RECORD, 65_536])
def test_a_slow_reader_gets_all(opened: Opened, piece: int | None) -> None:
    stream, client = opened
    body = bytes(range(251)) * 8_000
    assert drain(stream, client, body, piece=piece) == body


def test_goes_on_with_a_shorter_piece(opened: Opened) -> None:
    stream, client = opened
    body = b"a" * 2_000_000
    count = stream.send(body)
    assert 0 < count < len(body)
    left = memoryview(body)[count:]
    assert drain(stream, client, bytes(left), piece=10) == body


def test_a_slow_reader_is_seen_to_advance(opened: Opened) -> None:
    stream, client = opened
    left = memoryview(b"a" * 5_000_000)
    with suppress(BlockingIOError):
        while True:
            left = left[stream.send(left) :]
    taken = 0
    while taken < 200_000:
        taken += len(client.socket.recv(2_000))
        with suppress(BlockingIOError):
            count = stream.send(left)
            left = left[count:]
            assert count < 65_536
            break
    else:
        pytest.fail("nothing was owned up to")


def test_takes_only_so_much_at_once(opened: Opened) -> None:
    stream, client = opened
    client.socket.setblocking(True)
    assert stream.send(bytes(2 * MOST)) <= MOST


def test_the_client_has_gone(opened: Opened) -> None:
    stream, client = opened
    client.socket.close()
    with pytest.raises(OSError, match="Broken pipe"):
        stream.send(b"hello")


# The end


def test_says_that_it_is_the_end(opened: Opened) -> None:
    stream, client = opened
    stream.send(b"bye")
    stream.end()
    stream.socket.close()
    assert client.hear() == b"bye"
    assert client.tls.read(1) == b""


def test_can_end_twice(opened: Opened) -> None:
    opened[0].end()
    opened[0].end()


def test_an_end_before_the_beginning(transport: TlsTransport, connect: Connect) -> None:
    stream, client = connect(transport)
    stream.end()
    client.fill()
    assert not client.incoming.pending


def test_an_end_to_a_client_that_has_gone(opened: Opened) -> None:
    stream, client = opened
    client.socket.close()
    stream.end()


def test_reads_on_after_the_end(opened: Opened) -> None:
    stream, client = opened
    stream.end()
    client.say(b"still here")
    assert stream.recv(65_536) == b"still here"


# Names


def test_names_are_made_of_openssls() -> None:
    error = ssl.SSLError(1, "text")
    error.reason = "NO_SHARED_CIPHER"
    assert token(error) == "tls-no-shared-cipher"


def test_a_failure_without_a_reason_has_a_name_too() -> None:
    error = ssl.SSLEOFError(8, "text")
    error.reason = None  # type: ignore[assignment]
    assert token(error) == "tls-ssleoferror"
