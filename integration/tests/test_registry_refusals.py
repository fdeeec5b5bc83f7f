"""Installed protocols that cannot be used, and what is asked of one that does not exist: one
sentence that says what to do, exit status 2, no traceback, and nothing served.
"""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from integration.tests.serving import ROOT, START

USAGE = 2
COMMANDS = ("serve", "check", "config")

DESCRIPTOR = """
from dataclasses import dataclass
from pounce.protocol.descriptor import {kind}
from pounce.protocol.kind import Whole
from pounce.protocol.setting import About, setting

def load():
    import a_module_that_is_not_there

@dataclass(frozen=True)
class Settings:
    {fields}

descriptor = {kind}(
    name={name!r}, api={api}, distribution="fake", settings={settings}, load=load, {more}
)
"""
MOST = 'most: int = setting(1, About(Whole(1), help="h", reason="r"{more}))'

EACH = """
import io, json, sys
from contextlib import redirect_stderr, redirect_stdout
from pounce.cli.main import main

outcomes = []
for command in json.loads(sys.argv[1]):
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()) as said:
        status = main([command, *sys.argv[2:]])
    outcomes.append((status, said.getvalue()))
print(json.dumps(outcomes))
"""
"""Runs several commands in one interpreter, which is what takes the time."""

type Install = Callable[..., None]
type Outcome = tuple[int, str]
type Run = Callable[..., Outcome]
type RunEach = Callable[..., list[Outcome]]


@pytest.fixture
def install(tmp_path: Path) -> Install:
    """Puts a distribution where the interpreter finds it."""

    def install(
        source: str = "",
        *,
        role: str = "upgrade",
        kind: str = "UpgradeDescriptor",
        name: str = "fake",
        api: int = 1,
        fields: str = "pass",
        settings: str = "Settings",
        more: str = 'token=b"fake"',
    ) -> None:
        info = tmp_path / "fake-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: fake\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[pounce.{role}]\n{name} = fake:descriptor\n")
        (tmp_path / "fake.py").write_text(
            source
            or DESCRIPTOR.format(
                kind=kind, name=name, api=api, fields=fields, settings=settings, more=more
            )
        )

    return install


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Runs a command with what was installed; tells exit status and standard error."""

    def run(*arguments: str) -> Outcome:
        done = python(tmp_path, "-m", "pounce", *arguments)
        return done.returncode, done.stderr

    return run


@pytest.fixture
def run_each(tmp_path: Path) -> RunEach:
    """The same for each of the commands that serve an application."""

    def run_each(*arguments: str, env: dict[str, str] | None = None) -> list[Outcome]:
        done = python(tmp_path, "-c", EACH, json.dumps(COMMANDS), *arguments, env=env)
        assert (done.returncode, done.stderr) == (0, "")
        return [(status, said) for status, said in json.loads(done.stdout)]

    return run_each


def python(
    folder: Path, *arguments: str, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Runs an interpreter that finds what a folder has."""
    return subprocess.run(
        [sys.executable, "-W", "error", *arguments],
        cwd=ROOT,
        env={"PYTHONPATH": str(folder), "PATH": "", "HOME": str(folder)} | (env or {}),
        capture_output=True,
        text=True,
        timeout=START,
        check=False,
    )


def refused(outcome: Outcome, sentence: str) -> None:
    """Sees that there is one sentence, which is this one, and no traceback."""
    status, said = outcome
    assert re.fullmatch(rf"pounce: {sentence}\n", said), said
    assert status == USAGE


APP = ("integration.apps.plain:app", "--port", "0")

UNUSABLE = {
    "a name that is taken": (
        {"name": "shout", "more": 'token=b"fake"'},
        r"pounce-sample and fake both bring the pounce\.upgrade 'shout': uninstall one of them",
    ),
    "a token that is taken": (
        {"more": 'token=b"shout"'},
        r"pounce-sample and fake both bring the pounce\.upgrade b'shout': uninstall one of them",
    ),
    "another interface": (
        {"api": 7},
        r"fake is made for interface 7 of pounce, and this is 1: install the versions that .*",
    ),
    "an import error": (
        {"source": "import a_module_that_is_not_there"},
        (
            r"the pounce\.upgrade 'fake' of fake cannot be imported \(ModuleNotFoundError: .*"
            r"'a_module_that_is_not_there'\): reinstall or uninstall it"
        ),
    ),
    "no descriptor": (
        {"source": "descriptor = 5"},
        r"the pounce\.upgrade 'fake' of fake is a int, not a UpgradeDescriptor: uninstall it",
    ),
    "another role": (
        {"kind": "ListenerDescriptor", "more": ""},
        r"the pounce\.upgrade 'fake' of fake is a ListenerDescriptor, not a UpgradeDescriptor: .*",
    ),
    "the same first bytes": (
        {"role": "connection", "kind": "ConnectionDescriptor", "more": 'preface=b"LINES"'},
        (
            r"fake and pounce-sample bring protocols that begin alike, with b'LINES' and"
            r" b'LINES/1\\n': uninstall one of them"
        ),
    ),
    "settings that are none": (
        {"settings": "dict"},
        r"the settings of fake, from fake, cannot be made \(they are no dataclass\): .*",
    ),
    "settings that need something": (
        {"fields": "most: int"},
        r"the settings of fake, from fake, cannot be made \(.*'most'\): reinstall or uninstall it",
    ),
    "an option that is taken": (
        {"fields": MOST.format(more=', flag="--port"')},
        'fake and pounce both have the setting "--port": uninstall one of them',
    ),
    "an option of another protocol": (
        {"fields": MOST.format(more=', flag="--shout-mark"')},
        '(fake and shout|shout and fake) both have the setting "--shout-mark": uninstall one of .*',
    ),
    "a name of pounce's own": (
        {"name": "limits", "fields": MOST.format(more="")},
        'limits has the name "limits", which is one of pounce\'s own: uninstall it',
    ),
}
"""Each with what is installed, and with what is said."""


@pytest.mark.parametrize(("installed", "sentence"), UNUSABLE.values(), ids=UNUSABLE)
def test_what_cannot_be_used_is_refused_by_name(
    install: Install, run_each: RunEach, installed: dict[str, str], sentence: str
) -> None:
    install(**installed)
    for outcome in run_each(*APP):
        refused(outcome, sentence)


def test_a_second_default_is_refused_by_name(install: Install, run: Run) -> None:
    install(role="connection", kind="ConnectionDescriptor", more="default=True")
    refused(
        run("serve", *APP),
        "exactly one installed protocol is to be the default, but it is fake, bengal-pounce: .*",
    )


@pytest.mark.parametrize("worker_type", ["thread", "process"])
def test_what_cannot_be_loaded_is_refused_by_name(
    install: Install, run: Run, worker_type: str
) -> None:
    install()
    refused(
        run("serve", *APP, "--workers", "2", "--worker-type", worker_type),
        r"fake, from fake, cannot be loaded \(ModuleNotFoundError: No module named"
        r" 'a_module_that_is_not_there'\): reinstall or uninstall it",
    )


def test_info_tells_what_is_wrong(install: Install, run: Run, tmp_path: Path) -> None:
    install(api=7)
    done = subprocess.run(
        [sys.executable, "-m", "pounce", "info"],
        env={"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=START,
        check=True,
    )
    assert "protocols         fake is made for interface 7 of pounce, and this is 1" in done.stdout
    assert done.stderr == ""


# Settings that do not exist

UNKNOWN = {
    "in its table": (
        {"toml": "[line]\ngreetnig = 'x'\n"},
        r'there is no setting "greetnig" in \[line\] in .*s\.toml, did you mean "greeting"\?',
    ),
    "by its name outside, in its table": (
        {"toml": "[line]\nsample-greeting = 'x'\n"},
        r'there is no setting "sample-greeting" in \[line\] in .*, did you mean "greeting"\?',
    ),
    "a wrong value in its table": (
        {"toml": "[line]\nlongest = 0\n"},
        r"longest in \[line\] in .*settings\.toml must be a size, 1 or more, .*, not 0",
    ),
    "no table": (
        {"toml": "line = 1\n"},
        r"line in .*settings\.toml must be a table: \[line\]",
    ),
    "a table of nobody's": (
        {"toml": "[lines]\nlongest = 1\n"},
        r'there is no setting "lines" in .*settings\.toml, did you mean "line"\?',
    ),
    "in the environment": (
        {"env": "POUNCE_SAMPLE_GREETNIG"},
        r'there is no setting "POUNCE_SAMPLE_GREETNIG", did you mean "POUNCE_SAMPLE_GREETING"\?',
    ),
    "on the command line": (
        {"option": "--sample-greetnig=x"},
        r'there is no setting "--sample-greetnig", did you mean "--sample-greeting"\?',
    ),
    "values at odds": (
        {"option": "--sample-path=lines"},
        r"Lines: path must begin with a slash, in ASCII, not 'lines'",
    ),
}
"""Each with where it is, and with what is said."""


@pytest.mark.parametrize(("given", "sentence"), UNKNOWN.values(), ids=UNKNOWN)
def test_a_setting_that_is_none_is_refused(
    run_each: RunEach, tmp_path: Path, given: dict[str, str], sentence: str
) -> None:
    file = tmp_path / "settings.toml"
    file.write_text(given.get("toml", ""))
    options = [given["option"]] if "option" in given else []
    env = {given["env"]: "x"} if "env" in given else {}
    for outcome in run_each(*APP, "--config", str(file), *options, env=env):
        refused(outcome, sentence)
