"""Loading the application anew in the same process, for a generation that replaces another.

Decides which modules are the application's own and are imported again: those below its folder and
the folders that are watched, but nothing that was installed, nothing of the standard library, of
pounce and its protocols, and not the program that embeds it. If anything fails, every module is
back in its place. Never touches the application that runs: its functions keep the modules that
they were made with. What it imports only while it serves, though, or looks up in `sys.modules` (as
pickle does), is of the new code by then, good or bad.

One call at a time, on one thread. Other threads may import meanwhile: the import system's locks
see to it that they never find half a module.

Bytecode is used unless its source may have changed after it was written. Python compares the
source's time in whole seconds and its size, which a file that is saved twice in a second can have
in common; so bytecode that was not written well after its source's last change is removed first.
"""

import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib import invalidate_caches
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import EXTENSION_SUFFIXES, ModuleSpec, PathFinder
from importlib.metadata import entry_points
from importlib.util import cache_from_source, spec_from_loader
from pathlib import Path
from types import ModuleType
from typing import Any, Final, cast, override

from pounce.asgi.application import load_application
from pounce.config.config import Config
from pounce.protocol.asgi import Application

INSTALLED: Final = frozenset({"site-packages", "dist-packages"})
PROGRAM: Final = frozenset({"__main__", "__mp_main__"})
GROUPS: Final = ("pounce.connection", "pounce.upgrade", "pounce.transport", "pounce.listener")

MARGIN: Final = 2_000_000_000
"""Nanoseconds by which bytecode is to be younger than its source: reading and compiling take
their time, and some file systems count in steps of two seconds."""


def load_fresh(config: Config) -> Application:
    """Imports the application as if for the first time, and makes it; see `import_fresh`."""
    return import_fresh(config, load_application)


def import_fresh[T](config: Config, load: Callable[[Config], T]) -> T:
    """Has the application imported as if for the first time, by `load`.

    An application that was given as it is, and not by an import string, stays what it is.

    Raises:
        ConfigError: the file of `--env-file` is not good.
        ApplicationLoadError: the new application is not to be had; see `load_application`. What
            was imported before is in `sys.modules` again.
    """
    if not isinstance(config.app, str):
        return load(config)
    own = _Own((config.app_dir, *config.reload_dirs))
    replaced = _Replaced(own)
    finder = _Finder(own, replaced.extensions)
    sys.meta_path.insert(0, finder)
    try:
        invalidate_caches()
        loaded = load(config)
    except BaseException:
        replaced.put_back()
        raise
    finally:
        sys.meta_path.remove(finder)
    replaced.keep_extensions()
    return loaded


class _Own:
    """What is the application's own, by where it lies."""

    def __init__(self, folders: Iterable[str]) -> None:
        # Only a reload needs it, and it is slow to import.
        import sysconfig

        self._folders = {form for folder in folders for form in _forms(folder)}
        libraries = (sysconfig.get_path(name) for name in ("stdlib", "platstdlib"))
        self._libraries = {form for library in libraries for form in _forms(library)}
        self._protected = {
            "pounce",
            *(_root(p.module) for g in GROUPS for p in entry_points(group=g)),
        }

    def has(self, name: str, module: ModuleType) -> bool:
        """Whether a module is one to import again."""
        if name in PROGRAM or _root(name) in self._protected:
            return False
        places = _places(module)
        return bool(places) and all(self.has_place(place) for place in places)

    def has_place(self, path: str) -> bool:
        """Whether a file or folder lies among the application's, as it is called or really."""
        return any(
            _is_below(form, self._folders)
            and not _is_below(form, self._libraries)
            and INSTALLED.isdisjoint(Path(form).parts)
            for form in _forms(path)
        )


class _Replaced:
    """The application's modules, taken out of `sys.modules` when this is made.

    Attributes:
        extensions: those of them that are in machine code. Most can't be loaded twice into a
            process, so the new modules get the same.
    """

    def __init__(self, own: _Own) -> None:
        self._own = own
        self._modules = _of_the_application(own)
        self.extensions = {
            name: module for name, module in self._modules.items() if _is_extension(module)
        }
        self._attributes = _take_out(self._modules)

    def keep_extensions(self) -> None:
        """Leaves those that were not asked for where they are found again."""
        for name, module in self.extensions.items():
            sys.modules.setdefault(name, module)

    def put_back(self) -> None:
        """Undoes all of it, and forgets what has been imported of the application since."""
        _take_out(_of_the_application(self._own))
        sys.modules.update(self._modules)
        for parent, attribute, module in self._attributes:
            setattr(parent, attribute, module)


def _of_the_application(own: _Own) -> dict[str, ModuleType]:
    # Other threads import meanwhile; a copy is made at once.
    return {name: module for name, module in sys.modules.copy().items() if own.has(name, module)}


def _take_out(modules: Mapping[str, ModuleType]) -> Sequence[tuple[ModuleType, str, ModuleType]]:
    """Takes modules out of `sys.modules`, and out of packages that stay there.

    Such a package, of which the application has only a part, would go on giving them out: they are
    its attributes.

    Returns:
        Which package had which module under which name.
    """
    found: list[tuple[ModuleType, str, ModuleType]] = []
    for name, module in modules.items():
        parent_name, _, attribute = name.rpartition(".")
        parent = sys.modules.get(parent_name)
        if parent is None or parent_name in modules:
            continue
        if _contents(parent).get(attribute) is module:
            delattr(parent, attribute)
            found.append((parent, attribute, module))
    for name in modules:
        sys.modules.pop(name, None)
    return found


class _Finder(MetaPathFinder):
    """Sees every module before it is imported.

    Removes bytecode of the application's that may be older than its source, and leaves the import
    to those who come after it; but what is in machine code and has been loaded, it gives out.
    """

    def __init__(self, own: _Own, extensions: dict[str, ModuleType]) -> None:
        self._own = own
        self._extensions = extensions

    @override
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        module = self._extensions.get(fullname)
        if module is not None:
            return spec_from_loader(fullname, _Loaded(module), origin=module.__file__)
        spec = PathFinder.find_spec(fullname, path, target)
        source = None if spec is None else spec.origin
        if source is not None and source.endswith(".py") and self._own.has_place(source):
            remove_stale_bytecode(source)
        return None


class _Loaded(Loader):
    """Loads what is loaded already."""

    def __init__(self, module: ModuleType) -> None:
        self._module = module
        self._spec = module.__spec__

    @override
    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return self._module

    @override
    def exec_module(self, module: ModuleType) -> None:
        # The import machinery has put its own there.
        module.__spec__ = self._spec


def remove_stale_bytecode(source: str) -> None:
    """Removes the bytecode of a source file, unless it was written well after the last change.

    The last change is told by the time that nobody can set, `st_ctime`.
    """
    try:
        bytecode = Path(cache_from_source(source))
        if bytecode.stat().st_mtime_ns < Path(source).stat().st_ctime_ns + MARGIN:
            bytecode.unlink()
    except OSError, NotImplementedError:
        pass  # There is none, or it is not ours to remove; then it was not written lately either.


def _root(name: str) -> str:
    return name.partition(".")[0]


def _places(module: ModuleType) -> tuple[str, ...]:
    """The file of a module, or the folders of a package that has no file."""
    contents = _contents(module)
    file = contents.get("__file__")
    if isinstance(file, str):
        return (file,)
    try:
        return tuple(contents.get("__path__", ()))
    except Exception:  # noqa: BLE001 - a package may have put anything there
        return ()


def _contents(module: ModuleType) -> Mapping[str, Any]:
    """The names of a module, without waking a lazy one; none of what is no module at all."""
    try:
        return cast("Mapping[str, Any]", object.__getattribute__(module, "__dict__"))
    except AttributeError:
        return {}


def _forms(path: str) -> tuple[str, str]:
    """A path as it is called, and as it is without links."""
    return os.path.abspath(path), os.path.realpath(path)  # noqa: PTH100 - dots are to go


def _is_below(path: str, folders: Iterable[str]) -> bool:
    return any(
        path == folder or path.startswith(folder.rstrip(os.sep) + os.sep) for folder in folders
    )


def _is_extension(module: ModuleType) -> bool:
    return any(place.endswith(tuple(EXTENSION_SUFFIXES)) for place in _places(module))
