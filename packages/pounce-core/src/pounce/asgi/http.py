"""One call of the application for one HTTP request: its `receive`, its `send`, its end.

Decides how ASGI's messages become calls on the exchange, and which message may follow which
(ASGI HTTP spec 2.5). Written once for every protocol; never knows which one it serves.
Belongs to its worker's thread. Hot path: `run`, `receive`, `send`; benchmark: integration/bench.
"""

import asyncio
import logging
from typing import Any, BinaryIO

from pounce.asgi.loop_bound import explain
from pounce.asgi.origins import origins
from pounce.content.pathsend import open_path
from pounce.protocol.asgi import Application, Message, Scope
from pounce.protocol.errors import ClientDisconnected, ResponseError
from pounce.protocol.exchange import END, GONE, WAIT, Exchange
from pounce.protocol.roles import Caller
from pounce.protocol.waiters import Waiters

logger = logging.getLogger("pounce.error")


class HttpCall:
    """The application, called once with one request."""

    __slots__ = (
        "_body_read",
        "_ended",
        "_exchange",
        "_expects_trailers",
        "_quiet_at",
        "_started",
        "_told",
        "_trailers",
        "_waiters",
        "_worker",
        "task",
    )

    def __init__(self, exchange: Exchange, worker: Caller) -> None:
        self._exchange = exchange
        self._worker = worker
        self._body_read = False
        self._started = False
        self._ended = False
        self._told = False
        self._quiet_at = -1
        self._expects_trailers = False
        self._trailers: list[tuple[bytes, bytes]] | None = None
        self._waiters: Waiters | None = None
        self.task: asyncio.Task[None] | None = None

    async def run(self, app: Application, scope: Scope) -> None:
        """Calls the application and tells the exchange how that ended. Never raises."""
        error: BaseException | None = None
        try:
            result: object = await app(scope, self.receive, self.send)
        except BaseException as raised:
            if isinstance(raised, GeneratorExit) and not _in_a_task():
                # Not the application's end but the loop's: this task was never finished.
                raise
            error = raised
        else:
            if result is not None:
                error = ResponseError(
                    f"the application returned {type(result).__name__}, and not None"
                )
            elif not self._ended and not self._exchange.disconnected:
                error = ResponseError(
                    "the application returned without completing its response"
                    if self._started
                    else "the application returned without sending a response"
                )
        if error is not None:
            try:
                self._report(error, scope)
            except Exception as fault:  # noqa: BLE001 - an error may fail at telling what it is
                logger.error("an error of the application cannot be told: %s", type(fault).__name__)
        exchange = self._exchange
        exchange.finish(error)
        # The exception knows this frame: what it holds would live until the next collection.
        error = None
        if self._waiters is not None:
            self._waiters.wake()
        if exchange.flushed or exchange.gone:
            # Nobody waits any more, and no cycle is left to collect.
            exchange.on_change = None
        if self.task is not None:
            self._worker.returned(self)

    def _report(self, error: BaseException, scope: Scope) -> None:
        request = f"{scope.get('method')} {scope.get('path')!r}"
        if (self._told and not self._ended) or _is_of_disconnect(error):
            # It was told that the client left: that it gives up is no fault, however it says so.
            if not isinstance(error, OSError | asyncio.CancelledError):
                logger.info("the client left %s, which ended with %s", request, _name(error))
            logger.debug("the client left %s before its end", request, exc_info=error)
        elif isinstance(error, ResponseError) and error.__traceback__ is None:
            logger.error("%s: %s", request, error)
        elif isinstance(error, asyncio.CancelledError):
            logger.warning("%s was cancelled before its end", request)
        else:
            logger.error("exception in the application for %s", request, exc_info=error)
            explanation = explain(error)
            if explanation is not None:
                logger.error("%s", explanation)

    def cancel(self, why: str = "the server ends this request") -> None:
        """Cancels a call that has suspended."""
        if self.task is not None:
            self._told = True
            self.task.cancel(why)

    def look_after(self) -> None:
        """Cancels a stream that nobody reads. Called once a second while the call is suspended.

        An application that only sends learns by a failing `send` that its client has gone; one
        that waits for something to send would never learn it, and the frameworks rely on the
        server to end it.
        """
        exchange = self._exchange
        if not exchange.disconnected or exchange.over or self._told or not self._started:
            return
        if exchange.body_sent == self._quiet_at and (exchange.flushed or exchange.gone):
            self.cancel("the client has gone")
        self._quiet_at = exchange.body_sent

    # receive

    async def receive(self) -> Message:
        """The next `http.request`, or `http.disconnect`; waits until there is one."""
        exchange = self._exchange
        while not self._body_read:
            data = exchange.read()
            if isinstance(data, bytes):
                self._body_read = exchange.body_read
                return {"type": "http.request", "body": data, "more_body": not self._body_read}
            if data is END:
                self._body_read = True
                return {"type": "http.request", "body": b"", "more_body": False}
            if data is GONE:
                self._told = True
                return {"type": "http.disconnect"}
            assert data is WAIT
            await self._change()
        while not exchange.disconnected:
            await self._change()
        self._told = True
        return {"type": "http.disconnect"}

    # send

    async def send(self, message: Message) -> None:
        """Takes one message of the response; waits while the client reads slowly.

        Raises:
            ResponseError: the message is malformed, or out of order.
            ClientDisconnected: the client has gone (spec 2.4).
        """
        kind = message["type"]
        exchange = self._exchange
        if kind == "http.response.start":
            if self._started:
                raise ResponseError("'http.response.start' was sent twice")
            trailers = bool(message.get("trailers", False))
            exchange.start(message["status"], message.get("headers", ()), trailers=trailers)
            self._started = True
            self._expects_trailers = trailers
        elif kind == "http.response.body":
            if not self._started:
                raise ResponseError("'http.response.body' was sent before 'http.response.start'")
            if self._ended or self._trailers is not None:
                raise ResponseError("'http.response.body' was sent after the response was complete")
            more = bool(message.get("more_body", False))
            body = message.get("body", b"")
            if not isinstance(body, bytes):
                body = _as_bytes(body)
            done = exchange.write(body, more=more or self._expects_trailers)
            self._end_body(more)
            if not done:
                await self._flushed()
        else:
            await self._send_extension(kind, message)

    async def _flushed(self) -> None:
        """Waits until the kernel has taken what was written."""
        exchange = self._exchange
        while not exchange.flushed:
            if exchange.gone:
                raise ClientDisconnected
            await self._change()

    async def _change(self) -> None:
        """Waits until something about the exchange changed."""
        if self._waiters is None:
            self._waiters = Waiters(asyncio.get_running_loop)
            self._exchange.on_change = self._waiters.wake
        await self._waiters.wait()

    def _end_body(self, more: bool) -> None:
        if not more:
            if self._expects_trailers:
                self._trailers = []
            else:
                self._ended = True

    async def _send_extension(self, kind: Any, message: Message) -> None:
        if kind == "http.response.trailers":
            await self._send_trailers(message)
        elif kind == "http.response.pathsend":
            await self._send_path(message)
        elif kind == "http.response.early_hint":
            links = message.get("links", ())
            self._exchange.inform(103, [(b"link", link) for link in links])
        else:
            raise ResponseError(f"{kind!r} is not a message of an HTTP response")

    async def _send_trailers(self, message: Message) -> None:
        if self._trailers is None or self._ended:
            raise ResponseError(
                "'http.response.trailers' follows the last 'http.response.body', of a response"
                " whose start says trailers=True"
            )
        self._trailers += [(name, value) for name, value in message.get("headers", ())]
        if not message.get("more_trailers", False):
            done = self._exchange.write_trailers(self._trailers)
            self._ended = True
            if not done:
                await self._flushed()

    async def _send_path(self, message: Message) -> None:
        if not self._started or self._ended or self._trailers is not None:
            raise ResponseError(
                "'http.response.pathsend' follows 'http.response.start', in place of a body"
            )
        exchange = self._exchange
        exchange.holds = True
        try:
            # Opening a file may wait for a disk; the other connections shall not.
            loop = asyncio.get_running_loop()
            opening = loop.run_in_executor(None, open_path, message["path"])
            try:
                file, count = await asyncio.shield(opening)
            except asyncio.CancelledError:
                opening.add_done_callback(_close_unwanted)
                raise
        finally:
            exchange.holds = False
        with file:
            done = exchange.send_file(file.fileno(), count, more=self._expects_trailers)
            self._end_body(more=False)
            if not done:
                await self._flushed()


def _close_unwanted(opening: asyncio.Future[tuple[BinaryIO, int]]) -> None:
    """Closes a file that was opened for a call which was cancelled meanwhile."""
    if not opening.cancelled() and opening.exception() is None:
        opening.result()[0].close()


def _in_a_task() -> bool:
    try:
        return asyncio.current_task() is not None
    except RuntimeError:
        return False


def _is_of_disconnect(error: BaseException) -> bool:
    """Whether an exception goes back to a `send` that found the client gone."""
    return any(isinstance(each, ClientDisconnected) for each in origins(error))


def _name(error: BaseException) -> str:
    return f"{type(error).__module__}.{type(error).__qualname__}"


def _as_bytes(body: object) -> bytes:
    if isinstance(body, bytearray):
        return bytes(body)
    if isinstance(body, memoryview):
        return body.tobytes()
    raise ResponseError(f"the body of a response is bytes, not {type(body).__name__}")
