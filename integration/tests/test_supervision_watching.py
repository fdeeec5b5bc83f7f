"""`--reload`: what an editor saves is served, and what cannot be served changes nothing."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from integration.tests.changing import Changing, has_version
from integration.tests.load import Load
from integration.tests.processes import count
from integration.tests.serving import Served


@pytest.fixture
def code(tmp_path: Path) -> Changing:
    return Changing(tmp_path)


@pytest.fixture(params=["thread", "process"])
def watching(request: pytest.FixtureRequest, code: Changing) -> Iterator[Served]:
    flags = ("--reload", "--reload-delay=0.1", "--workers=1", f"--worker-type={request.param}")
    with Served("served:app", *flags, "--no-access-log", cwd=code.folder) as served:
        assert served.log.find("watching .* for changes")
        yield served


def load_on(served: Served) -> Load:
    """Little of it: what is to be seen is which code answers."""
    return Load(served.address, keep_alive=1, fresh=1, slow=0)


def serves(load: Load, number: int) -> None:
    load.wait(has_version(number))


def test_what_is_saved_is_served(watching: Served, code: Changing) -> None:
    watching.announce("the new code does not start")
    with load_on(watching) as load:
        code.write(2)
        assert watching.log.find(r"served\.py changed: reloading")
        serves(load, 2)

        # A syntax error is shown, and the old code goes on.
        code.file.write_text(code.source(3).replace("import json", "import ("))
        assert watching.log.find("the new code does not start, the old one goes on: ")
        assert watching.log.find("SyntaxError")
        serves(load, 2)
        code.write(4)
        serves(load, 4)

        # As many editors save: what is written first is another file.
        fresh = code.folder / ".served.py.swp"
        fresh.write_text(code.source(5))
        fresh.replace(code.file)
        serves(load, 5)

        # As others do: the old file is moved away first.
        code.file.replace(code.folder / "served.py~")
        code.write(6)
        serves(load, 6)

        # A file that is new, in a folder that is.
        package = code.folder / "parts"
        package.mkdir()
        (package / "__init__.py").write_text("")
        (package / "one.py").write_text("VERSION = 'v0007'")
        code.file.write_text(code.source(7) + "\nfrom parts.one import VERSION\n")
        serves(load, 7)
        (package / "one.py").write_text("VERSION = 'v0008'")
        code.file.write_text(code.source(8) + "\nfrom parts.one import VERSION\n")
        serves(load, 8)


def test_what_is_no_code_reloads_nothing(watching: Served, code: Changing) -> None:
    for folder in (".venv", "node_modules", "__pycache__"):
        (code.folder / folder).mkdir(exist_ok=True)
        (code.folder / folder / "some.py").write_text("x = 1")
    (code.folder / "data.json").write_text("{}")
    (code.folder / "#served.py#").write_text("x = 1")
    (code.folder / "served.py~").write_text("x = 1")
    with load_on(watching) as load:
        code.write(2)
        serves(load, 2)
    assert count(watching, "changed: reloading") == 1
    assert watching.log.find(r"served\.py changed: reloading")
    assert count(watching, "some.py") == 0
