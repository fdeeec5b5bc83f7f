"""Tasks that wait for a change: who is woken, and what is left of who gave up."""

import asyncio
import gc
import weakref
from typing import cast

from pounce.protocol.waiters import Waiters


def test_each_that_waits_is_woken_once() -> None:
    async def main() -> None:
        waiters = Waiters(asyncio.get_running_loop)
        tasks = [asyncio.ensure_future(waiters.wait()) for _ in range(3)]
        await asyncio.sleep(0)
        waiters.wake()
        late = asyncio.ensure_future(waiters.wait())
        await asyncio.wait(tasks)
        assert not late.done()
        waiters.wake()
        await late

    asyncio.run(main())


def test_a_change_that_nobody_waits_for_is_not_kept() -> None:
    async def main() -> None:
        waiters = Waiters(asyncio.get_running_loop)
        waiters.wake()
        task = asyncio.ensure_future(waiters.wait())
        await asyncio.sleep(0)
        assert not task.done()
        waiters.wake()
        await task

    asyncio.run(main())


class Watched:
    """A loop in so far as it makes futures, which it does not keep."""

    def __init__(self) -> None:
        self.made: list[weakref.ref[asyncio.Future[None]]] = []

    def create_future(self) -> asyncio.Future[None]:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.made.append(weakref.ref(future))
        return future


def test_who_gives_up_is_forgotten() -> None:
    async def main() -> None:
        loop = Watched()
        waiters = Waiters(lambda: cast("asyncio.AbstractEventLoop", loop))
        tasks = [asyncio.ensure_future(waiters.wait()) for _ in range(2)]
        await asyncio.sleep(0)
        tasks[0].cancel()
        await asyncio.wait(tasks[:1])
        del tasks[0]
        gc.collect()
        assert [future() is None for future in loop.made] == [True, False]
        waiters.wake()
        await tasks[0]

    asyncio.run(main())


def test_who_is_woken_and_cancelled_at_once_goes() -> None:
    async def main() -> None:
        waiters = Waiters(asyncio.get_running_loop)
        task = asyncio.ensure_future(waiters.wait())
        await asyncio.sleep(0)
        task.cancel()
        waiters.wake()
        await asyncio.wait([task])
        assert task.cancelled()

    asyncio.run(main())
