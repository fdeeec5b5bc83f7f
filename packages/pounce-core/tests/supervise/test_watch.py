"""The watcher: what it tells, once, and in both of its ways of knowing when to look."""

import logging
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pounce.supervise.tree import Snapshot, Tree
from pounce.supervise.watch import Watcher, find_bell

MODULE = "pounce.supervise.watch"
PATIENCE = 30.0

watchfiles: Any = import_module("watchfiles") if find_spec("watchfiles") else None

type Told = queue.Queue[Sequence[Path]]
type Start = Callable[..., Told]


def no_bell() -> None: ...


@pytest.fixture(
    params=[
        "clock",
        pytest.param(
            "watchfiles",
            marks=pytest.mark.skipif(watchfiles is None, reason="watchfiles is not installed"),
        ),
    ]
)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "clock":
        monkeypatch.setattr(f"{MODULE}.find_bell", no_bell)
    else:
        monkeypatch.setattr(f"{MODULE}.find_bell", lambda: watchfiles.watch)
        # What it does not tell is not found otherwise.
        monkeypatch.setattr(f"{MODULE}.SAFETY", PATIENCE * 2)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    watchers: list[Watcher] = []

    def start(*dirs: Path, delay: float = 0.05, includes: Sequence[str] = ()) -> Told:
        told: Told = queue.Queue()
        watcher = Watcher(dirs or [tmp_path], includes, (), delay, told.put)
        watchers.append(watcher)
        watcher.start()
        return told

    yield start
    for watcher in watchers:
        watcher.stop()


def names(told: Told) -> list[str]:
    return [path.name for path in told.get(timeout=PATIENCE)]


# What is told, either way


@pytest.mark.usefixtures("way")
def test_a_new_file(start: Start, tmp_path: Path) -> None:
    told = start()
    (tmp_path / "a.py").write_text("x")
    assert told.get(timeout=PATIENCE) == [tmp_path / "a.py"]


@pytest.mark.usefixtures("way")
def test_a_changed_file(start: Start, tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("x")
    told = start()
    (tmp_path / "a.py").write_text("xx")
    assert names(told) == ["a.py"]


@pytest.mark.usefixtures("way")
def test_a_deleted_file(start: Start, tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("x")
    told = start()
    (tmp_path / "a.py").unlink()
    assert names(told) == ["a.py"]


@pytest.mark.usefixtures("way")
def test_a_file_that_an_editor_puts_in_its_place(start: Start, tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("x")
    told = start()
    (tmp_path / "a.py~").write_text("y")
    (tmp_path / "a.py~").rename(tmp_path / "a.py")
    assert names(told) == ["a.py"]


@pytest.mark.usefixtures("way")
def test_files_of_a_new_folder(start: Start, tmp_path: Path) -> None:
    told = start()
    (tmp_path / "b").mkdir()
    (tmp_path / "b/a.py").write_text("x")
    assert names(told) == ["a.py"]


@pytest.mark.usefixtures("way")
def test_a_later_change_in_a_new_folder(start: Start, tmp_path: Path) -> None:
    told = start()
    (tmp_path / "b").mkdir()
    (tmp_path / "b/a.py").write_text("x")
    names(told)
    (tmp_path / "b/a.py").write_text("xx")
    assert names(told) == ["a.py"]


@pytest.mark.usefixtures("way")
def test_a_folder_that_is_gone(start: Start, tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / "b/a.py").write_text("x")
    told = start()
    (tmp_path / "b").rename(tmp_path / ".b")
    assert names(told) == ["a.py"]


@pytest.mark.usefixtures("way")
def test_a_change_after_a_folder_is_gone(start: Start, tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / "b/a.py").write_text("x")
    told = start()
    (tmp_path / "b").rename(tmp_path / ".b")
    names(told)
    (tmp_path / "c.py").write_text("x")
    assert names(told) == ["c.py"]


@pytest.mark.usefixtures("way")
def test_a_change_in_a_linked_folder(start: Start, tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    (tmp_path / "real").mkdir()
    (tmp_path / "root/link").symlink_to(tmp_path / "real")
    told = start(tmp_path / "root")
    (tmp_path / "real/a.py").write_text("x")
    assert told.get(timeout=PATIENCE) == [tmp_path / "root/link/a.py"]


@pytest.mark.usefixtures("way")
def test_what_does_not_count_is_not_told(start: Start, tmp_path: Path) -> None:
    told = start()
    (tmp_path / "a.log").write_text("x")
    (tmp_path / "node_modules").mkdir()
    (tmp_path / "node_modules/a.py").write_text("x")
    (tmp_path / "z.py").write_text("x")
    assert names(told) == ["z.py"]


@pytest.mark.usefixtures("way")
def test_what_is_included_is_told(start: Start, tmp_path: Path) -> None:
    told = start(includes=["*.html"])
    (tmp_path / "a.html").write_text("x")
    assert names(told) == ["a.html"]


@pytest.mark.usefixtures("way")
def test_a_root_that_appears(start: Start, tmp_path: Path) -> None:
    told = start(tmp_path / "later")
    (tmp_path / "later").mkdir()
    (tmp_path / "later/a.py").write_text("x")
    assert names(told) == ["a.py"]


@pytest.mark.usefixtures("way")
def test_a_burst_is_told_once(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whenever it looks, another file has come."""
    monkeypatch.setattr(f"{MODULE}.LONGEST", PATIENCE)
    scan, burst = Tree.scan, ["a.py", "b.py", "c.py"]

    def scan_late(tree: Tree) -> Snapshot:
        if burst:
            (tmp_path / burst.pop(0)).write_text("x")
        return scan(tree)

    told = start()
    monkeypatch.setattr(Tree, "scan", scan_late)
    assert names(told) == ["a.py", "b.py", "c.py"]


@pytest.mark.usefixtures("way")
def test_stops_at_once(tmp_path: Path) -> None:
    watcher = Watcher([tmp_path], (), (), 0.1, lambda _: None)
    watcher.start()
    watcher.stop()
    assert not [thread for thread in threading.enumerate() if thread.name == "pounce-watcher"]


@pytest.mark.usefixtures("way")
def test_can_be_stopped_by_what_it_calls(tmp_path: Path) -> None:
    stopped = threading.Event()

    def stop(_: object) -> None:
        watcher.stop()
        stopped.set()

    watcher = Watcher([tmp_path], (), (), 0, stop)
    watcher.start()
    (tmp_path / "a.py").write_text("x")
    assert stopped.wait(PATIENCE)
    watcher.stop()


# Whatever the way


@pytest.fixture
def by_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"{MODULE}.find_bell", no_bell)
    monkeypatch.setattr(f"{MODULE}.INTERVAL", 0.01)


@pytest.mark.usefixtures("by_the_clock")
def test_what_was_there_at_the_start_is_not_told(start: Start, tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("x")
    told = start()
    (tmp_path / "b.py").write_text("x")
    assert names(told) == ["b.py"]


@pytest.mark.usefixtures("by_the_clock")
def test_an_error_of_what_is_called_does_not_end_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    told: Told = queue.Queue()

    def fail(paths: Sequence[Path]) -> None:
        told.put(paths)
        raise ValueError("on purpose")

    watcher = Watcher([tmp_path], (), (), 0, fail)
    watcher.start()
    (tmp_path / "a.py").write_text("x")
    names(told)
    (tmp_path / "b.py").write_text("x")
    assert names(told) == ["b.py"]
    watcher.stop()
    assert "on purpose" in caplog.text


@pytest.mark.usefixtures("by_the_clock")
def test_a_change_without_end_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"{MODULE}.LONGEST", 0.1)
    told = threading.Event()
    watcher = Watcher([tmp_path], (), (), 0.01, lambda _: told.set())
    watcher.start()
    size = 0
    deadline = time.monotonic() + PATIENCE
    try:
        while not told.is_set():
            assert time.monotonic() < deadline
            size += 1
            (tmp_path / "a.py").write_text("x" * size)
    finally:
        watcher.stop()


@pytest.mark.usefixtures("by_the_clock")
def test_a_missing_folder_is_named(
    start: Start, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    start(tmp_path / "missing")
    assert f"there is no folder {tmp_path / 'missing'} to watch yet" in caplog.text


def test_one_that_was_not_started_can_be_stopped(tmp_path: Path) -> None:
    Watcher([tmp_path], (), (), 0.1, lambda _: None).stop()


# What watchfiles is asked for


class Bell:
    """Rings when told to; notes what it was asked for."""

    def __init__(self) -> None:
        self.asked: queue.Queue[set[str]] = queue.Queue()
        self.rings: queue.Queue[Any] = queue.Queue()
        self.matters: Any = None

    def __call__(self, *folders: str, **options: Any) -> Iterator[set[Any]]:
        self.matters = options["watch_filter"]
        self.asked.put(set(folders))
        while not options["stop_event"].is_set():
            try:
                ring = self.rings.get(timeout=0.01)
            except queue.Empty:
                ring = set()
            if isinstance(ring, Exception):
                raise ring
            if ring is None:
                return
            yield ring


@pytest.fixture
def bell(monkeypatch: pytest.MonkeyPatch) -> Bell:
    bell = Bell()
    monkeypatch.setattr(f"{MODULE}.find_bell", lambda: bell)
    monkeypatch.setattr(f"{MODULE}.SAFETY", PATIENCE * 2)
    return bell


def asked(bell: Bell) -> set[str]:
    return bell.asked.get(timeout=PATIENCE)


def test_only_folders_that_count_are_watched(bell: Bell, start: Start, tmp_path: Path) -> None:
    for name in ("a", "a/b", ".git", "node_modules"):
        (tmp_path / name).mkdir()
    start()
    assert asked(bell) == {str(tmp_path / name) for name in ("", "a", "a/b")}


def test_a_new_folder_is_watched_too(bell: Bell, start: Start, tmp_path: Path) -> None:
    start()
    asked(bell)
    (tmp_path / "a").mkdir()
    bell.rings.put({"rings"})
    assert asked(bell) == {str(tmp_path), str(tmp_path / "a")}


@pytest.mark.parametrize(
    ("name", "matters"), [("a.py", True), ("gone.py", True), ("folder", True), ("a.log", False)]
)
def test_only_what_counts_makes_it_look(
    bell: Bell, start: Start, tmp_path: Path, name: str, matters: bool
) -> None:
    (tmp_path / "folder").mkdir()
    start()
    asked(bell)
    assert bell.matters("added", str(tmp_path / name)) is matters


def test_looks_now_and_then_though_nothing_rings(
    bell: Bell, start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"{MODULE}.SAFETY", 0.01)
    told = start()
    asked(bell)
    (tmp_path / "a.py").write_text("x")
    assert names(told) == ["a.py"]


@pytest.mark.parametrize("ring", [None, FileNotFoundError("a folder")])
def test_begins_anew_when_it_ends(bell: Bell, start: Start, ring: Any) -> None:
    start()
    first = asked(bell)
    bell.rings.put(ring)
    assert asked(bell) == first


def test_looks_by_the_clock_when_it_fails(bell: Bell, start: Start, tmp_path: Path) -> None:
    told = start()
    asked(bell)
    bell.rings.put(OSError("OS file watch limit reached"))
    (tmp_path / "a.py").write_text("x")
    assert names(told) == ["a.py"]


def test_says_why_it_looks_by_the_clock(
    bell: Bell, start: Start, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    told = start()
    asked(bell)
    bell.rings.put(OSError("OS file watch limit reached"))
    (tmp_path / "a.py").write_text("x")
    names(told)
    assert "(OS file watch limit reached): looking at the files instead" in caplog.text


# Whether there is watchfiles

BELL: Any = "what watchfiles has"


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """watchfiles, on an interpreter and with a trial that ends as told."""

    def installed(*, gil: bool, trial: int | Exception = 0) -> None:
        def run(*_: Any, **__: Any) -> Any:
            if isinstance(trial, Exception):
                raise trial
            return SimpleNamespace(returncode=trial)

        monkeypatch.setattr(f"{MODULE}.find_spec", lambda _: object())
        monkeypatch.setattr(f"{MODULE}.gil_enabled", lambda: gil)
        monkeypatch.setattr(subprocess, "run", run)
        monkeypatch.setitem(sys.modules, "watchfiles", SimpleNamespace(watch=BELL))

    return installed


def test_it_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"{MODULE}.find_spec", lambda _: None)
    assert find_bell() is None


def test_it_is_taken_where_there_is_a_gil_anyway(installed: Callable[..., None]) -> None:
    installed(gil=True, trial=1)
    assert find_bell() is BELL


def test_it_is_taken_when_it_leaves_the_gil_off(installed: Callable[..., None]) -> None:
    installed(gil=False)
    assert find_bell() is BELL


@pytest.mark.parametrize("trial", [1, OSError(), subprocess.TimeoutExpired("python", 30)])
def test_it_is_not_taken_when_it_switches_the_gil_on(
    installed: Callable[..., None], trial: int | Exception
) -> None:
    installed(gil=False, trial=trial)
    assert find_bell() is None


def test_it_is_not_tried_without_an_interpreter(
    installed: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    installed(gil=False)
    monkeypatch.setattr(sys, "executable", "")
    assert find_bell() is None


def test_it_is_broken(installed: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    installed(gil=True)
    monkeypatch.setitem(sys.modules, "watchfiles", None)
    assert find_bell() is None


@pytest.mark.skipif(watchfiles is None, reason="watchfiles is not installed")
def test_the_trial_agrees_with_this_process() -> None:
    # That it is imported here, and the GIL what it was, is seen to by pounce.testing.gil.
    assert find_bell() is watchfiles.watch
