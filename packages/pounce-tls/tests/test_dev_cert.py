"""The command `pounce dev-cert`."""

import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from pounce.protocol.errors import ConfigError
from pounce_tls import dev_cert


@pytest.fixture(autouse=True)
def state(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return tmp_path / "pounce" / "dev-cert"


def test_is_a_command() -> None:
    (found,) = entry_points(group="pounce.command", name="dev-cert")
    assert found.load() is dev_cert
    assert dev_cert.DESCRIPTION


def test_makes_a_certificate_and_says_what_to_do(
    state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert dev_cert.run([]) == 0
    out = capsys.readouterr().out
    assert (state / "localhost.pem").exists()
    for text in (
        str(state / "localhost.pem"),
        str(state / "ca.pem"),
        "localhost, 127.0.0.1 and ::1",
        "pounce APP --ssl-dev",
        "update-ca-certificates",
    ):
        assert text in out


def test_says_the_same_again(capsys: pytest.CaptureFixture[str]) -> None:
    dev_cert.run([])
    first = capsys.readouterr().out
    dev_cert.run([])
    assert capsys.readouterr().out == first


def test_shows_no_key(capsys: pytest.CaptureFixture[str]) -> None:
    dev_cert.run([])
    assert "PRIVATE" not in capsys.readouterr().out


def test_takes_no_arguments() -> None:
    with pytest.raises(ConfigError, match="unrecognized arguments: --nonsense: pounce dev-cert"):
        dev_cert.run(["--nonsense"])


def test_helps(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        dev_cert.run(["--help"])
    assert dev_cert.DESCRIPTION in capsys.readouterr().out


def test_is_light_until_it_runs() -> None:
    script = (
        "import sys, pounce_tls.dev_cert;"
        "print([name for name in ('ssl', 'cryptography') if name in sys.modules])"
    )
    out = subprocess.check_output([sys.executable, "-c", script], text=True)
    assert out.strip() == "[]"
