"""The errors that cross rooms. Each carries one sentence that says what to do.

Decides which failures have a name of their own; never decides what is logged or
what status the process ends with.
"""


class PounceError(Exception):
    """A failure whose message is for the person at the terminal: one sentence, no traceback."""


class ConfigError(PounceError):
    """A setting is wrong: unknown, of the wrong type, out of range, or at odds with another."""


class ApplicationLoadError(PounceError):
    """The application could not be imported or is not callable."""


class BindError(PounceError):
    """A listening socket could not be opened."""


class StartupError(PounceError):
    """The application's lifespan refused to start, or a worker could not."""


class CrashLoopError(PounceError):
    """Workers died faster than it makes sense to replace them."""


class NotAvailable(PounceError):
    """What was asked for needs a distribution that is not installed, or not ready."""


class ProtocolError(Exception):
    """The peer broke a rule of its protocol.

    Args:
        status: the HTTP status to answer with, 400 to 505.
        reason: a short token that names the rule, for logs and counters, such as
            ``"header-too-large"``. It never holds a byte the peer sent.
    """

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


class ClientDisconnected(ConnectionError):
    """The client went before the response was complete (ASGI spec 2.4 wants an `OSError`)."""

    def __init__(self) -> None:
        super().__init__("the client closed the connection before the response was complete")


class ResponseError(RuntimeError):
    """The application broke a rule of the response: its status, fields, length or order."""
