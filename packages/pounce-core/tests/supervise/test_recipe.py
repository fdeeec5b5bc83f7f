"""Which setting goes where; and what a log entry is made of."""

import select
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import pytest

from pounce.config.config import Config
from pounce.guard.proxies import TrustedProxies
from pounce.http1.handler import Http1Handler
from pounce.http1.plugin import descriptor as http1_descriptor
from pounce.http1.worker import Http1Worker
from pounce.observe.access_log import Entry
from pounce.protocol.descriptor import (
    API,
    ConnectionDescriptor,
    Descriptor,
    TransportDescriptor,
    UpgradeDescriptor,
)
from pounce.protocol.errors import ConfigError, NotAvailable
from pounce.protocol.exchange import Refusal, RequestHead, unknown_head
from pounce.protocol.limits import Limits
from pounce.protocol.roles import Peer
from pounce.registry.discovery import Registry
from pounce.registry.negotiation import Offer
from pounce.supervise.listeners import open_listeners
from pounce.supervise.recipe import Recipe, door_of, log_to
from pounce.worker.poller import Poller, make_poller
from pounce.worker.protocols import Protocols
from pounce.worker.worker import Worker


def recipe(shares: int = 1, **settings: Any) -> Recipe:
    return Recipe(Config("module:app", **settings), shares)


# A worker


def test_a_worker_gets_the_limits_of_the_configuration() -> None:
    made = recipe(limit_body=7, timeout_head=3.5).worker_settings(accepts=True)
    assert (made.limits.body, made.limits.head_timeout) == (7, 3.5)


def test_a_worker_gets_the_default_limits_by_default() -> None:
    assert recipe().worker_settings(accepts=True).limits == Limits()


def test_a_worker_gets_the_fields_of_every_response() -> None:
    made = recipe(headers=[("X-A", "b")]).worker_settings(accepts=True)
    assert dict(made.extra_headers)[b"server"] == b"pounce"
    assert b"b" in dict(made.extra_headers).values()


@pytest.mark.parametrize(
    ("settings", "dated"),
    [
        ({}, True),
        ({"date_header": False}, False),
        ({"headers": [("Date", "never")]}, False),
        ({"headers": [("X-Date", "never")]}, True),
    ],
    ids=["default", "off", "own", "other"],
)
def test_responses_are_dated_unless_that_is_off_or_done(
    settings: dict[str, Any], dated: bool
) -> None:
    assert recipe(**settings).worker_settings(accepts=True).date_header is dated


@pytest.mark.parametrize(
    ("limit", "shares", "share"),
    [(None, 4, None), (100, 1, 100), (100, 4, 25), (10, 4, 3), (1, 4, 1)],
)
def test_the_connections_of_the_server_are_divided(
    limit: int | None, shares: int, share: int | None
) -> None:
    made = recipe(shares, limit_connections=limit)
    assert made.most_connections == share
    assert made.worker_settings(accepts=True).most_connections == share


def test_a_worker_that_is_handed_its_connections_does_not_count_them() -> None:
    made = recipe(limit_connections=100)
    assert made.worker_settings(accepts=False).most_connections is None


def test_a_worker_gets_the_trusted_proxies() -> None:
    made = recipe()
    assert made.worker_settings(accepts=True).proxies is made.proxies


def test_a_worker_is_never_worn_by_default() -> None:
    assert recipe().most_requests() is None


def test_a_worker_is_worn_after_its_number_of_requests() -> None:
    assert recipe(limit_max_requests=100).worker_settings(accepts=True).most_requests == 100


def test_each_worker_is_worn_at_its_own_time() -> None:
    made = recipe(limit_max_requests=100, limit_max_requests_jitter=10)
    drawn = {made.most_requests() for _ in range(1000)}
    assert drawn == set(range(100, 111))


def test_without_jitter_the_number_is_exact() -> None:
    made = recipe(limit_max_requests=100)
    assert {made.most_requests() for _ in range(10)} == {100}


# A life


def test_a_life_gets_its_settings() -> None:
    settings = recipe(
        lifespan="on", root_path="/api", timeout_startup=3, timeout_graceful_shutdown=None
    ).life_settings()
    assert (settings.lifespan, settings.root_path) == ("on", "/api")
    assert (settings.startup_timeout, settings.grace) == (3.0, None)


@pytest.mark.parametrize(
    ("settings", "trusted"),
    [
        ({}, [("127.0.0.1", 1), ("::1", 1)]),
        ({"forwarded_allow_ips": ["10.0.0.0/8", "::2"]}, [("10.1.1.1", 1), ("::2", 1)]),
        ({"forwarded_allow_ips": ["*"]}, [("203.0.113.1", 1), None]),
        ({"forwarded_allow_ips": []}, []),
    ],
    ids=["default", "some", "all", "none"],
)
def test_the_trusted_proxies_are_those_of_the_configuration(
    settings: dict[str, Any], trusted: list[tuple[str, int] | None]
) -> None:
    made = recipe(**settings)
    assert made.proxies is not None
    assert made.life_settings().proxies is made.proxies
    candidates = [
        ("127.0.0.1", 1),
        ("::1", 1),
        ("10.1.1.1", 1),
        ("::2", 1),
        ("203.0.113.1", 1),
        None,
    ]
    found = [client for client in candidates if made.proxies.trusts(client)]
    assert found == (candidates if None in trusted else trusted)


def test_forwarding_fields_can_be_switched_off() -> None:
    assert recipe(proxy_headers=False).proxies is None


# What speaks, and where


def test_http1_speaks_for_new_connections() -> None:
    made = recipe()
    worker = Worker("worker-1", made.worker_settings(accepts=True), make_poller())
    speaker = made.speak(worker).default
    worker.poller.close()
    assert isinstance(speaker, Http1Worker)
    assert speaker.limits == worker.limits
    assert callable(Http1Handler)


@dataclass(frozen=True, slots=True)
class Lines:
    most: int = 1


def made[D: Descriptor](role: type[D], name: str, load: Callable[[], Any], **more: Any) -> D:
    return role(name=name, api=API, distribution=f"dist-{name}", settings=Lines, load=load, **more)


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Has protocols installed beside HTTP/1.1."""

    def install(*found: Descriptor) -> None:
        registry = Registry(
            (
                http1_descriptor,
                *(each for each in found if isinstance(each, ConnectionDescriptor)),
            ),
            tuple(each for each in found if isinstance(each, UpgradeDescriptor)),
            tuple(each for each in found if isinstance(each, TransportDescriptor)),
            (),
        )
        monkeypatch.setattr("pounce.supervise.recipe.discover", lambda: registry)

    return install


def spoken(made: Recipe) -> tuple[Worker, Protocols]:
    worker = Worker("worker-1", made.worker_settings(accepts=True), make_poller())
    worker.poller.close()
    return worker, made.speak(worker)


def test_each_protocol_speaks_with_its_worker_and_its_settings(
    install: Callable[..., None],
) -> None:
    def factory(worker: Worker, settings: Lines) -> tuple[Worker, Lines]:
        return worker, settings

    install(
        made(ConnectionDescriptor, "line", lambda: factory, alpn=(b"line",), preface=b"PING"),
        made(UpgradeDescriptor, "chat", lambda: factory, token=b"chat"),
    )
    worker, speaks = spoken(recipe(protocols={"line": Lines(5)}))
    protocols: Any = speaks
    assert protocols.offers == (Offer((b"line",), b"PING", (worker, Lines(5))),)
    assert protocols.upgrades == {b"chat": (worker, Lines())}
    assert isinstance(protocols.default, Http1Worker)


def test_a_worker_knows_the_tokens_of_its_upgrades(install: Callable[..., None]) -> None:
    install(made(UpgradeDescriptor, "chat", object, token=b"chat"))
    assert recipe().worker_settings(accepts=True).upgrades == {b"chat"}


def test_a_transport_is_made_once_for_all_workers(install: Callable[..., None]) -> None:
    asked: list[tuple[object, tuple[bytes, ...], bool]] = []

    def factory(settings: Lines, alpn: tuple[bytes, ...], tells: bool) -> str:
        asked.append((settings, alpn, tells))
        return "transport"

    install(made(TransportDescriptor, "tls", lambda: factory, scheme="https"))
    one = recipe()
    found: list[Any] = [spoken(one)[1].transports for _ in range(2)]
    assert found == [{"https": "transport"}] * 2
    assert asked == [(Lines(), (b"http/1.1", b"http/1.0"), True)]


def test_transports_are_looked_after_one_by_one(
    install: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    looks: list[float] = []

    class Transport:
        def __init__(self, _settings: Lines, _alpn: tuple[bytes, ...], tells: bool) -> None:
            assert not tells

        def look_after(self, now: float) -> None:
            looks.append(now)
            raise ZeroDivisionError

    install(made(TransportDescriptor, "tls", lambda: Transport, scheme="https"))
    one = Recipe(Config("module:app"), tells=False)
    one.look_after()
    one.look_after()
    assert len(looks) == 2
    assert caplog.messages == ["a transport could not be looked after"] * 2


def test_sockets_that_listen_need_what_carries_them(install: Callable[..., None]) -> None:
    install()
    with pytest.raises(NotAvailable, match="https://"):
        Recipe(Config("module:app"), schemes={"https"})


def missing() -> None:
    raise ImportError("no module named 'lost'\nand more")


@pytest.mark.parametrize("role", [ConnectionDescriptor, UpgradeDescriptor, TransportDescriptor])
def test_what_cannot_be_loaded_is_told_by_name_before_a_worker_starts(
    install: Callable[..., None], role: type[Descriptor]
) -> None:
    scheme = {"scheme": "https"} if role is TransportDescriptor else {}
    install(made(role, "line", missing, title="Lines", **scheme))
    with pytest.raises(
        ConfigError,
        match=r"^Lines, from dist-line, cannot be loaded \(ImportError: no module named 'lost'\): ",
    ):
        recipe()


def test_what_says_itself_why_it_cannot_be_loaded_is_believed(
    install: Callable[..., None],
) -> None:
    def refuse() -> None:
        raise NotAvailable("not on this machine")

    install(made(UpgradeDescriptor, "line", refuse))
    with pytest.raises(NotAvailable, match="not on this machine"):
        recipe()


def test_what_is_not_wanted_is_not_loaded(install: Callable[..., None]) -> None:
    install(made(UpgradeDescriptor, "line", missing, wanted=lambda _settings: False))
    assert recipe().selection.upgrades == {}


def test_a_door_is_made_of_a_listener() -> None:
    config = Config("module:app", port=0)
    [listener] = open_listeners(config)
    door = door_of(listener)
    peer = door.peer(("127.0.0.1", 5), None)
    family = listener.socket.family
    listener.close()
    assert (peer.server, peer.scheme) == (listener.server, "http")
    assert door.family == family


@pytest.mark.skipif(not hasattr(select, "EPOLLEXCLUSIVE"), reason="not in this build")
@pytest.mark.parametrize("exclusive", [True, False])
def test_a_door_of_several_processes_wakes_one_of_them(exclusive: bool) -> None:
    masks: list[int] = []

    class Watcher:
        def watch(self, _fd: int, mask: int) -> None:
            masks.append(mask)

    [listener] = open_listeners(Config("module:app", port=0))
    door_of(listener, exclusive=exclusive).watch(cast("Poller", Watcher()))
    listener.close()
    assert bool(masks[0] & select.EPOLLEXCLUSIVE) is exclusive


# The access log


class Done:
    """What is read of an exchange that is complete."""

    def __init__(self) -> None:
        fields = [(b"host", b"a"), (b"x-forwarded-for", b"203.0.113.7")]
        self.head = RequestHead("GET", b"/a", b"q", "1.1", fields, forwarded=True)
        self.began = time.monotonic() - 2.0
        self.status = 201
        self.body_sent = 7


def test_an_entry_says_what_was_asked_and_answered() -> None:
    entries: list[Entry] = []
    before = time.time()
    log_to(entries.append, None)(Done(), Peer(("192.0.2.1", 5), None, "http", trusted=False))
    [(start, *rest, duration, headers)] = entries
    assert rest == [("192.0.2.1", 5), "GET", b"/a", b"q", "1.1", 201, 7]
    assert headers[0] == (b"host", b"a")
    assert 2.0 <= duration < 60.0
    assert before - 60.0 < start < before


@pytest.mark.parametrize(
    ("believed", "trusted", "client"),
    [
        ("*", True, ("203.0.113.7", 0)),
        ("*", False, ("192.0.2.1", 5)),
        (None, True, ("192.0.2.1", 5)),
    ],
    ids=["trusted", "not trusted", "off"],
)
def test_an_entry_has_the_client_that_the_application_saw(
    believed: str | None, trusted: bool, client: tuple[str, int]
) -> None:
    entries: list[Entry] = []
    proxies = None if believed is None else TrustedProxies.parse(believed)
    log_to(entries.append, proxies)(Done(), Peer(("192.0.2.1", 5), None, "http", trusted))
    assert entries[0][1] == client


def test_an_entry_of_a_request_that_was_refused() -> None:
    entries: list[Entry] = []
    log = log_to(entries.append, TrustedProxies.parse("*"))
    log(Refusal(unknown_head("GET", b"/a"), 400, time.monotonic()), Peer(None, None, "http", True))
    assert entries[0][1:8] == (None, "GET", b"/a", b"", "-", 400, 0)
