"""Checks what import-linter can't: `python integration/borders.py` names each breach in a line.

It decides whether a source file is small enough, well named and tested, whether a sibling or the
outsider's sample keeps to what it may import of core, whether the five versions go in lockstep, and
whether links between the project's pages lead somewhere. It reads files only, and never imports
what it checks.
"""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

MOST_LINES = 500
NO_NAMES = {"utils", "helpers", "common", "misc", "base"}
# What a sibling may import of core: the same as any outsider.
OPEN_ROOMS = ("pounce.protocol", "pounce.testing")
OPEN = " and ".join(OPEN_ROOMS)


def breaches(root: Path) -> Iterator[str]:
    packages = sorted((root / "packages").iterdir())
    yield from versions(packages)
    for file in sources(root):
        yield from size_and_name(root, file)
    for package in packages:
        yield from of_package(root, package, open_only=package.name != "pounce-core")
    yield from of_package(root, root / "integration" / "outsider", open_only=True)
    for page in (*root.glob("*.md"), *root.glob("packages/*/*.md")):
        yield from dead_links(root, page)


def of_package(root: Path, package: Path, *, open_only: bool) -> Iterator[str]:
    for file in sorted((package / "src").rglob("*.py")):
        yield from untested(root, package, file)
        if open_only:
            yield from trespasses(root, file)


def sources(root: Path) -> Iterator[Path]:
    yield root / "noxfile.py"
    for folder in (*root.glob("packages/*/src"), root / "integration", root / "docs"):
        for file in sorted(folder.rglob("*")):
            if file.suffix in {".py", ".md"} and "_build" not in file.parts:
                yield file


def size_and_name(root: Path, file: Path) -> Iterator[str]:
    lines = len(file.read_text().splitlines())
    if lines > MOST_LINES:
        yield f"{file.relative_to(root)} has {lines} lines; {MOST_LINES} is the most"
    inside = file.relative_to(root)
    for name in (inside.stem, *inside.parent.parts):
        if name in NO_NAMES:
            yield f"{inside}: `{name}` says nothing of what is in it"


def untested(root: Path, package: Path, file: Path) -> Iterator[str]:
    """`src/P/a/b.py` is tested by `tests/a/test_b.py`, `__init__.py` by `test_init.py`."""
    if only_names_others(file):
        return
    inside = file.relative_to(package / "src")
    test = package / "tests" / Path(*inside.parts[1:-1]) / f"test_{inside.stem.strip('_')}.py"
    if not test.is_file():
        yield f"{file.relative_to(root)} has no test module {test.relative_to(root)}"
    elif not any(is_test(node) for node in ast.walk(ast.parse(test.read_text()))):
        yield f"{test.relative_to(root)} holds no test"


def is_test(node: ast.AST) -> bool:
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return isinstance(node, functions) and node.name.startswith("test")


def only_names_others(file: Path) -> bool:
    """Whether it is a docstring, imports and `__all__`: there is nothing to test."""
    if file.name not in {"__init__.py", "__main__.py"}:
        return False
    for node in ast.parse(file.read_text()).body:
        match node:
            case ast.Expr(ast.Constant(str())) | ast.Import() | ast.ImportFrom():
                pass
            case ast.Assign([ast.Name("__all__")]):
                pass
            case _:
                return False
    return True


def trespasses(root: Path, file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text())):
        match node:
            case ast.Import(names):
                imported = [alias.name for alias in names]
            case ast.ImportFrom(module=str(module), names=names, level=0):
                imported = [f"{module}.{alias.name}" for alias in names]
            case _:
                continue
        for name in imported:
            if name.split(".")[0] == "pounce" and not f"{name}.".startswith(
                tuple(f"{room}." for room in OPEN_ROOMS)
            ):
                yield f"{file.relative_to(root)} imports {name}; only {OPEN} are open"


def versions(packages: list[Path]) -> Iterator[str]:
    """Every distribution has core's version and pins its fellows to it."""
    projects = {
        package.name: tomllib.loads((package / "pyproject.toml").read_text())["project"]
        for package in packages
    }
    version = projects["pounce-core"]["version"]
    for folder, project in projects.items():
        if project["version"] != version:
            yield f"{folder} has version {project['version']}, and core {version}"
        extras = project.get("optional-dependencies", {}).values()
        for requirement in (*project["dependencies"], *(one for extra in extras for one in extra)):
            # `bengal-pounce[h2,ws]` is the distribution's own extras, at its own version.
            name, pin = re.fullmatch(r"([\w.-]+(?:\[.*?\])?)(.*)", requirement).groups()  # type: ignore[union-attr] # it matches anything
            if name.startswith("bengal-pounce") and "[" not in name and pin != f"=={version}":
                yield f"{folder} needs {requirement}, not {name}=={version}"


def dead_links(root: Path, page: Path) -> Iterator[str]:
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if re.match(r"[a-z]+:|#", target):
            continue
        if not (page.parent / target.partition("#")[0]).exists():
            yield f"{page.relative_to(root)} links to {target}, which is not there"


def main() -> int:
    found = list(breaches(Path(__file__).parents[1]))
    for breach in found:
        print(breach)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
