"""How the programs that the tests use are found, and what is said where one can't be."""

import shutil
from pathlib import Path

import pytest

from integration import programs


def test_what_is_on_path_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: f"/somewhere/{name}")
    assert programs.find(["curl"]) == {"curl": Path("/somewhere/curl")}


def test_what_is_not_is_installed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[tuple[str, ...]] = []
    here: set[str] = {"apt-get"}

    def apt(*arguments: str) -> None:
        called.append(arguments)
        if arguments[0] == "install":
            here.update({"nghttp", "h2load"})

    monkeypatch.setattr(shutil, "which", lambda name: f"/bin/{name}" if name in here else None)
    monkeypatch.setattr(programs, "apt", apt)
    monkeypatch.setattr("os.geteuid", lambda: 0)
    assert set(programs.find(["nghttp", "h2load"])) == {"nghttp", "h2load"}
    assert [each[0] for each in called] == ["update", "install"]
    assert called[1][-1] == "nghttp2-client"


@pytest.mark.parametrize(
    ("here", "user", "reason"),
    [(set[str](), 0, "nor is apt-get"), ({"apt-get"}, 1000, "only root installs")],
)
def test_what_cannot_be_installed_is_named_with_the_reason(
    here: set[str], user: int, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: name if name in here else None)
    monkeypatch.setattr("os.geteuid", lambda: user)
    with pytest.raises(programs.Unavailable, match=f"curl .*{reason}.* install curl by hand"):
        programs.find(["curl"])


def test_a_name_that_is_not_known_is_refused() -> None:
    assert (
        programs.main(["emacs"])
        == f"usage: programs.py NAME ..., of {', '.join(programs.PACKAGES)}"
    )
