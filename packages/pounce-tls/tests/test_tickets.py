"""Session tickets across contexts, as they are in several processes."""

import ssl
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from pounce_tls.tickets import share_tickets
from pounce_tls.transport import TlsTransport

if TYPE_CHECKING:
    from tests.conftest import Connect, Folder

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="contexts are recognised on Linux only")
SECRET = b"s" * 32
VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]


@LINUX
def test_can_be_shared() -> None:
    assert share_tickets(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), SECRET, b"")


def test_what_is_no_servers_context_is_left_alone() -> None:
    # Its method table is the client's.
    assert not share_tickets(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), SECRET, b"")


def resumed(
    folder: Folder,
    connect: Connect,
    version: ssl.TLSVersion,
    first: TlsTransport,
    second: TlsTransport,
    name: str = "localhost",
) -> bool:
    """Whether the second takes a ticket that the first has given."""
    context = folder.trusting()
    context.maximum_version = version
    stream, client = connect(first, context, name)
    client.shake_hands(stream)
    stream.send(b"x")
    client.hear()
    stream, client = connect(second, context, name, client.tls.session)
    client.shake_hands(stream)
    return bool(client.tls.session_reused)


@pytest.mark.parametrize("version", VERSIONS)
def test_one_transport_takes_its_own(
    folder: Folder, connect: Connect, transport: TlsTransport, version: ssl.TLSVersion
) -> None:
    assert resumed(folder, connect, version, transport, transport)


@LINUX
@pytest.mark.parametrize("version", VERSIONS)
def test_another_process_takes_them(
    folder: Folder, connect: Connect, version: ssl.TLSVersion
) -> None:
    settings = folder.settings()
    first, second = TlsTransport(settings, ()), TlsTransport(settings, ())
    assert resumed(folder, connect, version, first, second)


@pytest.mark.parametrize("version", VERSIONS)
def test_another_server_does_not(folder: Folder, connect: Connect, version: ssl.TLSVersion) -> None:
    settings = folder.settings()
    first = TlsTransport(settings, ())
    second = TlsTransport(replace(settings, ticket_secret=b"o" * 32), ())
    assert not resumed(folder, connect, version, first, second)


@pytest.mark.parametrize("version", VERSIONS)
def test_nor_one_that_asks_more_of_clients(
    folder: Folder, connect: Connect, version: ssl.TLSVersion
) -> None:
    pair = folder.server()
    first = TlsTransport(folder.settings(pair), ())
    second = TlsTransport(folder.settings(pair, ca_certs=folder.ca, cert_reqs="optional"), ())
    assert not resumed(folder, connect, version, first, second)


def test_without_access_to_openssl_nothing_is_shared(
    folder: Folder, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pounce_tls.tickets._openssl", lambda: None)
    settings = folder.settings()
    first, second = TlsTransport(settings, ()), TlsTransport(settings, ())
    assert resumed(folder, connect, VERSIONS[1], first, first)
    assert not resumed(folder, connect, VERSIONS[1], first, second)
