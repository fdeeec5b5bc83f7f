"""What the tests share: the kinds of worker, the servers with default settings, the journal.

A server is started once for the whole session for each application and kind of worker. After
each test its log is looked at, and at the end it has to stop gracefully. Where pytest-xdist shares
the tests out among processes, each of those is a session.
"""

import contextlib
import sysconfig
from collections.abc import Callable, Iterator
from pathlib import Path
from signal import SIGTERM
from typing import Any, Final

import pytest
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped] # without types

from integration.tests.client import Client
from integration.tests.record import Record
from integration.tests.serving import Served

FREE_THREADED: Final = bool(sysconfig.get_config_var("Py_GIL_DISABLED"))

KINDS: Final = {
    "thread": ("--workers", "1"),
    "threads": ("--workers", "4", "--worker-type", "thread"),
    "processes": ("--workers", "2", "--worker-type", "process"),
}
"""The kinds of worker, each with the flags that ask for it."""

ALONE: Final = "test_supervision_"
"""Modules whose tests share no server."""

NATURAL: Final = "threads" if FREE_THREADED else "processes"
"""What several workers are on this build."""

type Fleet = Callable[..., Served]
"""Called with an application, a kind of worker and further flags."""


class Shares(LoadScopeScheduling):  # type: ignore[misc] # without types
    """Keeps the tests of a module in one process, for the servers that they share; those of a
    module without any go wherever there is room.
    """

    def _split_scope(self, nodeid: str) -> str:
        module = nodeid.partition("::")[0]
        return nodeid if is_alone(module) else module


def is_alone(module: str) -> bool:
    return Path(module).name.startswith(ALONE)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Shares:
    return Shares(config, log)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes long and can be shared out comes first, what fills the gaps comes last."""
    items.sort(key=lambda item: not is_alone(item.path.name))


@pytest.fixture(scope="session")
def record(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Record]:
    record = Record(tmp_path_factory.mktemp("journal") / "pipe")
    yield record
    record.close()


@pytest.fixture
def token(record: Record) -> str:
    """The name of this test's request in the journal."""
    return record.token()


@pytest.fixture(scope="session")
def fleet(record: Record) -> Iterator[Fleet]:
    running: dict[tuple[str, ...], Served] = {}
    with contextlib.ExitStack() as stack:

        def launch(app: str, kind: str, *flags: str) -> Served:
            key = (app, kind, *flags)
            if key not in running:
                # Noted before it has started: one that does not start is not tried again.
                served = running[key] = Served(app, *KINDS[kind], *flags, env=record.env)
                stack.enter_context(served)
            return running[key]

        yield launch
        # All end at the same time, and each is then waited for.
        for served in running.values():
            served.signal(SIGTERM)


@pytest.fixture(scope="session", params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def plain(fleet: Fleet, kind: str) -> Iterator[Served]:
    """The plain ASGI application, on each kind of worker."""
    yield from checked(fleet("plain", kind))


@pytest.fixture
def client(plain: Served) -> Iterator[Client]:
    """A connection to the plain application."""
    with Client.to(plain.address) as client:
        yield client


def checked(served: Served) -> Iterator[Served]:
    yield served
    assert served.process.poll() is None, served.log.text
    served.check()
