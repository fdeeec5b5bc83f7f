"""A pure-Python ASGI server for free-threaded Python.

Each name is imported when it is first asked for: `import pounce` by itself imports nothing.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pounce.cli.run import run as run
    from pounce.config.config import Config as Config
    from pounce.supervise.server import Server as Server

    __version__: str

__all__ = ["Config", "Server", "__version__", "run"]

_HOMES = {
    "Config": "pounce.config.config",
    "Server": "pounce.supervise.server",
    "run": "pounce.cli.run",
}


def __getattr__(name: str) -> object:
    if name == "__version__":
        from importlib.metadata import version

        found: object = version("bengal-pounce")
    elif name in _HOMES:
        from importlib import import_module

        found = getattr(import_module(_HOMES[name]), name)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
