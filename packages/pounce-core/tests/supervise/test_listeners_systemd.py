"""Listening on what systemd passed: when it is taken, and which of it."""

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest

from pounce.config.config import Config
from pounce.protocol.errors import BindError
from pounce.supervise.listeners import open_listeners

FREE = 220
"""A descriptor that nothing in the test's process uses, nor those that follow it."""

type Pass = Callable[[str], list[int]]


@pytest.fixture
def passes(monkeypatch: pytest.MonkeyPatch) -> Iterator[Pass]:
    """Passes a listening socket for each of the names, and tells their ports."""
    passed: list[int] = []

    def passes(names: str) -> list[int]:
        ports: list[int] = []
        for number, _ in enumerate(names.split(":"), FREE):
            with socket.create_server(("127.0.0.1", 0)) as sock:
                ports.append(sock.getsockname()[1])
                passed.append(os.dup2(sock.fileno(), number))
        monkeypatch.setattr("pounce.supervise.systemd.FIRST_DESCRIPTOR", FREE)
        monkeypatch.setenv("LISTEN_PID", str(os.getpid()))
        monkeypatch.setenv("LISTEN_FDS", str(len(passed)))
        monkeypatch.setenv("LISTEN_FDNAMES", names)
        return ports

    yield passes
    for number in passed:
        # Its listener may have closed it.
        with suppress(OSError):
            os.close(number)


def ports(**settings: Any) -> list[int | None]:
    listeners = open_listeners(Config("a:b", **settings))
    for listener in listeners:
        listener.close()
    return [listener.server[1] for listener in listeners]


def test_all_are_taken_when_no_address_was_chosen(passes: Pass) -> None:
    passed = passes("web:admin")
    assert ports() == passed


def test_none_is_taken_when_an_address_was_chosen(passes: Pass) -> None:
    passed = passes("web")
    assert ports(port=0) != passed


def test_what_is_not_taken_is_left_for_the_application(passes: Pass) -> None:
    passes("web")
    ports(port=0)
    assert os.environ["LISTEN_FDS"] == "1"


def test_a_name_picks_one(passes: Pass) -> None:
    passed = passes("web:admin")
    assert ports(bind="fd://admin") == [passed[1]]


@pytest.mark.parametrize(
    ("bind", "schemes"),
    [((), ["https", "https"]), (("fd://web", "http://fd://admin"), ["https", "http"])],
)
def test_what_was_passed_has_the_default_scheme_or_that_of_its_address(
    passes: Pass, bind: tuple[str, ...], schemes: list[str]
) -> None:
    passes("web:admin")
    listeners = open_listeners(Config("a:b", bind=bind), "https")
    for listener in listeners:
        listener.close()
    assert [listener.scheme for listener in listeners] == schemes


def test_a_name_picks_all_that_have_it(passes: Pass) -> None:
    passed = passes("web:admin:web")
    assert ports(bind="fd://web") == [passed[0], passed[2]]


def test_names_go_with_other_addresses(passes: Pass) -> None:
    passed = passes("web")
    assert ports(bind="127.0.0.1:0,fd://web")[1:] == passed


def test_a_name_that_was_not_passed(passes: Pass) -> None:
    passes("web:web:admin")
    with pytest.raises(BindError, match='no socket with the name "api", only web, admin: see'):
        ports(bind="fd://api")


def test_a_name_without_systemd() -> None:
    with pytest.raises(BindError, match='no socket with the name "api", none at all'):
        ports(bind="fd://api")
