"""`python -m pounce`."""

import runpy
import sys

import pytest


def test_is_the_console_script(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["pounce", "--version"])
    with pytest.raises(SystemExit) as caught:
        runpy.run_module("pounce", run_name="__main__")
    assert (caught.value.code, capsys.readouterr().out[:7]) == (0, "pounce ")


def test_importing_it_runs_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_module("pounce.__main__", run_name="pounce.__main__")
    assert capsys.readouterr().out == ""
