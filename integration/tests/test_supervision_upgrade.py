"""SIGUSR2: a new program takes the sockets over from the one that runs, and nobody notices."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from signal import SIGTERM, SIGUSR2

import pytest

from integration.tests.changing import Changing, has_version, pid_of
from integration.tests.client import Client
from integration.tests.conftest import FREE_THREADED
from integration.tests.load import Load
from integration.tests.processes import Watched, until_there
from integration.tests.serving import END, Served, children
from pounce.testing.wire import Address

KINDS = ("thread", "process")
SEVERAL = "thread" if FREE_THREADED else "process"
"""What several workers are on this build."""


@pytest.fixture
def code(tmp_path: Path) -> Changing:
    return Changing(tmp_path)


@pytest.fixture
def successors() -> Iterator[list[Watched]]:
    """Those that took over, and that no `with` statement ends."""
    found: list[Watched] = []
    yield found
    for each in found:
        each.kill()


@pytest.mark.parametrize(
    ("kind", "place"), [("thread", "tcp"), ("process", "tcp"), (SEVERAL, "unix")]
)
def test_an_upgrade_under_load(
    kind: str,
    place: str,
    code: Changing,
    successors: list[Watched],
    record_property: Callable[[str, object], None],
) -> None:
    pid_file = code.folder / "pid"
    path = code.folder / "socket"
    where = [f"--uds={path}"] if place == "unix" else []
    flags = ("--workers=2", f"--worker-type={kind}", f"--pid-file={pid_file}", "--no-access-log")
    port = None if place == "unix" else 0
    with Served("served:app", *flags, *where, port=port, cwd=code.folder) as served:
        address: Address = path if place == "unix" else served.address
        old = served.pid
        old_workers = Watched(*children(old))
        with Load(address) as load:
            # It is there once the server serves, which the log says first.
            until_there(pid_file)
            assert int(pid_file.read_text()) == old
            # Of another size: a fresh interpreter goes by that and whole seconds, not pounce.
            code.file.write_text(code.source(2) + "\n")
            served.process.send_signal(SIGUSR2)
            taken_over = served.log.find(r"pid (\d+) has taken over")
            assert taken_over is not None
            new = int(taken_over[1])
            successors.append(successor := Watched(new))
            load.wait(has_version(2))
            assert served.process.wait(END) == 0
            assert old_workers.left(END) == []
            # It serves on without the old one, at the same place.
            load.wait(has_version(2))
            record_property("slowest", round(load.slowest, 3))
        with Client.to(address) as client:
            answered = pid_of(client.get("/").body)
            assert answered == new if kind == "thread" else answered in children(new)
        assert int(pid_file.read_text()) == new
        os.kill(new, SIGTERM)
        assert successor.left(END) == []
        served.wait()
        served.check()
        assert not pid_file.exists()
        assert not path.exists()


@pytest.mark.parametrize("kind", KINDS)
def test_an_upgrade_that_fails_changes_nothing(kind: str, code: Changing) -> None:
    pid_file = code.folder / "pid"
    flags = ("--workers=2", f"--worker-type={kind}", f"--pid-file={pid_file}")
    with Served("served:app", *flags, cwd=code.folder) as served:
        served.announce("no database")
        with Load(served.address) as load:
            code.file.write_text("raise RuntimeError('no database')")
            served.process.send_signal(SIGUSR2)
            assert served.log.find("the upgrade failed, the old server goes on")
            load.wait(has_version(1))
            until_there(pid_file)
            assert int(pid_file.read_text()) == served.pid
