"""The pollers, all through the same tests: epoll, and each selector of the standard library."""

import os
import select
import selectors
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from pounce.worker.poller import (
    BATCH,
    BROKEN,
    READ,
    WRITE,
    EpollPoller,
    Poller,
    PortablePoller,
    make_poller,
)

PATIENCE = 30.0
type Pair = tuple[socket.socket, socket.socket]

KINDS: list[Callable[[], Poller]] = [
    lambda: PortablePoller(selectors.DefaultSelector()),
    lambda: PortablePoller(selectors.SelectSelector()),
    lambda: PortablePoller(selectors.PollSelector()),
]
NAMES = ["default", "select", "poll"]
if hasattr(select, "epoll"):
    KINDS.append(EpollPoller)
    NAMES.append("epoll")


@pytest.fixture(params=KINDS, ids=NAMES)
def poller(request: pytest.FixtureRequest) -> Iterator[Poller]:
    made: Poller = request.param()
    yield made
    made.close()


@pytest.fixture
def pair() -> Iterator[Pair]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setblocking(False)
        yield ours, theirs


def test_what_can_be_read_is_told(poller: Poller, pair: Pair) -> None:
    ours, theirs = pair
    poller.watch(ours.fileno(), READ)
    assert poller.poll(0) == []
    theirs.send(b"x")
    assert poller.poll(PATIENCE) == [(ours.fileno(), READ)]


def test_it_is_told_again_until_it_was_read(poller: Poller, pair: Pair) -> None:
    ours, theirs = pair
    poller.watch(ours.fileno(), READ)
    theirs.send(b"x")
    assert poller.poll(PATIENCE) == poller.poll(PATIENCE) != []
    ours.recv(1)
    assert poller.poll(0) == []


def test_what_can_be_written_is_told(poller: Poller, pair: Pair) -> None:
    ours, _ = pair
    poller.watch(ours.fileno(), WRITE)
    assert poller.poll(PATIENCE) == [(ours.fileno(), WRITE)]


def test_both_are_told_at_once(poller: Poller, pair: Pair) -> None:
    ours, theirs = pair
    theirs.send(b"x")
    poller.watch(ours.fileno(), READ | WRITE)
    assert poller.poll(PATIENCE) == [(ours.fileno(), READ | WRITE)]


def test_the_end_of_the_stream_can_be_read(poller: Poller, pair: Pair) -> None:
    ours, theirs = pair
    poller.watch(ours.fileno(), READ)
    theirs.shutdown(socket.SHUT_WR)
    [(fd, mask)] = poller.poll(PATIENCE)
    assert fd == ours.fileno()
    assert mask & READ


def test_a_change_of_mask_holds_from_then_on(poller: Poller, pair: Pair) -> None:
    ours, theirs = pair
    theirs.send(b"x")
    poller.watch(ours.fileno(), WRITE)
    poller.change(ours.fileno(), READ)
    assert poller.poll(PATIENCE) == [(ours.fileno(), READ)]


def test_a_mask_of_nothing_tells_nothing_and_can_be_undone(poller: Poller, pair: Pair) -> None:
    ours, theirs = pair
    theirs.send(b"x")
    poller.watch(ours.fileno(), READ)
    poller.change(ours.fileno(), 0)
    assert poller.poll(0) == []
    poller.change(ours.fileno(), READ)
    assert poller.poll(PATIENCE) == [(ours.fileno(), READ)]


def test_what_is_watched_for_nothing_at_first_can_be_changed(poller: Poller, pair: Pair) -> None:
    ours, theirs = pair
    theirs.send(b"x")
    poller.watch(ours.fileno(), 0)
    poller.change(ours.fileno(), READ)
    assert poller.poll(PATIENCE) == [(ours.fileno(), READ)]


def test_what_is_forgotten_is_not_told(poller: Poller, pair: Pair) -> None:
    ours, theirs = pair
    theirs.send(b"x")
    poller.watch(ours.fileno(), READ)
    poller.forget(ours.fileno())
    assert poller.poll(0) == []


def test_what_is_forgotten_can_be_watched_again(poller: Poller, pair: Pair) -> None:
    ours, theirs = pair
    theirs.send(b"x")
    for _ in range(3):
        poller.watch(ours.fileno(), READ)
        assert poller.poll(PATIENCE) == [(ours.fileno(), READ)]
        poller.forget(ours.fileno())


def test_what_is_watched_for_nothing_can_be_forgotten(poller: Poller, pair: Pair) -> None:
    ours, _ = pair
    poller.watch(ours.fileno(), 0)
    poller.forget(ours.fileno())
    poller.watch(ours.fileno(), WRITE)
    assert poller.poll(PATIENCE) == [(ours.fileno(), WRITE)]


def test_watching_twice_is_an_error_of_the_system(poller: Poller, pair: Pair) -> None:
    ours, _ = pair
    poller.watch(ours.fileno(), READ)
    with pytest.raises(FileExistsError):
        poller.watch(ours.fileno(), READ)


def test_forgetting_what_is_not_watched_is_an_error_of_the_system(
    poller: Poller, pair: Pair
) -> None:
    """Who forgets a descriptor that may be gone already catches `OSError`, whatever the poller."""
    ours, _ = pair
    with pytest.raises(OSError, match=r".*"):
        poller.forget(ours.fileno())


def test_changing_what_is_not_watched_is_an_error_of_the_system(poller: Poller, pair: Pair) -> None:
    ours, _ = pair
    with pytest.raises(OSError, match=r".*"):
        poller.change(ours.fileno(), READ)


@pytest.mark.parametrize("kind", [make_poller, PortablePoller], ids=["best", "default"])
def test_a_descriptor_that_was_refused_can_be_watched_when_it_is_good(
    kind: Callable[[], Poller],
) -> None:
    poller = kind()
    ours, theirs = socket.socketpair()
    fd = ours.fileno()
    copy = os.dup(fd)
    ours.close()
    with pytest.raises(OSError, match=r".*"):
        poller.watch(fd, WRITE)
    os.dup2(copy, fd)
    try:
        poller.watch(fd, WRITE)
        assert poller.poll(PATIENCE) == [(fd, WRITE)]
    finally:
        poller.close()
        os.close(fd)
        os.close(copy)
        theirs.close()


def test_each_of_many_is_told(poller: Poller) -> None:
    count = BATCH + 44
    pairs = [socket.socketpair() for _ in range(count)]
    waiting = {ours.fileno(): ours for ours, _ in pairs}
    for ours, theirs in pairs:
        poller.watch(ours.fileno(), READ)
        theirs.send(b"x")
    while waiting:
        events = poller.poll(0)
        assert events
        for fd, _ in events:
            waiting.pop(fd).recv(1)
    for ours, theirs in pairs:
        ours.close()
        theirs.close()


def test_a_wait_without_end_ends_with_an_event(poller: Poller, pair: Pair) -> None:
    ours, theirs = pair
    poller.watch(ours.fileno(), READ)
    sender = threading.Thread(target=theirs.send, args=(b"x",))
    sender.start()
    assert poller.poll(None) == [(ours.fileno(), READ)]
    sender.join()


def test_a_wait_ends_with_its_time(poller: Poller, pair: Pair) -> None:
    ours, _ = pair
    poller.watch(ours.fileno(), READ)
    assert poller.poll(0.001) == []


def test_a_shared_poller_tells_what_another_thread_watches_while_it_waits(
    poller: Poller, pair: Pair
) -> None:
    if not poller.shared:
        pytest.skip("this poller is not shared, and says so")
    ours, theirs = pair
    theirs.send(b"x")
    watcher = threading.Thread(target=poller.watch, args=(ours.fileno(), READ))
    watcher.start()
    assert poller.poll(None) == [(ours.fileno(), READ)]
    watcher.join()


def test_watching_and_forgetting_from_many_threads_loses_nothing() -> None:
    poller = make_poller()
    if not poller.shared:
        pytest.skip("this system's poller is not shared, and says so")
    pairs = [socket.socketpair() for _ in range(64)]

    def work(mine: list[Pair]) -> None:
        for _ in range(200):
            for ours, _ in mine:
                poller.watch(ours.fileno(), WRITE)
                poller.change(ours.fileno(), READ)
                poller.forget(ours.fileno())
        for ours, _ in mine:
            poller.watch(ours.fileno(), READ)

    threads = [threading.Thread(target=work, args=(pairs[n::4],)) for n in range(4)]
    for thread in threads:
        thread.start()
    over = time.monotonic() + 2 * PATIENCE
    while any(thread.is_alive() for thread in threads):
        assert time.monotonic() < over, "they do not come to an end"
        poller.poll(0.001)
    for _, theirs in pairs:
        theirs.send(b"x")
    assert {fd for fd, _ in poller.poll(PATIENCE)} == {ours.fileno() for ours, _ in pairs}
    poller.close()
    for ours, theirs in pairs:
        ours.close()
        theirs.close()


@pytest.mark.skipif(not hasattr(select, "epoll"), reason="Linux has it, others promise less")
def test_a_reset_is_told_also_to_who_waits_for_nothing() -> None:
    poller = EpollPoller()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(PATIENCE)
        client = socket.create_connection(listener.getsockname(), PATIENCE)
        ours, _ = listener.accept()
    poller.watch(ours.fileno(), 0)
    assert poller.poll(0) == []
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()
    [(fd, mask)] = poller.poll(PATIENCE)
    assert fd == ours.fileno()
    assert mask & BROKEN
    poller.close()
    ours.close()


@pytest.mark.skipif(not hasattr(select, "epoll"), reason="Linux has it, others promise less")
def test_a_poller_is_itself_a_descriptor_that_can_be_watched(pair: Pair) -> None:
    ours, theirs = pair
    outer, inner = EpollPoller(), EpollPoller()
    inner.watch(ours.fileno(), READ)
    outer.watch(inner.fileno(), READ)
    assert outer.poll(0) == []
    theirs.send(b"x")
    assert outer.poll(PATIENCE) == [(inner.fileno(), READ)]
    inner.close()
    outer.close()


def test_a_selector_that_is_no_descriptor_says_so() -> None:
    poller = PortablePoller(selectors.SelectSelector())
    with pytest.raises(OSError, match="descriptor"):
        poller.fileno()
    poller.close()


def test_the_best_poller_of_linux_is_epoll() -> None:
    poller = make_poller()
    assert isinstance(poller, EpollPoller) is hasattr(select, "epoll")
    poller.close()
