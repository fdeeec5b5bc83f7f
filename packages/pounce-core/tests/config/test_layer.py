"""What one source says: values, origins, warnings, and the sentence for each mistake."""

from collections.abc import Mapping
from dataclasses import dataclass

import pytest

from pounce.config.catalogue import Catalogue, Table, table_of
from pounce.config.config import settings
from pounce.config.layer import Layer, layer_of_arguments, resolve_unknown
from pounce.protocol.errors import ConfigError, NotAvailable
from pounce.protocol.kind import Whole
from pounce.protocol.setting import About, setting

PORT = settings()["port"]
BIND = settings()["bind"]


@dataclass(frozen=True, slots=True)
class Lines:
    most_lines: int = setting(1, About(Whole(1), help="h", reason="r"))
    least: int = setting(1, About(Whole(1), help="h", reason="r"))


TABLE = table_of("line", Lines, prefix="ln")
SECURE = table_of("tls", Lines, prefix="ssl")
SOCKETS = table_of("ws", Lines)
HTTP2 = table_of("h2", Lines)


@pytest.fixture
def layer() -> Layer:
    return Layer()


def test_reads_text(layer: Layer) -> None:
    layer.read(PORT, "80", "--port")
    assert layer.values == {"port": 80}


def test_keeps_where_it_came_from(layer: Layer) -> None:
    layer.read(PORT, "80", "--port")
    assert layer.origins == {"port": "--port"}


def test_refuses_text_by_its_origin(layer: Layer) -> None:
    with pytest.raises(ConfigError, match=r"^--port must be a whole number from 0 to 65535"):
        layer.read(PORT, "x", "--port")


def test_reads_a_repeated_option(layer: Layer) -> None:
    layer.read_each(BIND, ["a:1", "b:2"], "--bind")
    assert layer.values == {"bind": ("a:1", "b:2")}


def test_refuses_a_repeated_option_by_its_origin(layer: Layer) -> None:
    with pytest.raises(ConfigError, match=r"^--bind must be an address"):
        layer.read_each(BIND, ["a:1", "b"], "--bind")


def test_accepts_a_value(layer: Layer) -> None:
    layer.accept("port", 80, "pounce.toml", " in pounce.toml")
    assert (layer.values, layer.origins) == ({"port": 80}, {"port": "pounce.toml"})


def test_refuses_a_value_by_its_place(layer: Layer) -> None:
    with pytest.raises(ConfigError, match=r"^port in pounce\.toml must be a whole number"):
        layer.accept("port", "80", "pounce.toml", " in pounce.toml")


def test_refuses_a_setting_twice(layer: Layer) -> None:
    layer.accept("app_dir", "a", "pounce.toml")
    with pytest.raises(ConfigError, match=r"^app_dir in x is set twice"):
        layer.accept("app_dir", "b", "pounce.toml", " in x")


def test_refuses_an_unknown_setting_with_the_nearest(layer: Layer) -> None:
    with pytest.raises(ConfigError, match=r'^there is no setting "prot" in x, did you mean "port"'):
        layer.accept("prot", 80, "x", " in x")


def test_warns_of_a_setting_that_can_be_ignored(layer: Layer) -> None:
    layer.accept("loop", "uvloop", "x", " in x")
    assert layer.warnings[0].startswith("loop in x is ignored")


def test_resolves_an_unknown_name_in_its_notation() -> None:
    with pytest.raises(ConfigError, match=r'^there is no setting "--prot", did you mean "--port"'):
        resolve_unknown("prot", "80", "--prot", ["--port", "--host"])


def test_resolves_what_needs_an_extra() -> None:
    with pytest.raises(NotAvailable, match=r"^--ssl-keyfile needs TLS"):
        resolve_unknown("ssl_keyfile", "x", "--ssl-keyfile", [])


def test_resolves_what_needs_no_word() -> None:
    assert list(resolve_unknown("loop", "auto", "--loop", [])) == []


def test_arguments_of_python() -> None:
    assert layer_of_arguments({"port": 1}).origins == {"port": "argument"}


# A protocol's table


def take(values: Mapping[str, object]) -> Layer:
    layer = Layer(Catalogue([TABLE]))
    layer.accept_table(TABLE, values, "pounce.toml", " in pounce.toml")
    return layer


@pytest.mark.parametrize("key", ["most_lines", "most-lines"])
def test_a_table_has_its_settings_without_the_prefix(key: str) -> None:
    layer = take({key: 5})
    assert (layer.values, layer.origins) == ({"ln_most_lines": 5}, {"ln_most_lines": "pounce.toml"})


def test_an_unknown_setting_of_a_table_is_refused_with_the_nearest_of_the_table() -> None:
    with pytest.raises(
        ConfigError,
        match=r'^there is no setting "laest" in \[line\] in pounce\.toml, did you mean "least"\?$',
    ):
        take({"laest": 5})


@pytest.mark.parametrize("key", ["ln_least", "port"])
def test_a_name_from_outside_is_unknown_in_a_table(key: str) -> None:
    with pytest.raises(ConfigError, match=rf'^there is no setting "{key}" in \[line\]'):
        take({key: 5})


def test_a_value_that_is_none_is_refused_by_its_table() -> None:
    with pytest.raises(ConfigError, match=r"^least in \[line\] in pounce\.toml must be a whole"):
        take({"least": 0})


def test_a_setting_may_not_be_in_a_table_twice() -> None:
    with pytest.raises(ConfigError, match=r"^most-lines in \[line\] in pounce\.toml is set twice"):
        take({"most_lines": 5, "most-lines": 5})


def test_a_setting_may_not_be_in_its_table_and_outside() -> None:
    layer = take({"least": 5})
    with pytest.raises(ConfigError, match=r"^ln_least in x is set twice"):
        layer.accept("ln_least", 5, "x", " in x")


def test_a_protocols_setting_is_taken_by_its_name_outside() -> None:
    layer = layer_of_arguments({"ln_least": 5}, Catalogue([TABLE]))
    assert layer.values == {"ln_least": 5}


def test_the_nearest_may_be_a_table() -> None:
    layer = Layer(Catalogue([TABLE]))
    with pytest.raises(ConfigError, match=r'^there is no setting "lien", did you mean "line"'):
        layer.accept("lien", {}, "pounce.toml")


# Where a distribution is installed that Uvicorn's settings ask for


@pytest.mark.parametrize(
    ("table", "name", "nearest"),
    [(SECURE, "ssl_laest", "ssl_least"), (SOCKETS, "ws_laest", "ws_least")],
)
def test_what_is_installed_is_not_asked_for(table: Table, name: str, nearest: str) -> None:
    with pytest.raises(
        ConfigError, match=rf'^there is no setting "{name}", did you mean "{nearest}"'
    ):
        Layer(Catalogue([table])).accept(name, 5, "x")


def test_what_is_installed_may_be_asked_for() -> None:
    layer = Layer(Catalogue([HTTP2]))
    layer.accept("http2", True, "x")
    assert (layer.values, layer.warnings) == ({}, [])
