"""Loading the application anew where that fails: what is told, and what is left."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pounce.protocol.errors import ApplicationLoadError, ConfigError

if TYPE_CHECKING:
    from tests.asgi.conftest import Load, Write

APP = "async def app(scope, receive, send): ...\n"


def number(name: str = "the") -> int:
    found: int = sys.modules[name].number
    return found


@pytest.mark.parametrize("broken", ["1 / 0\n", "def app(:\n", "", "import the_missing\n"])
def test_a_failure_is_told(write: Write, load: Load, broken: str) -> None:
    write("the.py", APP)
    load()
    write("the.py", broken)
    with pytest.raises(ApplicationLoadError):
        load()


def test_a_failure_leaves_every_module(write: Write, load: Load) -> None:
    write("the/__init__.py", "")
    write("the/web.py", f"import the.parts\n{APP}")
    write("the/parts.py", "")
    load("the.web:app")
    before = sys.modules.copy()
    write("the/web.py", "import the.parts\n1 / 0\n")
    with pytest.raises(ApplicationLoadError):
        load("the.web:app")
    assert {name: sys.modules[name] for name in before if name.startswith("the")} == {
        name: module for name, module in before.items() if name.startswith("the")
    }


def test_a_failure_leaves_nothing_of_its_own(write: Write, load: Load) -> None:
    write("the.py", APP)
    load()
    write("the_other.py", "")
    write("the.py", "import the_other\n1 / 0\n")
    with pytest.raises(ApplicationLoadError):
        load()
    assert "the_other" not in sys.modules


def test_a_failure_leaves_what_it_imported_of_others(
    write: Write, load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "colorsys", raising=False)
    write("the.py", APP)
    load()
    write("the.py", "import colorsys\n1 / 0\n")
    with pytest.raises(ApplicationLoadError):
        load()
    assert "colorsys" in sys.modules


def test_a_failure_leaves_packages_that_stayed_as_they_were(
    write: Write, load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path / "site-packages"
    (elsewhere / "the").mkdir(parents=True)
    monkeypatch.syspath_prepend(str(elsewhere))
    write("the/web.py", f"import the.parts\n{APP}")
    write("the/parts.py", "")
    load("the.web:app")
    before = dict(vars(sys.modules["the"]))
    write("the/new.py", "")
    write("the/web.py", "import the.parts, the.new\n1 / 0\n")
    with pytest.raises(ApplicationLoadError):
        load("the.web:app")
    assert vars(sys.modules["the"]) == before


def test_a_failure_is_mended(write: Write, load: Load) -> None:
    write("the.py", f"number = 1\n{APP}")
    load()
    write("the.py", "number = (\n")
    with pytest.raises(ApplicationLoadError):
        load()
    write("the.py", f"number = 3\n{APP}")
    load()
    assert number() == 3


def test_a_failure_leaves_no_finder(write: Write, load: Load) -> None:
    before = sys.meta_path[:]
    write("the.py", "1 / 0\n")
    with pytest.raises(ApplicationLoadError):
        load()
    assert sys.meta_path == before


def test_the_traceback_is_of_the_applications_code_alone(write: Write, load: Load) -> None:
    write("the.py", "import the_other\n")
    write("the_other.py", "1 / 0\n")
    with pytest.raises(ApplicationLoadError) as caught:
        load()
    cause = caught.value.__cause__
    assert cause is not None
    files: list[str] = []
    traceback = cause.__traceback__
    while traceback is not None:
        files.append(Path(traceback.tb_frame.f_code.co_filename).name)
        traceback = traceback.tb_next
    assert files == ["the.py", "the_other.py"]


def test_an_interrupt_leaves_every_module(write: Write, load: Load) -> None:
    write("the.py", APP)
    load()
    before = sys.modules["the"]
    write("the.py", "raise KeyboardInterrupt\n")
    with pytest.raises(KeyboardInterrupt):
        load()
    assert sys.modules["the"] is before


def test_a_setting_that_is_wrong_leaves_every_module(write: Write, load: Load) -> None:
    write("the.py", APP)
    load()
    before = sys.modules["the"]
    with pytest.raises(ConfigError):
        load(env_file="/no/such/file")
    assert sys.modules["the"] is before
