"""What a person is told when something is wrong, and the status that the process ends with.

Decides the statuses. Never ends the process.
"""

import sys
from collections.abc import Iterable
from typing import Final

from pounce.protocol.errors import (
    ApplicationLoadError,
    ConfigError,
    CrashLoopError,
    NotAvailable,
    PounceError,
)

USAGE: Final = 2
"""The command line or a setting is wrong: nothing was tried."""

FAILED: Final = 3
"""The application could not be loaded or started, or a socket not be opened."""

CRASHED: Final = 4
"""Workers died faster than they are replaced."""

INTERRUPTED: Final = 130
"""Ctrl-C, as shells have it, before there was a server to stop."""


def report(error: PounceError) -> int:
    """Says what is wrong in one sentence, after the traceback if the application's code failed.

    Returns:
        The status to end with.
    """
    if isinstance(error, ApplicationLoadError) and error.__cause__ is not None:
        sys.stderr.write(_traceback(error.__cause__))
    sys.stderr.write(f"pounce: {error}\n")
    if isinstance(error, ConfigError | NotAvailable):
        return USAGE
    return CRASHED if isinstance(error, CrashLoopError) else FAILED


def _traceback(error: BaseException) -> str:
    from traceback import format_exception, format_tb

    try:
        return "".join(format_exception(error))
    except Exception:  # noqa: BLE001 - 3.15 imports a package, to name what is missing in it
        lines = "".join(format_tb(error.__traceback__))
        return f"Traceback (most recent call last):\n{lines}{type(error).__name__}: {error}\n"


def warn(warnings: Iterable[str]) -> None:
    """Says what was ignored, a line each."""
    for warning in warnings:
        sys.stderr.write(f"pounce: warning: {warning}\n")
