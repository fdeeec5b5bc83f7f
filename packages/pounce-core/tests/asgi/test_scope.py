"""What an application is told of a request."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pounce.asgi.scope import ScopeBuilder
from pounce.guard.proxies import TrustedProxies
from pounce.protocol.exchange import Headers, RequestHead
from pounce.protocol.roles import Peer

CLIENT = ("10.0.0.1", 5000)
SERVER = ("192.0.2.2", 8000)
PROXIES = TrustedProxies.parse("10.0.0.1")


def peer(trusted: bool = False, tls: dict[str, Any] | None = None, scheme: str = "http") -> Peer:
    return Peer(CLIENT, SERVER, scheme, trusted, tls)


def head(
    raw_path: bytes = b"/",
    query: bytes = b"",
    headers: Headers | None = None,
    version: str = "1.1",
    forwarded: bool = False,
) -> RequestHead:
    fields = [(b"host", b"a")] if headers is None else headers
    return RequestHead("GET", raw_path, query, version, fields, forwarded=forwarded)


def scope_of(request: RequestHead, root_path: str = "", **options: Any) -> dict[str, Any]:
    return ScopeBuilder(root_path, None, None).build(request, peer(**options))


def test_every_field_of_a_plain_request() -> None:
    request = RequestHead("POST", b"/a%20b", b"c=%20d", "1.0", [(b"host", b"a"), (b"x", b"y")])
    scope = scope_of(request)
    extensions = scope.pop("extensions")
    assert scope == {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.5"},
        "http_version": "1.0",
        "method": "POST",
        "scheme": "http",
        "path": "/a b",
        "raw_path": b"/a%20b",
        "query_string": b"c=%20d",
        "root_path": "",
        "headers": [(b"host", b"a"), (b"x", b"y")],
        "client": CLIENT,
        "server": SERVER,
    }
    assert set(extensions) == {
        "http.response.pathsend",
        "http.response.trailers",
        "http.response.early_hint",
    }


@pytest.mark.parametrize(
    ("raw", "path"),
    [
        (b"/", "/"),
        (b"/plain", "/plain"),
        (b"/%C3%A4", "/ä"),
        (b"/%c3%a4", "/ä"),
        (b"/a%2Fb", "/a/b"),
        (b"/%25", "/%"),
        (b"/%", "/%"),
        (b"/%zz", "/%zz"),
        (b"/%ff", "/\ufffd"),
        (b"/a+b", "/a+b"),
        (b"/%00", "/\0"),
        (b"/..//.", "/..//."),
        (b"/;a=b", "/;a=b"),
        (b"*", "*"),
    ],
)
def test_the_path_is_decoded_once_and_nothing_else(raw: bytes, path: str) -> None:
    scope = scope_of(head(raw))
    assert (scope["path"], scope["raw_path"]) == (path, raw)


@given(st.binary().map(lambda data: b"/" + bytes(each for each in data if 0x21 <= each <= 0x7E)))
def test_no_path_is_too_odd_to_be_decoded(raw: bytes) -> None:
    assert isinstance(scope_of(head(raw))["path"], str)


def test_the_root_path_comes_before_the_path() -> None:
    scope = scope_of(head(b"/%C3%A4"), "/api")
    assert scope["root_path"] == "/api"
    assert scope["path"] == "/api/ä"
    assert scope["raw_path"] == b"/api/%C3%A4"


def test_a_root_path_in_other_letters_is_encoded_in_the_raw_path() -> None:
    scope = scope_of(head(b"/a"), "/ä b")
    assert scope["path"] == "/ä b/a"
    assert scope["raw_path"] == b"/%C3%A4%20b/a"


def test_the_server_as_a_whole_is_under_no_root_path() -> None:
    scope = scope_of(RequestHead("OPTIONS", b"*", b"", "1.1", []), "/api")
    assert scope["path"] == "*"


@pytest.mark.parametrize("version", ["1.0", "1.1", "2", "3"])
def test_the_version_is_the_requests(version: str) -> None:
    assert scope_of(head(version=version))["http_version"] == version


def test_a_unix_socket_has_no_client_and_a_path_as_server() -> None:
    builder = ScopeBuilder("", None, None)
    scope = builder.build(head(), Peer(None, ("/run/socket", None), "http", trusted=False))
    assert (scope["client"], scope["server"]) == (None, ("/run/socket", None))


# Forwarding fields


FORWARDED: Headers = [
    (b"x-forwarded-for", b"203.0.113.7"),
    (b"x-forwarded-proto", b"https"),
]


@pytest.mark.parametrize(
    ("trusted", "proxies", "told"),
    [
        (True, PROXIES, (("203.0.113.7", 0), "https")),
        (False, PROXIES, (CLIENT, "http")),
        (True, None, (CLIENT, "http")),
    ],
    ids=["trusted", "not trusted", "off"],
)
def test_forwarding_fields_are_believed_of_a_trusted_proxy_only(
    trusted: bool, proxies: TrustedProxies | None, told: tuple[object, str]
) -> None:
    builder = ScopeBuilder("", None, proxies)
    request = head(headers=list(FORWARDED), forwarded=True)
    scope = builder.build(request, peer(trusted))
    assert (scope["client"], scope["scheme"]) == told


def test_forwarding_fields_stay_among_the_headers() -> None:
    builder = ScopeBuilder("", None, PROXIES)
    scope = builder.build(head(headers=list(FORWARDED), forwarded=True), peer(trusted=True))
    assert scope["headers"] == FORWARDED


# What belongs to one request


def test_each_request_has_a_state_of_its_own() -> None:
    shared: list[int] = []
    builder = ScopeBuilder("", {"shared": shared}, None)
    first, second = (builder.build(head(), peer()) for _ in range(2))
    first["state"]["own"] = 1
    first["state"]["shared"].append(1)
    assert second["state"] == {"shared": [1]}
    assert builder.build(head(), peer())["state"] == {"shared": [1]}


def test_without_a_lifespan_there_is_no_state() -> None:
    assert "state" not in scope_of(head())


def test_what_the_lifespan_adds_later_is_seen() -> None:
    state: dict[str, Any] = {}
    builder = ScopeBuilder("", state, None)
    state["late"] = 1
    assert builder.build(head(), peer())["state"] == {"late": 1}


def test_nothing_that_can_be_changed_is_shared_by_two_requests() -> None:
    builder = ScopeBuilder("/api", {"a": 1}, PROXIES)
    first, second = (builder.build(head(), peer(tls={"x": [1]})) for _ in range(2))
    for name, value in first.items():
        if isinstance(value, dict | list):
            assert value is not second[name], name
    for name, value in first["extensions"].items():
        if isinstance(value, dict):
            assert value is not second["extensions"][name], name


def test_tls_is_told_where_it_is() -> None:
    facts = {"tls_version": 0x0304, "cipher_suite": 0x1301}
    scope = scope_of(head(), tls=facts, scheme="https")
    assert scope["extensions"]["tls"] == facts
    assert scope["scheme"] == "https"


def test_tls_is_not_told_where_it_is_not() -> None:
    assert "tls" not in scope_of(head())["extensions"]
