"""The logs of one process of the server: what is opened, for which settings, and closed again."""

import io
import logging
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from pounce.config.config import Config
from pounce.observe.access_log import Entry
from pounce.protocol.errors import ConfigError
from pounce.supervise.server_logs import ServerLogs

PATIENCE = 30.0
ENTRY: Entry = (0.0, ("192.0.2.1", 5), "GET", b"/logged", b"", "1.1", 200, 2, 0.1, [])


def logs(**settings: Any) -> ServerLogs:
    return ServerLogs(Config("module:app", **settings))


def write(made: ServerLogs) -> None:
    assert made.access_log is not None
    made.access_log.sink()(ENTRY)
    made.close()


def test_requests_are_logged_on_standard_output(capfd: pytest.CaptureFixture[str]) -> None:
    write(logs())
    assert "/logged" in capfd.readouterr().out


def test_requests_are_logged_for_machines_where_that_is_wanted(
    capfd: pytest.CaptureFixture[str],
) -> None:
    write(logs(access_log_format="json"))
    assert capfd.readouterr().out.startswith("{")


def test_without_an_access_log_nothing_is_opened_for_it() -> None:
    made = logs(access_log=False)
    made.close()
    assert made.access_log is None


def test_a_logging_configuration_gets_the_requests() -> None:
    records: list[logging.LogRecord] = []

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            records.append(record)

    config = {
        "version": 1,
        "disable_existing_loggers": False,
        "handlers": {"mine": {"()": Handler}},
        "loggers": {"pounce.access": {"handlers": ["mine"], "level": "INFO", "propagate": False}},
    }
    try:
        write(logs(log_config=config))
    finally:
        logging.getLogger("pounce.access").handlers.clear()
        logging.getLogger("pounce.access").propagate = True
    assert any("/logged" in record.getMessage() for record in records)


def test_a_wrong_logging_configuration_is_said_in_a_sentence() -> None:
    with pytest.raises(ConfigError):
        logs(log_config={"version": 1, "handlers": {"x": {"class": "no.such.Handler"}}})


def test_a_standard_output_without_a_descriptor_will_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a notebook, or in a test that captures what is written."""
    out = io.StringIO()
    monkeypatch.setattr(sys, "stdout", out)
    write(logs())
    assert "/logged" in out.getvalue()


def test_without_any_standard_output_the_server_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a process without a console."""
    monkeypatch.setattr(sys, "stdout", None)
    made = logs()
    made.close()


def test_what_was_there_before_is_there_again_afterwards() -> None:
    root = logging.getLogger("pounce")
    before = (root.level, root.propagate, list(root.handlers))
    logs().close()
    assert (root.level, root.propagate, list(root.handlers)) == before


@pytest.mark.parametrize("mode", ["a", "w"])
def test_log_files_that_were_moved_away_are_opened_again(tmp_path: Path, mode: str) -> None:
    file, old = tmp_path / "access.log", tmp_path / "old.log"
    config = {
        "version": 1,
        "disable_existing_loggers": False,
        "handlers": {"file": {"class": "logging.FileHandler", "filename": str(file), "mode": mode}},
        "loggers": {"pounce.access": {"handlers": ["file"], "level": "INFO", "propagate": False}},
    }
    logger = logging.getLogger("pounce.access")
    made = logs(log_config=config)
    try:
        logger.info("first")
        file.rename(old)
        made.reopen()
        logger.info("second")
    finally:
        made.close()
        for handler in logger.handlers:
            handler.close()
        logger.handlers.clear()
        logger.propagate = True
    assert (old.read_text(), file.read_text()) == ("first\n", "second\n")


def test_a_log_file_that_is_where_it_was_loses_nothing(tmp_path: Path) -> None:
    file = tmp_path / "the.log"
    handler = logging.FileHandler(file, mode="w")
    mine = logging.getLogger("pounce.test.kept")
    mine.addHandler(handler)
    try:
        mine.warning("first")
        ServerLogs.reopen()
        mine.warning("second")
    finally:
        mine.removeHandler(handler)
        handler.close()
    assert file.read_text() == "first\nsecond\n"


class MakesAnother:
    """An entry of the table of loggers that adds one when it is looked at, as a thread may."""

    def __getattribute__(self, name: str) -> Any:
        logging.getLogger("pounce.test.meanwhile")
        return super().__getattribute__(name)


def test_files_are_opened_again_while_others_make_loggers(monkeypatch: pytest.MonkeyPatch) -> None:
    table: dict[str, Any] = {"a": MakesAnother(), "b": MakesAnother()}
    monkeypatch.setattr(logging.root.manager, "loggerDict", table)
    ServerLogs.reopen()
    assert "pounce.test.meanwhile" in table


def test_without_log_files_nothing_is_opened_again(capfd: pytest.CaptureFixture[str]) -> None:
    made = logs()
    made.reopen()
    write(made)
    assert "/logged" in capfd.readouterr().out


def test_no_thread_is_left() -> None:
    before = set(threading.enumerate())
    write(logs())
    for thread in set(threading.enumerate()) - before:
        thread.join(PATIENCE)
    # One that another test has left may have ended meanwhile.
    assert set(threading.enumerate()) <= before
