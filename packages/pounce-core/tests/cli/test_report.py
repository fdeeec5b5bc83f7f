"""What a person reads on standard error, and the status behind it."""

import pytest

from pounce.cli.report import FAILED, USAGE, report, warn
from pounce.protocol.errors import (
    ApplicationLoadError,
    BindError,
    ConfigError,
    NotAvailable,
    PounceError,
    StartupError,
)


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        (ConfigError, USAGE),
        (NotAvailable, USAGE),
        (ApplicationLoadError, FAILED),
        (BindError, FAILED),
        (StartupError, FAILED),
        (PounceError, FAILED),
    ],
)
def test_the_status(kind: type[PounceError], status: int) -> None:
    assert report(kind("x")) == status


def test_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    report(BindError("the port is in use"))
    assert capsys.readouterr().err == "pounce: the port is in use\n"


def test_the_applications_own_error_comes_first(capsys: pytest.CaptureFixture[str]) -> None:
    error = ApplicationLoadError("it is broken")
    error.__cause__ = ZeroDivisionError("by zero")
    report(error)
    assert capsys.readouterr().err == "ZeroDivisionError: by zero\npounce: it is broken\n"


def test_an_error_that_cannot_be_formatted_is_told_more_simply(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object) -> list[str]:
        raise ImportError("again")

    monkeypatch.setattr("traceback.format_exception", fail)
    error = ApplicationLoadError("it is broken")
    error.__cause__ = ZeroDivisionError("by zero")
    report(error)
    assert capsys.readouterr().err == (
        "Traceback (most recent call last):\nZeroDivisionError: by zero\npounce: it is broken\n"
    )


def test_no_other_cause_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    error = BindError("the port is in use")
    error.__cause__ = OSError("x")
    report(error)
    assert capsys.readouterr().err == "pounce: the port is in use\n"


def test_a_warning_is_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    warn(["a", "b"])
    assert capsys.readouterr().err == "pounce: warning: a\npounce: warning: b\n"
