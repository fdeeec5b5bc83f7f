"""What a command begins with: the process's environment and working directory count."""

from argparse import ArgumentParser
from pathlib import Path

import pytest

from pounce.cli.command import gather_settings
from pounce.cli.options import make_parser


@pytest.fixture
def parser(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ArgumentParser:
    monkeypatch.chdir(tmp_path)
    return make_parser("pounce", "", "pounce")


def test_the_environment_counts(parser: ArgumentParser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POUNCE_PORT", "81")
    gathered, _ = gather_settings(parser, ["a:b"])
    assert gathered.config.port == 81


def test_the_file_of_the_working_directory_counts(parser: ArgumentParser) -> None:
    Path("pounce.toml").write_text("port = 82\n")
    gathered, _ = gather_settings(parser, ["a:b"])
    assert gathered.config.port == 82


def test_a_file_that_is_named_counts(parser: ArgumentParser) -> None:
    Path("other.toml").write_text("port = 83\n")
    gathered, _ = gather_settings(parser, ["a:b", "--config", "other.toml"])
    assert gathered.config.port == 83


def test_the_commands_own_options_are_given_back(parser: ArgumentParser) -> None:
    parser.add_argument("--more", default="no")
    _, others = gather_settings(parser, ["a:b", "--more", "yes"])
    assert others.more == "yes"


def test_warnings_are_said(parser: ArgumentParser, capsys: pytest.CaptureFixture[str]) -> None:
    gather_settings(parser, ["a:b", "--loop", "uvloop"])
    assert capsys.readouterr().err.startswith("pounce: warning: --loop is ignored")
