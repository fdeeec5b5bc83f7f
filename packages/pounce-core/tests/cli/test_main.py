"""The console script: the command, the status, and what a person reads."""

import os
import subprocess
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from types import ModuleType

import pytest

from pounce.cli import main as module
from pounce.cli.main import main
from pounce.protocol.errors import BindError, ConfigError


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Sequence[str]]]:
    """The commands that ran, none of which does anything."""
    calls: list[tuple[str, Sequence[str]]] = []

    def import_module(name: str) -> ModuleType:
        command = ModuleType(name)

        def run(arguments: Sequence[str]) -> int:
            calls.append((name.rpartition(".")[2], arguments))
            return 5

        command.run = run  # type: ignore[attr-defined]
        return command

    monkeypatch.setattr(module, "import_module", import_module)
    return calls


def ends(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    def import_module(name: str) -> ModuleType:
        raise error

    monkeypatch.setattr(module, "import_module", import_module)


@pytest.mark.parametrize(
    ("line", "command", "rest"),
    [
        ("a:b", "serve", ["a:b"]),
        ("", "serve", []),
        ("serve a:b", "serve", ["a:b"]),
        ("--port 80 a:b", "serve", ["--port", "80", "a:b"]),
        ("a:b check", "serve", ["a:b", "check"]),
        ("check:app", "serve", ["check:app"]),
        ("check a:b", "check", ["a:b"]),
        ("config a:b --json", "effective", ["a:b", "--json"]),
        ("info", "info", []),
    ],
)
def test_which_command(
    ran: list[tuple[str, Sequence[str]]], line: str, command: str, rest: list[str]
) -> None:
    main(line.split())
    assert ran == [(command, rest)]


@pytest.mark.usefixtures("outsider")
def test_an_installed_distribution_may_bring_a_command(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["greet", "you", "--all"]) == 7
    assert capsys.readouterr().out == "hello you --all\n"


@pytest.mark.usefixtures("outsider")
def test_it_cannot_take_the_place_of_cores(ran: list[tuple[str, Sequence[str]]]) -> None:
    main(["info"])
    assert ran == [("info", [])]


@pytest.mark.usefixtures("outsider")
def test_only_the_first_word_is_a_command(ran: list[tuple[str, Sequence[str]]]) -> None:
    main(["a:b", "greet"])
    assert ran == [("serve", ["a:b", "greet"])]


@pytest.mark.usefixtures("ran")
def test_the_status_is_the_commands() -> None:
    assert main(["a:b"]) == 5


def test_the_arguments_are_the_processs(
    ran: list[tuple[str, Sequence[str]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["pounce", "a:b"])
    main()
    assert ran == [("serve", ["a:b"])]


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (ConfigError("no"), 2, "pounce: no\n"),
        (BindError("no"), 3, "pounce: no\n"),
        (KeyboardInterrupt(), 130, ""),
        (SystemExit(0), 0, ""),
        (SystemExit(None), 0, ""),
        (SystemExit(6), 6, ""),
    ],
)
def test_how_it_ends(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: BaseException,
    status: int,
    said: str,
) -> None:
    ends(monkeypatch, error)
    assert (main(["a:b"]), capsys.readouterr().err) == (status, said)


def test_an_error_that_is_not_ours_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    ends(monkeypatch, ZeroDivisionError())
    with pytest.raises(ZeroDivisionError):
        main(["a:b"])


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"pounce {version('bengal-pounce')}\n"


def test_help_ends_well(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    assert capsys.readouterr().out.startswith("usage: pounce")


# As a process


def process(tmp_path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {name: os.environ[name] for name in ("PATH", "PYTHON_GIL") if name in os.environ}
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "pounce", *arguments],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=environment,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    ("arguments", "status", "sentence"),
    [
        ([], 2, "pounce: nothing says what to serve"),
        (["a:b", "--port", "x"], 2, "pounce: --port must be a whole number"),
        (["a:b", "--ssl-keyfile", "x"], 2, "pounce: --ssl-keyfile needs TLS"),
        (["check", "missing:app"], 3, 'pounce: there is no module "missing"'),
        (["check", "there"], 3, 'pounce: "there" says which module'),
    ],
)
def test_a_mistake_is_one_sentence(
    tmp_path: Path, arguments: list[str], status: int, sentence: str
) -> None:
    result = process(tmp_path, *arguments)
    assert result.returncode == status
    assert result.stderr.startswith(sentence)
    assert result.stderr.count("\n") == 1


def test_a_mistake_in_the_application_is_shown_by_its_code(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("\nimport the_missing\n")
    result = process(tmp_path, "check", "broken:app")
    lines = result.stderr.splitlines()
    assert lines[1] == f'  File "{tmp_path}/broken.py", line 2, in <module>'
    assert lines[-1].startswith('pounce: "broken" cannot be imported: ModuleNotFoundError')


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&- >&- 2>&-"])
def test_nobody_has_to_hear_it(closed: str) -> None:
    command = ["sh", "-c", f'exec "$@" {closed}', "sh", sys.executable, "-m", "pounce"]
    told = subprocess.run([*command, "--version"], timeout=60, check=False)
    failed = subprocess.run([*command, "no_such:app"], timeout=60, check=False)
    assert (told.returncode, failed.returncode) == (0, 3)


def test_whoever_reads_may_go(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        result = subprocess.run(
            [sys.executable, "-m", "pounce", "config", "a:b"],
            stdout=writer,
            stderr=subprocess.PIPE,
            cwd=tmp_path,
            timeout=60,
            check=False,
        )
    finally:
        os.close(writer)
    assert (result.returncode, result.stderr) == (0, b"")
