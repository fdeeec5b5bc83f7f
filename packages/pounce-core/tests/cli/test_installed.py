"""Commands of other installed distributions."""

from collections.abc import Callable
from pathlib import Path

import pytest

from pounce.cli.installed import described_commands, find_command
from pounce.protocol.errors import ConfigError

pytestmark = pytest.mark.usefixtures("outsider")


def test_finds_a_command() -> None:
    assert find_command("greet").run([]) == 7


@pytest.mark.parametrize("word", ["", "nonsense", "--greet", "Greet", "greet:app", "greet "])
def test_nothing_else_is_one(word: str) -> None:
    assert find_command(word) is None


def test_says_what_there_is() -> None:
    assert ("greet", "Greets.") in described_commands()


LOOKS = [described_commands, lambda: find_command("greet")]


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("source", ["", "DESCRIPTION = 'Greets.'", "DESCRIPTION = run = print"])
def test_one_that_is_no_command_is_refused_by_name(
    tmp_path: Path, look: Callable[[], object], source: str
) -> None:
    (tmp_path / "outsider_greet.py").write_text(source)
    with pytest.raises(ConfigError, match=r'^the command "greet" of outsider is none: .* no run'):
        look()


def test_two_of_a_name_are_refused(tmp_path: Path) -> None:
    info = tmp_path / "another-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: another\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[pounce.command]\ngreet = outsider_greet\n")
    with pytest.raises(ConfigError, match=r'(another|outsider) both bring the command "greet": '):
        described_commands()


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("error", ["ImportError", "SystemExit"])
def test_one_that_cannot_be_imported_is_refused_by_name(
    tmp_path: Path, look: Callable[[], object], error: str
) -> None:
    (tmp_path / "outsider_greet.py").write_text(f"raise {error}('lost')")
    with pytest.raises(
        ConfigError,
        match=r'^the command "greet" of outsider cannot be imported \(' + error + r": lost\): ",
    ):
        look()
