"""`pounce.run(...)`: the server from a program, as the command line would start it.

Decides what is read besides the arguments: the environment, and no settings file unless one is
named there. Whoever wants to handle errors, or to do more than to wait, takes `pounce.Server`.
"""

import os
from collections.abc import Callable
from typing import Any

from pounce.cli.report import INTERRUPTED, report, warn
from pounce.config.layer import layer_of_arguments
from pounce.config.sources import gather
from pounce.protocol.errors import PounceError
from pounce.registry.catalogue import installed_settings


def run(app: str | Callable[..., Any], **settings: Any) -> None:
    """Serves an application until the process is told to stop.

    Args:
        app: the application, or its import string, which process workers need.
        settings: any of `Config`, and those of Uvicorn's that can be ignored.

    Raises:
        SystemExit: the server could not start, or did not end well; standard error says why.
    """
    try:
        arguments = layer_of_arguments({"app": app, **settings}, installed_settings())
        gathered = gather(arguments, os.environ)
        warn(gathered.warnings)

        from pounce.supervise.program import Program

        status = Program(gathered.config).run()
    except PounceError as error:
        status = report(error)
    except KeyboardInterrupt:
        status = INTERRUPTED
    if status:
        raise SystemExit(status)
