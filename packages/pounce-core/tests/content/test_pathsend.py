"""Which paths are opened to be sent, and that what is refused leaves nothing open."""

import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from pounce.content.pathsend import open_path
from pounce.protocol.errors import ResponseError

PATIENCE = 30.0


class Inside:
    """A path of neither `str` nor `pathlib`."""

    def __init__(self, path: str | bytes) -> None:
        self.path = path

    def __fspath__(self) -> str | bytes:
        return self.path

    def __repr__(self) -> str:
        return f"Inside({self.path!r})"


@pytest.fixture
def page(tmp_path: Path) -> Path:
    path = tmp_path / "page.html"
    path.write_bytes(b"<h1>hello</h1>")
    return path


def make_directory(folder: Path) -> Path:
    path = folder / "directory"
    path.mkdir()
    return path


def make_pipe(folder: Path) -> Path:
    path = folder / "pipe"
    os.mkfifo(path)
    return path


def device(_folder: Path) -> Path:
    return Path(os.devnull)


type Make = Callable[[Path], Path]
IRREGULAR = pytest.mark.parametrize("make", [make_directory, make_pipe, device])


def lowest_free_descriptor() -> int:
    descriptor = os.open(os.devnull, os.O_RDONLY)
    os.close(descriptor)
    return descriptor


# What is opened


def test_opens_a_file(page: Path) -> None:
    file, _ = open_path(str(page))
    with file:
        assert file.read() == b"<h1>hello</h1>"


def test_tells_the_size(page: Path) -> None:
    file, size = open_path(str(page))
    with file:
        assert size == 14


def test_stands_at_the_beginning(page: Path) -> None:
    file, _ = open_path(str(page))
    with file:
        assert os.lseek(file.fileno(), 0, os.SEEK_CUR) == 0


def test_an_empty_file_is_a_file(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.touch()
    file, size = open_path(str(empty))
    with file:
        assert size == 0


@pytest.mark.parametrize("kind", [Path, lambda path: Inside(str(path))], ids=["Path", "PathLike"])
def test_takes_what_has_a_path(page: Path, kind: Callable[[Path], object]) -> None:
    file, size = open_path(kind(page))
    with file:
        assert size == 14


def test_follows_a_link(tmp_path: Path, page: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(page)
    file, size = open_path(str(link))
    with file:
        assert size == 14


def test_a_child_process_does_not_inherit_it(page: Path) -> None:
    file, _ = open_path(str(page))
    with file:
        assert not os.get_inheritable(file.fileno())


# What is refused


@pytest.mark.parametrize(
    "path",
    ["", "page.html", "./page.html", "~/page.html", Path("page.html"), Inside("page.html")],
    ids=repr,
)
def test_refuses_a_relative_path(page: Path, path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(page.parent)
    with pytest.raises(ResponseError, match="absolute"):
        open_path(path)


@pytest.mark.parametrize("path", [None, 0, b"/etc/hosts", Inside(b"/etc/hosts")], ids=repr)
def test_refuses_what_is_no_text(path: object) -> None:
    with pytest.raises(ResponseError, match=r"http\.response\.pathsend"):
        open_path(path)


@pytest.mark.parametrize("path", ["/a\0b", "/a\ud800b"], ids=["NUL", "surrogate"])
def test_refuses_a_path_that_no_file_can_have(path: str) -> None:
    with pytest.raises((ResponseError, OSError)):
        open_path(path)


@IRREGULAR
def test_refuses_what_is_no_regular_file(tmp_path: Path, make: Make) -> None:
    with pytest.raises(ResponseError, match="is not a regular file"):
        open_path(make(tmp_path))


@IRREGULAR
def test_what_is_refused_is_closed(tmp_path: Path, make: Make) -> None:
    path = make(tmp_path)
    descriptor = lowest_free_descriptor()
    with pytest.raises((ResponseError, OSError)):
        open_path(path)
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(descriptor)


def test_does_not_wait_for_the_writer_of_a_pipe(tmp_path: Path) -> None:
    pipe = make_pipe(tmp_path)

    def try_it() -> None:
        with pytest.raises(ResponseError):
            open_path(pipe)

    thread = threading.Thread(target=try_it, daemon=True)
    thread.start()
    thread.join(PATIENCE)
    assert not thread.is_alive()


def test_a_missing_file_is_told_as_the_system_tells_it(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        open_path(tmp_path / "missing")
