"""Finding the application: from an import string, or as given, to what is called per request.

Decides whether it can be served, and says in a sentence why not. Called once for each copy of the
application. Never calls the application itself, and never starts its lifespan. The variables of
`--env-file` are set here, because the application's import is what reads them.
"""

import inspect
import logging
import os
import sys
from annotationlib import Format
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any, Final, cast

from pounce.config.config import Config
from pounce.config.env_file import read_env_file
from pounce.config.suggestion import did_you_mean
from pounce.protocol.asgi import Application
from pounce.protocol.errors import ApplicationLoadError

EXAMPLE: Final = '"module:app"'

_log = logging.getLogger("pounce.application")


def load_application(config: Config) -> Application:
    """Imports the application, calls its factory if it has one, and looks at what came of it.

    Raises:
        ConfigError, ApplicationLoadError: see `load_maker`.
    """
    return load_maker(config)()


def load_maker(config: Config) -> Callable[[], Application]:
    """Imports the application, once; what is returned gives it as often as it is asked.

    A factory is called anew each time, and may raise `ApplicationLoadError` then.

    Raises:
        ConfigError: the file of `--env-file` is not good.
        ApplicationLoadError: it is not to be had. When the fault is in the application's own code,
            the cause is that code's exception, its traceback cut down to that code.
    """
    if config.env_file is not None:
        for variable, value in read_env_file(config.env_file, os.environ).items():
            os.environ.setdefault(variable, value)
    found = _imported(config.app, config.app_dir) if isinstance(config.app, str) else config.app
    name = f'"{config.app}"' if isinstance(config.app, str) else _name_of(config.app)
    if not config.factory and _takes(found, 0) and not _takes(found, 3):
        _log.warning(
            "%s takes no arguments, so it is called to make the application: say so with --factory",
            name,
        )
    elif not config.factory:
        application = _checked(found, name)
        return lambda: application
    return lambda: _checked(_called(found, name), f"what {name} returned")


def _imported(text: str, app_dir: str) -> object:
    module_name, attributes = _split(text)
    folder = Path(app_dir).absolute()
    if not folder.is_dir():
        raise ApplicationLoadError(
            f"there is no folder {folder} to import from: give the application's with --app-dir"
        )
    if sys.path[:1] != [str(folder)]:
        sys.path.insert(0, str(folder))
    found: object = _module(module_name, folder)
    path = module_name
    for attribute in attributes.split("."):
        try:
            found = getattr(found, attribute)
        except AttributeError as error:
            if _own_code(error.__traceback__) is not None:
                raise _broken(f'"{path}" raised an error over "{attribute}"', error) from error
            raise ApplicationLoadError(_without(found, path, attribute)) from None
        except Exception as error:
            raise _broken(f'"{path}" raised an error over "{attribute}"', error) from error
        path = f"{path}{'.' if ':' in path else ':'}{attribute}"
    return found


def _split(text: str) -> tuple[str, str]:
    module, colon, attributes = text.partition(":")
    if "/" in module or os.sep in module or module.endswith(".py"):
        dotted = ".".join(part for part in Path(module).with_suffix("").parts if part not in "./..")
        raise ApplicationLoadError(
            f'"{text}" names a file: name the module, with dots, as in '
            f'"{dotted}:{attributes or "app"}", and its folder with --app-dir'
        )
    if not colon or not attributes:
        raise ApplicationLoadError(
            f'"{text}" says which module, but not what in it is the application: '
            f'write "{module}:app" if it is called app'
        )
    parts = [*module.split("."), *attributes.split(".")]
    if not all(part.isidentifier() for part in parts):
        raise ApplicationLoadError(
            f'"{text}" is not an import string: write module and attribute, as in {EXAMPLE}'
        )
    return module, attributes


def _module(name: str, folder: Path) -> ModuleType:
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        missing = error.name or name
        asked_for = missing == name or name.startswith(f"{missing}.")
        if not asked_for or _own_code(error.__traceback__) is not None:
            raise _broken(f'"{name}" cannot be imported', error) from error
        parent = missing.rpartition(".")[0]
        if parent in sys.modules and not hasattr(sys.modules[parent], "__path__"):
            raise ApplicationLoadError(
                f'"{parent}" is a module and no package, so there is no "{missing}": '
                f'to name something in it write "{parent}:{missing.rpartition(".")[2]}"'
            ) from None
        raise ApplicationLoadError(
            f'there is no module "{missing}" in {folder} or among what is installed: '
            "check its name, or give its folder with --app-dir"
        ) from None
    except SystemExit as error:
        raise _broken(f'"{name}" ended the process while it was imported', error) from error
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        raise _broken(f'"{name}" cannot be imported', error) from error


def _called(factory: object, name: str) -> object:
    if not callable(factory):
        raise ApplicationLoadError(
            f"{name} is no function but {_kind(factory)}: leave --factory out, or name the factory"
        )
    if not _takes(factory, 0):
        raise ApplicationLoadError(
            f"{name} cannot be called without arguments, as a factory is: give them defaults, "
            "or leave --factory out if it is the application itself"
        )
    try:
        made = factory()
    except SystemExit as error:
        raise _broken(f"the factory {name} ended the process", error) from error
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        raise _broken(f"the factory {name} failed", error) from error
    if inspect.iscoroutine(made):
        made.close()
        raise ApplicationLoadError(
            f"the factory {name} is asynchronous: make it a plain function, "
            "and do what has to wait in the application's lifespan"
        )
    return made


def _checked(found: object, name: str) -> Application:
    if isinstance(found, ModuleType):
        raise ApplicationLoadError(
            f"{name} is a module: name the application in it, as in {EXAMPLE}"
        )
    if not callable(found):
        raise ApplicationLoadError(
            f"{name} is {_kind(found)}, which cannot be called: name an ASGI application"
        )
    if not _takes(found, 3):
        if _takes(found, 2):
            raise ApplicationLoadError(
                f"{name} takes two arguments, as a WSGI application does, and pounce serves ASGI: "
                "wrap it, in a2wsgi.WSGIMiddleware for example"
            )
        if _takes(found, 1):
            raise ApplicationLoadError(
                f"{name} takes the scope alone, as in ASGI 2, and pounce serves ASGI 3: "
                "wrap it in asgiref.compatibility.guarantee_single_callable"
            )
        raise ApplicationLoadError(
            f"{name} cannot be called with scope, receive and send, so it is no ASGI application"
        )
    return cast("Application", found)


def _takes(found: object, count: int) -> bool:
    """Whether it can be called with so many positional arguments; who does not tell takes three."""
    if not callable(found):
        return False
    try:
        # Annotations may name what is only imported for type checkers.
        signature = inspect.signature(found, annotation_format=Format.FORWARDREF)
    except TypeError, ValueError:
        return count == 3
    try:
        signature.bind(*range(count))
    except TypeError:
        return False
    return True


def _without(owner: object, path: str, attribute: str) -> str:
    names = [name for name in dir(owner) if not name.startswith("_")]
    near = did_you_mean(attribute, names)
    if not near and isinstance(owner, ModuleType):
        candidates = [name for name in ("app", "application", "create_app") if name in names]
        near = f', did you mean "{candidates[0]}"?' if candidates else ""
    what = f'the module "{path}"' if isinstance(owner, ModuleType) else f'"{path}"'
    return f'{what} has no "{attribute}"{near or ": check the name after the colon"}'


def _name_of(app: Callable[..., Any]) -> str:
    return f'"{getattr(app, "__qualname__", type(app).__qualname__)}"'


def _kind(found: object) -> str:
    return "None" if found is None else f"of type {type(found).__name__}"


def _broken(what: str, error: BaseException) -> ApplicationLoadError:
    """An error in the application's own code: its traceback begins where that code does."""
    error.__traceback__ = _own_code(error.__traceback__)
    detail = str(error).partition("\n")[0]
    name = type(error).__name__
    return ApplicationLoadError(f"{what}: {name}: {detail}" if detail else f"{what}: {name}")


def _own_code(traceback: TracebackType | None) -> TracebackType | None:
    """The traceback without the frames of this file and of the import machinery."""
    kept: list[TracebackType] = []
    while traceback is not None:
        file = traceback.tb_frame.f_code.co_filename
        module = traceback.tb_frame.f_globals.get("__name__", "")
        machinery = module == "importlib" or module.startswith("importlib.")
        if file != __file__ and not file.startswith("<frozen importlib") and not machinery:
            kept.append(traceback)
        traceback = traceback.tb_next
    following: TracebackType | None = None
    for each in reversed(kept):
        following = TracebackType(following, each.tb_frame, each.tb_lasti, each.tb_lineno)
    return following
