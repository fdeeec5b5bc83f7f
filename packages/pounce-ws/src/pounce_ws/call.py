"""One call of the application for one WebSocket: its `receive`, its `send`, its end.

Decides how ASGI's messages become calls on the exchange and the session, and which message may
follow which (ASGI WebSocket spec 2.5). Written once for every version of HTTP; never knows which
one it serves. Belongs to its worker's thread. Hot path: `receive`, `send`; benchmark:
integration/bench/ws_echo.py.
"""

import asyncio
import logging
from typing import TYPE_CHECKING, Any, Final, Never

from pounce.protocol.asgi import Application, Message, Scope
from pounce.protocol.errors import ClientDisconnected, ResponseError
from pounce.protocol.exchange import Exchange
from pounce.protocol.response import refusal
from pounce.protocol.roles import Caller
from pounce.protocol.waiters import Waiters
from pounce_ws.closing import ABNORMAL, INTERNAL, NORMAL, Closed
from pounce_ws.connection import Connection
from pounce_ws.handshake import Handshake
from pounce_ws.messages import acceptance_of, body_of, closing_of, content_of
from pounce_ws.scope import turn_into_websocket
from pounce_ws.session import Session

if TYPE_CHECKING:
    from pounce_ws.worker import WebSocketWorker

logger = logging.getLogger("pounce.error")

BURST: Final = 32
"""Messages that the application gets without giving way to the other connections."""


class WebSocketCall:
    """The application, called once with one WebSocket."""

    __slots__ = (
        "_burst",
        "_caller",
        "_connected",
        "_denying",
        "_exchange",
        "_handshake",
        "_left",
        "_session",
        "_told",
        "_waiters",
        "_worker",
        "task",
    )

    def __init__(
        self, exchange: Exchange, caller: Caller, worker: WebSocketWorker, handshake: Handshake
    ) -> None:
        self._exchange = exchange
        self._caller = caller
        self._worker = worker
        self._handshake = handshake
        self._session: Session | None = None
        """None until the application accepts."""
        self._connected = False
        """Whether the application was told of the connection."""
        self._denying = False
        """Whether it answers the handshake by a response."""
        self._left = False
        """Whether the application ended it, so that it cannot wonder that it is over."""
        self._told = False
        """Whether the application was told that it is over."""
        self._burst = 0
        self._waiters = Waiters(asyncio.get_running_loop)
        self.task: asyncio.Task[None] | None = None

    async def run(self, app: Application, scope: Scope) -> None:
        """Calls the application and ends the connection when it came back. Never raises."""
        exchange = self._exchange
        exchange.on_change = self._changed
        turn_into_websocket(scope, list(self._handshake.subprotocols))
        self._worker.begun(self)
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
            elif self._session is None and not exchange.over and not exchange.disconnected:
                error = ResponseError("the application returned without answering the handshake")
        if error is not None:
            try:
                self._report(error, scope)
            except Exception as fault:  # noqa: BLE001 - an error may fail at telling what it is
                logger.error("an error of the application cannot be told: %s", type(fault).__name__)
        if self._session is not None:
            await self._say_goodbye(self._session, error)
        self._worker.ended(self)
        exchange.finish(error)
        # The exception knows this frame: what it holds would live until the next collection.
        error = None
        self._waiters.wake()
        exchange.on_change = None
        if self.task is not None:
            self._caller.returned(self)

    async def _say_goodbye(self, session: Session, error: BaseException | None) -> None:
        """Closes what the application left open, and waits for the client's close."""
        session.close(Closed(NORMAL if error is None else INTERNAL))
        session.queue.clear()
        try:
            while not session.over and not isinstance(error, asyncio.CancelledError):
                await self._waiters.wait()
        except asyncio.CancelledError:
            pass
        session.hang_up()

    def _report(self, error: BaseException, scope: Scope) -> None:
        path = scope.get("path")
        if (self._told and not self._left) or isinstance(error, ClientDisconnected):
            # It was told that it is over: that it gives up is no fault, however it says so.
            if not isinstance(error, OSError | asyncio.CancelledError):
                name = f"{type(error).__module__}.{type(error).__qualname__}"
                logger.info("the client left WebSocket %r, which ended with %s", path, name)
            logger.debug("the client left WebSocket %r before its end", path, exc_info=error)
        elif isinstance(error, ResponseError) and error.__traceback__ is None:
            logger.error("WebSocket %r: %s", path, error)
        elif isinstance(error, asyncio.CancelledError):
            logger.warning("WebSocket %r was cancelled before its end", path)
        else:
            logger.error("exception in the application for WebSocket %r", path, exc_info=error)

    def cancel(self, why: str = "the server ends this connection") -> None:
        """Cancels a call that has suspended."""
        if self.task is not None:
            self._told = True
            self.task.cancel(why)

    def look_after(self) -> None:
        """Nothing: `tick` is told the time as well."""

    def tick(self, now: float) -> None:
        """Acts on what is due; about once a second, from the worker's part."""
        session, exchange = self._session, self._exchange
        if session is not None:
            session.tick(now)
            if session.ended is not None:
                self._waiters.wake()
        elif not self._denying and not exchange.over and not exchange.gone:
            timeout = self._worker.times.handshake
            if now >= exchange.began + timeout:
                logger.warning(
                    "the application did not answer the handshake for %r within %g s",
                    exchange.head.raw_path,
                    timeout,
                )
                exchange.refuse(503)
                self.cancel("the handshake was not answered in time")

    # receive

    async def receive(self) -> Message:
        """The next event of the connection; waits until there is one. Hot path."""
        session = self._session
        if not self._connected:
            self._connected = True
            return {"type": "websocket.connect"}
        if session is not None and session.busy:
            session.settle()
            # Whoever sends without end shall not keep the other connections waiting.
            self._burst += 1
            if self._burst > BURST:
                self._burst = 0
                await asyncio.sleep(0)
        while session is None or not session.queue:
            closed = self._end()
            if closed is not None:
                self._told = True
                return {
                    "type": "websocket.disconnect",
                    "code": closed.code,
                    "reason": closed.reason,
                }
            self._burst = 0
            await self._waiters.wait()
            session = self._session
        message = session.take()
        if isinstance(message, str):
            return {"type": "websocket.receive", "text": message}
        return {"type": "websocket.receive", "bytes": message}

    def _end(self) -> Closed | None:
        """How the connection ended, None while it goes on."""
        if self._session is not None:
            return self._session.ended
        exchange = self._exchange
        return Closed(ABNORMAL) if exchange.disconnected or exchange.over else None

    # send

    async def send(self, message: Message) -> None:
        """Takes one message; waits while the client reads slowly. Hot path.

        Raises:
            ResponseError: the message is malformed, or out of order.
            ClientDisconnected: the connection is over (spec 2.4).
        """
        kind = message["type"]
        session = self._session
        try:
            if session is None:
                done = self._answer(kind, message)
            elif kind == "websocket.send":
                if session.ended is not None:
                    self._refuse(kind)
                done = session.send(content_of(message))
            elif kind == "websocket.close":
                if session.ended is not None:
                    self._refuse(kind)
                closed = closing_of(message)
                self._left = True
                session.queue.clear()
                session.close(closed)
                return
            else:
                raise ResponseError(_out_of_order(kind, "after the connection was accepted"))
            if not done:
                await self._flushed()
        except ClientDisconnected:
            self._told = True
            raise

    def _refuse(self, kind: str) -> Never:
        """The connection is over, for the application at least."""
        if self._left:
            raise ResponseError(_out_of_order(kind, "after the application closed the connection"))
        raise ClientDisconnected

    def _answer(self, kind: Any, message: Message) -> bool:
        """Takes what answers the handshake; returns as `Exchange.write`."""
        exchange = self._exchange
        if exchange.gone or exchange.over:
            self._refuse(kind)
        if kind == "websocket.http.response.body" and self._denying:
            more = bool(message.get("more_body", False))
            done = exchange.write(body_of(message), more=more)
            self._left = not more
            return done
        if self._denying:
            raise ResponseError(_out_of_order(kind, "within the response to the handshake"))
        if kind == "websocket.accept":
            self._accept(message)
        elif kind == "websocket.close":
            headers, body = refusal(403)
            exchange.start(403, headers)
            done = exchange.write(body, more=False)
            self._left = True
            return done
        elif kind == "websocket.http.response.start":
            exchange.start(message["status"], message.get("headers", ()))
            self._denying = True
        else:
            raise ResponseError(_out_of_order(kind, "before the connection was accepted"))
        return True

    def _accept(self, message: Message) -> None:
        handshake, worker = self._handshake, self._worker
        subprotocol, headers = acceptance_of(message, handshake.subprotocols)
        self._exchange.accept(handshake.answer(subprotocol, headers))
        self._session = Session(
            self._exchange,
            Connection(worker.settings.max_size, handshake.terms),
            worker.times,
            worker.settings.max_queue,
            refused=worker.refused,
            soon=self._soon,
        )
        # Frames may have come with the handshake, and the worker may be about to end.
        self._changed()

    async def _flushed(self) -> None:
        """Waits until the kernel has taken what was written."""
        exchange = self._exchange
        while not exchange.flushed:
            if exchange.gone:
                raise ClientDisconnected
            await self._waiters.wait()

    # What changed

    def _changed(self) -> None:
        """Something about the exchange changed. Hot path."""
        if self._session is not None:
            self._session.changed()
        self._waiters.wake()

    def _soon(self) -> None:
        asyncio.get_running_loop().call_soon(self._go_on)

    def _go_on(self) -> None:
        """The session asked for a turn."""
        if self._session is not None:
            self._session.go_on()
        self._waiters.wake()


def _out_of_order(kind: object, where: str) -> str:
    if isinstance(kind, str) and kind in _KINDS:
        return f"{kind!r} was sent {where}"
    return f"{kind!r} is not a message of a WebSocket"


_KINDS: Final = frozenset(
    (
        "websocket.accept",
        "websocket.send",
        "websocket.close",
        "websocket.http.response.start",
        "websocket.http.response.body",
    )
)


def _in_a_task() -> bool:
    try:
        return asyncio.current_task() is not None
    except RuntimeError:
        return False
