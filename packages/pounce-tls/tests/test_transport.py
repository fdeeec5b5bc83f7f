"""New certificates in the place of those that are served."""

import logging
import threading
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from pounce.protocol.errors import ConfigError
from pounce_tls.settings import Settings
from pounce_tls.transport import ASLEEP, DAY, LOOK, SETTLE, TlsTransport

if TYPE_CHECKING:
    from tests.conftest import Connect, Folder


@pytest.fixture(autouse=True)
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO, "pounce.tls")
    return caplog


def served(transport: TlsTransport, connect: Connect) -> str:
    """The certificate that a new client is shown."""
    stream, client = connect(transport)
    client.shake_hands(stream)
    assert stream.tls is not None
    return str(stream.tls["server_cert"])


def current(folder: Folder) -> str:
    return (folder.path / "server.pem").read_text()


def test_says_how_long_a_handshake_may_take(folder: Folder) -> None:
    transport = TlsTransport(folder.settings(handshake_timeout=3.0, handshake_limit=7), ())
    assert (transport.opening_timeout, transport.most_opening) == (3.0, 7)


def test_refuses_what_cannot_work() -> None:
    with pytest.raises(ConfigError):
        TlsTransport(Settings(certfile="/nowhere"), ())


def test_takes_new_certificates(folder: Folder, transport: TlsTransport, connect: Connect) -> None:
    transport.look_after(0.0)
    before = current(folder)
    folder.server()
    transport.look_after(LOOK)
    assert served(transport, connect) == before
    transport.look_after(LOOK + SETTLE)
    assert served(transport, connect) == current(folder) != before


def test_looks_now_and_then_only(folder: Folder, transport: TlsTransport, connect: Connect) -> None:
    transport.look_after(0.0)
    before = current(folder)
    folder.server()
    transport.look_after(LOOK - 0.1)
    transport.look_after(LOOK - 0.1 + SETTLE)
    transport.look_after(LOOK - 0.1 + SETTLE)
    assert served(transport, connect) in {before, current(folder)}


def test_waits_until_both_files_are_there(
    folder: Folder,
    transport: TlsTransport,
    connect: Connect,
    log: pytest.LogCaptureFixture,
) -> None:
    transport.look_after(0.0)
    key = (folder.path / "server-key.pem").read_bytes()
    folder.server()
    new = (folder.path / "server-key.pem").read_bytes()
    folder.write("server-key.pem", key + b"\n")
    transport.look_after(LOOK)
    folder.write("server-key.pem", new)
    transport.look_after(LOOK + SETTLE)
    transport.look_after(LOOK + 2 * SETTLE)
    assert served(transport, connect) == current(folder)
    assert [record.levelname for record in log.records] == ["INFO"]


def test_after_a_long_sleep_it_does_not_wait(
    folder: Folder, transport: TlsTransport, connect: Connect
) -> None:
    transport.look_after(0.0)
    folder.server()
    transport.look_after(ASLEEP)
    assert served(transport, connect) == current(folder)


def test_a_broken_file_keeps_the_old_and_is_told_once(
    folder: Folder,
    transport: TlsTransport,
    connect: Connect,
    log: pytest.LogCaptureFixture,
) -> None:
    transport.look_after(0.0)
    before = current(folder)
    folder.write("server.pem", b"garbage")
    for second in range(100):
        transport.look_after(LOOK + second)
    assert served(transport, connect) == before
    (record,) = log.records
    assert record.levelname == "ERROR"
    assert "the changed certificates are not used, and those before stay" in record.getMessage()


def test_a_repaired_file_is_taken(
    folder: Folder, transport: TlsTransport, connect: Connect
) -> None:
    transport.look_after(0.0)
    folder.write("server.pem", b"garbage")
    transport.look_after(ASLEEP)
    folder.server()
    transport.look_after(2 * ASLEEP)
    assert served(transport, connect) == current(folder)


def test_a_file_that_is_gone_keeps_the_old(
    folder: Folder, transport: TlsTransport, connect: Connect
) -> None:
    transport.look_after(0.0)
    before = current(folder)
    (folder.path / "server.pem").unlink()
    transport.look_after(ASLEEP)
    assert served(transport, connect) == before


def test_open_connections_go_on(folder: Folder, transport: TlsTransport, connect: Connect) -> None:
    stream, client = connect(transport)
    client.shake_hands(stream)
    transport.look_after(0.0)
    folder.server()
    transport.look_after(ASLEEP)
    stream.send(b"still here")
    assert client.hear() == b"still here"


def test_clients_resume_after_new_certificates(
    folder: Folder, transport: TlsTransport, connect: Connect
) -> None:
    context = folder.trusting()
    stream, client = connect(transport, context)
    client.shake_hands(stream)
    client.hear()
    transport.look_after(0.0)
    folder.server()
    transport.look_after(ASLEEP)
    stream, again = connect(transport, context, session=client.tls.session)
    again.shake_hands(stream)
    assert again.tls.session_reused


def test_an_end_that_is_near_is_told_at_once_and_daily(
    folder: Folder, log: pytest.LogCaptureFixture
) -> None:
    pair = folder.server(life=timedelta(days=1), now=folder.now - timedelta(hours=22))
    transport = TlsTransport(folder.settings(pair), ())
    assert len(log.records) == 1
    for hour in range(48):
        transport.look_after(hour * 3600.0)
    assert len(log.records) == 2
    transport.look_after(2 * DAY)
    assert len(log.records) == 3
    assert "expires in" in log.records[0].getMessage()


def test_of_several_processes_one_tells(folder: Folder, log: pytest.LogCaptureFixture) -> None:
    pair = folder.server(life=timedelta(days=1), now=folder.now - timedelta(hours=22))
    settings = folder.settings(pair, ca_certs=folder.ca)
    silent = TlsTransport(settings, (), False)
    for day in range(3):
        silent.look_after(day * DAY)
    assert log.records == []
    TlsTransport(settings, (), True)
    assert len(log.records) == 2


def test_what_is_odd_is_told(folder: Folder, log: pytest.LogCaptureFixture) -> None:
    TlsTransport(folder.settings(ca_certs=folder.ca), ())
    assert "--ssl-ca-certs does nothing" in log.records[0].getMessage()


def test_the_end_of_the_first_certificate_is_a_number(folder: Folder) -> None:
    pair = folder.server(life=timedelta(days=30))
    transport = TlsTransport(folder.settings(pair), ())
    assert transport.first_end - folder.now.timestamp() == pytest.approx(30 * DAY, abs=2)


def test_many_workers_look_and_shake_hands_meanwhile(
    folder: Folder, transport: TlsTransport, connect: Connect
) -> None:
    """The files are changed under workers that look after them and open connections."""
    failures: list[BaseException] = []
    context = folder.trusting()
    barrier = threading.Barrier(4)

    def work(number: int) -> None:
        try:
            barrier.wait()
            for step in range(20):
                transport.look_after(step * ASLEEP + number)
                stream, client = connect(transport, context)
                client.shake_hands(stream)
        except BaseException as failure:  # noqa: BLE001 - told by the test
            failures.append(failure)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for _ in range(10):
        folder.server()
    for thread in threads:
        thread.join()
    assert failures == []
