"""Going on as somebody else: who that may be, and that there is no way back.

What takes root is tried in a process of its own, where the tests run as root.
"""

import os
import pwd
import subprocess
import sys

import pytest

from pounce.protocol.errors import ConfigError, StartupError
from pounce.supervise.privileges import Identity, drop_privileges, find_identity

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
PATIENCE = 60.0
NOBODY = pwd.getpwnam("nobody")


@pytest.fixture
def root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)


@pytest.fixture
def no_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 4242)
    monkeypatch.setattr(os, "getuid", lambda: 4242)
    monkeypatch.setattr(os, "getgid", lambda: 4243)


BECOME = """
import os
from pounce.supervise.privileges import drop_privileges, find_identity
def become(user, group=None):
    drop_privileges(find_identity(user, group))
"""


def printed(code: str) -> str:
    """What code prints in a process of its own, which can `become` somebody."""
    command = [sys.executable, "-c", BECOME + code]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=True)
    return done.stdout.strip()


# Who it may be


def test_nobody_was_named() -> None:
    assert find_identity(None, None) is None


@pytest.mark.usefixtures("root")
def test_a_user_by_name_has_its_own_group() -> None:
    assert find_identity("nobody", None) == Identity(NOBODY.pw_uid, NOBODY.pw_gid, "nobody")


@pytest.mark.usefixtures("root")
def test_a_user_by_number() -> None:
    assert find_identity(str(NOBODY.pw_uid), None) == find_identity("nobody", None)


@pytest.mark.usefixtures("root")
def test_a_group_of_its_own() -> None:
    assert find_identity("nobody", "12345") == Identity(NOBODY.pw_uid, 12345, "nobody")


@pytest.mark.usefixtures("root")
def test_numbers_that_nobody_has() -> None:
    assert find_identity("54321", "12345") == Identity(54321, 12345, None)


@pytest.mark.usefixtures("root")
def test_a_group_alone_leaves_the_user() -> None:
    assert find_identity(None, "12345") == Identity(os.getuid(), 12345, None)


@pytest.mark.usefixtures("no_root")
def test_who_it_is_already() -> None:
    assert find_identity("4242", "4243") is None


@pytest.mark.usefixtures("root")
@pytest.mark.parametrize(
    ("user", "group", "sentence"),
    [
        ("no such user", None, '^user "no such user" is not known on this machine'),
        ("54321", None, "or its group with --group$"),
        ("99999999999", "1", '^user "99999999999" is not known'),
        ("nobody", "no such group", '^group "no such group" is not known on this machine'),
        ("nobody", "99999999999", '^group "99999999999" is not known'),
    ],
)
def test_is_not_known(user: str, group: str | None, sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        find_identity(user, group)


@pytest.mark.usefixtures("no_root")
@pytest.mark.parametrize(
    ("user", "group", "named"), [("nobody", "1", "user"), (None, "1", "group")]
)
def test_takes_root(user: str | None, group: str, named: str) -> None:
    with pytest.raises(ConfigError, match=f"^{named} takes a start as root, and this process is"):
        find_identity(user, group)


# What becomes of it


@needs_root
def test_user_and_group_are_the_named_ones() -> None:
    shown = printed("become('nobody'); print(os.getresuid(), os.getresgid())")
    assert shown == f"{(NOBODY.pw_uid,) * 3} {(NOBODY.pw_gid,) * 3}"


@needs_root
def test_roots_further_groups_are_gone() -> None:
    assert printed("become('nobody'); print(os.getgroups())") == str([NOBODY.pw_gid])


@needs_root
def test_a_number_without_a_name_has_no_further_groups() -> None:
    assert printed("become('54321', '12345'); print(os.getgroups())") == "[12345]"


@needs_root
@pytest.mark.parametrize("back", ["setuid", "seteuid", "setgid", "setegid"])
def test_there_is_no_way_back(back: str) -> None:
    code = f"become('nobody')\ntry:\n os.{back}(0)\nexcept PermissionError:\n print('no')"
    assert printed(code) == "no"


@needs_root
def test_it_counts_for_every_thread() -> None:
    code = """
import threading
go = threading.Event()
def show():
    go.wait()
    print(os.getuid())
thread = threading.Thread(target=show)
thread.start()
become('nobody')
go.set()
thread.join()
"""
    assert printed(code) == str(NOBODY.pw_uid)


@needs_root
def test_home_stays() -> None:
    assert printed("become('nobody'); print(os.environ['HOME'])") == os.environ["HOME"]


def test_the_system_may_refuse(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "setgroups", refuse)
    with pytest.raises(StartupError, match="may not become user 54321: Operation not permitted"):
        drop_privileges(Identity(54321, 12345, None))


def test_a_way_back_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("setgroups", "setgid", "setuid"):
        monkeypatch.setattr(os, name, lambda _: None)
    with pytest.raises(StartupError, match="could become root again"):
        drop_privileges(Identity(54321, 12345, None))
