"""What Uvicorn can be told: ignored with a word, without one, or refused."""

import pytest

from pounce.config.config import settings
from pounce.config.uvicorn import UVICORN_SETTINGS, uvicorn_setting
from pounce.protocol.errors import ConfigError, NotAvailable

# Of Uvicorn 0.54's `--help`, what pounce has under the same name is left out.
OPTIONS = """
    loop http http2 ws ws_max_size ws_max_queue ws_ping_interval ws_ping_timeout
    ws_per_message_deflate interface timeout_worker_healthcheck ssl_keyfile ssl_certfile
    ssl_keyfile_password ssl_version ssl_cert_reqs ssl_ca_certs ssl_ciphers reset_contextvars
"""

# And what pounce has.
SAME = """
    host port uds fd workers lifespan env_file log_config log_level access_log use_colors
    proxy_headers server_header date_header forwarded_allow_ips root_path limit_concurrency
    backlog limit_max_requests limit_max_requests_jitter timeout_keep_alive
    timeout_graceful_shutdown app_dir factory reload reload_delay
"""

# And what is called in Python as it is in Uvicorn's, where the option is in the singular.
REPEATED = {
    "headers": "--header",
    "reload_dirs": "--reload-dir",
    "reload_includes": "--reload-include",
    "reload_excludes": "--reload-exclude",
}


@pytest.mark.parametrize("name", OPTIONS.split())
def test_every_option_of_uvicorn_has_an_answer(name: str) -> None:
    try:
        answer = uvicorn_setting(name, "x", name)
    except ConfigError, NotAvailable:
        answer = ""
    assert answer is not None


@pytest.mark.parametrize("name", SAME.split())
def test_a_setting_that_both_have_has_one_name(name: str) -> None:
    assert settings()[name].flag == f"--{name.replace('_', '-')}"


@pytest.mark.parametrize(("name", "flag"), REPEATED.items())
def test_what_can_be_given_several_times_has_one_option(name: str, flag: str) -> None:
    assert settings()[name].flag == flag


@pytest.mark.parametrize("each", UVICORN_SETTINGS, ids=lambda each: each.flag)
def test_no_setting_of_pounces_is_among_them(each: object) -> None:
    flag = getattr(each, "flag", "")
    assert flag not in {setting.flag for setting in settings().values()}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("loop", "auto"),
        ("loop", "asyncio"),
        ("http", "auto"),
        ("http", "h11"),
        ("ws", "none"),
        ("interface", "asgi3"),
        ("reset_contextvars", True),
        ("ssl_keyfile", None),
    ],
)
def test_is_ignored_without_a_word(name: str, value: object) -> None:
    assert uvicorn_setting(name, value, name) == ""


@pytest.mark.parametrize(
    ("name", "value", "instead"),
    [
        ("loop", "uvloop", "run asyncio on a selector of their own"),
        ("http", "httptools", "one HTTP/1.1 parser"),
        ("ws", "wsproto", "WebSocket comes"),
        ("timeout_worker_healthcheck", "5", "sees by itself"),
    ],
)
def test_is_ignored_with_a_word(name: str, value: str, instead: str) -> None:
    answer = uvicorn_setting(name, value, f"--{name}")
    assert answer is not None
    assert answer.startswith(f"--{name} is ignored: ")
    assert instead in answer


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("loop", "my:factory", "cannot name a loop"),
        ("loop", 3, "cannot name a loop"),
        ("interface", "wsgi", "wrap a WSGI application"),
        ("interface", "asgi2", "guarantee_single_callable"),
        ("interface", "x", "leave it out"),
    ],
)
def test_is_refused(name: str, value: object, sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        uvicorn_setting(name, value, name)


@pytest.mark.parametrize(
    ("name", "extra"),
    [
        ("http2", "h2"),
        ("ssl_keyfile", "tls"),
        ("ssl_anything", "tls"),
        ("ws_max_size", "ws"),
    ],
)
def test_names_the_extra(name: str, extra: str) -> None:
    with pytest.raises(NotAvailable, match=rf'pip install "bengal-pounce\[{extra}\]"'):
        uvicorn_setting(name, "x", name)


@pytest.mark.parametrize("name", ["prot", "reloads", "ssl", "loops"])
def test_knows_no_other(name: str) -> None:
    assert uvicorn_setting(name, "x", name) is None
