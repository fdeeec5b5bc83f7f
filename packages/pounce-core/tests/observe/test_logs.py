"""The server's own log: levels, forms, the user's configuration; it never blocks anybody."""

import io
import json
import logging
import os
import re
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pounce.observe.logs import LEVELS, TRACE, Logs, level_number
from pounce.protocol.errors import ConfigError

PATIENCE = 30.0
LOGGER = logging.getLogger("pounce.test_logs")
CATCH: dict[str, Any] = {
    "version": 1,
    "handlers": {"memory": {"class": "logging.handlers.MemoryHandler", "capacity": 100}},
    "loggers": {"pounce": {"handlers": ["memory"], "level": "WARNING"}},
}


@pytest.fixture(autouse=True)
def untouched() -> Iterator[None]:
    logger = logging.getLogger("pounce")
    before = (logger.level, logger.propagate, logger.handlers[:])
    yield
    logger.level, logger.propagate, logger.handlers[:] = before
    logger.setLevel(before[0])  # forgets what loggers below remember of levels


def written(*calls: tuple[Any, ...], **settings: Any) -> list[str]:
    stream = io.StringIO()
    logs = Logs(target=stream, **settings)
    for level, *arguments in calls:
        LOGGER.log(level, *arguments)
    assert logs.close(PATIENCE)
    return stream.getvalue().splitlines()


def test_a_human_line() -> None:
    (line,) = written((logging.INFO, "started %s", "well"))
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d info     started well", line)


def test_a_line_in_colors_has_a_short_time() -> None:
    (line,) = written((logging.ERROR, "no"), colors=True)
    assert re.fullmatch(r"\x1b\[2m\d\d:\d\d:\d\d\x1b\[0m \x1b\[31merror   \x1b\[0m no", line)


def test_a_json_line() -> None:
    (line,) = written((logging.WARNING, "careful \x1b"), style="json")
    fields = json.loads(line)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", fields.pop("time"))
    assert fields == {
        "logger": "pounce.test_logs",
        "level": "warning",
        "message": "careful \x1b",
        "pid": os.getpid(),
        "thread": threading.current_thread().name,
    }


@pytest.mark.parametrize("level", LEVELS)
def test_a_level_shows_itself_and_what_is_above(level: str) -> None:
    calls = [(number, name) for name, number in LEVELS.items()]
    shown = [line.split()[-1] for line in written(*calls, level=level)]
    assert shown == list(LEVELS)[: list(LEVELS).index(level) + 1]


def test_levels_are_named_in_any_case() -> None:
    assert level_number("TRACE") == TRACE


def test_a_level_may_be_a_number() -> None:
    assert level_number(15) == 15


def test_an_unknown_level_is_answered_with_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=r"critical, error, .*, trace, not 'loud'"):
        Logs("loud")


def test_a_message_cannot_forge_a_line() -> None:
    lines = written((logging.INFO, "%s", "a\x1b[2J\r\n2026-01-01 00:00:00 info     b\u2028c"))
    assert lines[0].endswith(r"a\x1b[2J\x0d")
    assert lines[1] == r"    2026-01-01 00:00:00 info     b\u2028c"


def test_a_traceback_is_set_in() -> None:
    stream = io.StringIO()
    logs = Logs(target=stream)
    try:
        raise RuntimeError("wrong")
    except RuntimeError:
        LOGGER.exception("failed")
    logs.close(PATIENCE)
    lines = stream.getvalue().splitlines()
    assert all(line.startswith("    ") for line in lines[1:])
    assert lines[-1] == "    RuntimeError: wrong"


def test_a_traceback_is_one_line_of_json() -> None:
    stream = io.StringIO()
    logs = Logs(target=stream, style="json")
    try:
        raise RuntimeError("wrong \udc80")
    except RuntimeError:
        LOGGER.exception("failed")
    logs.close(PATIENCE)
    (line,) = stream.getvalue().splitlines()
    assert json.loads(line)["exception"].endswith("RuntimeError: wrong \\udc80")


def test_records_of_many_threads_stay_whole_lines(read: Callable[[int], bytes]) -> None:
    reading, writing = os.pipe()
    logs = Logs(target=writing)

    def say(name: str) -> None:
        for number in range(200):
            LOGGER.info("%s %d %s.", name, number, name * 50)

    threads = [threading.Thread(target=say, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    got = b""
    while got.count(b"\n") < 800:
        got += read(reading)
    for thread in threads:
        thread.join()
    logs.close(PATIENCE)
    os.close(reading)
    os.close(writing)
    whole = re.compile(rb"[\d: -]{19} info     ([abcd]) \d+ \1{50}\.")
    assert all(whole.fullmatch(line) for line in got.splitlines())


def test_a_stuck_reader_never_blocks_who_logs() -> None:
    reading, writing = os.pipe()
    logs = Logs(target=writing)
    began = time.monotonic()
    for _ in range(10_000):
        LOGGER.info("x" * 100)
    assert time.monotonic() - began < PATIENCE
    os.close(reading)
    logs.close(PATIENCE)
    os.close(writing)


def test_nothing_goes_to_the_root_logger(caplog: pytest.LogCaptureFixture) -> None:
    written((logging.INFO, "ours"))
    assert not caplog.records


def test_close_puts_the_logger_back() -> None:
    logger = logging.getLogger("pounce")
    before = (logger.level, logger.propagate, logger.handlers[:])
    written((logging.INFO, "x"), level="debug")
    assert (logger.level, logger.propagate, logger.handlers) == before


def test_a_second_close_has_nothing_to_do() -> None:
    logs = Logs(target=io.StringIO())
    logs.close(PATIENCE)
    assert logs.close(0)


def test_a_new_one_takes_over_from_what_a_parent_process_set_up() -> None:
    old, new = io.StringIO(), io.StringIO()
    parents = Logs(target=old)
    logs = Logs(target=new)
    LOGGER.info("once")
    logs.close(PATIENCE)
    parents.close(PATIENCE)
    assert (old.getvalue(), new.getvalue().count("once")) == ("", 1)


def test_a_record_that_is_wrong_ends_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    lines = written((logging.INFO, "%d", "no number"), (logging.INFO, "next"))
    assert [line.split()[-1] for line in lines] == ["next"]


def test_a_users_dictionary_rules() -> None:
    logs = Logs(config=CATCH)
    assert (logs.configured, logging.getLogger("pounce").level) == (True, logging.WARNING)


def test_a_level_asked_for_beside_it_counts() -> None:
    Logs("debug", config=CATCH)
    assert logging.getLogger("pounce").level == logging.DEBUG


def test_without_a_configuration_none_rules() -> None:
    logs = Logs(target=io.StringIO())
    assert not logs.configured
    logs.close(PATIENCE)


def test_a_users_dictionary_does_not_silence_loggers_that_exist() -> None:
    Logs(config=CATCH)
    assert not LOGGER.disabled


FILES = {
    "log.json": json.dumps(CATCH),
    "log.toml": (
        'version = 1\n[handlers.memory]\nclass = "logging.handlers.MemoryHandler"\ncapacity = 9\n'
        '[loggers.pounce]\nlevel = "WARNING"\nhandlers = ["memory"]\n'
    ),
    "log.ini": (
        "[loggers]\nkeys=root,pounce\n[handlers]\nkeys=none\n[formatters]\nkeys=\n"
        "[logger_root]\nhandlers=\n[logger_pounce]\nlevel=WARNING\nhandlers=none\n"
        "qualname=pounce\n[handler_none]\nclass=NullHandler\nargs=()\n"
    ),
}


@pytest.mark.parametrize("name", FILES)
def test_a_users_file_rules(tmp_path: Path, name: str) -> None:
    root = logging.getLogger()
    before = (root.level, root.handlers[:])
    (tmp_path / name).write_text(FILES[name])
    Logs(config=str(tmp_path / name))
    root.handlers[:] = before[1]
    root.setLevel(before[0])
    assert logging.getLogger("pounce").level == logging.WARNING


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("log.json", "{", "Expecting property name"),
        ("log.json", "[]", "no table of settings"),
        ("log.json", '{"version": 2}', "nsupported version"),
        ("log.toml", "=", "Invalid"),
        ("log.ini", "nonsense", "nonsense|invalid"),
        ("log.json", '{"version": 1, "handlers": {"x": {"class": "no.Such"}}}', "'x'"),
    ],
)
def test_a_wrong_file_is_one_sentence(tmp_path: Path, name: str, content: str, said: str) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(ConfigError, match=said) as raised:
        Logs(config=tmp_path / name)
    assert str(raised.value).startswith("log-config: ")
    assert "\n" not in str(raised.value)


def test_a_missing_file_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot read .*No such file"):
        Logs(config=tmp_path / "log.json")


def test_yaml_without_its_parser_names_the_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "yaml", None)
    with pytest.raises(ConfigError, match="pip install pyyaml"):
        Logs(config=tmp_path / "log.yaml")


def end_of(pid: int) -> None:
    """Waits for a child, but not for one that hangs."""
    deadline = time.monotonic() + PATIENCE
    while os.waitpid(pid, os.WNOHANG) == (0, 0):
        if time.monotonic() > deadline:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            pytest.fail("the forked process does not end")
        time.sleep(0.001)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # fork beside threads is the point
def test_a_forked_process_logs_too() -> None:
    reading, writing = os.pipe()
    logs = Logs(target=writing)
    LOGGER.info("parent")
    pid = os.fork()
    if not pid:
        try:
            LOGGER.info("child")
            logs.close(PATIENCE)
        finally:
            os._exit(0)
    end_of(pid)
    logs.close(PATIENCE)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        assert sorted(line.split()[-1] for line in pipe) == ["child", "parent"]
