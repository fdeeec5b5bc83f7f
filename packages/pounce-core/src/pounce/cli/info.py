"""`pounce info`: what this pounce is made of, for a report or to see what is missing.

Asks the interpreter and the installed distributions. Never imports more
of a protocol than its descriptor.
"""

import os
import platform
import sys
import sysconfig
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Final

from pounce.cli.options import Parser
from pounce.config.machine import gil_enabled, usable_cpus
from pounce.protocol.descriptor import (
    ConnectionDescriptor,
    Descriptor,
    TransportDescriptor,
    UpgradeDescriptor,
)
from pounce.protocol.errors import PounceError

DESCRIPTION: Final = "Shows versions, interpreter, processors and protocols."

EXTRAS: Final = ("h2", "ws", "tls", "h3")


def run(arguments: Sequence[str]) -> int:
    """Shows; returns the status to end with.

    Raises:
        ConfigError: the command takes no such argument.
    """
    Parser(prog="pounce info", description=DESCRIPTION).parse_args(arguments)
    sys.stdout.write("".join(f"{name:<18}{value}\n" for name, value in facts()))
    return 0


def facts() -> list[tuple[str, str]]:
    """Names and values, in the order in which they are shown."""
    cpus = usable_cpus()
    found = [
        ("pounce", version("bengal-pounce")),
        ("python", interpreter()),
        ("executable", sys.executable),
        ("platform", platform.platform()),
        ("processors", f"{cpus} usable of {os.cpu_count()}"),
        ("workers", "processes" if gil_enabled() else "threads"),
        ("h11", version("h11")),
    ]
    for extra in EXTRAS:
        name = f"bengal-pounce-{extra}"
        try:
            found.append((name, version(name)))
        except PackageNotFoundError:
            found.append((name, f'not installed: pip install "bengal-pounce[{extra}]"'))
    return [*found, *protocols()]


def protocols() -> list[tuple[str, str]]:
    """What is installed for each role; or, instead, what is wrong with the installation."""
    from pounce.registry.discovery import discover

    try:
        registry = discover()
    except PounceError as error:
        return [("protocols", str(error))]
    roles = {
        "connection": registry.connections,
        "upgrade": registry.upgrades,
        "transport": registry.transports,
        "listener": registry.listeners,
    }
    return [
        (role, line)
        for role, found in roles.items()
        for line in [_described(each) for each in found] or ["none"]
    ]


def _described(descriptor: Descriptor) -> str:
    """What it is, from where, and what it is chosen by."""
    try:
        origin = f"{descriptor.distribution} {version(descriptor.distribution)}"
    except PackageNotFoundError, ValueError:
        # The name is whatever its author wrote there.
        origin = f"{descriptor.distribution or 'somewhere'}, of which no version is known"
    chosen = ", ".join(_chosen_by(descriptor))
    return f"{descriptor.name}, from {origin}" + (f": {chosen}" if chosen else "")


def _chosen_by(descriptor: Descriptor) -> list[str]:
    match descriptor:
        case ConnectionDescriptor():
            names = " ".join(_text(name) for name in descriptor.alpn)
            return [
                *([f"ALPN {names}"] if names else []),
                *([f"the first bytes {descriptor.preface!r}"] if descriptor.preface else []),
                *(["whatever nothing else claims"] if descriptor.default else []),
            ]
        case UpgradeDescriptor():
            return [f"Upgrade {_text(descriptor.token)}"]
        case TransportDescriptor():
            return [f"{descriptor.scheme}://"]
        case _:
            return []


def _text(name: bytes) -> str:
    return name.decode("ascii", "backslashreplace")


def interpreter() -> str:
    """Name, version and kind of build: `CPython 3.14.0, free-threaded, GIL off`."""
    name = f"{platform.python_implementation()} {platform.python_version()}"
    if not sysconfig.get_config_var("Py_GIL_DISABLED"):
        return f"{name}, GIL on"
    return f"{name}, free-threaded, GIL {'on' if gil_enabled() else 'off'}"
