"""The configuration: what it makes of values, what it refuses, and what is derived from it."""

import copy
import pickle
from collections.abc import Awaitable, Callable
from dataclasses import FrozenInstanceError, dataclass
from typing import Any

import pytest

from pounce.config.address import DescriptorAddress, PassedAddress, TcpAddress, UnixAddress
from pounce.config.config import Config, settings
from pounce.protocol.errors import ConfigError
from pounce.protocol.limits import Limits

MODULE = "pounce.config.config"


async def application(scope: Any, receive: Any, send: Any) -> None: ...


@pytest.fixture
def gil(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"{MODULE}.gil_enabled", lambda: True)


@pytest.fixture
def no_gil(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"{MODULE}.gil_enabled", lambda: False)


def test_is_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        Config("a:b").port = 1  # type: ignore[misc]


def test_has_no_dict() -> None:
    assert not hasattr(Config("a:b"), "__dict__")


def test_takes_nothing_but_the_application_by_position() -> None:
    with pytest.raises(TypeError):
        Config("a:b", True)  # type: ignore[call-arg]


def test_can_be_pickled_when_the_application_is_a_name() -> None:
    config = Config("a:b", bind=("[::1]:1",), headers=(("x-a", "b"),), workers="auto")
    assert pickle.loads(pickle.dumps(config)) == config


def test_takes_an_application_itself() -> None:
    assert Config(application).app is application


def test_the_deep_copy_is_equal() -> None:
    assert copy.deepcopy(Config("a:b")) == Config("a:b")


@pytest.mark.parametrize("name", [name for name in settings() if name != "app"])
def test_every_default_is_a_value_of_its_kind(name: str) -> None:
    setting = settings()[name]
    assert setting.kind.accept(setting.default) == setting.default


@pytest.mark.parametrize(
    "name", [name for name in settings() if name not in {"app", "log_config", "host"}]
)
def test_every_default_reads_as_it_shows(name: str) -> None:
    setting = settings()[name]
    assert setting.kind.read(setting.kind.show(setting.default)) == setting.default


@pytest.mark.parametrize("name", list(settings()))
def test_every_setting_says_what_it_does_and_why(name: str) -> None:
    setting = settings()[name]
    assert setting.help
    assert not setting.help.endswith(".")
    assert setting.reason.endswith(".")


@pytest.mark.parametrize("name", [n for n in settings() if n.startswith(("limit_", "timeout_"))])
def test_every_limit_has_a_unit(name: str) -> None:
    assert settings()[name].unit


@pytest.mark.parametrize(
    ("name", "value", "kept"),
    [
        ("bind", ["a:1"], ("a:1",)),
        ("bind", "a:1,b:2", ("a:1", "b:2")),
        ("headers", ["X-A: b"], (("x-a", "b"),)),
        ("headers", {"X-A": "b"}, (("x-a", "b"),)),
        ("forwarded_allow_ips", "10.0.0.0/8, ::1", ("10.0.0.0/8", "::1")),
        ("host", "[::1]", "::1"),
        ("log_level", "INFO", "info"),
        ("log_level", 10, "debug"),
        ("root_path", "/api/", "/api"),
        ("root_path", "/", ""),
        ("timeout_head", 3, 3.0),
        ("timeout_head", 0, None),
        ("limit_body", 0, None),
        ("limit_body", "2M", 2 * 1024**2),
        ("limit_restarts", 0, 0),
        ("limit_restarts", None, None),
        ("timeout_drain_delay", 0, 0.0),
        ("timeout_stall", 0, None),
        ("user", 1000, "1000"),
        ("reload_dirs", "a, b", ("a", "b")),
        ("timeout_graceful_shutdown", 0, 0.0),
        ("timeout_graceful_shutdown", None, None),
        ("uds_permissions", "660", 0o660),
        ("port", 0, 0),
        ("use_colors", None, None),
        ("use_colors", False, False),
        ("uds", "", None),
    ],
)
def test_keeps(name: str, value: Any, kept: object) -> None:
    assert getattr(Config("a:b", **{name: value}), name) == kept


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"app": ""}, "app must be an import string"),
        ({"port": 65536}, "port must be a whole number from 0 to 65535, not 65536"),
        ({"port": "80"}, "port must be a whole number"),
        ({"host": "a:1"}, "host must be a host name"),
        ({"bind": "::1:80"}, "bind needs brackets"),
        ({"workers": 0}, "workers must be a whole number from 1 to 1024, or auto, not 0"),
        ({"lifespan": "maybe"}, "lifespan must be one of auto, on, off, not 'maybe'"),
        (
            {"limit_body": -1},
            "limit_body must be a size, 1 or more, in bytes or such as .*, or none for",
        ),
        ({"timeout_keep_alive": 0}, "timeout_keep_alive must be a number of seconds, above 0"),
        ({"root_path": "api"}, 'root_path must start with a slash: "/api"'),
        ({"headers": ["content-length: 1"]}, "headers cannot set content-length"),
        ({"uds": "x", "fd": 3}, "uds and fd each say where to listen"),
        ({"bind": ["a:1"], "uds": "x"}, "bind and uds each say where to listen"),
        ({"bind": ["a:1", "a:1"]}, "bind names a:1 twice"),
        ({"bind": ["https://a:1", "a:1"]}, "bind names a:1 twice"),
        ({"bind": ["https://unix:x", "http://unix:x"]}, "bind names unix:x twice"),
        ({"bind": ["unix:x", "unix://x"]}, "bind names unix:x twice"),
        ({"app": application, "worker_type": "process"}, "give app as an import string"),
        ({"app": application, "reload": True}, "reload imports the application anew"),
        ({"app_scope": "worker"}, 'app_scope "worker" makes an application for each worker'),
    ],
)
def test_refuses(changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        Config(**{"app": "a:b", **changes})


def test_two_free_ports_of_one_host_are_two_addresses() -> None:
    assert len(Config("a:b", bind=("a:0", "a:0")).addresses()) == 2


@pytest.mark.parametrize(
    ("changes", "addresses"),
    [
        ({}, (TcpAddress("127.0.0.1", 8000),)),
        ({"host": "::", "port": 1}, (TcpAddress("::", 1),)),
        ({"uds": "x", "port": 1}, (UnixAddress("x"),)),
        ({"fd": 0}, (DescriptorAddress(0),)),
        ({"bind": ("a:1", "fd://3"), "port": 9}, (TcpAddress("a", 1), DescriptorAddress(3))),
        ({"bind": "fd://web"}, (PassedAddress("web"),)),
    ],
)
def test_addresses(changes: dict[str, Any], addresses: object) -> None:
    assert Config("a:b", **changes).addresses() == addresses


def test_the_default_address_was_not_chosen() -> None:
    assert not Config("a:b").names_address()


@pytest.mark.parametrize(
    "changes", [{"bind": "127.0.0.1:8000"}, {"host": "::"}, {"port": 0}, {"uds": "x"}, {"fd": 0}]
)
def test_any_other_address_was_chosen(changes: dict[str, Any]) -> None:
    assert Config("a:b", **changes).names_address()


def test_a_factory_can_make_an_application_for_each_worker() -> None:
    assert Config("a:b", factory=True, app_scope="worker").app_scope == "worker"


def test_the_default_limits_are_those_of_the_protocol() -> None:
    assert Config("a:b").limits() == Limits()


@pytest.mark.parametrize(
    ("setting", "limit"),
    [
        ("limit_request_line", "request_line"),
        ("limit_header_count", "header_count"),
        ("limit_header_bytes", "header_bytes"),
        ("limit_body", "body"),
        ("limit_keep_alive_requests", "keep_alive_requests"),
        ("limit_concurrency", "concurrency"),
        ("timeout_head", "head_timeout"),
        ("timeout_keep_alive", "keep_alive_timeout"),
        ("timeout_body", "body_timeout"),
        ("limit_body_rate", "body_rate"),
        ("timeout_write", "write_timeout"),
        ("limit_write_rate", "write_rate"),
        ("timeout_request", "request_timeout"),
    ],
)
def test_a_setting_is_the_limit(setting: str, limit: str) -> None:
    changes: dict[str, Any] = {setting: 777}
    assert getattr(Config("a:b", **changes).limits(), limit) == 777


def test_the_server_field_is_added() -> None:
    assert Config("a:b").response_headers() == ((b"server", b"pounce"),)


def test_the_server_field_can_be_left_out() -> None:
    assert Config("a:b", server_header=False).response_headers() == ()


def test_the_operators_server_field_replaces_it() -> None:
    config = Config("a:b", headers=(("Server", "mine"),))
    assert config.response_headers() == ((b"server", b"mine"),)


def test_fields_keep_their_order_behind_it() -> None:
    config = Config("a:b", headers=(("x-b", "1"), ("x-a", "\xe9")))
    assert config.response_headers()[1:] == ((b"x-b", b"1"), (b"x-a", b"\xe9"))


@pytest.mark.usefixtures("no_gil")
def test_workers_are_threads_without_a_gil() -> None:
    assert Config("a:b", workers=2).worker_kind() == "thread"


@pytest.mark.usefixtures("gil")
def test_workers_are_processes_with_a_gil() -> None:
    assert Config("a:b", workers=2).worker_kind() == "process"


@pytest.mark.usefixtures("gil")
def test_one_worker_is_a_thread_whatever_the_interpreter() -> None:
    assert Config("a:b").worker_kind() == "thread"


@pytest.mark.usefixtures("gil")
def test_threads_can_be_forced() -> None:
    assert Config("a:b", workers=2, worker_type="thread").worker_kind() == "thread"


@pytest.mark.usefixtures("gil")
def test_an_application_itself_cannot_go_to_several_processes() -> None:
    with pytest.raises(ConfigError, match="give app as an import string"):
        Config(application, workers=2)


@pytest.mark.usefixtures("no_gil")
def test_an_application_itself_can_go_to_several_threads() -> None:
    assert Config(application, workers=2).worker_count() == 2


def test_auto_counts_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"{MODULE}.usable_cpus", lambda: 5)
    assert Config("a:b", workers="auto").worker_count() == 5


def test_replace_changes_what_it_is_told() -> None:
    assert Config("a:b", port=1).replace(host="::") == Config("a:b", port=1, host="::")


def test_replace_checks() -> None:
    with pytest.raises(ConfigError, match="port must be"):
        Config("a:b").replace(port=-1)


def test_replace_names_the_nearest_setting() -> None:
    with pytest.raises(ConfigError, match=r'no setting "prot", did you mean "port"\?'):
        Config("a:b").replace(prot=1)


def test_an_application_may_be_any_callable() -> None:
    class App:
        def __call__(self, scope: Any, receive: Any, send: Any) -> Awaitable[None]: ...  # type: ignore[empty-body]

    app: Callable[..., Any] = App()
    assert Config(app).app is app


@dataclass(frozen=True)
class Lines:
    most: int = 1


def test_takes_the_settings_of_protocols() -> None:
    assert Config("a:b", protocols={"line": Lines(2)}).protocols == {"line": Lines(2)}


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        (3, "a mapping from the name of each protocol to .*, and not of type int$"),
        ([("line", Lines())], "a mapping .* type list$"),
        ({1: Lines()}, "names of protocols as keys, and not 1$"),
        ({"line": {"most": 2}}, 'an instance of the settings of "line", .* type dict$'),
        ({"line": Lines}, 'an instance of the settings of "line", .* type type$'),
    ],
)
def test_settings_of_protocols_that_are_none(value: Any, sentence: str) -> None:
    with pytest.raises(ConfigError, match=f"^protocols must (be|have) {sentence}"):
        Config("a:b", protocols=value)
