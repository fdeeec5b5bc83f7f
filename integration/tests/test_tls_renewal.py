"""New certificates while a server runs: by SIGHUP, and by themselves once their file changes."""

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from signal import SIGHUP

import pytest

from integration.tests.certificates import Certificates, serial, tls_of
from integration.tests.client import Client
from integration.tests.conftest import KINDS
from integration.tests.processes import Watched, until_counted
from integration.tests.serving import Served

PATIENCE = 60.0
RENEWING = {"threads": 1, "processes": 2}
"""Kinds of worker, with the number of processes that each look at the file."""
MANY = 500
PACE = 0.05
PATIENT = ("--timeout-keep-alive", "600", "--timeout-body", "600")
CHANGED = "the certificates have changed"
KEPT = "the changed certificates are not used, and those before stay"


@pytest.fixture
def certificates(tmp_path: Path) -> Certificates:
    made = Certificates.make(tmp_path)
    made.server()
    return made


@pytest.fixture
def servers(certificates: Certificates) -> Iterator[dict[str, Served]]:
    """A server on each of two kinds of worker, both with the same file."""
    with ExitStack() as stack:
        flags = ("--ssl-certfile", f"{certificates.folder}/server.pem", *PATIENT)
        served = {kind: Served("plain", *KINDS[kind], *flags) for kind in RENEWING}
        yield {kind: stack.enter_context(each) for kind, each in served.items()}


def current(served: Served, certificates: Certificates) -> int:
    """The certificate that a new client is shown."""
    with certificates.connect(served.address) as client:
        assert client.get("/ok").body == b"ok"
        return serial(client)


def test_by_themselves(servers: dict[str, Served], certificates: Certificates) -> None:
    """The file is changed once, and then broken."""
    with ExitStack() as stack:
        kept: dict[str, list[Client]] = {}
        before: dict[str, int] = {}
        for kind, served in servers.items():
            # One for each process at least: who has no connections looks at nothing.
            pids: set[int] = set()
            kept[kind] = []
            while len(pids) < RENEWING[kind]:
                assert len(kept[kind]) < MANY
                if kept[kind]:
                    # The other one may have to wait for a processor.
                    time.sleep(PACE)
                kept[kind].append(stack.enter_context(certificates.connect(served.address)))
                pids.add(json.loads(kept[kind][-1].get("/who").body)["pid"])
            before[kind] = serial(kept[kind][0])
        certificates.server()
        renewed: dict[str, int] = {}
        for kind, served in servers.items():
            until_counted(served, CHANGED, RENEWING[kind])
            renewed[kind] = current(served, certificates)
            assert renewed[kind] != before[kind]
        Path(certificates.folder, "server.pem").write_text("garbage")
        for kind, served in servers.items():
            served.announce(KEPT)
            until_counted(served, KEPT, RENEWING[kind])
            assert current(served, certificates) == renewed[kind]
            assert {each.get("/ok").body for each in kept[kind]} == {b"ok"}


def successor(served: Served, certificates: Certificates, before: int) -> int:
    """The certificate that a new client is shown, once it is another one."""
    end = time.monotonic() + PATIENCE
    while (found := current(served, certificates)) == before:
        assert time.monotonic() < end
        time.sleep(PACE)
    return found


@pytest.mark.parametrize("kind", RENEWING)
def test_by_sighup(kind: str, certificates: Certificates) -> None:
    flags = ("--ssl-certfile", f"{certificates.folder}/server.pem", *PATIENT)
    with Served("plain", *KINDS[kind], *flags) as served:
        context = certificates.trusting()
        with certificates.connect(served.address, context=context) as kept:
            before, old = serial(kept), Watched(*served.pids[1:])
            kept.ask("/hold", "POST", "content-length: 1")
            certificates.server()
            served.process.send_signal(SIGHUP)
            after = successor(served, certificates, before)
            kept.send(b"x")
            assert kept.response().body == b"x"
        # Old processes take clients until they have been told.
        assert old.left(PATIENCE) == []
        assert served.log.find("generation 2 serves")
        Path(certificates.folder, "server.pem").write_text("garbage")
        served.process.send_signal(SIGHUP)
        assert served.log.find("the old one goes on: .*holds no certificate in PEM")
        assert current(served, certificates) == after


def test_tickets_outlive_sighup(certificates: Certificates) -> None:
    flags = ("--ssl-certfile", f"{certificates.folder}/server.pem")
    with Served("plain", *KINDS["threads"], *flags) as served:
        context = certificates.trusting()
        with certificates.connect(served.address, context=context) as client:
            client.get("/ok")
            session = tls_of(client).session
        served.process.send_signal(SIGHUP)
        assert served.log.find("generation 2 serves")
        sock = Client.to(served.address).socket
        with context.wrap_socket(sock, server_hostname="localhost", session=session) as again:
            assert again.session_reused
