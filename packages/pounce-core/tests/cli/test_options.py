"""The command line's options: each setting has its own, and what is wrong gets a sentence."""

from argparse import ArgumentParser
from dataclasses import dataclass

import pytest

from pounce.cli.options import Options, make_parser, parse_options
from pounce.config.catalogue import Catalogue, table_of
from pounce.config.config import settings
from pounce.protocol.errors import ConfigError, NotAvailable
from pounce.protocol.kind import Repeated, Switch, Text, Whole
from pounce.protocol.setting import About, setting


@pytest.fixture
def parser() -> ArgumentParser:
    return make_parser("pounce", "Serves.", "pounce APP [OPTION ...]")


@pytest.fixture
def help_text(parser: ArgumentParser, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("NO_COLOR", "1")
    return parser.format_help()


def parse(line: str) -> Options:
    return parse_options(make_parser("pounce", "Serves.", "pounce APP"), line.split())


@pytest.mark.parametrize(
    ("line", "values"),
    [
        ("", {}),
        ("a:b", {"app": "a:b"}),
        ("a:b --port 80", {"app": "a:b", "port": 80}),
        ("--port 80 a:b", {"app": "a:b", "port": 80}),
        ("--port=80 -- a:b", {"app": "a:b", "port": 80}),
        ("--access-log", {"access_log": True}),
        ("--no-access-log", {"access_log": False}),
        ("--no-access-log --access-log", {"access_log": True}),
        ("--use-colors", {"use_colors": True}),
        ("--factory a:b", {"app": "a:b", "factory": True}),
        ("--port 1 --port 2", {"port": 2}),
        ("--bind a:1 --bind b:2", {"bind": ("a:1", "b:2")}),
        ("--header a:b --header c:d", {"headers": (("a", "b"), ("c", "d"))}),
        ("--forwarded-allow-ips 1.1.1.1,::1", {"forwarded_allow_ips": ("1.1.1.1", "::1")}),
        ("--workers auto", {"workers": "auto"}),
        ("--limit-body none", {"limit_body": None}),
        ("--limit-body 0", {"limit_body": None}),
        ("--h11-max-incomplete-event-size 9999", {"limit_header_bytes": 9999}),
        ("--reload --reload-dir a --reload-dir b", {"reload": True, "reload_dirs": ("a", "b")}),
        ("--reload-include *.html", {"reload_includes": ("*.html",)}),
        ("--limit-max-memory 512M", {"limit_max_memory": 512 * 1024**2}),
        ("--loop uvloop a:b", {"app": "a:b"}),
        ("--reset-contextvars a:b", {"app": "a:b"}),
    ],
)
def test_reads(line: str, values: dict[str, object]) -> None:
    assert parse(line).layer.values == values


@pytest.mark.parametrize(
    ("line", "name", "origin"),
    [
        ("--port 80", "port", "--port"),
        ("--no-access-log", "access_log", "--no-access-log"),
        (
            "--h11-max-incomplete-event-size 99",
            "limit_header_bytes",
            "--h11-max-incomplete-event-size",
        ),
        ("a:b", "app", "APP"),
    ],
)
def test_the_origin_is_what_was_typed(line: str, name: str, origin: str) -> None:
    assert parse(line).layer.origins[name] == origin


def test_the_settings_file() -> None:
    assert parse("--config x.toml").file == "x.toml"


def test_no_settings_file() -> None:
    assert parse("a:b").file is None


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("--port x", r"^--port must be a whole number from 0 to 65535, not 'x'$"),
        ("--port", r"^--port needs a value: pounce --help"),
        ("a:b --bind a", r"^--bind must be an address with its port"),
        ("--access-log=1", r"^--access-log takes no value, but was given '1'"),
        ("a:b c:d", r'^"c:d" is one argument too many'),
        ("-x a:b", r'^"-x" is one argument too many'),
        ("a:b --prot 80", r'^there is no setting "--prot", did you mean "--port"\?$'),
        ("a:b --no-acces-log", r'did you mean "--no-access-log"'),
        ("a:b --por=80", r'no setting "--por", did you mean "--port"'),
        ("a:b --nothing-like-it", r'^there is no setting "--nothing-like-it"$'),
        ("a:b --loop my:loop", r"^--loop cannot name a loop"),
        ("a:b --interface wsgi", r"^--interface cannot be wsgi"),
    ],
)
def test_refuses(line: str, sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        parse(line)


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("a:b --ssl-keyfile x", r'^--ssl-keyfile needs TLS: pip install "bengal-pounce\[tls\]"$'),
        ("--ssl-keyfile x a:b", r"^--ssl-keyfile needs TLS"),
        ("--ssl-keyfile=x a:b", r"^--ssl-keyfile needs TLS"),
        ("a:b --ws-max-size 9", r"^--ws-max-size needs WebSocket"),
        ("a:b --http2", r"^--http2 needs HTTP/2"),
    ],
)
def test_says_what_is_not_there(line: str, sentence: str) -> None:
    with pytest.raises(NotAvailable, match=sentence):
        parse(line)


def test_warns_of_what_is_ignored() -> None:
    (warning,) = parse("a:b --http httptools").layer.warnings
    assert warning.startswith("--http is ignored")


def test_a_command_can_have_options_of_its_own(parser: ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", default=False)
    assert parse_options(parser, ["--json"]).others.json is True


@pytest.mark.parametrize("name", [name for name in settings() if name != "app"])
def test_help_has_every_setting(help_text: str, name: str) -> None:
    assert f"  {settings()[name].flag}" in help_text


@pytest.mark.parametrize(
    "line",
    [
        "[127.0.0.1]",
        "[8000]",
        "[10 seconds]",
        "[on]",
        "[none]",
        "[32768 bytes]",
        "POUNCE_PORT=80",
        "Time-outs:",
    ],
)
def test_help_tells(help_text: str, line: str) -> None:
    assert line in help_text


@pytest.mark.parametrize("flag", ["--loop", "--interface", "--h11-max-incomplete-event-size"])
def test_help_leaves_out_what_only_uvicorn_has(help_text: str, flag: str) -> None:
    assert flag not in help_text


# The settings of a protocol


@dataclass(frozen=True, slots=True)
class Lines:
    most: int = setting(1, About(Whole(1), help="lines at most", reason="r", unit="lines"))
    echo: bool = setting(False, About(Switch(), help="h", reason="r", reloadable=False))
    names: tuple[str, ...] = setting((), About(Repeated(Text("NAME"), ","), help="h", reason="r"))


LINES = Catalogue([table_of("line", Lines, title="Lines", prefix="ln")])


def parse_lines(line: str) -> Options:
    return parse_options(make_parser("pounce", "Serves.", "pounce APP", LINES), line.split(), LINES)


@pytest.mark.parametrize(
    ("line", "values"),
    [
        ("--ln-most 5", {"ln_most": 5}),
        ("--ln-most=5 --ln-most=6", {"ln_most": 6}),
        ("--ln-echo", {"ln_echo": True}),
        ("--ln-echo --no-ln-echo", {"ln_echo": False}),
        ("--ln-names a --ln-names b,c", {"ln_names": ("a", "b", "c")}),
    ],
)
def test_reads_an_option_of_a_protocol(line: str, values: dict[str, object]) -> None:
    assert parse_lines(line).layer.values == values


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("--ln-most 0", r"^--ln-most must be a whole number, 1 or more, not '0'$"),
        ("--ln-most", r"^--ln-most needs a value: pounce --help"),
        ("--ln-mots 5", r'^there is no setting "--ln-mots", did you mean "--ln-most"\?$'),
        ("--ln-ecoh", r'did you mean "--ln-echo"'),
    ],
)
def test_refuses_an_option_of_a_protocol(line: str, sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        parse_lines(line)


def test_help_lists_a_protocols_options_under_its_title(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("NO_COLOR", "1")
    text = make_parser("pounce", "Serves.", "pounce APP", LINES).format_help()
    section = text.partition("\nLines:\n")[2]
    assert "--ln-most N                 lines at most [1 lines]" in section
    assert "--ln-echo, --no-ln-echo" in section


def test_an_option_of_an_extra_that_is_installed_is_not_asked_for() -> None:
    secure = Catalogue([table_of("tls", Lines, prefix="ssl")])
    parser = make_parser("pounce", "Serves.", "pounce APP", secure)
    with pytest.raises(ConfigError, match=r'^there is no setting "--ssl-mots", did you mean "--ss'):
        parse_options(parser, ["--ssl-mots", "5"], secure)


def test_an_option_of_uvicorns_may_be_a_protocols() -> None:
    taken = Catalogue([table_of("ws", Lines)])
    parser = make_parser("pounce", "Serves.", "pounce APP", taken)
    assert parse_options(parser, ["--ws-most", "5"], taken).layer.values == {"ws_most": 5}
