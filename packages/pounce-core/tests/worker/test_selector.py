"""The selector against the standard library's, and a stock asyncio loop that runs on it."""

import asyncio
import os
import selectors
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pounce.worker.poller import EpollPoller, Poller, PortablePoller, make_poller
from pounce.worker.selector import WorkerSelector

PATIENCE = 30.0
R, W = selectors.EVENT_READ, selectors.EVENT_WRITE


def selector_on(poller: Poller) -> WorkerSelector:
    """A selector whose worker has no connections of its own."""
    return WorkerSelector(poller, poller.poll)


@pytest.fixture(params=["epoll", "select"])
def loop(request: pytest.FixtureRequest) -> Iterator[asyncio.SelectorEventLoop]:
    if request.param == "epoll":
        poller = make_poller()
        if not isinstance(poller, EpollPoller):
            pytest.skip("no epoll here")
    else:
        poller = PortablePoller(selectors.SelectSelector())
    made = asyncio.SelectorEventLoop(selector_on(poller))
    made.set_debug(True)
    yield made
    made.run_until_complete(made.shutdown_asyncgens())
    made.run_until_complete(made.shutdown_default_executor())
    made.close()


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setblocking(False)
        theirs.setblocking(False)
        yield ours, theirs


# As a selector


type Step = tuple[str, int, int]


def attempt[**P](
    action: Callable[P, selectors.SelectorKey], *args: P.args, **kwargs: P.kwargs
) -> selectors.SelectorKey | str:
    """What a call gives, or that it refuses."""
    try:
        return action(*args, **kwargs)
    except KeyError, ValueError:
        return "refused"


def play(selector: selectors.BaseSelector, steps: list[Step]) -> list[object]:
    """Takes the steps over three pairs of sockets; returns all that was to be seen."""
    pairs = [socket.socketpair() for _ in range(3)]
    index = {ours.fileno(): number for number, (ours, _) in enumerate(pairs)}
    seen: list[object] = []

    def key(found: selectors.SelectorKey | str) -> object:
        return found if isinstance(found, str) else (index[found.fd], found.events, found.data)

    for step, number, events in steps:
        ours, theirs = pairs[number]
        match step:
            case "register":
                seen.append(key(attempt(selector.register, ours, events, number)))
            case "modify" if events in {R, W, R | W}:
                # The standard library's lets other events pass here, against its documentation.
                seen.append(key(attempt(selector.modify, ours, events, "new")))
            case "unregister":
                seen.append(key(attempt(selector.unregister, ours)))
            case "by number":
                seen.append(key(attempt(selector.get_key, ours.fileno())))
            case "write":
                theirs.send(b"x")
            case _:
                ready = selector.select(0)
                seen.append(sorted((index[k.fd], mask) for k, mask in ready))
        mapping = selector.get_map()
        assert mapping is not None
        seen.append(sorted(index[fd] for fd in mapping if isinstance(fd, int)))
        seen.append((len(mapping), ours in mapping))
    for ours, theirs in pairs:
        ours.close()
        theirs.close()
    return seen


steps = st.tuples(
    st.sampled_from(["register", "modify", "unregister", "by number", "write", "select"]),
    st.integers(0, 2),
    st.sampled_from([R, W, R | W, 0, 4]),
)


@given(st.lists(steps, max_size=30))
def test_it_does_what_the_selector_of_the_standard_library_does(taken: list[Step]) -> None:
    with closing(selectors.DefaultSelector()) as theirs:
        expected = play(theirs, taken)
    with closing(selector_on(make_poller())) as ours:
        assert play(ours, taken) == expected


@pytest.mark.parametrize("wrong", ["text", -1, None, 3.5], ids=repr)
def test_what_is_no_descriptor_is_refused_as_in_the_standard_library(wrong: Any) -> None:
    with closing(selector_on(make_poller())) as selector, pytest.raises(ValueError, match=r"."):
        selector.register(wrong, R)


def test_an_object_is_found_after_it_was_closed() -> None:
    ours, theirs = socket.socketpair()
    with closing(selector_on(make_poller())) as selector, theirs:
        key = selector.register(ours, R)
        ours.close()
        assert selector.unregister(ours) == key
        assert not selector.get_map()


def test_a_descriptor_closed_before_it_was_unregistered_is_no_fault() -> None:
    read, write = os.pipe()
    with closing(selector_on(make_poller())) as selector:
        selector.register(read, R)
        os.close(read)
        selector.unregister(read)
    os.close(write)


def test_events_of_descriptors_that_nobody_registered_are_dropped() -> None:
    with closing(make_poller()) as poller:
        selector = WorkerSelector(poller, lambda _timeout: [(1000, 1)])
        assert selector.select(0) == []


def test_the_time_to_wait_is_handed_to_the_turn() -> None:
    waits: list[float | None] = []

    def turn(timeout: float | None) -> list[tuple[int, int]]:
        waits.append(timeout)
        return []

    with closing(make_poller()) as poller:
        selector = WorkerSelector(poller, turn)
        for timeout in (None, 0, 1.5):
            selector.select(timeout)
    assert waits == [None, 0, 1.5]


# Under a stock loop


def test_callbacks_and_timers_run(loop: asyncio.SelectorEventLoop) -> None:
    async def main() -> list[int]:
        order: list[int] = []
        running = asyncio.get_running_loop()
        over = asyncio.Event()
        now = running.time()
        running.call_at(now + 0.03, over.set)
        running.call_at(now + 0.02, order.append, 3)
        running.call_at(now + 0.01, order.append, 2)
        running.call_soon(order.append, 1)
        await asyncio.wait_for(over.wait(), PATIENCE)
        return order

    assert loop.run_until_complete(main()) == [1, 2, 3]


def test_a_callback_from_another_thread_wakes_the_loop(loop: asyncio.SelectorEventLoop) -> None:
    async def main() -> None:
        for _ in range(50):
            event = asyncio.Event()
            caller = threading.Thread(
                target=asyncio.get_running_loop().call_soon_threadsafe, args=(event.set,)
            )
            caller.start()
            await asyncio.wait_for(event.wait(), PATIENCE)
            caller.join()

    loop.run_until_complete(main())


def test_functions_run_in_threads(loop: asyncio.SelectorEventLoop) -> None:
    async def main() -> list[int]:
        return await asyncio.gather(*(asyncio.to_thread(abs, -n) for n in range(50)))

    got = loop.run_until_complete(asyncio.wait_for(main(), PATIENCE))
    assert got == list(range(50))


def test_readers_and_writers_are_called(
    loop: asyncio.SelectorEventLoop, pair: tuple[socket.socket, socket.socket]
) -> None:
    ours, theirs = pair

    async def main() -> bytes:
        running = asyncio.get_running_loop()
        read: asyncio.Future[bytes] = running.create_future()
        running.add_reader(ours, lambda: read.set_result(ours.recv(10)))
        written = asyncio.Event()
        running.add_writer(theirs, written.set)
        await asyncio.wait_for(written.wait(), PATIENCE)
        assert running.remove_writer(theirs)
        theirs.send(b"x")
        got = await asyncio.wait_for(read, PATIENCE)
        assert running.remove_reader(ours)
        assert not running.remove_reader(ours)
        return got

    assert loop.run_until_complete(main()) == b"x"


def test_one_descriptor_has_a_reader_and_a_writer(
    loop: asyncio.SelectorEventLoop, pair: tuple[socket.socket, socket.socket]
) -> None:
    ours, theirs = pair

    async def main() -> list[str]:
        order: list[str] = []
        running = asyncio.get_running_loop()
        done = asyncio.Event()

        def readable() -> None:
            order.append("read")
            running.remove_reader(ours)
            done.set()

        def writable() -> None:
            order.append("write")
            running.remove_writer(ours)
            theirs.send(b"x")

        running.add_reader(ours, readable)
        running.add_writer(ours, writable)
        await asyncio.wait_for(done.wait(), PATIENCE)
        return order

    assert loop.run_until_complete(main()) == ["write", "read"]


def test_sockets_are_served_without_transports(loop: asyncio.SelectorEventLoop) -> None:
    async def main() -> None:
        running = asyncio.get_running_loop()
        with socket.create_server(("127.0.0.1", 0)) as listener, socket.socket() as client:
            listener.setblocking(False)
            client.setblocking(False)
            accepting = asyncio.ensure_future(running.sock_accept(listener))
            await running.sock_connect(client, listener.getsockname())
            server, _ = await accepting
            with server:
                server.setblocking(False)
                # More than any socket buffer takes at once.
                data = b"x" * 8_000_000
                sending = asyncio.ensure_future(running.sock_sendall(client, data))
                got = bytearray()
                while piece := await running.sock_recv(server, 1 << 20):
                    got += piece
                    if len(got) == len(data):
                        break
                await sending
                assert bytes(got) == data

    loop.run_until_complete(asyncio.wait_for(main(), PATIENCE))


def test_a_connect_that_is_refused_says_so(loop: asyncio.SelectorEventLoop) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = listener.getsockname()

    async def main() -> None:
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection(*address)

    loop.run_until_complete(main())


def test_an_application_may_run_a_server_of_its_own(loop: asyncio.SelectorEventLoop) -> None:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.read())
        await writer.drain()
        writer.close()

    async def ask(address: tuple[str, int], data: bytes) -> bytes:
        reader, writer = await asyncio.open_connection(*address)
        writer.write(data)
        writer.write_eof()
        got = await reader.read()
        writer.close()
        await writer.wait_closed()
        return got

    async def main() -> None:
        async with await asyncio.start_server(echo, "127.0.0.1", 0) as server:
            address = server.sockets[0].getsockname()
            sent = [bytes([n]) * 50_000 for n in range(40)]
            got = await asyncio.gather(*(ask(address, data) for data in sent))
        assert got == sent

    loop.run_until_complete(asyncio.wait_for(main(), PATIENCE))


def test_datagrams_arrive(loop: asyncio.SelectorEventLoop) -> None:
    class Inbox(asyncio.DatagramProtocol):
        def __init__(self) -> None:
            self.got = asyncio.Event()

        def datagram_received(self, data: bytes, addr: Any) -> None:
            assert data == b"x"
            self.got.set()

    async def main() -> None:
        running = asyncio.get_running_loop()
        inbox_transport, inbox = await running.create_datagram_endpoint(
            Inbox, local_addr=("127.0.0.1", 0)
        )
        address = inbox_transport.get_extra_info("sockname")
        sender, _ = await running.create_datagram_endpoint(
            asyncio.DatagramProtocol, remote_addr=address
        )
        sender.sendto(b"x")
        await asyncio.wait_for(inbox.got.wait(), PATIENCE)
        sender.close()
        inbox_transport.close()

    loop.run_until_complete(main())


def test_a_subprocess_is_fed_read_and_awaited(loop: asyncio.SelectorEventLoop) -> None:
    program = "import sys; sys.stdout.write(sys.stdin.read().upper()); sys.exit(7)"

    async def main() -> tuple[bytes, int | None]:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            program,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        out, _ = await process.communicate(b"text" * 50_000)
        return out, process.returncode

    out, status = loop.run_until_complete(asyncio.wait_for(main(), PATIENCE))
    assert out == b"TEXT" * 50_000
    assert status == 7


def test_a_subprocess_can_be_run_from_a_loop_on_another_thread(
    loop: asyncio.SelectorEventLoop,
) -> None:
    async def main() -> int:
        process = await asyncio.create_subprocess_exec(sys.executable, "-c", "")
        return await process.wait()

    got: list[int] = []

    def run() -> None:
        got.append(loop.run_until_complete(asyncio.wait_for(main(), PATIENCE)))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert got == [0]


def test_a_signal_handler_of_the_loop_is_called(loop: asyncio.SelectorEventLoop) -> None:
    async def main() -> None:
        running = asyncio.get_running_loop()
        got = asyncio.Event()
        running.add_signal_handler(signal.SIGUSR1, got.set)
        signal.raise_signal(signal.SIGUSR1)
        await asyncio.wait_for(got.wait(), PATIENCE)
        running.remove_signal_handler(signal.SIGUSR1)

    loop.run_until_complete(main())


def test_a_cancelled_read_leaves_nothing_registered(
    loop: asyncio.SelectorEventLoop, pair: tuple[socket.socket, socket.socket]
) -> None:
    ours, _ = pair

    async def main() -> None:
        running = asyncio.get_running_loop()
        reading = asyncio.ensure_future(running.sock_recv(ours, 1))
        await asyncio.sleep(0)
        reading.cancel()
        with suppress(asyncio.CancelledError):
            await reading
        await asyncio.sleep(0)
        assert not running.remove_reader(ours)

    loop.run_until_complete(main())


def test_a_loop_can_be_run_again_after_it_was_stopped(loop: asyncio.SelectorEventLoop) -> None:
    for _ in range(3):
        loop.call_soon(loop.stop)
        loop.run_forever()
    assert loop.run_until_complete(asyncio.sleep(0, 7)) == 7
