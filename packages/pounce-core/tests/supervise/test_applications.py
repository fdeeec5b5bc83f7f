"""Whether workers share an application or have one each, and when it is made."""

import threading
from collections.abc import Callable
from typing import Any

import pytest

from pounce.config.config import Config
from pounce.protocol.asgi import Receive, Scope, Send
from pounce.protocol.errors import ApplicationLoadError
from pounce.supervise.applications import Applications


class Application:
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Never called."""


class Factory:
    """Makes applications, and fails where it is told to."""

    def __init__(self, fails_at: int = 0) -> None:
        self.made: list[Application] = []
        self._fails_at = fails_at

    def __call__(self) -> Application:
        if len(self.made) + 1 == self._fails_at:
            raise OSError("no database")
        made = Application()
        self.made.append(made)
        return made


def applications(app: Callable[..., Any], **settings: Any) -> Applications:
    return Applications(Config(app, **settings))


def test_an_application_is_the_same_for_all() -> None:
    app = Application()
    give = applications(app)
    assert [give() for _ in range(3)] == [app] * 3


def test_a_factory_is_called_once_for_all_workers_by_default() -> None:
    factory = Factory()
    give = applications(factory, factory=True)
    assert [give() for _ in range(3)] == [factory.made[0]] * 3
    assert len(factory.made) == 1


def test_a_factory_may_be_called_once_for_each_worker() -> None:
    factory = Factory()
    give = applications(factory, factory=True, app_scope="worker")
    assert [give() for _ in range(3)] == factory.made
    assert len(set(factory.made)) == 3


def test_a_factory_that_fails_is_known_before_there_is_a_worker() -> None:
    with pytest.raises(ApplicationLoadError, match="no database"):
        applications(Factory(fails_at=1), factory=True, app_scope="worker")


def test_a_factory_that_fails_for_a_later_worker_is_that_workers_failure() -> None:
    give = applications(Factory(fails_at=2), factory=True, app_scope="worker")
    give()
    with pytest.raises(ApplicationLoadError, match="no database"):
        give()


def test_no_application_is_given_to_two_of_many_workers() -> None:
    factory = Factory()
    give = applications(factory, factory=True, app_scope="worker")
    given: list[object] = []
    begin = threading.Barrier(16)

    def work() -> None:
        begin.wait()
        given.append(give())

    threads = [threading.Thread(target=work) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(map(id, given))) == 16
