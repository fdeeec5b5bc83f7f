"""What the start-up lines say."""

from typing import Any

import pytest

from pounce.observe.banner import address, banner


def lines(**changes: Any) -> list[str]:
    facts: dict[str, Any] = {
        "version": "1.0.0",
        "addresses": ["http://127.0.0.1:8000"],
        "workers": 4,
        "kind": "threads",
        "interpreter": "CPython 3.14.9t",
        "gil": False,
        "protocols": ["http/1.1", "h2"],
        "pid": 4711,
    }
    return banner(**{**facts, **changes})


def test_two_lines_say_it_all() -> None:
    assert lines() == [
        "pounce 1.0.0 serves http://127.0.0.1:8000",
        "4 worker threads, CPython 3.14.9t, GIL off, http/1.1 h2, pid 4711",
    ]


def test_a_person_is_told_how_to_stop_it() -> None:
    assert lines(terminal=True)[0].endswith("press Ctrl-C to stop")


@pytest.mark.parametrize(
    ("workers", "kind", "words"),
    [
        (1, "threads", "1 worker thread,"),
        (1, "processes", "1 worker process,"),
        (2, "processes", "2 worker processes,"),
    ],
)
def test_numbers_and_nouns_agree(workers: int, kind: str, words: str) -> None:
    assert lines(workers=workers, kind=kind)[1].startswith(words)


def test_a_gil_that_is_on_is_named() -> None:
    assert "GIL on" in lines(gil=True)[1]


def test_several_addresses_are_listed() -> None:
    first = lines(addresses=["http://a:1", "https://a:2", "unix:/s"])[0]
    assert first == "pounce 1.0.0 serves http://a:1, https://a:2 and unix:/s"


@pytest.mark.parametrize(
    ("host", "shown"), [("127.0.0.1", "http://127.0.0.1:80"), ("::1", "http://[::1]:80")]
)
def test_an_address_is_as_one_would_type_it(host: str, shown: str) -> None:
    assert address("http", host, 80) == shown
