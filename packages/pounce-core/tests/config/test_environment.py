"""Settings from environment variables, given as a mapping."""

from dataclasses import dataclass

import pytest

from pounce.config.catalogue import Catalogue, table_of
from pounce.config.environment import layer_of_environment
from pounce.protocol.errors import ConfigError, NotAvailable
from pounce.protocol.kind import Repeated, Switch, Text, Whole
from pounce.protocol.setting import About, setting


@pytest.mark.parametrize(
    ("variable", "text", "name", "value"),
    [
        ("POUNCE_PORT", "80", "port", 80),
        ("POUNCE_APP", "a:b", "app", "a:b"),
        ("POUNCE_ACCESS_LOG", "off", "access_log", False),
        ("POUNCE_BIND", "a:1,unix:/x", "bind", ("a:1", "unix:/x")),
        ("POUNCE_BIND", "", "bind", ()),
        ("POUNCE_HEADERS", "a: b\nc: d", "headers", (("a", "b"), ("c", "d"))),
        ("POUNCE_LIMIT_BODY", "none", "limit_body", None),
        ("POUNCE_TIMEOUT_HEAD", "0", "timeout_head", None),
        ("WEB_CONCURRENCY", "4", "workers", 4),
        ("WEB_CONCURRENCY", "auto", "workers", "auto"),
        ("FORWARDED_ALLOW_IPS", "*", "forwarded_allow_ips", ("*",)),
        ("FORWARDED_ALLOW_IPS", "", "forwarded_allow_ips", ()),
    ],
)
def test_reads(variable: str, text: str, name: str, value: object) -> None:
    assert layer_of_environment({variable: text}).values == {name: value}


def test_its_own_variable_counts_more_than_a_common_one() -> None:
    layer = layer_of_environment({"WEB_CONCURRENCY": "4", "POUNCE_WORKERS": "2"})
    assert layer.values == {"workers": 2}


def test_its_own_variable_when_empty_leaves_the_common_one() -> None:
    layer = layer_of_environment({"WEB_CONCURRENCY": "4", "POUNCE_WORKERS": ""})
    assert layer.values == {"workers": 4}


def test_the_origin_is_the_variable() -> None:
    assert layer_of_environment({"WEB_CONCURRENCY": "4"}).origins == {"workers": "WEB_CONCURRENCY"}


def test_the_origin_names_the_file() -> None:
    layer = layer_of_environment({"POUNCE_PORT": "1"}, " in .env")
    assert layer.origins == {"port": "POUNCE_PORT in .env"}


def test_an_empty_variable_is_not_set() -> None:
    assert layer_of_environment({"POUNCE_PORT": ""}).values == {}


def test_a_wrong_value_names_the_variable() -> None:
    with pytest.raises(ConfigError, match=r"^WEB_CONCURRENCY must be a whole number"):
        layer_of_environment({"WEB_CONCURRENCY": "many"})


def test_an_unknown_variable_names_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r'"POUNCE_PROT", did you mean "POUNCE_PORT"'):
        layer_of_environment({"POUNCE_PROT": "80"})


def test_an_unknown_variable_names_the_file() -> None:
    with pytest.raises(ConfigError, match=r'"POUNCE_PROT" in \.env'):
        layer_of_environment({"POUNCE_PROT": "80"}, " in .env")


def test_the_variable_of_the_settings_file_is_known() -> None:
    assert layer_of_environment({"POUNCE_CONFIG": "x.toml"}).values == {}


def test_a_setting_that_needs_an_extra() -> None:
    with pytest.raises(NotAvailable, match=r"^POUNCE_SSL_KEYFILE needs TLS"):
        layer_of_environment({"POUNCE_SSL_KEYFILE": "x"})


def test_others_variables_are_left_alone() -> None:
    assert layer_of_environment({"PORT": "x", "HOST": "y", "PATH": "z"}).values == {}


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        ("POUNCE_PORT", "tcp://10.0.0.1:80"),
        ("POUNCE_SERVICE_HOST", "10.0.0.1"),
        ("POUNCE_SERVICE_PORT", "80"),
        ("POUNCE_SERVICE_PORT_HTTP", "80"),
        ("POUNCE_PORT_80_TCP", "tcp://10.0.0.1:80"),
        ("POUNCE_PORT_80_TCP_ADDR", "10.0.0.1"),
        ("POUNCE_WEB_PORT", "tcp://10.0.0.1:80"),
        ("POUNCE_WEB_SERVICE_HOST", "10.0.0.1"),
    ],
)
def test_what_kubernetes_sets_for_a_service_is_left_alone(variable: str, text: str) -> None:
    assert layer_of_environment({variable: text}).values == {}


def test_warns_of_a_variable_that_set_up_uvicorn() -> None:
    layer = layer_of_environment({"UVICORN_PORT": "80"})
    assert layer.warnings == ["UVICORN_PORT is not read: set POUNCE_PORT instead"]


def test_does_not_warn_when_both_are_set() -> None:
    assert layer_of_environment({"UVICORN_PORT": "80", "POUNCE_PORT": "80"}).warnings == []


def test_does_not_warn_of_a_variable_that_is_no_setting() -> None:
    assert layer_of_environment({"UVICORN_LOGO": "1"}).warnings == []


# The settings of a protocol


@dataclass(frozen=True, slots=True)
class Lines:
    most: int = setting(1, About(Whole(1), help="lines at most", reason="r", unit="lines"))
    echo: bool = setting(False, About(Switch(), help="h", reason="r", reloadable=False))
    names: tuple[str, ...] = setting((), About(Repeated(Text("NAME"), ","), help="h", reason="r"))


LINES = Catalogue([table_of("line", Lines, title="Lines", prefix="ln")])


@pytest.mark.parametrize(
    ("variable", "text", "name", "value"),
    [
        ("POUNCE_LN_MOST", "5", "ln_most", 5),
        ("POUNCE_LN_ECHO", "on", "ln_echo", True),
        ("POUNCE_LN_NAMES", "a,b", "ln_names", ("a", "b")),
        ("POUNCE_LN_NAMES", "", "ln_names", ()),
    ],
)
def test_reads_a_setting_of_a_protocol(variable: str, text: str, name: str, value: object) -> None:
    layer = layer_of_environment({variable: text}, catalogue=LINES)
    assert (layer.values, layer.origins) == ({name: value}, {name: variable})


def test_a_wrong_value_of_a_protocol_names_the_variable() -> None:
    with pytest.raises(ConfigError, match=r"^POUNCE_LN_MOST in \.env must be a whole number, 1 or"):
        layer_of_environment({"POUNCE_LN_MOST": "0"}, " in .env", LINES)


def test_an_unknown_variable_names_the_nearest_of_a_protocol() -> None:
    with pytest.raises(ConfigError, match=r'"POUNCE_LN_MOTS", did you mean "POUNCE_LN_MOST"'):
        layer_of_environment({"POUNCE_LN_MOTS": "5"}, catalogue=LINES)


def test_a_protocol_that_is_not_installed_has_no_variables() -> None:
    with pytest.raises(ConfigError, match=r'^there is no setting "POUNCE_LN_MOST"'):
        layer_of_environment({"POUNCE_LN_MOST": "5"})


def test_a_variable_of_an_extra_that_is_installed_is_not_asked_for() -> None:
    secure = Catalogue([table_of("tls", Lines, prefix="ssl")])
    with pytest.raises(ConfigError, match=r'"POUNCE_SSL_MOTS", did you mean "POUNCE_SSL_MOST"'):
        layer_of_environment({"POUNCE_SSL_MOTS": "x"}, catalogue=secure)
