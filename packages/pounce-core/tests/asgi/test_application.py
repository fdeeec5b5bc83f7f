"""Finding the application: every form that is taken, and the sentence for every mistake."""

import logging
import os
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pounce.asgi.application import load_application
from pounce.config.config import Config
from pounce.protocol.errors import ApplicationLoadError, ConfigError

ASGI = "async def app(scope, receive, send): ...\n"

type Load = Callable[..., Any]


@pytest.fixture(autouse=True)
def apart(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Imports into this process, and leaves no trace of it."""
    monkeypatch.setattr(sys, "path", sys.path[:])
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        file = getattr(sys.modules[name], "__file__", None)
        if name.startswith("the") or (file and file.startswith(str(tmp_path))):
            del sys.modules[name]
    sys.path_importer_cache.pop(str(tmp_path), None)


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Loads from a folder with the files given by name."""

    def load(app: Any, files: dict[str, str] | None = None, **settings: Any) -> Any:
        for name, text in (files or {}).items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return load_application(Config(app, **{"app_dir": str(tmp_path), **settings}))

    return load


def failure(load: Load, *arguments: Any, **settings: Any) -> ApplicationLoadError:
    with pytest.raises(ApplicationLoadError) as caught:
        load(*arguments, **settings)
    return caught.value


async def application(scope: Any, receive: Any, send: Any) -> None: ...


# What is taken


def test_an_attribute_of_a_module(load: Load) -> None:
    assert load("the:app", {"the.py": ASGI}) is sys.modules["the"].app


def test_a_module_of_a_package(load: Load) -> None:
    assert load("the.web.main:app", {"the/web/main.py": ASGI}) is sys.modules["the.web.main"].app


def test_an_attribute_of_an_attribute(load: Load) -> None:
    text = "class box:\n class inner:\n  async def app(scope, receive, send): ...\n"
    assert load("the:box.inner.app", {"the.py": text}) is sys.modules["the"].box.inner.app


def test_a_callable_as_it_is(load: Load) -> None:
    assert load(application) is application


def test_an_object_with_a_call(load: Load) -> None:
    class App:
        async def __call__(self, scope: Any, receive: Any, send: Any) -> None: ...

    app = App()
    assert load(app) is app


def test_a_class_that_is_awaited(load: Load) -> None:
    class Endpoint:
        def __init__(self, scope: Any, receive: Any, send: Any) -> None: ...
        def __await__(self) -> Iterator[None]: ...  # type: ignore[empty-body]

    assert load(Endpoint) is Endpoint


def test_a_callable_that_takes_anything(load: Load) -> None:
    async def app(*arguments: Any, **more: Any) -> None: ...

    assert load(app) is app


def test_a_callable_that_does_not_tell_what_it_takes(load: Load) -> None:
    class Opaque:
        __signature__ = "no signature"

        async def __call__(self, scope: Any, receive: Any, send: Any) -> None: ...

    app = Opaque()
    assert load(app) is app


def test_annotations_are_not_evaluated(load: Load) -> None:
    async def app(scope: Missing, receive: Missing, send: Missing) -> Missing: ...  # type: ignore[name-defined] # noqa: F821

    assert load(app) is app


def test_a_callable_with_further_defaults(load: Load) -> None:
    async def app(scope: Any, receive: Any, send: Any, more: int = 1) -> None: ...

    assert load(app) is app


def test_the_module_is_imported_once(load: Load) -> None:
    files = {"the.py": f"count = []\ncount.append(1)\n{ASGI}"}
    load("the:app", files)
    load("the:app")
    assert sys.modules["the"].count == [1]


# The folder


def test_the_folder_comes_first(load: Load, tmp_path: Path) -> None:
    load("the:app", {"the.py": ASGI})
    assert sys.path[0] == str(tmp_path)


def test_the_folder_is_added_once(load: Load, tmp_path: Path) -> None:
    load("the:app", {"the.py": ASGI})
    load("the:app")
    assert sys.path.count(str(tmp_path)) == 1


def test_a_relative_folder_is_made_absolute(
    load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    load("the:app", {"src/the.py": ASGI}, app_dir="src")
    assert sys.path[0] == str(tmp_path / "src")


def test_an_application_as_it_is_needs_no_folder(load: Load) -> None:
    assert load(application, app_dir="/nowhere") is application


def test_a_folder_that_is_missing(load: Load) -> None:
    message = str(failure(load, "the:app", app_dir="/nowhere"))
    assert message.startswith("there is no folder /nowhere to import from")


# The import string


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("the", 'write "the:app" if it is called app'),
        ("the:", 'write "the:app" if it is called app'),
        ("the.py", 'names a file: name the module, with dots, as in "the:app"'),
        ("./src/the.py:web", 'as in "src.the:web"'),
        ("src/the:web", 'as in "src.the:web"'),
        (":app", "is not an import string"),
        ("the:app()", "is not an import string"),
        ("the-one:app", "is not an import string"),
        ("the..one:app", "is not an import string"),
    ],
)
def test_not_an_import_string(load: Load, text: str, sentence: str) -> None:
    assert sentence in str(failure(load, text))


# What is not there


def test_a_module_that_is_missing(load: Load, tmp_path: Path) -> None:
    message = str(failure(load, "the_missing:app"))
    assert message.startswith(f'there is no module "the_missing" in {tmp_path}')


def test_a_module_that_is_missing_shows_no_traceback(load: Load) -> None:
    assert failure(load, "the_missing:app").__cause__ is None


def test_a_module_that_is_missing_in_a_package(load: Load) -> None:
    message = str(failure(load, "the.missing:app", {"the/__init__.py": ""}))
    assert message.startswith('there is no module "the.missing"')


def test_a_package_that_is_missing(load: Load) -> None:
    assert 'no module "the_missing"' in str(failure(load, "the_missing.web:app"))


def test_a_module_that_is_no_package(load: Load) -> None:
    message = str(failure(load, "the.app:app", {"the.py": ASGI}))
    assert message == (
        '"the" is a module and no package, so there is no "the.app": '
        'to name something in it write "the:app"'
    )


def test_an_attribute_that_is_missing_names_the_nearest(load: Load) -> None:
    message = str(failure(load, "the:ap", {"the.py": ASGI}))
    assert message == 'the module "the" has no "ap", did you mean "app"?'


def test_an_attribute_that_is_missing_names_what_looks_like_an_application(load: Load) -> None:
    message = str(failure(load, "the:server", {"the.py": "application = create_app = len"}))
    assert message == 'the module "the" has no "server", did you mean "application"?'


def test_an_attribute_that_is_missing_and_nothing_near(load: Load) -> None:
    message = str(failure(load, "the:server", {"the.py": ""}))
    assert message == 'the module "the" has no "server": check the name after the colon'


def test_an_attribute_of_an_attribute_that_is_missing(load: Load) -> None:
    message = str(failure(load, "the:app.inner", {"the.py": ASGI}))
    assert message.startswith('"the:app" has no "inner"')


# What is broken


def shown(error: ApplicationLoadError) -> str:
    """What a person sees before the sentence."""
    assert error.__cause__ is not None
    return "".join(traceback.format_exception(error.__cause__))


def test_an_error_in_the_module_is_named(load: Load) -> None:
    message = str(failure(load, "the:app", {"the.py": "1 / 0\n"}))
    assert message == '"the" cannot be imported: ZeroDivisionError: division by zero'


def test_an_error_in_the_module_shows_the_module(load: Load, tmp_path: Path) -> None:
    error = failure(load, "the:app", {"the.py": "\n1 / 0\n"})
    assert f'File "{tmp_path / "the.py"}", line 2' in shown(error)


def test_an_error_in_the_module_shows_nothing_else(load: Load) -> None:
    error = failure(load, "the:app", {"the.py": "1 / 0\n"})
    assert shown(error).count("File ") == 1


def test_an_error_further_inside_shows_the_way(load: Load) -> None:
    files = {"the.py": "import the_other\n", "the_other.py": "1 / 0\n"}
    assert shown(failure(load, "the:app", files)).count("File ") == 2


def test_a_dependency_that_is_missing_is_the_modules_error(load: Load) -> None:
    error = failure(load, "the:app", {"the.py": "import the_dependency\n"})
    assert str(error) == (
        "\"the\" cannot be imported: ModuleNotFoundError: No module named 'the_dependency'"
    )


def test_a_dependency_that_is_missing_shows_where_it_is_imported(load: Load) -> None:
    error = failure(load, "the:app", {"the.py": "import the_dependency\n"})
    assert "import the_dependency" in shown(error)


def test_a_module_that_imports_a_missing_part_of_itself_is_broken(load: Load) -> None:
    error = failure(load, "the.web:app", {"the/__init__.py": "import the.web\n"})
    # Not by `shown`: 3.15 imports the package again to format this, and fails over it as we did.
    assert error.__cause__ is not None
    assert "import the.web" in "".join(traceback.format_tb(error.__cause__.__traceback__))


def test_a_syntax_error_shows_the_line(load: Load) -> None:
    error = failure(load, "the:app", {"the.py": "def app(:\n"})
    assert "def app(:" in shown(error)


def test_a_syntax_error_is_told_in_one_line(load: Load) -> None:
    assert "\n" not in str(failure(load, "the:app", {"the.py": "def app(:\n"}))


def test_a_module_that_ends_the_process(load: Load) -> None:
    message = str(failure(load, "the:app", {"the.py": "raise SystemExit(7)\n"}))
    assert message == '"the" ended the process while it was imported: SystemExit: 7'


def test_a_module_that_raises_what_is_no_exception(load: Load) -> None:
    text = "class Harsh(BaseException): pass\nraise Harsh('no')\n"
    message = str(failure(load, "the:app", {"the.py": text}))
    assert message == '"the" cannot be imported: Harsh: no'


def test_a_factory_that_ends_the_process(load: Load) -> None:
    text = "def make(): raise SystemExit(7)\n"
    message = str(failure(load, "the:make", {"the.py": text}, factory=True))
    assert message == 'the factory "the:make" ended the process: SystemExit: 7'


def test_a_factory_that_raises_what_is_no_exception(load: Load) -> None:
    text = "class Harsh(BaseException): pass\ndef make(): raise Harsh('no')\n"
    message = str(failure(load, "the:make", {"the.py": text}, factory=True))
    assert message == 'the factory "the:make" failed: Harsh: no'


def test_an_interrupt_of_a_factory_is_passed_on(load: Load) -> None:
    with pytest.raises(KeyboardInterrupt):
        load("the:make", {"the.py": "def make(): raise KeyboardInterrupt\n"}, factory=True)


def test_an_interrupt_is_passed_on(load: Load) -> None:
    with pytest.raises(KeyboardInterrupt):
        load("the:app", {"the.py": "raise KeyboardInterrupt\n"})


def test_an_attribute_that_raises(load: Load) -> None:
    text = "def __getattr__(name):\n    if name == 'app': raise ValueError('no')\n"
    text += "    raise AttributeError(name)\n"
    message = str(failure(load, "the:app", {"the.py": text}))
    assert message == '"the" raised an error over "app": ValueError: no'


# Factories


def test_a_factory_is_called(load: Load) -> None:
    text = f"{ASGI}def create(): return app\n"
    assert load("the:create", {"the.py": text}, factory=True) is sys.modules["the"].app


def test_a_factory_as_it_is(load: Load) -> None:
    assert load(lambda: application, factory=True) is application


def test_what_looks_like_a_factory_is_called(load: Load) -> None:
    assert load(lambda: application) is application


def test_what_looks_like_a_factory_is_warned_of(
    load: Load, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "pounce"):
        load(lambda: application)
    assert "say so with --factory" in caplog.text


def test_a_class_instead_of_its_instance_is_called(load: Load) -> None:
    class App:
        async def __call__(self, scope: Any, receive: Any, send: Any) -> None: ...

    assert isinstance(load(App), App)


def test_a_factory_that_needs_arguments(load: Load) -> None:
    error = failure(load, application, factory=True)
    assert "cannot be called without arguments, as a factory is" in str(error)


def test_a_factory_that_is_no_function(load: Load) -> None:
    message = str(failure(load, "the:app", {"the.py": "app = 3"}, factory=True))
    assert message.startswith('"the:app" is no function but of type int: leave --factory out')


def test_a_factory_that_fails_shows_its_code(load: Load) -> None:
    text = "def create():\n    1 / 0\n"
    error = failure(load, "the:create", {"the.py": text}, factory=True)
    assert shown(error).count("File ") == 1


def test_a_factory_that_is_asynchronous(load: Load) -> None:
    async def create() -> Any: ...

    assert "is asynchronous: make it a plain function" in str(failure(load, create, factory=True))


def test_a_factory_that_returns_nothing(load: Load) -> None:
    message = str(failure(load, "the:create", {"the.py": "def create(): ..."}, factory=True))
    assert message.startswith('what "the:create" returned is None, which cannot be called')


# What is no ASGI 3 application


def test_not_callable(load: Load) -> None:
    message = str(failure(load, "the:app", {"the.py": "app = 3"}))
    assert message.startswith('"the:app" is of type int, which cannot be called')


def test_a_module_instead_of_an_application(load: Load) -> None:
    message = str(failure(load, "the:os", {"the.py": "import os"}))
    assert message.startswith('"the:os" is a module')


def test_asgi_2(load: Load) -> None:
    def app(scope: Any) -> Any: ...

    assert "as in ASGI 2" in str(failure(load, app))


def test_asgi_2_as_a_class(load: Load) -> None:
    class App:
        def __init__(self, scope: Any) -> None: ...

    assert "as in ASGI 2" in str(failure(load, App))


def test_wsgi(load: Load) -> None:
    def app(environ: Any, start_response: Any) -> Any: ...

    assert "as a WSGI application does" in str(failure(load, app))


def test_something_else(load: Load) -> None:
    def app(a: Any, b: Any, c: Any, d: Any) -> Any: ...

    assert "cannot be called with scope, receive and send" in str(failure(load, app))


# The environment


def test_the_variables_of_the_file_are_there_at_import(
    load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "environ", {})
    (tmp_path / "env").write_text("THE_COLOUR=green\n")
    text = f"import os\nfound = os.environ['THE_COLOUR']\n{ASGI}"
    load("the:app", {"the.py": text}, env_file=str(tmp_path / "env"))
    assert sys.modules["the"].found == "green"


def test_a_variable_that_is_set_stays(
    load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "environ", {"THE_COLOUR": "red"})
    (tmp_path / "env").write_text("THE_COLOUR=green\n")
    load(application, env_file=str(tmp_path / "env"))
    assert os.environ["THE_COLOUR"] == "red"


def test_a_file_that_is_missing(load: Load) -> None:
    with pytest.raises(ConfigError, match=r"/nowhere of --env-file cannot be read"):
        load(application, env_file="/nowhere")
