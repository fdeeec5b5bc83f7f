#!/usr/bin/env python3
"""Finds the programs that the tests use as clients: `python3 integration/programs.py curl`.

A program that is on PATH is taken, else its package is installed, on Debian and its kin, by root.
One that can't be had is an `Unavailable`, which says why in a sentence: no test is left out for
want of a client. It needs Python 3.11 and no package.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

PACKAGES = {
    "chromium": "chromium",
    "curl": "curl",
    "h2load": "nghttp2-client",
    "nghttp": "nghttp2-client",
    "openssl": "openssl",
    "wrk": "wrk",
}
"""Which Debian package has each program."""

MINUTES = 10


class Unavailable(Exception):
    """A program can't be had; the message is a sentence that says why."""


def find(names: list[str]) -> dict[str, Path]:
    """Where each program is, once it has been installed if need be."""
    missing = [name for name in names if shutil.which(name) is None]
    if missing:
        install(missing)
    found = {name: shutil.which(name) for name in names}
    absent = [name for name, path in found.items() if path is None]
    if absent:
        raise Unavailable(f"{', '.join(absent)} can't be found, though installed just now.")
    return {name: Path(path) for name, path in found.items() if path is not None}


def install(names: list[str]) -> None:
    packages = sorted({PACKAGES[name] for name in names})
    by_hand = f"install {' '.join(packages)} by hand"
    if shutil.which("apt-get") is None:
        raise Unavailable(f"{', '.join(names)} is not here, nor is apt-get: {by_hand}.")
    if os.geteuid() != 0:
        raise Unavailable(f"{', '.join(names)} is not here, and only root installs: {by_hand}.")
    apt("update")
    apt("install", "--yes", "--no-install-recommends", *packages)


def apt(*arguments: str) -> None:
    command = ["apt-get", "--quiet", "--quiet", *arguments]
    env = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    try:
        done = subprocess.run(
            command, env=env, capture_output=True, text=True, timeout=60 * MINUTES, check=False
        )
    except subprocess.TimeoutExpired:
        raise Unavailable(f"{' '.join(command)} took more than {MINUTES} minutes.") from None
    if done.returncode:
        reason = (done.stderr.strip() or "nothing was said").splitlines()[-1]
        raise Unavailable(f"{' '.join(command)} failed: {reason}.")


def main(arguments: list[str]) -> str | None:
    """What is wrong, in a sentence, or None."""
    unknown = [name for name in arguments if name not in PACKAGES]
    if unknown or not arguments:
        return f"usage: programs.py NAME ..., of {', '.join(PACKAGES)}"
    try:
        for path in find(arguments).values():
            print(path)
    except Unavailable as reason:
        return str(reason)
    return None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
