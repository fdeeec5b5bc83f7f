"""Autobahn|Testsuite against an echo server: `python integration/autobahn.py` shows what it found.

    python integration/autobahn.py                 all 517 cases, some minutes
    python integration/autobahn.py "1.*" "7.*"     these

The suite is a client that breaks each rule of RFC 6455 and RFC 7692 in turn, and looks at the
answer. It needs CPython 2.7: the one that AUTOBAHN_PYTHON names, or python2.7 on PATH, or one of
pyenv's. It is installed once, with what it is pinned to, into a folder of the cache. The exit
status is 1 if a case did not pass strictly, 2 if the suite cannot be had.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from integration.tests.serving import Served  # noqa: E402 - a script's own folder is on the path

CACHE: Final = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "pounce/autobahn"
# The last releases for Python 2.7 that go together.
PINS: Final = (
    "autobahntestsuite==25.10.1",
    "autobahn==0.10.9",
    "Twisted==19.10.0",
    "pyOpenSSL==19.1.0",
    "cryptography==3.3.2",
    "klein==17.10.0",
    "Jinja2==2.11.3",
    "ujson==2.0.3",
    "incremental==16.10.1",
    "txaio==2.1.0",
    "attrs==21.4.0",
    "service-identity==18.1.0",
)
STRICT: Final = frozenset(("OK", "INFORMATIONAL"))
AGENT: Final = "pounce"


class Unavailable(Exception):
    """The suite cannot be had here; the message says why."""


def pythons() -> Iterator[Path]:
    """Where a Python 2.7 may be, the most wanted first."""
    named = os.environ.get("AUTOBAHN_PYTHON")
    if named:
        yield Path(named)
        return
    for name in ("python2.7", "python2"):
        found = shutil.which(name)
        if found:
            yield Path(found)
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    yield from sorted(pyenv.glob("versions/2.7*/bin/python2.7"))


def is_python27(python: Path) -> bool:
    """Whether it runs, and is one: a name on PATH may be a shim that leads nowhere."""
    question = "import sys; sys.exit(sys.version_info[:2] != (2, 7))"
    try:
        return not subprocess.run(
            [python, "-c", question], capture_output=True, check=False
        ).returncode
    except OSError:
        return False


def install() -> tuple[Path, Path]:
    """A Python 2.7, and the folder where the suite is installed for it."""
    python = next(filter(is_python27, pythons()), None)
    if python is None:
        raise Unavailable("the suite needs CPython 2.7: name one by AUTOBAHN_PYTHON")
    done = CACHE / "pins.txt"
    pins = "\n".join(PINS)
    if not done.exists() or done.read_text() != pins:
        shutil.rmtree(CACHE, ignore_errors=True)
        command = [str(python), "-m", "pip", "install", "--disable-pip-version-check", "--target"]
        outcome = subprocess.run(
            [*command, CACHE, *PINS], capture_output=True, text=True, check=False
        )
        if outcome.returncode:
            raise Unavailable(f"the suite cannot be installed:\n{outcome.stderr}")
        done.write_text(pins)
    return python, CACHE


def run(url: str, cases: list[str], reports: Path) -> dict[str, dict[str, str]]:
    """Runs cases, and returns what the suite found, by case."""
    python, suite = install()
    spec = reports / "spec.json"
    spec.write_text(
        json.dumps(
            {
                "outdir": str(reports),
                "servers": [{"agent": AGENT, "url": url}],
                "cases": cases,
                "exclude-cases": [],
                "exclude-agent-cases": {},
            }
        )
    )
    # As a folder of site-packages, since some of it is a namespace, which takes a .pth file.
    main = f"import site; site.addsitedir({str(suite)!r}); import autobahntestsuite.wstest as it; "
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    outcome = subprocess.run(
        [python, "-c", f"{main} it.run()", "--mode", "fuzzingclient", "--spec", spec],
        cwd=reports,
        check=False,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    index = reports / "index.json"
    if not index.exists():
        raise Unavailable(f"the suite does not run:\n{outcome.stdout}")
    found: dict[str, dict[str, str]] = json.loads(index.read_text())[AGENT]
    return found


def order(case: str) -> list[int]:
    return [int(part) for part in case.split(".")]


def main(cases: list[str]) -> int:
    with tempfile.TemporaryDirectory() as folder, Served("sockets", "--no-access-log") as served:
        host, port = served.address
        try:
            found = run(f"ws://{host}:{port}/echo", cases or ["*"], Path(folder))
        except Unavailable as reason:
            print(reason, file=sys.stderr)
            return 2
    failed = False
    for case in sorted(found, key=order):
        outcome = found[case]
        ends = {outcome["behavior"], outcome["behaviorClose"]}
        if not ends <= STRICT:
            failed = True
            print(f"case {case}: {outcome['behavior']}, closing {outcome['behaviorClose']}")
    counts = Counter(outcome["behavior"] for outcome in found.values())
    print(f"{len(found)} cases: " + ", ".join(f"{n} {what}" for what, n in counts.most_common()))
    return int(failed or not found)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
