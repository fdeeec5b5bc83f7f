"""How a server starts its application, for each worker, and how it says farewell beforehand."""

import time
from pathlib import Path
from signal import SIGINT, SIGTERM, Signals

import pytest

from integration.tests.client import Client
from integration.tests.processes import Watched, refused, started_by, until
from integration.tests.serving import Served, children
from pounce.supervise.stop_signals import AGAIN

KINDS = ("thread", "process")
FAILED = 3
DELAY = 1.0
LONG = 600.0
"""A delay that is not over before a second signal ends it."""

FACTORY = """
import threading
from collections import Counter
made = Counter()

class App:
    def __init__(self):
        made["all"] += 1
        self.lifespans = 0

    async def __call__(self, scope, receive, send):
        if scope["type"] == "lifespan":
            await receive()
            self.lifespans += 1
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})
            return
        body = f"{id(self)} {made['all']} {self.lifespans}".encode()
        await send({"type": "http.response.start", "status": 200,
                    "headers": [(b"content-length", b"%d" % len(body))]})
        await send({"type": "http.response.body", "body": body})

def create():
    return App()
"""

REFUSES = """
async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        raise RuntimeError("no lifespan here")
    body = repr("state" in scope).encode()
    await send({"type": "http.response.start", "status": 200,
                "headers": [(b"content-length", b"%d" % len(body))]})
    await send({"type": "http.response.body", "body": body})
"""

ONE_FAILS = """
import asyncio
import itertools
import threading
number = itertools.count()
started = threading.Event()

async def app(scope, receive, send):
    await receive()
    if next(number):
        while not started.is_set():
            await asyncio.sleep(0.001)
        raise RuntimeError("only one may have the port of the metrics")
    await send({"type": "lifespan.startup.complete"})
    started.set()
    await receive()
    open("shutdown", "w").close()
    await send({"type": "lifespan.shutdown.complete"})
"""


OPTIONS = """
import sys

async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        raise RuntimeError("no lifespan here")
    body = f"{sys.flags.optimize} {sys.flags.dev_mode} {sys.warnoptions[-1]}".encode()
    await send({"type": "http.response.start", "status": 200,
                "headers": [(b"content-length", b"%d" % len(body))]})
    await send({"type": "http.response.body", "body": body})
"""

SLOW = """
import time
print("importing", flush=True)
while True:
    # Python looks for signals in between: one long sleep may have begun just as it came.
    time.sleep(0.01)
"""


@pytest.fixture
def module(tmp_path: Path) -> Path:
    return tmp_path / "served.py"


def answers(served: Served, number: int = 12) -> list[list[int]]:
    clients = [Client.to(served.address) for _ in range(number)]
    found = [[int(word) for word in client.get("/").body.split()] for client in clients]
    for client in clients:
        client.close()
    return found


def test_one_application_for_each_worker(module: Path) -> None:
    module.write_text(FACTORY)
    flags = ("--factory", "--workers=3", "--worker-type=thread", "--app-scope=worker")
    with Served("served:create", *flags, cwd=module.parent) as served:
        found: list[list[int]] = []

        def all_heard() -> bool:
            found.extend(answers(served))
            return len({number for number, _, _ in found}) >= 3

        # One that is paused by a busy machine gets no connection meanwhile.
        until(all_heard, lambda: found)
        assert len({number for number, _, _ in found}) == 3
        assert {(made, lifespans) for _, made, lifespans in found} == {(3, 1)}


def test_one_application_for_all_workers(module: Path) -> None:
    module.write_text(FACTORY)
    flags = ("--factory", "--workers=3", "--worker-type=thread")
    with Served("served:create", *flags, cwd=module.parent) as served:
        found = answers(served)
        assert len({number for number, _, _ in found}) == 1
        assert {(made, lifespans) for _, made, lifespans in found} == {(1, 3)}


@pytest.mark.parametrize("scope", ["server", "worker"])
def test_one_application_for_each_process(module: Path, scope: str) -> None:
    module.write_text(FACTORY)
    flags = ("--factory", "--workers=2", "--worker-type=process", f"--app-scope={scope}")
    with Served("served:create", *flags, cwd=module.parent) as served:
        assert {(made, lifespans) for _, made, lifespans in answers(served)} == {(1, 1)}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("lifespan", ["auto", "off"])
def test_an_application_that_raises_at_its_lifespan_scope(
    kind: str, lifespan: str, module: Path
) -> None:
    module.write_text(REFUSES)
    flags = (f"--worker-type={kind}", f"--lifespan={lifespan}")
    with (
        Served("served:app", *flags, cwd=module.parent) as served,
        Client.to(served.address) as client,
    ):
        assert client.get("/").body == b"False"
    assert "lifespan" not in served.log.text


@pytest.mark.parametrize("kind", KINDS)
def test_lifespan_off_is_not_asked_for_at_all(kind: str, module: Path) -> None:
    module.write_text(FACTORY)
    flags = ("--factory", "--workers=2", f"--worker-type={kind}", "--lifespan=off")
    with Served("served:create", *flags, cwd=module.parent) as served:
        assert {lifespans for _, _, lifespans in answers(served)} == {0}


def test_where_one_worker_cannot_start_none_is_left(module: Path) -> None:
    """The one that had started is ended properly, and nothing was served."""
    module.write_text(ONE_FAILS)
    flags = ("--workers=2", "--worker-type=thread", "--port=0")
    status, log = refused("served:app", *flags, cwd=module.parent)
    assert status == FAILED
    assert "only one may have the port" in log
    assert "serves" not in log
    assert (module.parent / "shutdown").exists()


@pytest.mark.parametrize(
    ("kind", "number", "status"),
    [("thread", SIGTERM, 0), ("process", SIGTERM, 0), ("thread", SIGINT, 130)],
)
def test_a_signal_while_the_application_is_imported(
    kind: str, number: Signals, status: int, module: Path
) -> None:
    module.write_text(SLOW)
    served = Served("served:app", f"--worker-type={kind}", cwd=module.parent)
    assert served.access.find("importing") is not None
    served.signal(number)
    assert served.wait() == status
    assert served.log.text == ""


@pytest.mark.parametrize("kind", KINDS)
def test_a_worker_runs_under_the_interpreters_options(
    kind: str, module: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module.write_text(OPTIONS)
    command = '[command[0], "-O", "-X", "dev", "-W", "error", *command[1:]]'
    started_by(tmp_path / "python", f"os.execv(command[0], {command})", monkeypatch)
    with (
        Served("served:app", f"--worker-type={kind}", cwd=module.parent) as served,
        Client.to(served.address) as client,
    ):
        assert client.get("/").body == b"1 True error"


@pytest.mark.parametrize("kind", KINDS)
def test_the_delay_before_the_end(kind: str) -> None:
    """While a load balancer takes note, who comes is served, and told not to come again."""
    flags = ("--workers=2", f"--worker-type={kind}", f"--timeout-drain-delay={LONG}")
    with Served("plain", *flags) as served, Client.to(served.address) as there:
        assert there.get("/ok").value(b"connection") is None
        workers = Watched(*children(served.pid))
        served.signal(SIGTERM)

        def farewell() -> bool:
            with Client.to(served.address) as fresh:
                response = fresh.get("/ok")
                assert response.body == b"ok"
                return response.value(b"connection") == b"close"

        for _ in range(3):
            until(farewell, lambda: served.log.text)
        # A worker may have heard of the end later than others.
        until(lambda: there.get("/ok").value(b"connection") == b"close", lambda: served.log.text)
        assert there.ended()
        time.sleep(AGAIN)
        served.signal(SIGTERM)
        assert served.wait() == 128 + SIGTERM
        assert workers.left(0) == []


def test_the_delay_is_waited_for() -> None:
    with Served("plain", f"--timeout-drain-delay={DELAY}") as served:
        began = time.monotonic()
        served.signal(SIGTERM)
        assert served.wait() == 0
        assert time.monotonic() - began >= DELAY
