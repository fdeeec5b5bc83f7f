"""The sessions: `python3 -m nox` runs all that a change must pass, `nox -l` lists them.

Each session has a fresh uv environment with what it declares and nothing else. What a session needs
is declared in the dependency groups of pyproject.toml, and those of each package. The interpreters
come from integration/interpreters.py; one that can't be had fails the sessions that need it, and
never drops out of the matrix.
"""

import os
import socket
import sys
from pathlib import Path

import nox

ROOT = Path(__file__).parent
sys.path.insert(0, str(ROOT))

from integration import interpreters, programs  # noqa: E402 - this folder is not on nox's path

PACKAGES = ("core", "h2", "ws", "tls", "h3")
EXTRAS = ("h2", "ws", "tls", "h3", "all")
CONFORMANCE = ("http1", "http1_refusals", "limits", "deadlines", "application_faults")
# Whose protocols are found by being installed.
OUTSIDER = ("--editable", "integration/outsider")
BENCHMARKS = ("hello", "tls", "h2", "ws_echo")
# Tools that parse the source run on a build that knows its syntax.
TOOLS = "3.14"

# Bytecode is kept, for speed; nobody outside decides about the GIL; a warning is an error, also in
# the processes that a test starts.
ENV = {"PYTHONDONTWRITEBYTECODE": None, "PYTHON_GIL": None}
STRICT = ENV | {"PYTHONWARNINGS": "error"}

# How a run with many tests is shared out among processes. Most tests wait most of the time.
CPUS = os.cpu_count() or 1
SHARED_OUT = {
    # Each process takes from another what that has not begun.
    "packages": (f"-n{2 * CPUS}", "--dist=worksteal"),
    # As integration/tests/conftest.py groups and sorts them.
    "integration": (f"-n{3 * CPUS}", "--no-loadscope-reorder"),
}
# The tests of what threads share, which run with a GIL too.
SHARED = (
    "observe/test_writer.py",
    "supervise/test_acceptor.py",
    "supervise/test_agenda.py",
    "supervise/test_server.py",
    "supervise/test_thread.py",
    "supervise/test_thread_loop.py",
    "supervise/test_threads.py",
    "supervise/test_watchdog.py",
    "worker/test_worker_handover.py",
    "worker/test_worker_moves.py",
    "worker/test_worker_stalls.py",
)
# Where sharing out takes less time than it costs.
LARGE = ("core",)

# Where nox finds the interpreters, before any other on the machine.
LINKS = ROOT / ".nox" / "interpreters"
os.environ["PATH"] = f"{LINKS}{os.pathsep}{os.environ['PATH']}"

nox.needs_version = ">=2026.4"
nox.options.default_venv_backend = "uv"
nox.options.download_python = "never"
nox.options.error_on_missing_interpreters = True


def editable(package: str) -> tuple[str, ...]:
    """The arguments that install a package, its own dependencies and its test group."""
    folder = f"packages/pounce-{package}"
    return ("--editable", folder, "--group", f"{folder}/pyproject.toml:test")


PYTEST = ("python", "-m", "pytest", "-p", "pounce.testing.gil")


def pytest(session: nox.Session, *arguments: str, gil: str | None = None) -> None:
    session.run(*PYTEST, *arguments, *session.posargs, env=STRICT | {"PYTHON_GIL": gil})


@nox.session(venv_backend="none", default=False)
@nox.parametrize("build", interpreters.MATRIX, ids=interpreters.MATRIX)
def interpreter(session: nox.Session, build: str) -> None:
    """Find a build of the matrix, or put it together, for the sessions that need it."""
    try:
        python = interpreters.find(build)
    except interpreters.Unavailable as reason:
        session.error(str(reason))
    LINKS.mkdir(parents=True, exist_ok=True)
    # Renamed into place: another nox may be looking.
    link = LINKS / f".{build}-{os.getpid()}"
    link.symlink_to(python)
    link.rename(LINKS / f"python{build}")
    session.log(f"Python {build} is {python}")


@nox.session(venv_backend="none", default=False)
def clients(session: nox.Session) -> None:
    """Find the programs that the tests use as clients, or install them."""
    try:
        for name, path in programs.find(list(programs.PACKAGES)).items():
            session.log(f"{name} is {path}")
    except programs.Unavailable as reason:
        session.error(str(reason))


@nox.session
def lint(session: nox.Session) -> None:
    """Check the style with ruff, format included; `-- --fix` repairs what can be repaired."""
    session.install("--group", "lint")
    if "--fix" in session.posargs:
        session.run("ruff", "check", "--fix")
        session.run("ruff", "format")
    else:
        session.run("ruff", "check")
        session.run("ruff", "format", "--check")


@nox.session(python=TOOLS, requires=["interpreter({python})"])
def borders(session: nox.Session) -> None:
    """Check who imports whom, the size and names of files, and that each has its test module."""
    session.install("--editable", "packages/pounce-core[all]", "--group", "borders")
    session.run("python", "integration/borders.py", env=ENV)
    session.run("lint-imports", env=ENV)


@nox.session(python=TOOLS, requires=["interpreter({python})"])
def types(session: nox.Session) -> None:
    """Check the types with mypy, package by package, and with pyright; both strict."""
    session.install(*(each for package in PACKAGES for each in editable(package)))
    session.install(*OUTSIDER, "--group", "types")
    session.run("pyright", env=ENV)
    mypy = ("mypy", "--config-file", str(ROOT / "pyproject.toml"))
    # One cache for each run: within it, a test module is known by its path inside the package.
    folders = [*(f"packages/pounce-{package}" for package in PACKAGES), "integration/outsider"]
    for folder in folders:
        with session.chdir(ROOT / folder):
            session.run(*mypy, "src", "tests", env=ENV | {"MYPYPATH": "src"})
    session.run(*mypy, "integration", env=ENV)
    host = ("noxfile.py", "integration/interpreters.py", "integration/programs.py")
    session.run(*mypy, "--python-version=3.11", *host, env=ENV)


@nox.session(python=interpreters.MATRIX, requires=["interpreter({python})"])
@nox.parametrize("package", PACKAGES, ids=PACKAGES)
def tests(session: nox.Session, package: str) -> None:
    """Run a package's tests with its declared dependencies only."""
    session.install(*editable(package))
    shares = SHARED_OUT["packages"] if package in LARGE else ()
    pytest(session, *shares, f"packages/pounce-{package}/tests")


@nox.session(python="3.14t", requires=["interpreter({python})"])
def gil(session: nox.Session) -> None:
    """Run the tests of what threads share with the GIL on: what fails here too is no race."""
    session.install(*editable("core"))
    files = (f"packages/pounce-core/tests/{name}" for name in SHARED)
    # Those wait for an application that blocks, and not for a thread.
    others = ("-k", "not does_not_return")
    pytest(session, *SHARED_OUT["packages"], *others, *files, gil="1")


@nox.session(python=interpreters.MATRIX, requires=["interpreter({python})", "clients"])
def integration(session: nox.Session) -> None:
    """Run the tests that need more than one distribution, or a framework."""
    session.install("--editable", "packages/pounce-core[all]", *OUTSIDER, "--group", "integration")
    folders = ("integration/tests", "integration/outsider/tests")
    pytest(session, *SHARED_OUT["integration"], *folders)


@nox.session(python="3.14t", requires=["interpreter({python})"])
def wheels(session: nox.Session) -> None:
    """Build every distribution, install each extra from what was built, and import all of it."""
    built = Path(session.create_tmp(), "dist")
    session.run("uv", "build", "-q", "--clear", "--all-packages", "--out-dir", str(built))
    version = nox.project.load_toml("packages/pounce-core/pyproject.toml")["project"]["version"]
    # uv would take what it remembers of this version, and not what was just built.
    names = {path.name.split("-")[0] for path in built.glob("*.whl")}
    fresh = [f"--refresh-package={name}" for name in sorted(names)]
    for wanted in ("bengal-pounce", *(f"bengal-pounce[{extra}]" for extra in EXTRAS)):
        venv = Path(session.create_tmp(), wanted)
        python = str(venv / "bin" / "python")
        session.run("uv", "venv", "-q", "--clear", "--python", f"{session.bin}/python", str(venv))
        session.run(
            "uv", "pip", "install", "-q", "--python", python, "--no-sources", *fresh,
            "--find-links", str(built), f"{wanted}=={version}",
        )  # fmt: skip
        session.run(python, "-P", "integration/imports.py", env=STRICT, external=True)


@nox.session(python=TOOLS, requires=["interpreter({python})"])
def docs(session: nox.Session) -> None:
    """Build the documentation; a warning, such as a link that leads nowhere, fails it."""
    session.install("--group", "docs")
    session.run(
        "sphinx-build", "-W", "--keep-going", "-n", "-E", "docs", "docs/_build/html", env=ENV
    )


@nox.session(python="3.14t", requires=["interpreter({python})"], default=False)
def serve(session: nox.Session) -> None:
    """Serve the demo application from the threads of one process, until Ctrl-C."""
    session.install("--editable", "packages/pounce-core[all]", "--group", "demo")
    port = 8000 if is_free(8000) else 0
    if not port:
        session.warn("port 8000 is taken: the address below has another one")
    session.run(
        "pounce", "demo:app", "--app-dir", "integration/demo", "--workers", "2",
        "--port", str(port), "--timeout-graceful-shutdown", "3", *session.posargs,
        env=ENV, interrupt_timeout=35,
    )  # fmt: skip


@nox.session(python="3.14t", requires=["interpreter({python})", "clients"], default=False)
def bench(session: nox.Session) -> None:
    """Measure pounce beside its peers; `-- --rounds 9` for steadier medians."""
    session.install("--editable", "packages/pounce-core[all]", "--group", "bench")
    session.run("python", "integration/bench/http1_parts.py", env=ENV)
    for name in BENCHMARKS:
        session.run("python", "-m", f"integration.bench.{name}", *session.posargs, env=ENV)


@nox.session(python="3.14t", requires=["interpreter({python})"], default=False)
def fuzz(session: nox.Session) -> None:
    """Compare the fast parser with h11 on many more generated inputs than the tests do."""
    session.install(*editable("core"))
    examples = session.posargs[0] if session.posargs else "100000"
    folder = "packages/pounce-core/tests/http1"
    session.run(*PYTEST, folder, env=STRICT | {"POUNCE_FUZZ_EXAMPLES": examples})


@nox.session(python=interpreters.MATRIX, requires=["interpreter({python})"], default=False)
def conformance(session: nox.Session) -> None:
    """Show the answer to each case of HTTP/1.1, one line each, and run Autobahn|Testsuite; what
    follows `--` goes to that, such as `"1.*"` for some of its cases."""
    session.install("--editable", "packages/pounce-core[all]", "--group", "integration")
    cases = (f"integration/tests/test_{name}.py" for name in CONFORMANCE)
    session.run(*PYTEST, "-v", *cases, env=STRICT)
    session.run("python", "integration/autobahn.py", *session.posargs, env=ENV)


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
