"""Where a generation's workers get their application: one for all, or one for each.

Decides whether the factory is called once a server or once a worker (`--app-scope`). The import
happens once a generation either way. Shared by the worker threads: a lock hands out the first.
"""

import threading

from pounce.asgi.application import load_maker
from pounce.config.config import Config
from pounce.protocol.asgi import Application


class Applications:
    """Imports the application, and gives each worker its own or the common one.

    Args:
        config: names the application.

    Raises:
        ConfigError, ApplicationLoadError: see `load_maker`.
    """

    def __init__(self, config: Config) -> None:
        self._make = load_maker(config)
        # Made at once, so that a factory that fails is known before any worker starts.
        self._first: Application | None = self._make()
        self._shared = self._first if config.app_scope == "server" else None
        self._lock = threading.Lock()

    def __call__(self) -> Application:
        """An application for one more worker, on that worker's thread.

        Raises:
            ApplicationLoadError: the factory failed.
        """
        if self._shared is not None:
            return self._shared
        with self._lock:
            first, self._first = self._first, None
        return self._make() if first is None else first
