"""What a running server takes over of a new configuration."""

from dataclasses import dataclass
from typing import Any

import pytest

from pounce.config.catalogue import Catalogue, table_of
from pounce.config.changes import changes
from pounce.config.config import Config, settings
from pounce.protocol.errors import ConfigError
from pounce.protocol.kind import Repeated, Switch, Text, Whole
from pounce.protocol.setting import About, setting


async def application(scope: Any, receive: Any, send: Any) -> None: ...


@pytest.fixture
def gil(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pounce.config.changes.gil_enabled", lambda: True)
    monkeypatch.setattr("pounce.config.config.gil_enabled", lambda: True)


@pytest.fixture
def no_gil(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pounce.config.changes.gil_enabled", lambda: False)


OLD = Config("a:b", port=1, timeout_head=1)


def test_nothing_has_changed() -> None:
    assert changes(OLD, OLD) == (OLD, ())


def test_what_can_change_is_taken() -> None:
    assert changes(OLD, OLD.replace(timeout_head=2)) == (OLD.replace(timeout_head=2), ())


def test_what_takes_a_restart_stays() -> None:
    assert changes(OLD, OLD.replace(port=2))[0] == OLD


def test_what_takes_a_restart_is_named() -> None:
    assert changes(OLD, OLD.replace(host="::", port=2, timeout_head=2))[1] == ("host", "port")


@pytest.mark.usefixtures("no_gil")
def test_threads_can_become_more() -> None:
    assert changes(OLD, OLD.replace(workers=2)) == (OLD.replace(workers=2), ())


@pytest.mark.usefixtures("gil")
def test_a_lone_thread_does_not_become_processes() -> None:
    assert changes(OLD, OLD.replace(workers=2)) == (OLD, ("workers",))


@pytest.mark.usefixtures("gil")
def test_processes_do_not_become_a_lone_thread() -> None:
    old = OLD.replace(workers=2)
    assert changes(old, OLD) == (old, ("workers",))


@pytest.mark.usefixtures("gil")
def test_processes_can_become_more() -> None:
    old = OLD.replace(workers=2)
    assert changes(old, OLD.replace(workers=3)) == (OLD.replace(workers=3), ())


@pytest.mark.usefixtures("gil")
def test_workers_of_a_kind_that_was_chosen_can_become_more() -> None:
    old = OLD.replace(worker_type="process")
    assert changes(old, old.replace(workers=2))[1] == ()


@pytest.mark.usefixtures("gil")
def test_a_kind_that_is_new_does_not_count_yet() -> None:
    new = OLD.replace(worker_type="process", workers=2)
    assert changes(OLD, new) == (OLD, ("workers", "worker_type"))


@pytest.mark.usefixtures("no_gil")
def test_what_does_not_go_together_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pounce.config.config.gil_enabled", lambda: True)
    with pytest.raises(ConfigError, match="give app as an import string"):
        changes(Config(application), Config("a:b", workers=2))


RELOADABLE = {name for name, setting in settings().items() if setting.reloadable}


@pytest.mark.parametrize(
    "name",
    [
        "workers",
        "limit_max_requests",
        "limit_max_memory",
        "limit_restarts",
        "forwarded_allow_ips",
        "headers",
        "limit_body",
        "timeout_head",
        "timeout_drain_delay",
    ],
)
def test_can_change_while_the_server_runs(name: str) -> None:
    assert name in RELOADABLE


@pytest.mark.parametrize(
    "name",
    ["app", "app_dir", "app_scope", "bind", "host", "port", "worker_type", "user", "pid_file"],
)
def test_cannot_change_while_the_server_runs(name: str) -> None:
    assert name not in RELOADABLE


# The settings of a protocol


@dataclass(frozen=True, slots=True)
class Lines:
    most: int = setting(1, About(Whole(1), help="lines at most", reason="r", unit="lines"))
    echo: bool = setting(False, About(Switch(), help="h", reason="r", reloadable=False))
    names: tuple[str, ...] = setting((), About(Repeated(Text("NAME"), ","), help="h", reason="r"))


LINES = Catalogue([table_of("line", Lines, title="Lines", prefix="ln")])


def lines(**given: Any) -> Config:
    return LINES.make({"app": "a:b", **given})


def test_a_protocols_setting_can_change() -> None:
    old, new = lines(), lines(ln_most=5)
    assert changes(old, new, LINES) == (new, ())


def test_a_protocols_setting_may_take_a_restart() -> None:
    new = lines(ln_most=5, ln_echo=True, port=1)
    assert changes(lines(), new, LINES) == (lines(ln_most=5), ("port", "ln_echo"))


def test_what_a_protocol_has_is_kept_when_something_else_changes() -> None:
    old = lines(ln_most=5, ln_echo=True)
    taken, restart = changes(old, lines(ln_most=5, ln_echo=True, timeout_head=2), LINES)
    assert (taken.timeout_head, taken.protocols, restart) == (2, old.protocols, ())


def test_a_configuration_without_the_protocol_has_its_defaults() -> None:
    assert changes(Config("a:b"), lines(), LINES) == (lines(), ())
