"""`pounce config`: every setting with its value and its source."""

import json
from pathlib import Path
from typing import Any

import pytest

from pounce.cli import effective
from pounce.registry.catalogue import installed_settings


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def table(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, list[str]]:
    assert effective.run(["a:b", *arguments]) == 0
    lines = capsys.readouterr().out.splitlines()
    return {line.split()[0]: line.split()[1:] for line in lines}


def as_json(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, dict[str, Any]]:
    assert effective.run(["a:b", "--json", *arguments]) == 0
    found: dict[str, dict[str, Any]] = json.loads(capsys.readouterr().out)
    return found


def test_shows_every_setting(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(table(capsys)) == list(installed_settings().settings)


def test_shows_a_value_with_its_source(capsys: pytest.CaptureFixture[str]) -> None:
    assert table(capsys, "--port", "81")["port"] == ["81", "--port"]


def test_shows_a_default_without_a_source(capsys: pytest.CaptureFixture[str]) -> None:
    assert table(capsys)["port"] == ["8000"]


def test_shows_the_unit(capsys: pytest.CaptureFixture[str]) -> None:
    assert table(capsys)["timeout_head"] == ["10", "seconds"]


def test_shows_no_unit_of_no_limit(capsys: pytest.CaptureFixture[str]) -> None:
    assert table(capsys)["limit_body"] == ["none"]


def test_shows_a_list_on_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    shown = table(capsys, "--header", "a: b", "--header", "c: d")["headers"]
    assert shown == ["a:", "b,", "c:", "d", "--header"]


def test_json_has_every_setting(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(as_json(capsys)) == list(installed_settings().settings)


def test_json_of_a_setting(capsys: pytest.CaptureFixture[str]) -> None:
    assert as_json(capsys, "--timeout-head", "5")["timeout_head"] == {
        "value": 5.0,
        "unit": "seconds",
        "source": "--timeout-head",
        "reloadable": True,
    }


def test_json_of_a_default(capsys: pytest.CaptureFixture[str]) -> None:
    assert as_json(capsys)["port"]["source"] == "default"


def test_the_application_is_not_imported(capsys: pytest.CaptureFixture[str]) -> None:
    assert table(capsys)["app"] == ["a:b", "APP"]
