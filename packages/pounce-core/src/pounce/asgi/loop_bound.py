"""What it means when an application uses on one worker what belongs to another worker's event loop.

Decides whether an error comes of that, by the words that asyncio, and libraries on it, have for it.
Never decides what becomes of the error.
"""

from typing import Final

from pounce.asgi.origins import origins

WORDS: Final = (
    # asyncio's locks, events, queues and conditions, and so anyio's, httpx's and SQLAlchemy's.
    "is bound to a different event loop",
    # Tasks that wait for a future, and so asyncpg, redis and whatever else reads from a socket.
    "attached to a different loop",
    # asyncio.gather and its kin; this one is a ValueError.
    "belongs to a different loop than the one specified",
    # The loop's debug mode.
    "Non-thread-safe operation invoked on an event loop other than the current one",
    # What was made at import, on a loop that asyncio.run() has closed since.
    "Event loop is closed",
    # aiohttp, which asks its own loop for the task that runs.
    "Timeout context manager should be used inside a task",
)

EXPLANATION: Final = (
    "the application used something that belongs to another event loop: every worker has a loop of "
    "its own, and what was opened on one (a connection pool, a client session, a lock) works on no "
    "other; open it in the application's lifespan and keep it in state, which each worker has for "
    "itself, or make an application for each worker, with --factory and --app-scope worker, or "
    "serve with --workers 1"
)


def explain(error: BaseException) -> str | None:
    """Says what to do, if an error, or one that it came of, is of that kind.

    Returns:
        A sentence for the log, after the error's own traceback; None if it is another error.
    """
    for each in origins(error):
        if isinstance(each, RuntimeError | ValueError) and _tells(each):
            return EXPLANATION
    return None


def _tells(error: BaseException) -> bool:
    try:
        text = str(error)
    except Exception:  # noqa: BLE001 - it is the application's
        return False
    return any(words in text for words in WORDS)
