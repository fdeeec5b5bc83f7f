"""The files below some folders that count as code, and what tells that one of them has changed.

Decides which files count. Never opens one, and never waits; `pounce.supervise.watch` does.

A pattern without a slash is for names, one with a slash for paths from any folder on, or from the
top if it begins with one: `*.html`, `templates/**/*.html`, `/etc/app.toml`. What is excluded may be
a folder. Hidden files count only for patterns that begin with a dot in turn, and hidden folders
never do.
"""

import glob
import os
import re
import stat
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

CODE: Final = "*.py"

IGNORED_FOLDERS: Final = frozenset({"__pycache__", "node_modules", "site-packages"})
ENVIRONMENT_FILE: Final = "pyvenv.cfg"
"""Tells a virtual environment, whatever its folder is called."""

TEMPORARY: Final = re.compile(r"~.*|.*~|\.?#.*|.*\.sw[a-z]|.*___jb_(tmp|old)___|4913", re.DOTALL)
"""What Emacs, Vim, PyCharm and others put beside a file while they save it."""

SETTLED: Final = 2_000_000_000
"""Nanoseconds after which a folder's time is sure to change with the folder: some file systems
count in steps of two seconds."""

type Stamp = tuple[int, int, int]
"""Time, size and number: one of them changes with the file, or with the file in its place."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What there was at a time.

    Attributes:
        files: those that count, by path.
        folders: all that were looked into.
    """

    files: dict[str, Stamp]
    folders: frozenset[str]

    def changes(self, later: Snapshot) -> list[Path]:
        """The files that are new, gone or different in a later one, in order."""
        paths = self.files.keys() | later.files.keys()
        return [
            Path(path) for path in sorted(paths) if self.files.get(path) != later.files.get(path)
        ]


@dataclass(frozen=True, slots=True)
class _Listing:
    """What counts in a folder, and whether its time tells that this is still so."""

    time: int
    settled: bool
    files: Sequence[str]
    folders: Sequence[str]


class Tree:
    """The files of some folders; for one thread at a time.

    Args:
        roots: folders, or single files; they count whatever they are called.
        includes: patterns of files that count besides `*.py`.
        excludes: patterns of files and folders that don't.
    """

    def __init__(
        self, roots: Iterable[Path | str], includes: Iterable[str], excludes: Iterable[str]
    ) -> None:
        self.roots = tuple(dict.fromkeys(str(Path(root).absolute()) for root in roots))
        excluded = set(excludes)
        included = [pattern for pattern in (CODE, *includes) if pattern not in excluded]
        self._included = _either(pattern for pattern in included if not _is_hidden(pattern))
        self._included_hidden = _either(pattern for pattern in included if _is_hidden(pattern))
        self._excluded = _either(excluded)
        self._listings: dict[str, _Listing] = {}

    def counts(self, path: str) -> bool:
        """Whether a file is one to look at, by its path alone."""
        name = path.rpartition("/")[2]
        included = self._included_hidden if name.startswith(".") else self._included
        return (
            included.match(path) is not None
            and TEMPORARY.fullmatch(name) is None
            and self._excluded.match(path) is None
        )

    def scan(self) -> Snapshot:
        """Looks at every file; what cannot be looked at is not there."""
        files: dict[str, Stamp] = {}
        listings: dict[str, _Listing] = {}
        # A folder has one number however it is reached, so links that go round end.
        seen: set[tuple[int, int]] = set()
        waiting = list(reversed(self.roots))
        while waiting:
            folder = waiting.pop()
            try:
                found = os.stat(folder)  # noqa: PTH116 - Path is three times slower
                if not stat.S_ISDIR(found.st_mode):
                    files[folder] = _stamp(found)
                    continue
                key = (found.st_dev, found.st_ino)
                if key in seen:
                    continue
                seen.add(key)
                listing = self._listings.get(folder)
                if listing is None or not listing.settled or listing.time != found.st_mtime_ns:
                    listing = self._list(folder, found.st_mtime_ns)
            except OSError:
                continue
            listings[folder] = listing
            waiting += reversed(listing.folders)
            for path in listing.files:
                try:
                    files[path] = _stamp(os.stat(path))  # noqa: PTH116 - as above
                except OSError:
                    pass  # Gone since it was listed, or a link to nowhere.
        self._listings = listings
        return Snapshot(files, frozenset(listings))

    def _list(self, folder: str, changed: int) -> _Listing:
        now = time.time_ns()
        files: list[str] = []
        folders: list[str] = []
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.is_dir():
                    if not self._ignores(entry):
                        folders.append(entry.path)
                elif entry.name == ENVIRONMENT_FILE and folder not in self.roots:
                    return _Listing(changed, False, (), ())
                elif self.counts(entry.path):
                    files.append(entry.path)
        return _Listing(changed, now - changed > SETTLED, sorted(files), sorted(folders))

    def _ignores(self, folder: os.DirEntry[str]) -> bool:
        return (
            folder.name.startswith(".")
            or folder.name in IGNORED_FOLDERS
            or self._excluded.match(folder.path) is not None
        )


def _stamp(found: os.stat_result) -> Stamp:
    return (found.st_mtime_ns, found.st_size, found.st_ino)


def _is_hidden(pattern: str) -> bool:
    return pattern.rpartition("/")[2].startswith(".")


def _either(patterns: Iterable[str]) -> re.Pattern[str]:
    """Matches a whole path if one of the patterns does."""
    found = [glob.translate(_anchored(p), recursive=True, include_hidden=True) for p in patterns]
    return re.compile("|".join(found) or r"(?!)")


def _anchored(pattern: str) -> str:
    pattern = pattern.rstrip("/") if len(pattern) > 1 else pattern
    if ".." in pattern.split("/"):
        pattern = os.path.abspath(pattern)  # noqa: PTH100 - Path.absolute() keeps the dots
    if pattern.startswith("/"):
        return pattern
    return f"**/{pattern.removeprefix('./')}"
