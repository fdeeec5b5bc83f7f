"""Takes an exchange over whose client offers to be shouted at: each line comes back in capitals.

Decides which offers are taken, and when the tunnel ends. It never calls the application, and never
knows over which version of HTTP it shouts.
"""

import asyncio
from typing import Final

from pounce.protocol.asgi import Application, Scope
from pounce.protocol.errors import ClientDisconnected
from pounce.protocol.exchange import END, WAIT, Exchange
from pounce.protocol.roles import Call, Caller, WorkerServices
from pounce_sample.settings import ShoutSettings

VERSION: Final = b"sec-shout-version"
GOOD_BYE: Final = b"GOOD BYE\n"
FIELDS_OF_426: Final = (
    (b"connection", b"upgrade"),
    (b"upgrade", b"shout"),
    (VERSION, b"1"),
    (b"content-length", b"0"),
)


class ShoutWorker:
    """Shouting's part of a worker, made once on its thread; is offered each exchange."""

    def __init__(self, services: WorkerServices, settings: ShoutSettings) -> None:
        self._mark = settings.mark.encode()

    def __call__(self, exchange: Exchange, caller: Caller) -> Call | None:
        """Takes it, leaves it to the application, or answers it here."""
        version = next((value for name, value in exchange.head.headers if name == VERSION), None)
        if version is None:
            return None
        if version != b"1":
            exchange.start(426, FIELDS_OF_426)
            exchange.write(b"", more=False)
            exchange.finish(None)
            return None
        return ShoutCall(exchange, caller, self._mark)


class ShoutCall:
    """One tunnel, in the place of a call of the application."""

    def __init__(self, exchange: Exchange, caller: Caller, mark: bytes) -> None:
        self.task: asyncio.Task[None] | None = None
        self._exchange = exchange
        self._caller = caller
        self._mark = mark
        self._waiter: asyncio.Future[None] | None = None

    async def run(self, app: Application, scope: Scope) -> None:
        error: BaseException | None = None
        self._exchange.on_change = self._changed
        try:
            self._exchange.accept([(VERSION, b"1")])
            await self._shout()
        except ClientDisconnected:
            pass
        except BaseException as raised:  # noqa: BLE001 - a cancellation too: the exchange is told
            error = raised
        self._exchange.on_change = None
        self._exchange.finish(error)
        if self.task is not None:
            self._caller.returned(self)

    async def _shout(self) -> None:
        exchange = self._exchange
        unfinished = b""
        while not exchange.draining:
            data = exchange.read()
            if isinstance(data, bytes):
                *lines, unfinished = (unfinished + data).split(b"\n")
                answer = b"".join(line.upper() + self._mark + b"\n" for line in lines)
                exchange.write(answer, more=True)
                while not exchange.flushed and not exchange.gone:
                    await self._change()
            elif data is WAIT:
                await self._change()
            else:
                if data is END:
                    exchange.write(unfinished.upper(), more=False)
                return
        exchange.write(GOOD_BYE, more=False)

    async def _change(self) -> None:
        self._waiter = asyncio.get_running_loop().create_future()
        await self._waiter

    def _changed(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def cancel(self, why: str = "the server ends this tunnel") -> None:
        if self.task is not None:
            self.task.cancel(why)

    def look_after(self) -> None:
        """It ends when its client does."""
