"""Which source counts, for each pair of them, and what is known of it afterwards."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pounce.config.catalogue import Catalogue, table_of
from pounce.config.config import Config, settings
from pounce.config.layer import Layer, layer_of_arguments
from pounce.config.sources import Gathered, gather
from pounce.protocol.errors import ConfigError
from pounce.protocol.kind import Whole
from pounce.protocol.setting import About, setting


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def given(**arguments: Any) -> Layer:
    return layer_of_arguments({"app": "a:b", **arguments})


def write(folder: Path, name: str, text: str) -> str:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return str(path)


def from_all(folder: Path, *sources: str) -> Gathered:
    """Gathers a port from some sources: 1 is the argument's, 2 the environment's and so on."""
    write(folder, ".env", "POUNCE_PORT=3\n" if "env_file" in sources else "")
    write(folder, "pounce.toml", "port = 4\n" if "toml" in sources else "")
    return gather(
        given(env_file=str(folder / ".env"), **({"port": 1} if "argument" in sources else {})),
        {"POUNCE_PORT": "2"} if "environment" in sources else {},
        folder=folder,
    )


def test_nothing_but_defaults() -> None:
    assert gather(given(), {}).config == Config("a:b")


def test_every_setting_has_an_origin() -> None:
    assert list(gather(given(), {}).origins) == list(settings())


def test_the_origin_of_a_default() -> None:
    assert gather(given(), {}).origins["port"] == "default"


@pytest.mark.parametrize(
    ("sources", "port"),
    [
        (("argument", "environment", "env_file", "toml"), 1),
        (("environment", "env_file", "toml"), 2),
        (("env_file", "toml"), 3),
        (("toml",), 4),
        ((), 8000),
    ],
)
def test_counts(folder: Path, sources: tuple[str, ...], port: int) -> None:
    assert from_all(folder, *sources).config.port == port


@pytest.mark.parametrize(
    ("source", "origin"),
    [
        ("argument", "argument"),
        ("environment", "POUNCE_PORT"),
        ("env_file", "POUNCE_PORT in {}/.env"),
        ("toml", "{}/pounce.toml"),
    ],
)
def test_the_origin(folder: Path, source: str, origin: str) -> None:
    assert from_all(folder, source).origins["port"] == origin.format(folder)


def test_sources_add_up(folder: Path) -> None:
    write(folder, "pounce.toml", "backlog = 7\n")
    config = gather(given(), {"POUNCE_WORKERS": "3"}, folder=folder).config
    assert (config.backlog, config.workers) == (7, 3)


def test_the_application_can_come_from_any_source(folder: Path) -> None:
    write(folder, "pounce.toml", 'app = "x:y"\n')
    assert gather(Layer(), {}, folder=folder).config.app == "x:y"


def test_without_an_application() -> None:
    with pytest.raises(ConfigError, match="nothing says what to serve"):
        gather(Layer(), {})


def test_no_file_is_looked_for_without_a_folder(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    write(folder, "pounce.toml", "port = 4\n")
    assert gather(given(), {}).file is None


def test_the_file_is_told(folder: Path) -> None:
    path = write(folder, "pounce.toml", "")
    assert gather(given(), {}, folder=folder).file == Path(path)


def test_a_named_file_counts_alone(folder: Path) -> None:
    write(folder, "pounce.toml", "backlog = 7\n")
    named = write(folder, "other.toml", "port = 4\n")
    config = gather(given(), {}, file=named, folder=folder).config
    assert (config.port, config.backlog) == (4, 2048)


def test_a_file_named_by_the_environment(folder: Path) -> None:
    named = write(folder, "other.toml", "port = 4\n")
    assert gather(given(), {"POUNCE_CONFIG": named}).config.port == 4


def test_a_file_named_to_this_start_counts_more(folder: Path) -> None:
    named = write(folder, "other.toml", "port = 4\n")
    assert gather(given(), {"POUNCE_CONFIG": "/nowhere"}, file=named).config.port == 4


def test_the_folder_of_the_application_comes_first(folder: Path) -> None:
    write(folder, "pounce.toml", "port = 4\n")
    write(folder, "app/pounce.toml", "port = 5\n")
    assert gather(given(app_dir="app"), {}, folder=folder).config.port == 5


def test_the_folder_of_the_application_may_come_from_the_environment(folder: Path) -> None:
    write(folder, "app/pounce.toml", "port = 5\n")
    assert gather(given(), {"POUNCE_APP_DIR": "app"}, folder=folder).config.port == 5


def test_the_environment_file_can_be_named_in_toml(folder: Path) -> None:
    env = write(folder, ".env", "POUNCE_PORT=3\n")
    write(folder, "pounce.toml", f'env_file = "{env}"\nport = 4\n')
    assert gather(given(), {}, folder=folder).config.port == 3


def test_common_variables_may_be_in_the_environment_file(folder: Path) -> None:
    env = write(folder, ".env", "WEB_CONCURRENCY=3\n")
    assert gather(given(env_file=env), {}).config.workers == 3


@pytest.mark.parametrize(
    ("arguments", "toml", "addresses"),
    [
        ({"port": 1}, 'bind = "a:2"', ["127.0.0.1:1"]),
        ({"uds": "x"}, 'bind = "a:2"', ["unix:x"]),
        ({"bind": "a:1"}, 'uds = "x"', ["a:1"]),
        ({"fd": 3}, 'uds = "x"', ["fd://3"]),
        ({"port": 1}, 'host = "a"', ["a:1"]),
        ({}, 'bind = "a:2"', ["a:2"]),
    ],
)
def test_an_address_replaces_one_in_another_form(
    folder: Path, arguments: dict[str, Any], toml: str, addresses: list[str]
) -> None:
    write(folder, "pounce.toml", toml)
    config = gather(given(**arguments), {}, folder=folder).config
    assert [str(address) for address in config.addresses()] == addresses


def test_two_forms_in_one_source_are_at_odds() -> None:
    with pytest.raises(ConfigError, match="uds and fd each say where to listen"):
        gather(given(uds="x", fd=3), {})


def test_warnings_of_all_sources() -> None:
    warnings = gather(given(loop="uvloop"), {"UVICORN_PORT": "1"}).warnings
    assert [warning.split()[0] for warning in warnings] == ["loop", "UVICORN_PORT"]


# The settings of a protocol


@dataclass(frozen=True, slots=True)
class Lines:
    most: int = setting(0, About(Whole(0), help="h", reason="r"))


LINES = Catalogue([table_of("line", Lines, prefix="ln")])


@pytest.mark.parametrize(
    ("sources", "most", "origin"),
    [
        (("argument", "environment", "env_file", "toml"), 1, "argument"),
        (("environment", "env_file", "toml"), 2, "POUNCE_LN_MOST"),
        (("env_file", "toml"), 3, "POUNCE_LN_MOST in "),
        (("toml",), 4, "pounce.toml"),
        ((), 0, "default"),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) and value else "",
)
def test_a_protocols_setting_comes_from_the_source_that_counts_most(
    folder: Path, sources: tuple[str, ...], most: int, origin: str
) -> None:
    write(folder, ".env", "POUNCE_LN_MOST=3\n" if "env_file" in sources else "")
    write(folder, "pounce.toml", "[line]\nmost = 4\n" if "toml" in sources else "")
    given: dict[str, object] = {"app": "a:b", "env_file": str(folder / ".env")}
    if "argument" in sources:
        given["ln_most"] = 1
    environ = {"POUNCE_LN_MOST": "2"} if "environment" in sources else {}
    gathered = gather(layer_of_arguments(given, LINES), environ, folder=folder)
    assert gathered.config.protocols == {"line": Lines(most)}
    assert origin in gathered.origins["ln_most"]
