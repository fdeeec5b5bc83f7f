"""Whole lines reach descriptors and streams, and a broken one raises nothing."""

import io
import os
import pty
import socket
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from pounce.observe.output import WHOLE, LineOutput, colors_wanted, is_terminal


def test_lines_reach_a_descriptor(tmp_path: Path) -> None:
    with (tmp_path / "log").open("wb") as file:
        assert LineOutput(file.fileno()).write(["one", "two"]) == 0
    assert (tmp_path / "log").read_bytes() == b"one\ntwo\n"


def test_lines_reach_a_stream_without_a_descriptor() -> None:
    stream = io.StringIO()
    LineOutput(stream).write(["one", "two"])
    assert stream.getvalue() == "one\ntwo\n"


def test_what_a_stream_held_comes_first(tmp_path: Path) -> None:
    with (tmp_path / "log").open("w") as file:
        file.write("before\n")
        LineOutput(file).write(["after"])
    assert (tmp_path / "log").read_text() == "before\nafter\n"


def test_no_target_takes_nothing() -> None:
    assert LineOutput(None).write(["one", "two"]) == 2


def test_every_write_to_a_pipe_is_of_whole_lines_and_in_one_piece() -> None:
    # A datagram socket keeps the borders of writes.
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with ours, theirs:
        lines = [f"{number:04d} " + "x" * 95 for number in range(200)]
        LineOutput(ours.fileno()).write(lines)
        theirs.setblocking(False)
        writes: list[bytes] = []
        while sum(map(len, writes)) < 200 * 101:
            writes.append(theirs.recv(65_536))
    assert all(len(data) <= WHOLE and data.endswith(b"\n") for data in writes)


def test_a_reader_that_went_is_noticed_and_raises_nothing() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    output = LineOutput(writing)
    assert output.write(["one"]) == 1
    assert output.gone
    os.close(writing)


def test_a_full_disk_loses_lines_and_stays() -> None:
    with Path("/dev/full").open("wb", buffering=0) as full:
        output = LineOutput(full.fileno())
        assert output.write(["one", "two"]) == 2
        assert not output.gone


def test_a_closed_stream_is_noticed() -> None:
    stream = io.StringIO()
    output = LineOutput(stream)
    stream.close()
    assert output.write(["one"]) == 1
    assert output.gone


def test_a_pipe_that_another_made_non_blocking_still_gets_all(
    read: Callable[[int], bytes],
) -> None:
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    lines = ["x" * 1_000 for _ in range(500)]
    thread = threading.Thread(target=LineOutput(writing).write, args=(lines,), daemon=True)
    thread.start()
    got = b""
    while len(got) < 500 * 1_001:
        got += read(reading)
    thread.join()
    os.close(reading)
    os.close(writing)
    assert got == ("x" * 1_000 + "\n").encode() * 500


def test_the_flags_of_a_descriptor_stay() -> None:
    reading, writing = os.pipe()
    LineOutput(writing).write(["one"])
    assert os.get_blocking(writing)
    os.close(reading)
    os.close(writing)


def test_what_no_encoding_holds_is_escaped() -> None:
    stream = io.StringIO()
    LineOutput(stream).write(["\udc80"])
    assert stream.getvalue() == "\\udc80\n"


@pytest.fixture
def terminal() -> object:
    main, sub = pty.openpty()
    yield sub
    os.close(main)
    os.close(sub)


@pytest.fixture(autouse=True)
def no_wish(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")


def test_a_terminal_gets_colors(terminal: int) -> None:
    assert colors_wanted(terminal)


def test_a_file_gets_none(tmp_path: Path) -> None:
    with (tmp_path / "log").open("wb") as file:
        assert not colors_wanted(file)


def test_who_asks_gets_them(tmp_path: Path) -> None:
    with (tmp_path / "log").open("wb") as file:
        assert colors_wanted(file, True)


def test_who_declines_gets_none(terminal: int) -> None:
    assert not colors_wanted(terminal, False)


@pytest.mark.parametrize(("name", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_the_environment_can_decline(
    terminal: int, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    assert not colors_wanted(terminal)


def test_a_stream_without_descriptor_is_no_terminal() -> None:
    assert not is_terminal(io.StringIO())
