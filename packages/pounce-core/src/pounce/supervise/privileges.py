"""Who the process goes on as after a start as root: `--user` and `--group`.

Decides whether it may, and gives root up for good. Never touches the environment: `HOME` and its
like stay as whoever started the server set them.

It is for after the sockets are open and before application code is imported. Linux's C library
changes all threads of the process, and forgets what was asked of it about the death of its parent
(PR_SET_PDEATHSIG), so that is to be asked afterwards.
"""

import grp
import os
import pwd
from dataclasses import dataclass

from pounce.protocol.errors import ConfigError, StartupError


@dataclass(frozen=True, slots=True)
class Identity:
    """A user and a group, looked up.

    Attributes:
        name: of the user, whose further groups it has too; None for a number without a name, or
            when only the group changes.
    """

    user: int
    group: int
    name: str | None


def find_identity(user: str | None, group: str | None) -> Identity | None:
    """Whom to go on as.

    Args:
        user: a name or number, as in `Config.user`.
        group: the same; that of the user if None.

    Returns:
        None if that is who the process is already.

    Raises:
        ConfigError: there is no such user or group, or the process is not root's.
    """
    if user is None and group is None:
        return None
    name: str | None = None
    number, of_user = os.getuid(), os.getgid()
    if user is not None:
        number, of_user, name = _look_up_user(user, needs_group=group is None)
    identity = Identity(number, of_user if group is None else _look_up_group(group), name)
    if os.geteuid() != 0:
        if (os.getuid(), os.geteuid()) == (identity.user,) * 2 and os.getgid() == identity.group:
            return None
        setting = "user" if user is not None else "group"
        raise ConfigError(
            f"{setting} takes a start as root, and this process is {_shown(os.geteuid())}'s: "
            "start pounce as root, or leave it out"
        )
    return identity


def drop_privileges(identity: Identity) -> None:
    """Becomes somebody else, irrevocably.

    Raises:
        StartupError: the system does not let it, or lets it be root again.
    """
    try:
        if identity.name is None:
            os.setgroups([identity.group])
        else:
            os.initgroups(identity.name, identity.group)
        os.setgid(identity.group)
        os.setuid(identity.user)
    except OSError as error:
        raise StartupError(
            f"this process may not become {_shown(identity.user)}: {error.strerror}; "
            "grant it CAP_SETUID and CAP_SETGID, or leave --user and --group out"
        ) from None
    if identity.user != 0 and _can_be_root():
        raise StartupError(
            "this process could become root again: take the capability CAP_SETUID from it"
        )


def _can_be_root() -> bool:
    try:
        os.setuid(0)
    except OSError:
        return False
    return True


def _look_up_user(text: str, *, needs_group: bool) -> tuple[int, int, str | None]:
    """Number, group and name; a number need not be a known user's if its group is given."""
    try:
        found = pwd.getpwuid(int(text)) if text.isdigit() else pwd.getpwnam(text)
    except KeyError, OverflowError, ValueError:
        if text.isdigit() and not needs_group and int(text) < 2**32 - 1:
            return int(text), 0, None
        also = ", or its group with --group" if text.isdigit() else ""
        raise ConfigError(
            f'user "{text}" is not known on this machine: give one of its users{also}'
        ) from None
    return found.pw_uid, found.pw_gid, found.pw_name


def _look_up_group(text: str) -> int:
    if text.isdigit() and int(text) < 2**32 - 1:
        return int(text)
    try:
        return grp.getgrnam(text).gr_gid
    except KeyError, ValueError:
        raise ConfigError(
            f'group "{text}" is not known on this machine: give one of its groups'
        ) from None


def _shown(user: int) -> str:
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return f"user {user}"
