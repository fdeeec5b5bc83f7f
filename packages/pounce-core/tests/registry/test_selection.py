"""Which of the installed protocols a server uses."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import pytest

from pounce.config.config import Config
from pounce.protocol.descriptor import (
    API,
    ConnectionDescriptor,
    Descriptor,
    TransportDescriptor,
    UpgradeDescriptor,
)
from pounce.protocol.errors import ConfigError, NotAvailable
from pounce.registry.discovery import Registry
from pounce.registry.selection import Selection, title_of


@dataclass(frozen=True, slots=True)
class Switch:
    on: bool = False


@dataclass(frozen=True, slots=True)
class Other:
    """The settings of another protocol."""


def is_on(settings: Switch) -> bool:
    return settings.on


def made[D: Descriptor](role: type[D], name: str, **more: Any) -> D:
    """A descriptor of a distribution that is called as the protocol is."""
    given: dict[str, Any] = {
        "settings": Switch,
        "load": object,
        "api": API,
        "distribution": f"dist-{name}",
    }
    return role(name=name, **(given | more))


HTTP1 = made(ConnectionDescriptor, "http1", default=True, alpn=(b"http/1.1",), title="HTTP/1.1")
LINE = made(ConnectionDescriptor, "line", alpn=(b"line", b"line/0"))
CHAT = made(UpgradeDescriptor, "chat", token=b"chat", title="Chat")
PLAIN = made(TransportDescriptor, "plain")
TLS = made(TransportDescriptor, "tls", scheme="https", wanted=is_on)
ON = {"tls": Switch(on=True)}


def select(*installed: Descriptor, schemes: Iterable[str] = (), **settings: Any) -> Selection:
    """Selects of HTTP/1.1, the plain transport, and what else is installed."""
    return Selection(
        Registry(
            (HTTP1, *(each for each in installed if isinstance(each, ConnectionDescriptor))),
            tuple(each for each in installed if isinstance(each, UpgradeDescriptor)),
            (PLAIN, *(each for each in installed if isinstance(each, TransportDescriptor))),
            (),
        ),
        Config("app:app", **settings),
        schemes,
    )


# What is used


def test_everything_is_used_that_is_wanted() -> None:
    chosen = select(LINE, CHAT)
    assert chosen.default is HTTP1
    assert chosen.connections == (LINE,)
    assert chosen.upgrades == {b"chat": CHAT}


@pytest.mark.parametrize("role", [ConnectionDescriptor, UpgradeDescriptor])
def test_what_is_not_wanted_is_not_used(role: type[Any]) -> None:
    chosen = select(made(role, "shy", wanted=is_on))
    assert (chosen.connections, chosen.upgrades) == ((), {})


def test_its_settings_say_whether_it_is_wanted() -> None:
    shy = made(ConnectionDescriptor, "shy", wanted=is_on)
    assert select(shy, protocols={"shy": Switch(on=True)}).connections == (shy,)


def test_there_has_to_be_a_default() -> None:
    with pytest.raises(ConfigError, match="to be the default, but it is none"):
        Selection(Registry((LINE,), (), (), ()), Config("app:app"))


def test_alpn_offers_the_default_last() -> None:
    assert select(LINE).alpn == (b"line", b"line/0", b"http/1.1")


def test_names_are_for_people() -> None:
    assert select(LINE, CHAT).names == ["HTTP/1.1", "line", "Chat"]


def test_a_protocol_without_a_title_has_its_name() -> None:
    assert (title_of(LINE), title_of(CHAT)) == ("line", "Chat")


# Settings


def test_settings_are_those_that_were_given() -> None:
    given = Switch(on=True)
    assert select(LINE, protocols={"line": given}).settings(LINE) is given


def test_settings_that_nobody_gave_are_the_defaults() -> None:
    assert select(LINE).settings(LINE) == Switch()


def test_two_roles_of_one_name_have_each_their_own() -> None:
    other = made(UpgradeDescriptor, "line", token=b"line", settings=Other)
    chosen = select(LINE, other, protocols={"line": Switch(on=True)})
    assert (chosen.settings(LINE), chosen.settings(other)) == (Switch(on=True), Other())


# Schemes and transports


def test_a_plain_address_needs_no_transport() -> None:
    chosen = select()
    assert (chosen.scheme, chosen.transports) == ("http", {})


def test_a_transport_that_is_wanted_carries_the_addresses_that_name_no_scheme() -> None:
    chosen = select(TLS, protocols=ON)
    assert (chosen.scheme, chosen.transports) == ("https", {"https": TLS})


def test_a_transport_that_is_not_wanted_carries_only_what_names_its_scheme() -> None:
    chosen = select(TLS, bind=("https://127.0.0.1:1", "127.0.0.1:2"))
    assert (chosen.scheme, chosen.transports) == ("http", {"https": TLS})


def test_a_plain_address_stays_plain_beside_a_transport_that_is_wanted() -> None:
    chosen = select(TLS, protocols=ON, bind=("http://127.0.0.1:1",))
    assert (chosen.scheme, chosen.transports) == ("https", {})


def test_a_scheme_that_nothing_carries_names_its_extra() -> None:
    with pytest.raises(
        NotAvailable,
        match=r'^an address with https:// needs .*: pip install "bengal-pounce\[tls\]"$',
    ):
        select(bind=("https://127.0.0.1:1",))


def test_sockets_that_listen_already_need_what_carries_them() -> None:
    assert select(TLS, schemes={"https", "http"}).transports == {"https": TLS}
    with pytest.raises(NotAvailable, match="https://"):
        select(schemes={"https"})


def test_two_transports_of_one_scheme_are_refused_by_name() -> None:
    with pytest.raises(ConfigError, match=r"^dist-tls and dist-tls2 both carry https: uninstall"):
        select(TLS, made(TransportDescriptor, "tls2", scheme="https"), protocols=ON)


def test_two_transports_of_a_scheme_that_nothing_has_do_not_matter() -> None:
    other = made(TransportDescriptor, "tls2", scheme="https", wanted=is_on)
    assert select(TLS, other).transports == {}
