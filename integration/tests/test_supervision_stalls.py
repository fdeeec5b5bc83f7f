"""A worker whose application does not return to the loop, and where new connections go.

The connections of a thread that is blocked are served by the others, and its stack is shown. The
blocking is real, and lasts until the test has seen what it is to see.
"""

import contextlib
import json
import socket
import time
from collections import Counter
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor

import pytest

from integration.tests.client import TIMEOUT, Client
from integration.tests.processes import count
from integration.tests.record import Record
from integration.tests.serving import Served

CONNECTIONS = 200
ASKING = 4
"""Threads of the test that share the connections out among them."""
ROUNDS = 3
"""How often each of them is used meanwhile."""
PATIENT = "--timeout-stall=600"
"""No stall is reported, neither of a thread that a busy machine pauses."""
SOON = 30.0
"""Seconds for an answer of another worker, on a busy machine: less than a tenth of a second is what
is measured on one with nothing else to do.
"""

type Property = Callable[[str, object], None]


@contextlib.contextmanager
def blocking(client: Client, record: Record, token: str) -> Generator[int]:
    """Has the worker of a client blocked within a `with` statement; gives out its thread."""
    with socket.create_server(("127.0.0.1", 0)) as gate:
        gate.settimeout(TIMEOUT)
        client.ask(f"/block/{gate.getsockname()[1]}?{token}")
        [thread] = record.wait(token, "called")
        with gate.accept()[0]:
            yield thread
            assert client.idle()


def test_what_a_blocked_thread_leaves_is_served_by_others(
    record: Record, token: str, record_property: Property
) -> None:
    flags = ("--workers=2", "--worker-type=thread", PATIENT, "--no-access-log")
    with (
        Served("hazards", *flags, env=record.env) as served,
        contextlib.ExitStack() as stack,
    ):
        clients = [stack.enter_context(Client.to(served.address)) for _ in range(CONNECTIONS)]
        threads = [json.loads(client.get("/").body)[1] for client in clients]
        # With the one that has the most of them: half, but where a busy machine paused the other.
        most = Counter(threads).most_common(1)[0][0]
        blocked = clients.pop(threads.index(most))

        def ask(share: list[Client]) -> list[tuple[int, float]]:
            """Who answered, and after how many seconds."""
            answers: list[tuple[int, float]] = []
            for client in share * ROUNDS:
                began = time.monotonic()
                who = json.loads(client.get("/").body)[1]
                answers.append((who, time.monotonic() - began))
            return answers

        with blocking(blocked, record, token) as stalled, ThreadPoolExecutor(ASKING) as pool:
            shares = [clients[number::ASKING] for number in range(ASKING)]
            answers = [answer for share in pool.map(ask, shares) for answer in share]
            assert stalled not in {who for who, _ in answers}
            slowest = max(seconds for _, seconds in answers)
            record_property("slowest", round(slowest, 3))
            assert slowest < SOON
        assert blocked.response().status == 200
        # It takes its part again.
        with contextlib.ExitStack() as more:
            new = [more.enter_context(Client.to(served.address)) for _ in range(CONNECTIONS)]
            assert stalled in {json.loads(client.get("/").body)[1] for client in new}


def test_what_has_not_been_read_yet_is_served_by_others(record: Record, token: str) -> None:
    """Requests that wait in the sockets of a thread when it blocks, and half a request."""
    # Half a request has time for the other half, however long the test takes.
    flags = ("--workers=2", "--worker-type=thread", "--timeout-head=600", "--no-access-log")
    with Served("hazards", *flags, env=record.env) as served, contextlib.ExitStack() as stack:
        blocked = stack.enter_context(Client.to(served.address))
        clients = [stack.enter_context(Client.to(served.address)) for _ in range(9)]
        who: dict[Client, int] = {}
        for client in clients:
            who[client] = json.loads(client.get("/").body)[1]
            client.send(b"GET / HT")
        with blocking(blocked, record, token) as stalled:
            for client in clients:
                client.send(b"TP/1.1\r\nhost: test\r\n\r\n")
            for client in clients:
                if who[client] != stalled:
                    assert json.loads(client.response().body)[1] != stalled
        # What has come in part cannot be given to another worker, and is not lost either.
        for client in clients:
            if who[client] == stalled:
                assert client.response().status == 200
        assert blocked.response().status == 200


@pytest.mark.parametrize("kind", ["thread", "process"])
def test_what_blocks_is_reported_once_with_its_stack(kind: str, record: Record, token: str) -> None:
    flags = ("--workers=2", f"--worker-type={kind}", "--timeout-stall=0.5", "--no-access-log")
    with (
        Served("hazards", *flags, env=record.env) as served,
        Client.to(served.address) as blocked,
    ):
        served.announce("has not returned to its loop")
        with blocking(blocked, record, token):
            with Client.to(served.address) as other:
                assert other.get("/").status == 200
            # It ends with what blocks.
            assert served.log.find(r"in this_function_blocks")
            assert served.log.find(r"gate\.recv\(1\)")
        assert blocked.response().status == 200
        assert count(served, "in this_function_blocks") == 1


def test_new_connections_go_where_the_fewest_are(record: Record, record_property: Property) -> None:
    """Half of the threads have lost their long-lived connections when more clients come."""
    with (
        Served("plain", "--workers=4", "--worker-type=thread", env=record.env) as served,
        contextlib.ExitStack() as stack,
    ):

        def come(number: int) -> list[tuple[str, Client, int]]:
            new: list[tuple[str, Client, int]] = []
            for _ in range(number):
                token = record.token()
                client = stack.enter_context(Client.to(served.address))
                client.ask(f"/wait?{token}")
                new.append((token, client, record.wait(token, "called")[0][1]))
            return new

        there = come(40)
        spread = Counter(thread for _, _, thread in there)
        # A thread that was busy, or paused, when one of the last came is made up for by the next.
        while len(set(spread.values())) > 1:
            assert len(there) < 50, spread
            there += come(1)
            spread = Counter(thread for _, _, thread in there)
        assert len(spread) == 4
        emptied = sorted(spread)[:2]
        for token, client, thread in there:
            if thread in emptied:
                client.close()
                record.wait(token, "returned")
        left = Counter({thread: spread[thread] for thread in spread if thread not in emptied})
        left.update(thread for _, _, thread in come(2 * spread.total() // 4))
        # One went elsewhere if its thread was paused just then.
        assert max(left.values()) - min(left.values()) <= 2
        record_property("spread", sorted(left.values()))
        record_property("spread by SO_REUSEPORT", spread_by_kernel(4, 40))


def spread_by_kernel(listeners: int, connections: int) -> list[int]:
    """How Linux divides connections among sockets that listen on one port."""
    with contextlib.ExitStack() as stack:
        port = 0
        listening: list[socket.socket] = []
        for _ in range(listeners):
            each = stack.enter_context(socket.socket())
            each.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            each.bind(("127.0.0.1", port))
            each.listen(connections)
            each.setblocking(False)
            port = each.getsockname()[1]
            listening.append(each)
        for _ in range(connections):
            stack.enter_context(socket.create_connection(("127.0.0.1", port)))
        counts: list[int] = []
        for each in listening:
            taken = 0
            with contextlib.suppress(BlockingIOError):
                while True:
                    stack.enter_context(each.accept()[0])
                    taken += 1
            counts.append(taken)
    return sorted(counts)
