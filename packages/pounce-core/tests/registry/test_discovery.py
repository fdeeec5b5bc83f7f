"""Discovery, over distributions that are really installed: core's own, and some of outsiders."""

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import FrozenInstanceError
from pathlib import Path
from typing import Any

import pytest

from pounce.http1 import plugin as http1
from pounce.protocol.descriptor import API, ConnectionDescriptor
from pounce.protocol.errors import ConfigError
from pounce.registry.discovery import Registry, discover
from pounce.worker import plain

KINDS = {
    "connection": "ConnectionDescriptor",
    "upgrade": "UpgradeDescriptor",
    "transport": "TransportDescriptor",
    "listener": "ListenerDescriptor",
}
PLUGIN = """
from pounce.protocol.descriptor import {kind}

def load():
    raise AssertionError("the heavy module was imported")

descriptor = {kind}(
    name={name!r}, api={api}, distribution={distribution!r}, settings=object, load=load, {more}
)
"""
type Install = Callable[..., None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Installs distributions; each brings one entry point, whose module says what is asked for."""
    modules: list[str] = []

    def add(
        distribution: str,
        role: str = "upgrade",
        name: str = "chat",
        *,
        kind: str = "",
        api: int = API,
        more: str = "",
        source: str | None = None,
        points: tuple[str, ...] = (),
    ) -> None:
        module = f"plugin_of_{distribution}"
        modules.append(module)
        folder = tmp_path / distribution
        info = folder / f"{distribution}-1.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n"
        )
        lines = [f"{point} = {module}:descriptor\n" for point in points or (name,)]
        (info / "entry_points.txt").write_text(f"[pounce.{role}]\n{''.join(lines)}")
        if source is None:
            source = PLUGIN.format(
                kind=kind or KINDS[role], name=name, api=api, distribution=distribution, more=more
            )
        (folder / f"{module}.py").write_text(source)
        monkeypatch.syspath_prepend(folder)

    yield add
    for module in modules:
        sys.modules.pop(module, None)


def named(registry: Registry, role: str) -> list[str]:
    return [descriptor.name for descriptor in getattr(registry, f"{role}s")]


# What core brings


def test_http1_registers_through_the_same_door() -> None:
    assert http1.descriptor in discover().connections


def test_the_plain_transport_registers_through_the_same_door() -> None:
    assert plain.descriptor in discover().transports


def test_http1_is_the_default_of_what_is_installed() -> None:
    assert discover().default is http1.descriptor


def test_every_process_finds_the_same() -> None:
    assert discover() == discover()


def test_nothing_heavy_is_imported() -> None:
    program = "import sys, pounce.registry.discovery as d; d.discover(); print(*sys.modules)"
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    heavy = {"asyncio", "ssl", "h11", "pounce.http1.handler", "pounce.worker.channel"}
    assert heavy.isdisjoint(result.stdout.split())


# What an outsider brings


@pytest.mark.parametrize("role", KINDS)
def test_finds_an_outsiders_by_its_role(install: Install, role: str) -> None:
    install("outsider", role, "theirs")
    assert "theirs" in named(discover(), role)


def test_is_in_the_order_of_names(install: Install) -> None:
    for distribution, name in [("first", "m"), ("second", "z"), ("third", "a")]:
        install(distribution, name=name)
    names = named(discover(), "upgrade")
    assert [name for name in names if name in "amz"] == ["a", "m", "z"]


def test_two_roles_may_have_one_name(install: Install) -> None:
    install("one", "upgrade", "theirs")
    install("two", "listener", "theirs")
    assert "theirs" in named(discover(), "listener")


def test_a_descriptor_that_is_named_twice_counts_once(install: Install) -> None:
    install("outsider", name="theirs", points=("theirs", "also-theirs"))
    assert named(discover(), "upgrade").count("theirs") == 1


# What is refused


def test_refuses_a_name_that_is_taken(install: Install) -> None:
    install("one", points=("one",))
    install("two", points=("two",))
    with pytest.raises(
        ConfigError, match=r"^two and one both bring the pounce\.upgrade 'chat': uninstall one"
    ):
        discover()


def test_refuses_another_http1(install: Install) -> None:
    install("impostor", "connection", "http1")
    with pytest.raises(ConfigError, match=r"impostor.*'http1'"):
        discover()


@pytest.mark.parametrize("api", [API - 1, API + 1])
def test_refuses_what_is_made_for_another_interface(install: Install, api: int) -> None:
    install("outsider", api=api)
    with pytest.raises(
        ConfigError, match=f"^outsider is made for interface {api} of pounce, and this is {API}:"
    ):
        discover()


def test_refuses_a_descriptor_of_another_role(install: Install) -> None:
    install("outsider", "upgrade", kind="ListenerDescriptor")
    with pytest.raises(
        ConfigError, match="'chat' of outsider is a ListenerDescriptor, not a UpgradeDescriptor"
    ):
        discover()


def test_refuses_what_is_no_descriptor(install: Install) -> None:
    install("outsider", source="descriptor = 1")
    with pytest.raises(ConfigError, match="'chat' of outsider is a int"):
        discover()


@pytest.mark.parametrize(
    ("role", "claim"),
    [
        ("connection", "alpn=(b'line',)"),
        ("connection", "preface=b'PING'"),
        ("upgrade", "token=b'line'"),
    ],
)
def test_refuses_a_second_who_is_chosen_by_the_same(
    install: Install, role: str, claim: str
) -> None:
    install("one", role, "one", more=claim)
    install("two", role, "two", more=claim)
    with pytest.raises(ConfigError, match=rf"^two and one both bring the pounce\.{role} b'"):
        discover()


def test_refuses_protocols_that_begin_alike(install: Install) -> None:
    install("one", "connection", "one", more="preface=b'PING'")
    install("two", "connection", "two", more="preface=b'PING 2'")
    with pytest.raises(
        ConfigError, match=r"^one and two bring .* begin alike, with b'PING' and b'PING 2': uninst"
    ):
        discover()


def test_protocols_that_begin_differently_go_together(install: Install) -> None:
    install("one", "connection", "one", more="preface=b'PING 1'")
    install("two", "connection", "two", more="preface=b'PING 2'")
    install("three", "connection", "three", more="preface=b''")
    assert {"one", "two", "three"} <= set(named(discover(), "connection"))


BROKEN = {
    "it ends the program": "raise SystemExit(3)",
    "module": "import a_module_that_is_not_installed",
    "attribute": "",
    "fault": "1 / 0",
    "syntax": "descriptor =",
    "later field": PLUGIN.format(
        kind=KINDS["upgrade"], name="chat", api=API, distribution="outsider", more="later=True"
    ),
}


@pytest.mark.parametrize("source", BROKEN.values(), ids=BROKEN)
def test_refuses_what_cannot_be_imported(install: Install, source: str) -> None:
    install("outsider", source=source)
    with pytest.raises(
        ConfigError, match=r"^the pounce\.upgrade 'chat' of outsider cannot be imported \(.+\): "
    ):
        discover()


@pytest.mark.parametrize(
    ("role", "name", "more", "fault"),
    [
        ("listener", "Chat", "", "has the name 'Chat', which is no lower-case word"),
        ("listener", "a.b", "", "has the name 'a.b', which is no lower-case word"),
        ("listener", "", "", "has the name '', which is no lower-case word"),
        ("upgrade", "chat", "token='chat'", "is chosen by 'chat', which is no bytes"),
        ("upgrade", "chat", "token=b'Chat'", "is chosen by b'Chat', which is to be in lower case"),
        ("connection", "chat", "alpn=('chat',)", "is chosen by 'chat', which is no bytes"),
        ("connection", "chat", "preface='chat'", "is chosen by 'chat', which is no bytes"),
    ],
)
def test_refuses_what_could_never_be_chosen(
    install: Install, role: str, name: str, more: str, fault: str
) -> None:
    install("outsider", role, name, more=more, points=("chat",))
    with pytest.raises(
        ConfigError, match=rf"^the pounce\.{role} 'chat' of outsider {re.escape(fault)}: reinstall"
    ):
        discover()


def test_keeps_the_cause_of_what_cannot_be_imported(install: Install) -> None:
    install("outsider", source="1 / 0")
    with pytest.raises(ConfigError) as refusal:
        discover()
    assert isinstance(refusal.value.__cause__, ZeroDivisionError)


# The registry


def connection(distribution: str, **claims: Any) -> ConnectionDescriptor:
    return ConnectionDescriptor(
        name=distribution,
        api=API,
        distribution=distribution,
        settings=object,
        load=object,
        **claims,
    )


def test_the_default_is_what_says_so() -> None:
    one, two = connection("one"), connection("two", default=True)
    assert Registry((one, two), (), (), ()).default is two


def test_without_a_default_it_says_so() -> None:
    registry = Registry((connection("one"),), (), (), ())
    with pytest.raises(ConfigError, match="to be the default, but it is none: reinstall"):
        registry.default  # noqa: B018 - it raises


def test_two_defaults_are_named() -> None:
    one, two = connection("one", default=True), connection("two", default=True)
    registry = Registry((one, two), (), (), ())
    with pytest.raises(ConfigError, match="to be the default, but it is one, two: reinstall"):
        registry.default  # noqa: B018 - it raises


def test_a_second_default_that_is_installed_is_found_out(install: Install) -> None:
    install("usurper", "connection", "theirs", more="default=True")
    with pytest.raises(ConfigError, match="usurper"):
        discover().default  # noqa: B018 - it raises


def test_the_registry_is_frozen() -> None:
    registry = Registry((), (), (), ())
    with pytest.raises(FrozenInstanceError):
        registry.upgrades = ()  # type: ignore[misc] # pyright: ignore[reportAttributeAccessIssue]
