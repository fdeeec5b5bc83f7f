"""Loading the application anew: what is imported again, what is not, and what a failure leaves."""

import importlib
import os
import sys
import sysconfig
import threading
from collections.abc import Iterator
from importlib.machinery import EXTENSION_SUFFIXES
from importlib.util import cache_from_source
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest

from pounce.asgi.fresh import load_fresh, remove_stale_bytecode
from pounce.config.config import Config
from pounce.protocol.errors import ApplicationLoadError

if TYPE_CHECKING:
    from tests.asgi.conftest import Load, Write

APP = "async def app(scope, receive, send): ...\n"


def number(name: str = "the") -> int:
    found: int = sys.modules[name].number
    return found


# What is imported again


def test_the_first_time(write: Write, load: Load) -> None:
    write("the.py", APP)
    assert load() is sys.modules["the"].app


def test_the_module(write: Write, load: Load) -> None:
    write("the.py", f"number = 1\n{APP}")
    load()
    write("the.py", f"number = 22\n{APP}")
    load()
    assert number() == 22


def test_the_application_is_another_one(write: Write, load: Load) -> None:
    write("the.py", APP)
    assert load() is not load()


def test_what_the_module_imports(write: Write, load: Load) -> None:
    write("the.py", f"from the_other import number\n{APP}")
    write("the_other.py", "number = 1\n")
    load()
    write("the_other.py", "number = 22\n")
    load()
    assert number() == 22


def test_a_package_with_relative_imports(write: Write, load: Load) -> None:
    write("the/__init__.py", "")
    write("the/web.py", f"from . import parts\nfrom .parts import number\n{APP}")
    write("the/parts.py", "number = 1\n")
    load("the.web:app")
    write("the/parts.py", "number = 22\n")
    load("the.web:app")
    assert number("the.web") == 22


def test_a_package_gives_out_its_new_parts(write: Write, load: Load) -> None:
    write("the/__init__.py", "from the import parts\n")
    write("the/web.py", f"from the import parts\nnumber = parts.number\n{APP}")
    write("the/parts.py", "number = 1\n")
    load("the.web:app")
    write("the/parts.py", "number = 22\n")
    load("the.web:app")
    assert number("the.web") == 22


def test_a_package_without_init(write: Write, load: Load) -> None:
    write("the/web.py", f"import the.parts\nnumber = the.parts.number\n{APP}")
    write("the/parts.py", "number = 1\n")
    load("the.web:app")
    write("the/parts.py", "number = 22\n")
    load("the.web:app")
    assert number("the.web") == 22


def test_a_package_of_which_a_part_is_elsewhere(
    write: Write, load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path / "site-packages"
    (elsewhere / "the").mkdir(parents=True)
    (elsewhere / "the/rest.py").write_text("")
    monkeypatch.syspath_prepend(str(elsewhere))
    write("the/web.py", f"import the.rest\nfrom the import parts\nnumber = parts.number\n{APP}")
    write("the/parts.py", "number = 1\n")
    load("the.web:app")
    rest = sys.modules["the.rest"]
    write("the/parts.py", "number = 22\n")
    load("the.web:app")
    assert (number("the.web"), sys.modules["the.rest"]) == (22, rest)


def test_a_module_that_becomes_a_package(write: Write, load: Load, folder: Path) -> None:
    write("the.py", f"number = 1\n{APP}")
    load()
    (folder / "the.py").unlink()
    write("the/__init__.py", f"number = 2\n{APP}")
    load()
    assert number() == 2


def test_a_module_that_is_new(write: Write, load: Load) -> None:
    write("the.py", APP)
    load()
    write("the_other.py", "number = 2\n")
    write("the.py", f"from the_other import number\n{APP}")
    load()
    assert number() == 2


def test_a_module_that_is_no_longer_asked_for_is_gone(write: Write, load: Load) -> None:
    write("the.py", f"import the_other\n{APP}")
    write("the_other.py", "")
    load()
    write("the.py", APP)
    load()
    assert "the_other" not in sys.modules


def test_a_module_that_was_deleted_is_missing(write: Write, load: Load, folder: Path) -> None:
    write("the.py", f"import the_other\n{APP}")
    write("the_other.py", "")
    load()
    (folder / "the_other.py").unlink()
    with pytest.raises(ApplicationLoadError, match="No module named 'the_other'"):
        load()


def test_a_factory_is_called_again(write: Write, load: Load) -> None:
    write("the.py", "def make():\n async def app(scope, receive, send): ...\n return app\n")
    assert load("the:make", factory=True) is not load("the:make", factory=True)


def test_modules_of_the_other_folders_that_are_watched(
    write: Write, load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib/the_other.py").write_text("number = 1\n")
    monkeypatch.syspath_prepend(str(tmp_path / "lib"))
    write("the.py", f"from the_other import number\n{APP}")
    load(reload_dirs=[str(tmp_path / "lib")])
    (tmp_path / "lib/the_other.py").write_text("number = 22\n")
    load(reload_dirs=[str(tmp_path / "lib")])
    assert number() == 22


def test_modules_behind_a_link(write: Write, load: Load, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared/__init__.py").write_text("number = 1\n")
    (folder / "the_shared").symlink_to(tmp_path / "shared")
    write("the.py", f"from the_shared import number\n{APP}")
    load()
    (tmp_path / "shared/__init__.py").write_text("number = 22\n")
    load()
    assert number() == 22


def test_a_folder_behind_a_link(
    write: Write, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "current").symlink_to(folder)
    config = Config("the:app", app_dir=str(tmp_path / "current"))
    write("the.py", f"number = 1\n{APP}")
    load_fresh(config)
    write("the.py", f"number = 22\n{APP}")
    load_fresh(config)
    assert number() == 22


# What is not


@pytest.mark.parametrize(
    "place", ["site-packages", ".venv/lib/python3/site-packages", "lib/dist-packages"]
)
def test_what_was_installed_stays(
    write: Write, load: Load, folder: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    write(f"{place}/the_library.py", "")
    monkeypatch.syspath_prepend(str(folder / place))
    write("the.py", f"import the_library\n{APP}")
    load()
    library = sys.modules["the_library"]
    load()
    assert sys.modules["the_library"] is library


def test_the_standard_library_stays_though_it_is_below_the_folder(write: Write, load: Load) -> None:
    write("the.py", APP)
    before = sys.modules["importlib"]
    load(reload_dirs=[sysconfig.get_path("stdlib")])
    assert sys.modules["importlib"] is before


def test_pounce_stays_though_it_is_below_the_folder(write: Write, load: Load) -> None:
    write("the.py", APP)
    before = sys.modules["pounce.config.config"]
    root = Path(str(before.__file__)).parents[2]
    load(reload_dirs=[str(root)])
    assert sys.modules["pounce.config.config"] is before


def test_the_program_stays(
    write: Write, load: Load, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = ModuleType("__main__")
    program.__file__ = str(folder / "program.py")
    monkeypatch.setitem(sys.modules, "__main__", program)
    write("the.py", APP)
    load()
    assert sys.modules["__main__"] is program


def test_an_application_as_it_is_stays(load: Load) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None: ...

    assert load(app) is app


def test_the_old_application_keeps_its_modules(write: Write, load: Load) -> None:
    text = f"import the_other\ndef number(): return the_other.number\n{APP}"
    write("the.py", text)
    write("the_other.py", "number = 1\n")
    load()
    old = sys.modules["the"]
    write("the_other.py", "number = 22\n")
    load()
    assert old.number() == 1


@pytest.mark.parametrize("entry", [None, 7, object()])
def test_what_is_no_module_stays(
    write: Write, load: Load, monkeypatch: pytest.MonkeyPatch, entry: Any
) -> None:
    monkeypatch.setitem(sys.modules, "the_odd_one", entry)
    write("the.py", APP)
    load()
    assert sys.modules["the_odd_one"] is entry


def test_a_lazy_module_is_not_woken(
    write: Write, load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Lazy(ModuleType):
        def __getattribute__(self, name: str) -> Any:
            raise AssertionError(f"asked for {name}")

    monkeypatch.setitem(sys.modules, "the_lazy_one", Lazy("the_lazy_one"))
    write("the.py", APP)
    load()


def test_no_finder_is_left(write: Write, load: Load) -> None:
    before = sys.meta_path[:]
    write("the.py", APP)
    load()
    assert sys.meta_path == before


# Machine code


@pytest.fixture
def speed(write: Write, folder: Path) -> ModuleType:
    """A module of the application's that looks like one in machine code, already imported."""
    module = ModuleType("the._speed")
    module.__file__ = str(folder / f"the/_speed{EXTENSION_SUFFIXES[0]}")
    write("the/__init__.py", "")
    write("the/web.py", f"import the._speed\nspeed = the._speed\n{APP}")
    sys.modules["the._speed"] = module
    return module


def test_machine_code_is_loaded_once(load: Load, speed: ModuleType) -> None:
    load("the.web:app")
    assert sys.modules["the.web"].speed is speed


def test_machine_code_is_what_it_was(load: Load, speed: ModuleType) -> None:
    load("the.web:app")
    assert speed.__spec__ is None


def test_machine_code_is_found_again_though_it_was_not_asked_for(
    write: Write, load: Load, speed: ModuleType
) -> None:
    text = (Path(str(speed.__file__)).parent / "web.py").read_text()
    write("the/web.py", APP)
    load("the.web:app")
    write("the/web.py", text)
    load("the.web:app")
    assert sys.modules["the.web"].speed is speed


# Bytecode


def at(path: Path, seconds: int) -> None:
    os.utime(path, (seconds, seconds))


def test_a_source_that_changes_twice_in_a_second(write: Write, load: Load, folder: Path) -> None:
    for digit in "123":
        write("the.py", f"number = {digit}\n{APP}")
        at(folder / "the.py", 1_000_000_000)
        load()
        assert number() == int(digit)


def test_python_by_itself_would_not_see_that(write: Write, folder: Path) -> None:
    sys.path.insert(0, str(folder))
    for digit in "12":
        write("the.py", f"number = {digit}\n")
        at(folder / "the.py", 1_000_000_000)
        sys.modules.pop("the", None)
        importlib.invalidate_caches()
        importlib.import_module("the")
    assert number() == 1


def test_a_module_that_comes_back_is_read_anew(write: Write, load: Load, folder: Path) -> None:
    write("the.py", f"import the_other\n{APP}")
    write("the_other.py", "number = 1\n")
    at(folder / "the_other.py", 1_000_000_000)
    load()
    write("the.py", APP)
    load()
    write("the_other.py", "number = 2\n")
    at(folder / "the_other.py", 1_000_000_000)
    write("the.py", f"import the_other\n{APP}")
    load()
    assert number("the_other") == 2


@pytest.fixture
def bytecode(write: Write, folder: Path) -> Path:
    write("the.py", "")
    path = Path(cache_from_source(str(folder / "the.py")))
    path.parent.mkdir()
    path.write_bytes(b"")
    return path


def test_bytecode_that_is_hardly_younger_is_removed(bytecode: Path, folder: Path) -> None:
    remove_stale_bytecode(str(folder / "the.py"))
    assert not bytecode.exists()


def test_bytecode_that_is_well_younger_stays(bytecode: Path, folder: Path) -> None:
    at(bytecode, 4_000_000_000)
    remove_stale_bytecode(str(folder / "the.py"))
    assert bytecode.exists()


def test_a_source_cannot_be_made_to_look_older(bytecode: Path, folder: Path) -> None:
    at(folder / "the.py", 1)
    remove_stale_bytecode(str(folder / "the.py"))
    assert not bytecode.exists()


def test_no_bytecode_is_no_error(write: Write, folder: Path) -> None:
    write("the.py", "")
    remove_stale_bytecode(str(folder / "the.py"))


def test_what_was_installed_keeps_its_bytecode(
    write: Write, load: Load, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("site-packages/the_library.py", "")
    source = folder / "site-packages/the_library.py"
    monkeypatch.syspath_prepend(str(source.parent))
    importlib.import_module("the_library")
    del sys.modules["the_library"]
    bytecode = Path(cache_from_source(str(source)))
    before = bytecode.stat().st_ino
    write("the.py", f"import the_library\n{APP}")
    load()
    assert bytecode.stat().st_ino == before


# Other threads


@pytest.fixture
def hasty() -> Iterator[None]:
    """A GIL is handed on at once: a thread that only runs would keep it for 5 ms each time."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("hasty")
def test_other_threads_import_meanwhile(write: Write, load: Load) -> None:
    write("the/__init__.py", "")
    write("the/web.py", f"import the.parts\n{APP}")
    write("the/parts.py", "number = 1\n")
    load("the.web:app")
    stop = threading.Event()
    failures: list[BaseException] = []

    def use() -> None:
        while not stop.is_set():
            try:
                assert importlib.import_module("the.parts").number == 1
            except BaseException as error:  # noqa: BLE001 - told to the test
                failures.append(error)
                return

    threads = [threading.Thread(target=use) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(5):
            load("the.web:app")
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert failures == []
