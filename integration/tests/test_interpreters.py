"""What is found where; putting a build together for real is left to the machines that need one."""

import stat
import sys
import sysconfig
from pathlib import Path

import pytest

from integration import interpreters

T = "t" if sysconfig.get_config_var("Py_GIL_DISABLED") else ""
THIS = f"{sys.version_info.major}.{sys.version_info.minor}{T}"
OTHER = next(build for build in interpreters.MATRIX if build != THIS)
REAL = Path(sys.executable).resolve()


@pytest.fixture(autouse=True)
def nothing_else(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Neither the machine's PATH, nor its uv, apt and gcc, nor the builds kept there."""
    for name in ("bin", "kept"):
        (tmp_path / name).mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("INTERPRETERS_HOME", str(tmp_path / "kept"))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "bin" / "python"))


def script(file: Path, line: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"#!/bin/sh\n{line}\n")
    file.chmod(file.stat().st_mode | stat.S_IXUSR)


def test_finds_a_build_on_path(tmp_path: Path) -> None:
    script(tmp_path / "bin" / f"python{THIS}", f'exec {REAL} "$@"')
    assert interpreters.find(THIS) == REAL


def test_finds_a_build_that_was_kept(tmp_path: Path) -> None:
    script(tmp_path / "kept" / THIS / "bin" / f"python{THIS}", f'exec {REAL} "$@"')
    assert interpreters.find(THIS) == REAL


def test_asks_uv_for_a_build(tmp_path: Path) -> None:
    script(tmp_path / "bin" / "uv", f'[ "$2 $5" = "find {THIS}" ] && echo {REAL}')
    assert interpreters.find(THIS) == REAL


def test_has_uv_install_a_build_that_it_does_not_find(tmp_path: Path) -> None:
    installed = tmp_path / "installed"
    script(
        tmp_path / "bin" / "uv",
        f"if [ $2 = install ]; then : > {installed}; exit; fi\n[ -e {installed} ] && echo {REAL}",
    )
    assert interpreters.find(THIS) == REAL


def test_refuses_an_interpreter_that_only_bears_the_name(tmp_path: Path) -> None:
    script(tmp_path / "bin" / f"python{OTHER}", f'exec {REAL} "$@"')
    with pytest.raises(interpreters.Unavailable, match="it is not on PATH"):
        interpreters.find(OTHER)


def test_refuses_an_interpreter_that_lacks_a_module(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script(tmp_path / "bin" / f"python{THIS}", f'exec {REAL} "$@"')
    monkeypatch.setattr(interpreters, "ASK", f"import no_such_module\n{interpreters.ASK}")
    with pytest.raises(interpreters.Unavailable):
        interpreters.find(THIS)


def test_says_in_a_sentence_why_a_build_cannot_be_had(tmp_path: Path) -> None:
    script(tmp_path / "bin" / "uv", "echo 'error: no network' >&2; exit 2")
    with pytest.raises(interpreters.Unavailable) as refusal:
        interpreters.find(THIS)
    assert str(refusal.value) == (
        f"Python {THIS} can't be had on this machine: it is not on PATH; "
        "uv has none (`uv python` failed: error: no network); "
        "it can't be put together without gcc and apt-get and dpkg."
    )


def test_says_that_its_folder_is_of_no_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("INTERPRETERS_HOME", str(tmp_path / "file" / "kept"))
    with pytest.raises(interpreters.Unavailable, match="no interpreter can be kept in"):
        interpreters.find(THIS)


def test_says_that_the_parts_do_not_fit(tmp_path: Path) -> None:
    for command in ("gcc", "dpkg"):
        script(tmp_path / "bin" / command, "exit 0")
    script(tmp_path / "bin" / "apt-get", '[ "$1" = indextargets ] && echo http://mirror/debian/')
    with pytest.raises(interpreters.Unavailable, match=r"`apt-get .*` failed"):
        interpreters.find(THIS)
    script(tmp_path / "bin" / "apt-get", "echo http://mirror/debian/")
    script(tmp_path / "bin" / "python", "exit 0")
    with pytest.raises(interpreters.Unavailable, match="its parts could not be put together"):
        interpreters.find(THIS)
    assert [path.name for path in (tmp_path / "kept").iterdir() if path.name == THIS] == []


def test_knows_the_matrix_only() -> None:
    with pytest.raises(interpreters.Unavailable, match=r"no build '2\.7' in the matrix"):
        interpreters.find("2.7")
