"""The file with the server's process number: `--pid-file`.

Decides whether the file that is there may be replaced: not if it is no PID file, nor if a server
that lives keeps it. Never removes a file that another process wrote in the meantime.

The file is locked for as long as the server lives, so a number that the system gave to another
process since then is told from a server's. Where files cannot be locked, the number alone counts.
"""

import errno
import fcntl
import logging
import os
from contextlib import suppress
from pathlib import Path
from typing import Final

from pounce.protocol.errors import StartupError

logger = logging.getLogger("pounce")

LONGEST: Final = 64
"""Bytes that are read of what may be no PID file at all."""


class PidFile:
    """One server's file; used by one thread.

    Args:
        path: where it is to be.
        predecessor: the process whose place this one takes; its file may be replaced.
    """

    def __init__(self, path: str, predecessor: int | None = None) -> None:
        self._path = Path(path).absolute()
        self._predecessor = predecessor
        self._descriptor: int | None = None
        self._process = 0

    def check(self) -> None:
        """Sees, before the start, that the file can be written after it.

        Raises:
            StartupError: another server has it, it is no PID file, or its folder does not exist.
        """
        if not self._path.parent.is_dir():
            raise StartupError(
                f"there is no folder {self._path.parent} for the PID file: make it first"
            )
        if not os.access(self._path.parent, os.W_OK | os.X_OK):
            raise self._refused(PermissionError(errno.EACCES, os.strerror(errno.EACCES)))
        try:
            descriptor = os.open(self._path, os.O_RDONLY | os.O_NONBLOCK)
        except FileNotFoundError:
            return
        except OSError as error:
            raise self._refused(error) from None
        try:
            self._judge(descriptor)
        except OSError as error:
            raise self._refused(error) from None
        finally:
            os.close(descriptor)

    def write(self, user: int = -1, group: int = -1) -> None:
        """Writes the file at once, whole; a reader never finds half of it.

        Args:
            user: whose it is to be, if not this process's; the same for `group`.

        Raises:
            StartupError: as for `check`, or it cannot be written.
        """
        self.check()
        self._process = os.getpid()
        fresh = self._path.with_name(f".{self._path.name}.{self._process}")
        try:
            descriptor = os.open(fresh, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o644)
            try:
                with suppress(OSError):
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                os.write(descriptor, b"%d\n" % self._process)
                os.fchown(descriptor, user, group)
                fresh.replace(self._path)
            except BaseException:
                os.close(descriptor)
                fresh.unlink(missing_ok=True)
                raise
        except OSError as error:
            raise self._refused(error) from None
        self._descriptor = descriptor

    def remove(self) -> None:
        """Removes the file, if it is still the one that this process wrote.

        Where the folder does not let it, as after `--user`, the file is emptied instead, which a
        later start takes for none; the log says so.
        """
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is None or self._process != os.getpid():
            return
        try:
            if os.path.samestat(os.fstat(descriptor), self._path.lstat()):
                try:
                    self._path.unlink()
                except OSError as error:
                    os.ftruncate(descriptor, 0)
                    logger.warning(
                        "the PID file %s is left empty, since it cannot be removed (%s): with"
                        " --user, give it a folder that this user may write to",
                        self._path,
                        error.strerror or error,
                    )
        except OSError:
            pass  # Whoever removed it first has done what was to be done.
        finally:
            os.close(descriptor)

    def _judge(self, descriptor: int) -> None:
        text = os.read(descriptor, LONGEST).strip()
        if text and not (text.isdigit() and len(text) < 20):
            raise StartupError(
                f"{self._path} exists and is no PID file: remove it, or choose another path with "
                "--pid-file"
            )
        number = int(text or b"0")
        if number in {0, self._predecessor} or not _lives(number):
            return
        if not _is_locked(descriptor, unknown=number != os.getpid()):
            return
        raise StartupError(
            f"{self._path} is that of a pounce that runs as process {number}: stop it, or choose "
            "another path with --pid-file"
        )

    def _refused(self, error: OSError) -> StartupError:
        return StartupError(
            f"the PID file {self._path} cannot be written: {error.strerror or error}; "
            "choose another path with --pid-file"
        )


def _lives(number: int) -> bool:
    try:
        os.kill(number, 0)
    except ProcessLookupError, OverflowError:
        return False
    except PermissionError:
        return True
    return True


def _is_locked(descriptor: int, *, unknown: bool) -> bool:
    """Whether a server keeps it; `unknown` where that cannot be told."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return unknown
    fcntl.flock(descriptor, fcntl.LOCK_UN)
    return False
