"""What signals ask of a running server: more workers or fewer, and its log files anew."""

import json
import os
import time
from pathlib import Path
from signal import SIGTTIN, SIGTTOU, SIGUSR1

import pytest

from integration.tests.changing import Changing, pid_of, thread_of
from integration.tests.client import Client
from integration.tests.load import Load
from integration.tests.serving import Served, children

KINDS = ("thread", "process")


@pytest.fixture
def code(tmp_path: Path) -> Changing:
    return Changing(tmp_path)


def workers_of(served: Served, kind: str) -> set[int]:
    """Who is there: the worker processes, or the threads that answer."""
    if kind == "process":
        return set(children(served.pid))
    clients = [Client.to(served.address) for _ in range(16)]
    found = {thread_of(client.get("/").body) for client in clients}
    for client in clients:
        client.close()
    return found


def until_there_are(number: int, served: Served, kind: str) -> None:
    """Waits until so many workers serve."""
    for _ in range(1_000):
        if len(workers_of(served, kind)) == number:
            return
        time.sleep(0.05)
    raise AssertionError(f"{workers_of(served, kind)} are not {number} workers")


@pytest.mark.parametrize("kind", KINDS)
def test_workers_are_added_and_taken_away(kind: str, code: Changing) -> None:
    flags = ("--workers=1", f"--worker-type={kind}", "--no-access-log")
    with (
        Served("served:app", *flags, cwd=code.folder) as served,
        Load(served.address),
    ):
        for number in (2, 3):
            served.process.send_signal(SIGTTIN)
            assert served.log.find(f"{number} workers from now on")
            until_there_are(number, served, kind)
        for number in (2, 1):
            served.process.send_signal(SIGTTOU)
            until_there_are(number, served, kind)
        # One is always left.
        served.process.send_signal(SIGTTOU)
        until_there_are(1, served, kind)


@pytest.mark.parametrize("kind", KINDS)
def test_log_files_are_opened_again(kind: str, code: Changing) -> None:
    """As logrotate does it: the file is moved away, and then the server is told."""
    log = code.folder / "server.log"
    moved = code.folder / "server.log.1"
    setup = {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"plain": {"format": "%(process)d %(message)s"}},
        "handlers": {
            "file": {"class": "logging.FileHandler", "filename": str(log), "formatter": "plain"},
            "console": {"class": "logging.StreamHandler", "formatter": "plain"},
        },
        "root": {"level": "INFO", "handlers": ["file", "console"]},
    }
    (code.folder / "log.json").write_text(json.dumps(setup))
    flags = ("--workers=2", f"--worker-type={kind}", "--log-config=log.json", "--no-access-log")
    with Served("served:app", *flags, cwd=code.folder) as served:
        number = 0

        def ask() -> int:
            """Has the application log a record; returns the process that did."""
            nonlocal number
            number += 1
            with Client.to(served.address) as client:
                return pid_of(client.get(f"/log?{number}.").body)

        ask()
        assert f"asked: {number}." in log.read_text()
        log.rename(moved)
        pid = ask()
        # Not told yet: what is written is in the file that was moved.
        assert f"{pid} asked: {number}." in moved.read_text()
        assert not log.exists()
        told = number
        served.process.send_signal(SIGUSR1)
        seen: set[int] = set()
        expected = {served.pid} if kind == "thread" else set(children(served.pid))
        for _ in range(2_000):
            pid = ask()
            if log.exists() and f"{pid} asked: {number}." in log.read_text():
                seen.add(pid)
            if seen == expected:
                break
        assert seen == expected
        # No record is lost, and none is in both.
        records = (moved.read_text() + log.read_text()).split("\n")
        found = sorted(
            int(record.partition("asked: ")[2].rstrip("."))
            for record in records
            if "asked: " in record
        )
        assert found == list(range(1, number + 1))
        assert f"asked: {told + 1}." in moved.read_text() + log.read_text()


def test_a_signal_to_the_whole_group_is_the_parents(code: Changing) -> None:
    """Ctrl-C and a closed terminal reach the children too, which leave it to the parent."""
    flags = ("--workers=2", "--worker-type=process", "--no-access-log")
    with (
        Served("served:app", *flags, cwd=code.folder) as served,
        Load(served.address),
    ):
        before = set(children(served.pid))
        for pid in before:
            for number in (SIGTTIN, SIGTTOU, SIGUSR1):
                os.kill(pid, number)
        for _ in range(20):
            with Client.to(served.address) as client:
                assert pid_of(client.get("/slow").body) in before
        assert set(children(served.pid)) == before
