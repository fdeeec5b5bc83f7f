"""The application's start and end on one worker's loop (ASGI lifespan spec 2.0).

Decides whether the application speaks the lifespan protocol, and whether it started. Never
decides what the server does then.
"""

import asyncio
import logging
from typing import Any, Final, Literal

from pounce.protocol.asgi import Application, Message
from pounce.protocol.errors import StartupError

logger = logging.getLogger("pounce.error")

type Mode = Literal["auto", "on", "off"]
SPEC_VERSION: Final = "2.0"


class Lifespan:
    """One run of the lifespan protocol.

    Args:
        app: the application.
        mode: `"auto"` serves an application without lifespan, `"on"` refuses it, `"off"`
            does not ask.
    """

    def __init__(self, app: Application, mode: Mode) -> None:
        self._app = app
        self._mode = mode
        self._task: asyncio.Task[None] | None = None
        self._inbox: asyncio.Queue[Message] = asyncio.Queue()
        self._started: asyncio.Future[None]
        self._stopped: asyncio.Future[None]
        self._asked = False
        self.state: dict[str, Any] = {}
        """What the application left for its requests; copied for each."""
        self.supported = False
        """Whether the application speaks the protocol."""

    async def startup(self) -> None:
        """Starts the application.

        Raises:
            StartupError: it failed to start, or has no lifespan where it is to have one.
        """
        if self._mode == "off":
            return
        loop = asyncio.get_running_loop()
        self._started = loop.create_future()
        self._stopped = loop.create_future()
        for outcome in (self._started, self._stopped):
            # Nobody may be waiting any more: another worker's start failed first.
            outcome.add_done_callback(lambda future: future.cancelled() or future.exception())
        self._inbox.put_nowait({"type": "lifespan.startup"})
        self._task = loop.create_task(self._run(), name="pounce lifespan")
        # What it raises is logged where it is caught; asyncio is not to say it again.
        self._task.add_done_callback(lambda task: task.cancelled() or task.exception())
        await asyncio.wait((self._task, self._started), return_when=asyncio.FIRST_COMPLETED)
        if self._started.done():
            self._started.result()
            self.supported = True
            return
        self._judge_early_end(self._task)

    def _judge_early_end(self, task: asyncio.Task[None]) -> None:
        """The application ended before it said that it had started."""
        if task.cancelled():
            raise StartupError("the application cancelled its own start")
        error = task.exception()
        if self._asked:
            # It took the startup message: what went wrong is its start, not the protocol.
            if error is None:
                raise StartupError("the application left its lifespan before it had started")
            raise StartupError(
                f"the application failed to start: {type(error).__name__}: {error}"
            ) from error
        if self._mode == "on":
            raise StartupError(
                "the application does not speak the lifespan protocol: serve it with"
                " --lifespan auto or --lifespan off"
            ) from error
        logger.debug("the application does not speak the lifespan protocol: %r", error)

    async def shutdown(self) -> bool:
        """Ends the application. Returns False, and logs why, if it said that this failed."""
        task = self._task
        if task is None or not self.supported or task.done():
            return True
        self._inbox.put_nowait({"type": "lifespan.shutdown"})
        await asyncio.wait((task, self._stopped), return_when=asyncio.FIRST_COMPLETED)
        if not self._stopped.done():
            return not task.cancelled() and task.exception() is None
        try:
            self._stopped.result()
        except StartupError as error:
            logger.error("%s", error)
            return False
        # Code that follows the application's last send may still run.
        await asyncio.wait((task,), timeout=1.0)
        return True

    def cancel(self) -> None:
        """Ends an application that does not end by itself."""
        if self._task is not None:
            self._task.cancel()

    async def _run(self) -> None:
        scope: dict[str, Any] = {
            "type": "lifespan",
            "asgi": {"version": "3.0", "spec_version": SPEC_VERSION},
            "state": self.state,
        }
        try:
            await self._app(scope, self._receive, self._send)
        except Exception as error:
            if self._asked:
                logger.error("exception in the application's lifespan", exc_info=error)
            raise

    async def _receive(self) -> Message:
        message = await self._inbox.get()
        self._asked = True
        return message

    async def _send(self, message: Message) -> None:
        kind = message["type"]
        text = str(message.get("message", "")).strip()
        if kind == "lifespan.startup.complete":
            self._settle(self._started, None)
        elif kind == "lifespan.startup.failed":
            self._settle(self._started, _failure("start", text))
        elif kind == "lifespan.shutdown.complete":
            self._settle(self._stopped, None)
        elif kind == "lifespan.shutdown.failed":
            self._settle(self._stopped, _failure("shut down", text))
        else:
            raise RuntimeError(f"{kind!r} is not a message of the lifespan protocol")

    @staticmethod
    def _settle(future: asyncio.Future[None], error: Exception | None) -> None:
        if future.done():
            raise RuntimeError("this lifespan message was sent before")
        if error is None:
            future.set_result(None)
        else:
            future.set_exception(error)


def _failure(what: str, text: str) -> StartupError:
    """The error for what the application said: a sentence, or a whole traceback."""
    lines = text.splitlines()
    if len(lines) > 1:
        logger.error("the application failed to %s\n%s", what, text)
    return StartupError(f"the application failed to {what}" + (f": {lines[-1]}" if lines else ""))
