"""What Uvicorn can be told and pounce cannot, so that a command line of its works unchanged.

Decides which of it can be ignored with a word, which without, and which must be refused because the
server would do something else than it was asked for. It never sets anything.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from pounce.protocol.errors import ConfigError, NotAvailable

type Answer = Callable[[object, str], str]
"""Takes the value and what the person wrote; gives a warning, empty if there is none to give."""


@dataclass(frozen=True, slots=True)
class UvicornSetting:
    """A setting of Uvicorn's.

    Attributes:
        flag: its option, in which a last `-` stands for whatever comes after it.
        value: whether the option takes one.
        answer: what becomes of it.
        brought: how the settings begin of the distribution that has what it asks for.
    """

    flag: str
    value: bool
    answer: Answer
    brought: str = ""


def uvicorn_setting(name: str, value: object, label: str, known: Iterable[str] = ()) -> str | None:
    """What to answer to a setting by its name in Python: a warning, or nothing, or None.

    Args:
        known: the names of the settings that there are.

    Returns:
        A sentence to warn with, empty when there is nothing to say; None when Uvicorn has no such
        setting, or it is the business of a distribution that is installed and does not know it.

    Raises:
        ConfigError: pounce would do something else than it is asked for.
        NotAvailable: it takes a distribution, or a version, that is not there.
    """
    flag = f"--{name.replace('_', '-')}"
    for each in UVICORN_SETTINGS:
        if flag == each.flag or (each.flag.endswith("-") and flag.startswith(each.flag)):
            if each.brought and any(other.startswith(each.brought) for other in known):
                return None if each.flag.endswith("-") else ""
            # None and False are what code passes on that leaves a feature of Uvicorn's alone.
            return "" if value is None or value is False else each.answer(value, label)
    return None


def _ignores(words: tuple[str, ...], instead: str) -> Answer:
    def answer(value: object, label: str) -> str:
        if value in words:
            return ""
        return f"{label} is ignored: {instead}"

    return answer


def _loop(value: object, label: str) -> str:
    if isinstance(value, str) and ":" not in value:
        return _ignores(
            ("auto", "asyncio", "none"), "pounce's workers run asyncio on a selector of their own"
        )(value, label)
    raise ConfigError(
        f"{label} cannot name a loop: pounce's workers run asyncio on a selector of their own, "
        "so leave it out"
    )


def _interface(value: object, label: str) -> str:
    if value in {"auto", "asgi3"}:
        return ""
    wrapper = {
        "wsgi": "wrap a WSGI application, in a2wsgi.WSGIMiddleware for example, and leave it out",
        "asgi2": "wrap an ASGI 2 application in asgiref.compatibility.guarantee_single_callable, "
        "and leave it out",
    }
    raise ConfigError(
        f"{label} cannot be {value}, because pounce serves ASGI 3: "
        f"{wrapper.get(str(value), 'leave it out')}"
    )


def _needs(extra: str, what: str) -> Answer:
    def answer(value: object, label: str) -> str:
        raise NotAvailable(f'{label} needs {what}: pip install "bengal-pounce[{extra}]"')

    return answer


def _fine(value: object, label: str) -> str:
    return ""


UVICORN_SETTINGS: Final = (
    UvicornSetting("--loop", True, _loop),
    UvicornSetting(
        "--http",
        True,
        _ignores(("auto", "h11"), "pounce has one HTTP/1.1 parser, its own with h11 behind it"),
    ),
    UvicornSetting(
        "--ws",
        True,
        _ignores(("auto", "none"), "WebSocket comes, without a choice, by bengal-pounce[ws]"),
    ),
    UvicornSetting("--interface", True, _interface),
    UvicornSetting("--reset-contextvars", False, _fine),
    UvicornSetting(
        "--timeout-worker-healthcheck",
        True,
        _ignores((), "pounce sees by itself that a worker has ended"),
    ),
    UvicornSetting("--http2", False, _needs("h2", "HTTP/2"), "h2_"),
    UvicornSetting("--ssl-", True, _needs("tls", "TLS"), "ssl_"),
    UvicornSetting("--ws-", True, _needs("ws", "WebSocket"), "ws_"),
)
"""The exact names come before those that only begin with one."""
