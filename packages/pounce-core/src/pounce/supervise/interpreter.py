"""How another process is started on the interpreter of this one, and under the same options.

Decides which of the options on the command line (`-O`, `-W`, `-X`, `-u` and others) a worker's
process is to be given. What the environment says it inherits by itself. Never starts anything.
"""

import sys
from typing import Final

FLAGS: Final = {
    "debug": "d",
    "optimize": "O",
    "dont_write_bytecode": "B",
    "no_user_site": "s",
    "no_site": "S",
    "ignore_environment": "E",
    "verbose": "v",
    "bytes_warning": "b",
    "quiet": "q",
    "isolated": "I",
    "safe_path": "P",
}
"""The attributes of `sys.flags` that have an option; the number says how often it was given."""


def interpreter() -> list[str]:
    """The beginning of a command: the interpreter and its options."""
    command = [sys.executable]
    for name, letter in FLAGS.items():
        count = int(getattr(sys.flags, name))
        if count:
            command.append("-" + letter * count)
    # In this order, so that of two that go against each other the same one counts.
    command += [f"-W{option}" for option in sys.warnoptions]
    # Documented for CPython, which is what this runs on.
    options: dict[str, str | bool] = sys._xoptions  # pyright: ignore[reportPrivateUsage] - documented
    for name, value in options.items():
        command += ["-X", name if value is True else f"{name}={value}"]
    if getattr(sys.__stdout__, "write_through", False):
        command.append("-u")
    return command
