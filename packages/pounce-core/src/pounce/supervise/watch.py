"""Watching the application's files: `--reload`.

Decides when a change is over, and calls then; never what follows. One thread owns all of it but
the request to stop. What changed is always found by looking at the files; watchfiles, where it is
installed, only says when to look, which the thread does by the clock otherwise.
"""

import logging
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from time import monotonic
from typing import Any, Final

from pounce.config.machine import gil_enabled
from pounce.supervise.tree import Snapshot, Tree

logger = logging.getLogger("pounce.reload")

INTERVAL: Final = 0.3
"""Seconds between two looks at the files, when nobody says when to look."""

SAFETY: Final = 5.0
"""The same beside watchfiles: for file systems that tell no one, as those of some containers."""

LONGEST: Final = 10.0
"""Seconds after which a change that does not come to an end is told as it is."""

TRIAL: Final = "import sys, watchfiles; sys.exit(sys._is_gil_enabled())"

type OnChange = Callable[[Sequence[Path]], None]
type Bell = Callable[..., Iterator[set[Any]]]
"""`watchfiles.watch`."""


class Watcher:
    """Calls with the files that have changed, once for all that change together.

    Args:
        dirs: folders to watch.
        includes: patterns of files to watch besides `*.py`; see `pounce.supervise.tree`.
        excludes: patterns of files and folders not to watch.
        delay: seconds for which nothing more has to change until the call.
        on_change: is called on the watcher's thread, with the paths in order.
    """

    def __init__(
        self,
        dirs: Sequence[Path],
        includes: Sequence[str],
        excludes: Sequence[str],
        delay: float,
        on_change: OnChange,
    ) -> None:
        self._tree = Tree(dirs, includes, excludes)
        self._delay = delay
        self._on_change = on_change
        self._stopping = threading.Event()
        self._seen: Snapshot
        self._thread = threading.Thread(target=self._run, name="pounce-watcher", daemon=True)

    def start(self) -> None:
        """Starts; what changes from now on is told."""
        self._seen = self._tree.scan()
        for root in self._tree.roots:
            if not Path(root).exists():
                logger.warning("there is no folder %s to watch yet", root)
        self._thread.start()

    def stop(self) -> None:
        """Stops at once. From any thread; `on_change` is not called any more when it returns."""
        self._stopping.set()
        if self._thread is not threading.current_thread() and self._thread.ident is not None:
            self._thread.join()

    def _run(self) -> None:
        bell = find_bell()
        pause = (
            _Clock(self._stopping) if bell is None else _Notice(bell, self._tree, self._stopping)
        )
        while not self._stopping.is_set():
            pause.wait(self._seen.folders)
            now = self._tree.scan()
            if now.files != self._seen.files:
                now = self._settled(now)
            changed = self._seen.changes(now)
            self._seen = now
            if changed and not self._stopping.is_set():
                try:
                    self._on_change(changed)
                except Exception:
                    logger.exception("a change of the files could not be dealt with")
        pause.close()

    def _settled(self, now: Snapshot) -> Snapshot:
        """The files when nothing more changes."""
        last = monotonic() + LONGEST
        while monotonic() < last and not self._stopping.wait(self._delay):
            before, now = now, self._tree.scan()
            if now.files == before.files:
                break
        return now


class _Clock:
    """Says by the clock when to look."""

    def __init__(self, stopping: threading.Event) -> None:
        self._stopping = stopping

    def wait(self, folders: frozenset[str]) -> None:
        self._stopping.wait(INTERVAL)

    def close(self) -> None:
        pass


class _Notice:
    """Says when to look as the system tells it, by way of watchfiles.

    It watches each folder by itself: those that don't count, and there may be thousands, cost
    nothing then. When there are new ones it begins anew, and has a look taken right after, for
    what changed meanwhile.
    """

    def __init__(self, bell: Bell, tree: Tree, stopping: threading.Event) -> None:
        self._bell = bell
        self._tree = tree
        self._stopping = stopping
        self._clock = _Clock(stopping)
        self._folders: frozenset[str] = frozenset()
        self._rings: Iterator[set[Any]] | None = None
        self._broken = False

    def wait(self, folders: frozenset[str]) -> None:
        if self._broken or not folders:
            self._clock.wait(folders)
            return
        fresh = self._rings is None or folders != self._folders
        try:
            if fresh:
                self._begin(folders)
            until = monotonic() + SAFETY
            while not self._ring() and not fresh and monotonic() < until:
                pass
        except FileNotFoundError:
            # A folder went since it was seen; the next look tells which are left.
            self.close()
            self._clock.wait(folders)
        except Exception as error:  # noqa: BLE001 - whatever it is, there is another way
            logger.info("watchfiles does not work here (%s): looking at the files instead", error)
            self._broken = True
            self.close()

    def _begin(self, folders: frozenset[str]) -> None:
        self.close()
        self._folders = folders
        self._rings = self._bell(
            *sorted(folders),
            watch_filter=self._matters,
            debounce=50,
            step=20,
            stop_event=self._stopping,
            rust_timeout=200,
            yield_on_timeout=True,
            raise_interrupt=False,
            recursive=False,
            ignore_permission_denied=True,
        )

    def _ring(self) -> bool:
        """Whether something changed in the last moment."""
        assert self._rings is not None
        found = next(self._rings, None)
        if found is None:
            # It ended, as it does when the watcher stops.
            self.close()
            self._clock.wait(self._folders)
            return True
        return bool(found)

    def _matters(self, _kind: object, path: str) -> bool:
        return self._tree.counts(path) or path in self._folders or Path(path).is_dir()

    def close(self) -> None:
        rings: Any = self._rings
        self._rings = None
        if rings is not None:
            rings.close()


def find_bell() -> Bell | None:
    """`watchfiles.watch`, if it is installed and leaves the GIL as it is."""
    if find_spec("watchfiles") is None:
        return None
    if not gil_enabled() and not _leaves_gil_off():
        logger.info("watchfiles would switch the GIL on here: looking at the files instead")
        return None
    try:
        bell: Bell = import_module("watchfiles").watch
    except Exception as error:  # noqa: BLE001 - a broken installation is not ours to mend
        logger.info("watchfiles cannot be imported (%s): looking at the files instead", error)
        return None
    return bell


def _leaves_gil_off() -> bool:
    """Tries it in a process of its own: once the GIL is on, it stays on."""
    if not sys.executable:
        return False
    command = [sys.executable, "-P", "-c", TRIAL]
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=30, check=False
        )
    except OSError, subprocess.SubprocessError:
        return False
    return done.returncode == 0
