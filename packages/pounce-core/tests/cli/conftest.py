"""What the command line's tests share: a distribution that brings commands of its own."""

import sys
from pathlib import Path

import pytest


@pytest.fixture
def outsider(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Installed, with a command `greet`, and one that would take the place of core's `info`."""
    folder = tmp_path / "outsider-1.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: outsider\nVersion: 1\n")
    (folder / "entry_points.txt").write_text(
        "[pounce.command]\ngreet = outsider_greet\ninfo = outsider_greet\n"
    )
    (tmp_path / "outsider_greet.py").write_text(
        "DESCRIPTION = 'Greets.'\n"
        "def run(arguments):\n"
        "    print('hello', *arguments)\n"
        "    return 7\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    # Another test may have imported its own.
    monkeypatch.delitem(sys.modules, "outsider_greet", raising=False)
