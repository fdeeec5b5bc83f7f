"""What the access log says of a request, and that no client can make it say anything else."""

import io
import json
import logging
import os
import re
import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pounce.observe.access_log import AccessLog, Entry, HumanLine, JsonLine, Style
from pounce.observe.output import WHOLE

PATIENCE = 30.0
PRINTABLE = re.compile(r"[ -~]*")


def entry(
    *,
    started: float = 1_500_000_000.25,
    client: tuple[str, int] | None = ("127.0.0.1", 53412),
    method: str = "GET",
    path: bytes = b"/path",
    query: bytes = b"x=1",
    version: str = "1.1",
    status: int = 200,
    size: int = 1_234,
    duration: float = 0.0034,
    headers: list[tuple[bytes, bytes]] | None = None,
) -> Entry:
    return (
        started, client, method, path, query, version, status, size, duration, headers or []
    )  # fmt: skip


def written(*entries: Entry, style: Style = "human", colors: bool = False) -> list[str]:
    stream = io.StringIO()
    log = AccessLog(stream, style, colors=colors)
    sink = log.sink()
    for one in entries:
        sink(one)
    assert log.close(PATIENCE)
    return stream.getvalue().splitlines()


def human(**changes: Any) -> str:
    """The one line, without its time."""
    (line,) = written(entry(**changes))
    return line[20:]


def parsed(**changes: Any) -> dict[str, Any]:
    (line,) = written(entry(**changes), style="json")
    fields: dict[str, Any] = json.loads(line)
    return fields


def test_a_human_line() -> None:
    assert human() == '127.0.0.1:53412 - "GET /path?x=1 HTTP/1.1" 200 OK 1.2kB 3.4ms'


def test_a_human_line_starts_with_the_local_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    (line,) = written(entry())
    assert line.startswith("2017-07-14 02:40:00 127.0.0.1")


def test_a_line_in_colors_says_the_same() -> None:
    (line,) = written(entry(), colors=True)
    plain = re.sub(r"\x1b\[\d+m", "", line)
    assert plain[9:] == human()


@pytest.mark.parametrize(
    ("status", "color"), [(101, 36), (204, 32), (304, 36), (404, 33), (500, 31)]
)
def test_each_class_of_status_has_its_color(status: int, color: int) -> None:
    (line,) = written(entry(status=status), colors=True)
    assert f"\x1b[{color}m{status} " in line


@pytest.mark.parametrize(
    ("client", "shown"),
    [(("::1", 80), "[::1]:80"), (None, "unix"), (("203.0.113.7", 0), "203.0.113.7:0")],
)
def test_a_client_is_shown(client: tuple[str, int] | None, shown: str) -> None:
    assert human(client=client).startswith(f"{shown} - ")


def test_no_query_has_no_question_mark() -> None:
    assert '"GET /path HTTP/1.1"' in human(query=b"")


@pytest.mark.parametrize(
    ("size", "shown"),
    [
        (0, "0B"), (999, "999B"), (1_000, "1.0kB"), (999_949, "999.9kB"), (999_950, "1.0MB"),
        (5_300_000_000, "5.3GB"), (2 * 10**15, "2000.0TB"),
    ],
)  # fmt: skip
def test_sizes(size: int, shown: str) -> None:
    assert f" {shown} " in human(size=size)


@pytest.mark.parametrize(
    ("duration", "shown"),
    [(0.0, "0.0ms"), (0.00004, "0.0ms"), (0.0994, "99.4ms"), (0.25, "250ms"), (1.5, "1.50s")],
)
def test_durations(duration: float, shown: str) -> None:
    assert human(duration=duration).endswith(f" {shown}")


def test_a_status_without_a_name_is_a_number() -> None:
    assert '" 299 1.2kB' in human(status=299)


def test_json_says_it_all() -> None:
    headers = [
        (b"user-agent", b"curl/8"),
        (b"referer", b"http://a/"),
        (b"x-forwarded-for", b"1.2.3.4"),
        (b"cookie", b"secret"),
    ]
    assert parsed(headers=headers) == {
        "time": "2017-07-14T02:40:00.250Z",
        "logger": "pounce.access",
        "client": "127.0.0.1:53412",
        "method": "GET",
        "path": "/path",
        "query": "x=1",
        "http": "1.1",
        "status": 200,
        "bytes": 1_234,
        "duration_ms": 3.4,
        "agent": "curl/8",
        "referer": "http://a/",
        "forwarded_for": "1.2.3.4",
    }


def test_json_has_no_client_on_a_unix_socket() -> None:
    assert parsed(client=None)["client"] is None


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        (b"/\r\n127.0.0.1:1 - GET", r"/\x0d\x0a127.0.0.1:1 - GET"),
        (b"/\x1b[2J", r"/\x1b[2J"),
        (b'/" 200', r"/\" 200"),
        (b"/\\x0a", r"/\\x0a"),
        (b"/\x00\x7f\x85\xff", r"/\x00\x7f\x85\xff"),
        ("/\u202e".encode(), r"/\xe2\x80\xae"),
    ],
)
def test_what_could_forge_a_line_is_escaped(path: bytes, shown: str) -> None:
    assert f'"GET {shown} HTTP/1.1"' in human(path=path, query=b"")


def test_a_method_is_escaped_too() -> None:
    assert '"G\\x0a\\U00002028\\"ET /' in human(method='G\n\u2028"ET')


def test_what_is_too_long_is_cut_and_marked() -> None:
    assert '"GET /' + "a" * 1_023 + "...[4000 more] HTTP/1.1" in human(
        path=b"/" + b"a" * 5_023, query=b""
    )


def test_json_cuts_and_marks_too() -> None:
    assert parsed(path=b"a" * 5_000)["path"] == "a" * 1_024 + "...[3976 more]"


ANY_HEADERS = st.lists(
    st.tuples(
        st.sampled_from([b"user-agent", b"referer", b"x-forwarded-for", b"host"]),
        st.one_of(st.binary(max_size=3_000), st.integers(0, 255).map(lambda n: bytes([n]) * 5_000)),
    ),
    max_size=4,
)
ANY_ENTRY = st.builds(
    entry,
    client=st.none() | st.tuples(st.text(max_size=80), st.integers(0, 65_535)),
    method=st.text(st.characters(), max_size=200),
    path=st.binary(max_size=3_000) | st.integers(0, 255).map(lambda n: bytes([n]) * 5_000),
    query=st.binary(max_size=3_000),
    version=st.text(st.characters(), max_size=20),
    status=st.integers(-5, 5_000),
    size=st.integers(0, 10**20),
    duration=st.floats(),
    headers=ANY_HEADERS,
)


@given(ANY_ENTRY)
def test_a_human_line_is_one_line_of_printable_ascii(one: Entry) -> None:
    (line,) = written(one)
    assert PRINTABLE.fullmatch(line)


@given(ANY_ENTRY)
def test_a_human_line_has_two_quotes_that_are_not_escaped(one: Entry) -> None:
    client = one[1]
    line = HumanLine(False)((one[0], None, *one[2:]), 1_024)
    unescaped = re.sub(r"\\.", "", line)
    assert (unescaped.count('"'), client) == (2, client)


@given(ANY_ENTRY)
def test_a_json_line_is_one_object_in_printable_ascii(one: Entry) -> None:
    (line,) = written(one, style="json")
    assert PRINTABLE.fullmatch(line)
    assert isinstance(json.loads(line), dict)


@given(ANY_ENTRY)
def test_a_json_line_holds_no_lone_surrogate(one: Entry) -> None:
    (line,) = written(one, style="json")
    json.dumps(json.loads(line), ensure_ascii=False).encode("utf-8")


@given(ANY_ENTRY, st.sampled_from(["human", "json"]))
def test_a_line_fits_into_one_write_to_a_pipe(one: Entry, style: Style) -> None:
    (line,) = written(one, style=style)
    assert len(line) < WHOLE


@pytest.mark.parametrize("style", ["human", "json"])
def test_what_an_application_did_to_its_headers_costs_that_entry_only(style: Style) -> None:
    broken: Any = [None, (1, 2, 3)]
    lines = written(entry(headers=broken, duration="?"), entry(path=b"/good"), style=style)  # type: ignore[arg-type]
    assert (len(lines), "could not be read" in lines[0] or "unreadable" in lines[0]) == (2, True)


def test_a_long_json_value_of_bad_bytes_is_cut_shorter() -> None:
    line = JsonLine()(entry(path=b"\xff" * 5_000), 96)
    assert json.loads(line)["path"].endswith("...[4904 more]")


def stuck_log(style: Style) -> tuple[AccessLog, int, int]:
    """A log on a pipe that is full and that nobody reads."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    try:
        while True:
            os.write(writing, b"." * 1_024)
    except BlockingIOError:
        os.set_blocking(writing, True)
    return AccessLog(writing, style, limit=5), reading, writing


def test_a_full_pipe_never_blocks_a_worker() -> None:
    log, reading, writing = stuck_log("human")
    sink = log.sink()
    began = time.monotonic()
    for _ in range(10_000):
        sink(entry())
    assert time.monotonic() - began < PATIENCE
    os.close(reading)
    log.close(PATIENCE)
    os.close(writing)


def test_close_does_not_hang_on_a_full_pipe() -> None:
    log, reading, writing = stuck_log("human")
    log.sink()(entry())
    began = time.monotonic()
    assert not log.close(0.1)
    assert time.monotonic() - began < PATIENCE
    os.close(reading)  # lets the thread end
    assert log.close(PATIENCE)
    os.close(writing)


@pytest.mark.parametrize(
    ("style", "said"),
    [("human", rb"access log: (\d+) entries dropped"), ("json", rb'"dropped","entries":(\d+)\}')],
)
def test_the_log_says_how_many_it_dropped_when_it_flows_again(
    style: Style, said: bytes, read: Callable[[int], bytes]
) -> None:
    log, reading, writing = stuck_log(style)
    sink = log.sink()
    for _ in range(1_000):
        sink(entry())
    lane: Any = sink.__self__  # type: ignore[attr-defined]
    dropped = lane.dropped
    got = b""
    while not (match := re.search(said, got)):
        got += read(reading)
    assert (dropped > 900, int(match[1])) == (True, dropped)
    log.close(PATIENCE)
    os.close(reading)
    os.close(writing)


def test_a_reader_that_went_raises_nothing() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    log = AccessLog(writing)
    log.sink()(entry())
    assert log.close(PATIENCE)
    os.close(writing)


@pytest.fixture
def records() -> list[logging.LogRecord]:
    """What the logger gets."""
    caught: list[logging.LogRecord] = []

    class Catch(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            caught.append(record)

    logger = logging.getLogger("pounce.access")
    handler = Catch()
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    log = AccessLog(logger)
    log.sink()(entry(headers=[(b"user-agent", b"curl/8")]))
    assert log.close(PATIENCE)
    logger.removeHandler(handler)
    logger.setLevel(logging.NOTSET)
    return caught


def test_a_logger_gets_a_message(records: list[logging.LogRecord]) -> None:
    assert records[0].getMessage() == '127.0.0.1:53412 - "GET /path?x=1 HTTP/1.1" 200'


def test_a_logger_gets_arguments_that_filters_look_at(records: list[logging.LogRecord]) -> None:
    assert records[0].args == ("127.0.0.1:53412", "GET", "/path?x=1", "1.1", 200)


def test_a_logger_gets_the_values_as_attributes(records: list[logging.LogRecord]) -> None:
    extra = {key: records[0].__dict__[key] for key in ("duration_ms", "bytes", "agent", "started")}
    assert extra == {
        "duration_ms": 3.4,
        "bytes": 1_234,
        "agent": "curl/8",
        "started": "2017-07-14T02:40:00.250Z",
    }


def test_a_logger_is_called_on_the_writing_thread(records: list[logging.LogRecord]) -> None:
    assert records[0].threadName == "pounce-access-log"
