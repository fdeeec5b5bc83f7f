"""The writer's thread: what reaches the consumer, when it sleeps, what is dropped, how it ends."""

import gc
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from pounce.observe import writer as writer_module
from pounce.observe.writer import Writer

PATIENCE = 30.0


class Consumer:
    """Keeps what it gets; blocks while `open` is not set."""

    def __init__(self) -> None:
        self.items: list[object] = []
        self.lost: list[int] = []
        self.open = threading.Event()
        self.open.set()
        self.entered = threading.Event()
        self.got = threading.Condition()

    def consume(self, batch: list[object]) -> int:
        self.entered.set()
        self.open.wait(PATIENCE)
        with self.got:
            self.items += batch
            self.got.notify_all()
        return 0

    def report(self, count: int) -> None:
        with self.got:
            self.lost.append(count)
            self.got.notify_all()

    def wait_for(self, condition: Callable[[], bool]) -> None:
        with self.got:
            assert self.got.wait_for(condition, PATIENCE)


@contextmanager
def writing(limit: int = 1_000) -> Iterator[tuple[Writer[object], Consumer]]:
    consumer = Consumer()
    writer = Writer[object]("test-writer", consumer.consume, consumer.report, limit)
    yield writer, consumer
    consumer.open.set()
    assert writer.close(PATIENCE)


def test_items_arrive_in_order() -> None:
    with writing() as (writer, consumer):
        lane = writer.lane()
        for number in range(100):
            lane.put(number)
        consumer.wait_for(lambda: consumer.items == list(range(100)))


def test_a_sleeping_writer_wakes_for_each_item() -> None:
    with writing() as (writer, consumer):
        lane = writer.lane()
        for number in range(3):
            lane.put(number)
            consumer.wait_for(lambda n=number: len(consumer.items) == n + 1)  # type: ignore[misc]
            deadline = time.monotonic() + PATIENCE
            while not lane.asleep and time.monotonic() < deadline:
                time.sleep(0.001)
            assert lane.asleep


def test_an_idle_writer_uses_no_processor_time() -> None:
    with writing() as (writer, consumer):
        lane = writer.lane()
        lane.put(1)
        consumer.wait_for(lambda: consumer.items == [1])
        deadline = time.monotonic() + PATIENCE
        while not lane.asleep and time.monotonic() < deadline:
            time.sleep(0.001)
        # It waits for the bell without a time-out: nothing but a ring makes it look again.
        looked: list[int] = []
        known = writer._known

        def counted() -> Any:
            looked.append(1)
            return known()

        writer._known = counted  # type: ignore[method-assign]
        time.sleep(0.2)
        assert len(looked) <= 2


def test_nothing_is_lost_between_many_producers_and_a_writer_that_falls_asleep(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(writer_module, "PAUSE", 0.0)
    with writing(limit=1_000_000) as (writer, consumer):

        def produce(first: int) -> None:
            lane = writer.lane()
            for number in range(first, first + 5_000):
                lane.put(number)
                if number % 50 == 0:
                    time.sleep(0.0001)

        threads = [threading.Thread(target=produce, args=(n * 5_000,)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        consumer.wait_for(lambda: len(consumer.items) == 20_000)
        assert set(consumer.items) == set(range(20_000))


def test_a_full_lane_drops_and_counts() -> None:
    with writing(limit=10) as (writer, consumer):
        consumer.open.clear()
        lane = writer.lane()
        lane.put("first")
        assert consumer.entered.wait(PATIENCE)
        for number in range(25):
            lane.put(number)
        assert lane.dropped == 15


def test_what_was_dropped_is_reported_once_when_it_flows_again() -> None:
    with writing(limit=10) as (writer, consumer):
        consumer.open.clear()
        lane = writer.lane()
        lane.put("first")
        assert consumer.entered.wait(PATIENCE)
        for number in range(25):
            lane.put(number)
        consumer.open.set()
        consumer.wait_for(lambda: len(consumer.items) == 11)
        lane.put("last")
        consumer.wait_for(lambda: "last" in consumer.items and bool(consumer.lost))
    assert consumer.lost == [15]


def test_a_consumer_that_is_stuck_never_blocks_a_producer() -> None:
    with writing(limit=10) as (writer, consumer):
        consumer.open.clear()
        lane = writer.lane()
        lane.put("first")
        assert consumer.entered.wait(PATIENCE)
        began = time.monotonic()
        for number in range(10_000):
            lane.put(number)
        assert time.monotonic() - began < PATIENCE / 2


def test_close_writes_what_is_there() -> None:
    consumer = Consumer()
    writer = Writer[object]("test-writer", consumer.consume, consumer.report, 10_000)
    lane = writer.lane()
    for number in range(5_000):
        lane.put(number)
    assert writer.close(PATIENCE)
    assert len(consumer.items) == 5_000


def test_close_does_not_wait_longer_than_told_for_a_stuck_consumer() -> None:
    with writing() as (writer, consumer):
        consumer.open.clear()
        writer.lane().put(1)
        assert consumer.entered.wait(PATIENCE)
        began = time.monotonic()
        assert not writer.close(0.05)
        assert time.monotonic() - began < PATIENCE / 2


def test_close_without_a_lane_has_nothing_to_wait_for() -> None:
    consumer = Consumer()
    assert Writer[object]("test-writer", consumer.consume, consumer.report, 1).close(0)


def test_the_thread_starts_with_the_first_lane() -> None:
    consumer = Consumer()
    before = threading.active_count()
    writer = Writer[object]("test-writer", consumer.consume, consumer.report, 1)
    assert threading.active_count() == before
    writer.close(0)


def test_a_lane_that_its_producer_dropped_is_written_and_forgotten() -> None:
    with writing() as (writer, consumer):
        writer.lane().put("from a worker that ended")
        consumer.wait_for(lambda: len(consumer.items) == 1)
        gc.collect()
        other = writer.lane()
        other.put("x")
        consumer.wait_for(lambda: len(consumer.items) == 2)
        deadline = time.monotonic() + PATIENCE
        while len(writer._known()) > 1 and time.monotonic() < deadline:
            time.sleep(0.001)
        assert len(writer._known()) == 1


def test_a_consumer_that_raises_does_not_end_the_thread() -> None:
    got: list[str] = []

    def consume(batch: list[str]) -> int:
        if "bad" in batch:
            raise RuntimeError
        got.extend(batch)
        return 0

    reported: list[int] = []
    writer = Writer[str]("test-writer", consume, reported.append, 10)
    lane = writer.lane()
    lane.put("bad")
    deadline = time.monotonic() + PATIENCE
    while not writer._lost and time.monotonic() < deadline:
        time.sleep(0.001)
    lane.put("good")
    assert writer.close(PATIENCE)
    assert (got, reported) == (["good"], [1])
