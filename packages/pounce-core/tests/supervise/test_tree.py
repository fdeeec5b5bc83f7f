"""The files that count as code, and what tells that one has changed."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pounce.supervise.tree import Tree

type Write = Callable[..., None]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(*names: str, text: str = "x") -> None:
        for name in names:
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    return write


def found(folder: Path, includes: Any = (), excludes: Any = ()) -> set[str]:
    files = Tree([folder], includes, excludes).scan().files
    return {str(Path(path).relative_to(folder)) for path in files}


# Which count


@pytest.mark.parametrize("name", ["a.py", "b/a.py", "b/c/d/a.py", "b b/ä.py", "b.py/c.py"])
def test_code_counts(write: Write, tmp_path: Path, name: str) -> None:
    write(name)
    assert found(tmp_path) == {name}


@pytest.mark.parametrize("name", ["a.html", "a.pyc", "py", "a.py.orig", "a.log"])
def test_other_files_do_not(write: Write, tmp_path: Path, name: str) -> None:
    write(name)
    assert found(tmp_path) == set()


@pytest.mark.parametrize(
    "folder",
    [".venv", ".git", ".mypy_cache", ".tox", "node_modules", "__pycache__", "lib/site-packages"],
)
def test_folders_that_hold_no_code_of_the_applications(
    write: Write, tmp_path: Path, folder: str
) -> None:
    write(f"{folder}/a.py", f"{folder}/deep/a.py")
    assert found(tmp_path) == set()


def test_a_virtual_environment_of_any_name(write: Write, tmp_path: Path) -> None:
    write("here/pyvenv.cfg", "here/a.py", "here/lib/a.py")
    assert found(tmp_path) == set()


def test_a_root_may_be_a_virtual_environment(write: Write, tmp_path: Path) -> None:
    write("pyvenv.cfg", "a.py")
    assert found(tmp_path) == {"a.py"}


def test_a_root_may_have_any_name(write: Write, tmp_path: Path) -> None:
    write(".hidden/a.py")
    assert found(tmp_path / ".hidden") == {"a.py"}


@pytest.mark.parametrize(
    "name",
    [".#a.py", "#a.py#", "~a.py", "a.py~", ".a.py.swp", "a.py.swx", "4913", "a.py___jb_tmp___"],
)
def test_editors_own_files_never_count(write: Write, tmp_path: Path, name: str) -> None:
    write(name)
    assert found(tmp_path, ["*", ".*"]) == set()


@pytest.mark.parametrize(
    ("pattern", "name"),
    [
        ("*.html", "b/a.html"),
        ("a.*", "b/a.txt"),
        ("*", "a.txt"),
        (".env", ".env"),
        (".env*", "b/.env.local"),
        ("templates/*", "b/templates/a.txt"),
        ("./templates/*", "templates/a.txt"),
        ("templates/**/*.txt", "templates/b/c/a.txt"),
        ("templates/**", "templates/b/a.txt"),
        ("[ab].txt", "a.txt"),
    ],
)
def test_what_is_included_counts(write: Write, tmp_path: Path, pattern: str, name: str) -> None:
    write(name)
    assert found(tmp_path, [pattern]) == {name}


@pytest.mark.parametrize(
    ("pattern", "name"),
    [("*.html", "a.htm"), ("*", ".env"), ("templates/*", "templates/b/a.txt"), ("a.txt", "ba.txt")],
)
def test_what_is_not_quite_included_does_not(
    write: Write, tmp_path: Path, pattern: str, name: str
) -> None:
    write(name)
    assert found(tmp_path, [pattern]) == set()


def test_code_counts_besides_what_is_included(write: Write, tmp_path: Path) -> None:
    write("a.py")
    assert found(tmp_path, ["*.html"]) == {"a.py"}


@pytest.mark.parametrize(
    ("pattern", "name"),
    [
        ("*_pb2.py", "b/a_pb2.py"),
        ("tests", "tests/a.py"),
        ("tests/", "b/tests/deep/a.py"),
        ("./tests", "tests/a.py"),
        ("tests/*.py", "b/tests/a.py"),
        ("*.py", "a.py"),
    ],
)
def test_what_is_excluded_does_not_count(
    write: Write, tmp_path: Path, pattern: str, name: str
) -> None:
    write(name)
    assert found(tmp_path, (), [pattern]) == set()


def test_a_whole_path_can_be_excluded(write: Write, tmp_path: Path) -> None:
    write("a/b.py", "c/a/b.py")
    assert found(tmp_path, (), [str(tmp_path / "a")]) == {"c/a/b.py"}


def test_a_path_from_the_working_directory(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("a/b.py", "c/b.py")
    monkeypatch.chdir(tmp_path / "c")
    assert found(tmp_path, (), ["../a"]) == {"c/b.py"}


def test_code_as_a_whole_can_be_excluded(write: Write, tmp_path: Path) -> None:
    write("a.py", "a.html")
    assert found(tmp_path, ["*.html"], ["*.py"]) == {"a.html"}


# Where they are


def test_several_roots(write: Write, tmp_path: Path) -> None:
    write("a/x.py", "b/y.py", "c/z.py")
    files = Tree([tmp_path / "a", tmp_path / "b"], (), ()).scan().files
    assert {Path(path).name for path in files} == {"x.py", "y.py"}


def test_a_root_within_another_counts_once(write: Write, tmp_path: Path) -> None:
    write("a/x.py")
    assert len(Tree([tmp_path, tmp_path / "a"], (), ()).scan().files) == 1


def test_a_root_may_be_a_file(write: Write, tmp_path: Path) -> None:
    write("app.conf")
    assert list(Tree([tmp_path / "app.conf"], (), ()).scan().files) == [str(tmp_path / "app.conf")]


def test_a_root_that_is_missing_is_empty(tmp_path: Path) -> None:
    assert Tree([tmp_path / "missing"], (), ()).scan().files == {}


def test_a_relative_root_is_that_of_its_time(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("a/x.py")
    monkeypatch.chdir(tmp_path)
    tree = Tree([Path("a")], (), ())
    monkeypatch.chdir("/")
    assert list(tree.scan().files) == [str(tmp_path / "a/x.py")]


def test_a_linked_folder_is_followed(write: Write, tmp_path: Path) -> None:
    write("real/x.py", "root/y.py")
    (tmp_path / "root/link").symlink_to(tmp_path / "real")
    assert found(tmp_path / "root") == {"y.py", "link/x.py"}


def test_links_that_go_round_end(write: Write, tmp_path: Path) -> None:
    write("a/x.py")
    (tmp_path / "a/up").symlink_to(tmp_path)
    (tmp_path / "a/self").symlink_to(tmp_path / "a")
    assert found(tmp_path) == {"a/x.py"}


def test_a_link_to_nowhere_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "a.py").symlink_to(tmp_path / "missing")
    assert found(tmp_path) == set()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_folder_that_cannot_be_read_is_empty(write: Write, tmp_path: Path) -> None:
    write("a/x.py", "y.py")
    (tmp_path / "a").chmod(0)
    assert found(tmp_path) == {"y.py"}
    (tmp_path / "a").chmod(0o700)


def test_folders_that_count_are_told(write: Write, tmp_path: Path) -> None:
    write("a/b/x.py", ".git/x", "node_modules/x")
    folders = Tree([tmp_path], (), ()).scan().folders
    assert folders == {str(tmp_path / name) for name in ("", "a", "a/b")}


# What changes


def changed(tmp_path: Path, change: Callable[[], object]) -> list[str]:
    tree = Tree([tmp_path], (), ())
    before = tree.scan()
    change()
    return [path.name for path in before.changes(tree.scan())]


def test_nothing(write: Write, tmp_path: Path) -> None:
    write("a.py")
    assert changed(tmp_path, lambda: None) == []


def test_a_longer_text(write: Write, tmp_path: Path) -> None:
    write("a.py", "b.py")
    assert changed(tmp_path, lambda: write("a.py", text="xx")) == ["a.py"]


def test_another_time(write: Write, tmp_path: Path) -> None:
    write("a.py")
    assert changed(tmp_path, lambda: os.utime(tmp_path / "a.py", (1, 1))) == ["a.py"]


def test_another_file_in_its_place_with_the_same_time(write: Write, tmp_path: Path) -> None:
    write("a.py", "b.txt")
    for name in ("a.py", "b.txt"):
        os.utime(tmp_path / name, (1, 1))
    assert changed(tmp_path, lambda: (tmp_path / "b.txt").rename(tmp_path / "a.py")) == ["a.py"]


def test_a_new_file(write: Write, tmp_path: Path) -> None:
    assert changed(tmp_path, lambda: write("b.py", "a.py")) == ["a.py", "b.py"]


def test_a_file_of_a_new_folder(write: Write, tmp_path: Path) -> None:
    assert changed(tmp_path, lambda: write("a/b.py")) == ["b.py"]


def test_a_file_that_is_gone(write: Write, tmp_path: Path) -> None:
    write("a.py")
    assert changed(tmp_path, (tmp_path / "a.py").unlink) == ["a.py"]


def test_a_folder_that_is_gone(write: Write, tmp_path: Path) -> None:
    write("a/b.py")
    assert changed(tmp_path, lambda: (tmp_path / "a").rename(tmp_path / ".a")) == ["b.py"]


# What is remembered


def age(folder: Path) -> None:
    os.utime(folder, (1, 1))


def test_a_folder_whose_time_is_long_past_is_listed_once(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("a.py")
    age(tmp_path)
    tree = Tree([tmp_path], (), ())
    tree.scan()
    listed: list[str] = []
    monkeypatch.setattr(os, "scandir", listed.append)
    tree.scan()
    assert listed == []


def test_a_folder_whose_time_is_fresh_is_listed_again(write: Write, tmp_path: Path) -> None:
    write("a.py")
    tree = Tree([tmp_path], (), ())
    tree.scan()
    found = tmp_path.stat()
    write("b.py")
    # The file system's clock may not have moved on in between.
    os.utime(tmp_path, ns=(found.st_atime_ns, found.st_mtime_ns))
    assert len(tree.scan().files) == 2


def test_a_folder_that_changes_is_listed_again(write: Write, tmp_path: Path) -> None:
    age(tmp_path)
    tree = Tree([tmp_path], (), ())
    tree.scan()
    write("b.py")
    assert len(tree.scan().files) == 1
