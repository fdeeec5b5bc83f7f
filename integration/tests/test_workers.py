"""What workers share and what each has: one copy of the application for all threads, a start of its
own for each, and for each request a copy of the state and fresh context variables.
"""

import contextlib
import json
import socket
from typing import Any

import pytest

from integration.tests.client import TIMEOUT, Client
from integration.tests.conftest import KINDS, Fleet
from integration.tests.record import Record
from integration.tests.serving import Served

CONNECTIONS = 16


def answers(served: Served) -> list[dict[str, Any]]:
    """What as many connections at once are told of who serves them."""
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(Client.to(served.address)) for _ in range(CONNECTIONS)]
        return [json.loads(client.get("/who").body) for client in clients]


def test_threads_share_one_copy_of_the_application(fleet: Fleet) -> None:
    served = fleet("plain", "threads")
    # One that is paused by a busy machine gets no connection meanwhile: ask until all were heard.
    found: list[dict[str, Any]] = []
    for _ in range(100):
        found += answers(served)
        if len({each["thread"] for each in found}) == 4:
            break
    assert len({each["thread"] for each in found}) == 4
    assert {each["pid"] for each in found} == {served.pid}
    # One module, which was imported once.
    assert {each["imports"] for each in found} == {1}
    assert len({each["module"] for each in found}) == 1


def test_each_process_has_a_copy_of_the_application(fleet: Fleet) -> None:
    served = fleet("plain", "processes")
    # Whoever is woken first takes a connection: ask until both have been heard.
    pids: set[int] = set()
    for _ in range(100):
        pids |= {each["pid"] for each in answers(served)}
        if len(pids) == 2:
            break
    assert pids == set(served.pids) - {served.pid}


def test_each_worker_starts_the_application_on_its_own_loop(plain: Served) -> None:
    for each in answers(plain):
        assert each["started_by"] == each["thread"]


def test_what_a_request_puts_into_the_state_no_other_finds(plain: Served, token: str) -> None:
    for _ in range(8):
        with Client.to(plain.address) as client:
            for _ in range(2):
                assert json.loads(client.get(f"/state?{token}").body) == [0, None]


def test_what_the_start_put_into_the_state_is_shared(plain: Served) -> None:
    """The copy is shallow: a pool of connections is one pool."""
    with Client.to(plain.address) as client:
        found = {json.loads(client.get("/shared").body) for _ in range(8)}
    assert len(found) == 1


def test_context_variables_are_fresh_for_each_request(plain: Served) -> None:
    with Client.to(plain.address) as client:
        assert [client.get("/context").body for _ in range(3)] == [b"fresh"] * 3


@pytest.mark.parametrize("kind", ["threads", "processes"], scope="function")
def test_a_worker_that_does_not_return_to_its_loop_holds_up_no_other(
    kind: str, record: Record, token: str
) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as gate,
        Served("plain", *KINDS[kind], env=record.env) as served,
        contextlib.ExitStack() as stack,
    ):
        gate.settimeout(TIMEOUT)
        blocked = stack.enter_context(Client.to(served.address))
        blocked.ask(f"/block/{gate.getsockname()[1]}?{token}")
        key = gate.accept()[0]
        with key:
            # Of four threads, three have no connection yet; of two processes, one is awake.
            for _ in range(3):
                other = stack.enter_context(Client.to(served.address))
                assert other.get("/ok").body == b"ok"
            assert blocked.idle()
        assert blocked.response().body == b"freed"
