"""Imports whatever is installed beside it, and fails if that switches the GIL on.

Run by the interpreter that is asked. It imports the top-level modules and the extension modules of
every installed distribution, since any of them can switch the GIL on, and every module of pounce's
own. It never installs anything, and leaves out the test kit, whose pytest no user of the server
needs.
"""

import importlib
import importlib.machinery
import sys
from collections.abc import Iterator
from importlib.metadata import Distribution, distributions
from pathlib import PurePath

EXTENSIONS = tuple(importlib.machinery.EXTENSION_SUFFIXES)
OURS = "bengal-pounce"
NOT_IMPORTED = ("pounce.testing",)


def modules(distribution: Distribution) -> Iterator[str]:
    ours = distribution.name.startswith(OURS)
    for file in map(PurePath, distribution.files or []):
        # A folder that is no identifier is metadata; `..` leads to scripts.
        if not all(part.isidentifier() for part in file.parts[:-1]):
            continue
        name = module_name(file)
        if name is None or name.endswith("__main__") or name.startswith(NOT_IMPORTED):
            continue
        if ours or "." not in name or file.name.endswith(EXTENSIONS):
            yield name


def module_name(file: PurePath) -> str | None:
    stem, _, suffix = file.name.partition(".")
    if f".{suffix}" not in (".py", *EXTENSIONS) or not stem.isidentifier():
        return None
    return ".".join(file.parts[:-1] if stem == "__init__" else (*file.parts[:-1], stem))


def main() -> str | None:
    """What is wrong, in a sentence, or None."""
    count = 0
    for distribution in distributions():
        if distribution.name.startswith(OURS):
            missing = {"py.typed", "LICENSE"} - {file.name for file in distribution.files or []}
            if missing:
                return f"{distribution.name} lacks {' and '.join(sorted(missing))}"
        for name in modules(distribution):
            importlib.import_module(name)
            count += 1
            if sys._is_gil_enabled():  # pyright: ignore[reportPrivateUsage] - documented
                return f"importing {name}, of {distribution.name}, switched the GIL on"
    ours = sorted(d.name for d in distributions() if d.name.startswith(OURS))
    if not ours:
        return "no distribution of pounce is installed"
    print(f"{count} modules imported with the GIL off; of pounce: {', '.join(ours)}")
    return None


if __name__ == "__main__":
    sys.exit(main())
