"""`pounce info`: what this pounce is made of."""

import sys
import sysconfig
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import pytest

from pounce.cli import info
from pounce.protocol.descriptor import (
    API,
    ConnectionDescriptor,
    Descriptor,
    ListenerDescriptor,
    TransportDescriptor,
    UpgradeDescriptor,
)
from pounce.protocol.errors import ConfigError
from pounce.registry.discovery import Registry

DISCOVER = "pounce.registry.discovery.discover"


def test_shows_every_fact(capsys: pytest.CaptureFixture[str]) -> None:
    info.run([])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == [name for name, _ in info.facts()]


def test_ends_well() -> None:
    assert info.run([]) == 0


def test_takes_no_argument() -> None:
    with pytest.raises(ConfigError, match="pounce info --help"):
        info.run(["x"])


def test_the_version() -> None:
    assert dict(info.facts())["pounce"] == version("bengal-pounce")


def test_an_extra_that_is_missing_names_its_command(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> str:
        if name.startswith("bengal-pounce-"):
            raise PackageNotFoundError(name)
        return "1"

    monkeypatch.setattr(info, "version", missing)
    assert dict(info.facts())["bengal-pounce-h2"].endswith('pip install "bengal-pounce[h2]"')


def test_an_extra_that_is_installed_has_its_version(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(info, "version", lambda name: f"{name} 9")
    assert dict(info.facts())["bengal-pounce-h2"] == "bengal-pounce-h2 9"


@pytest.mark.parametrize(
    ("free_threaded", "gil", "ending"),
    [
        (1, False, ", free-threaded, GIL off"),
        (1, True, ", free-threaded, GIL on"),
        (0, True, ", GIL on"),
    ],
)
def test_the_interpreter(
    monkeypatch: pytest.MonkeyPatch, free_threaded: int, gil: bool, ending: str
) -> None:
    monkeypatch.setattr(sysconfig, "get_config_var", lambda name: free_threaded)
    monkeypatch.setattr(sys, "_is_gil_enabled", lambda: gil)
    assert info.interpreter().endswith(ending)


def test_the_protocols_by_role() -> None:
    roles = [role for role, _ in info.protocols()]
    assert list(dict.fromkeys(roles)) == ["connection", "upgrade", "transport", "listener"]


def test_what_core_brings_is_told_with_its_origin_and_why_it_is_chosen() -> None:
    origin = f"from bengal-pounce {version('bengal-pounce')}"
    told = info.protocols()
    chosen = "ALPN http/1.1 http/1.0, whatever nothing else claims"
    assert ("connection", f"http1, {origin}: {chosen}") in told
    assert ("transport", f"plain, {origin}: http://") in told


def described(monkeypatch: pytest.MonkeyPatch, role: type[Descriptor], **more: Any) -> str:
    """The line of what alone is installed, by a distribution that is there."""
    given: dict[str, Any] = {
        "name": "line",
        "distribution": "h11",
        "api": API,
        "settings": object,
        "load": object,
    }
    made = role(**(given | more))
    registry = Registry(
        (made,) if isinstance(made, ConnectionDescriptor) else (),
        (made,) if isinstance(made, UpgradeDescriptor) else (),
        (made,) if isinstance(made, TransportDescriptor) else (),
        (made,) if isinstance(made, ListenerDescriptor) else (),
    )
    monkeypatch.setattr(DISCOVER, lambda: registry)
    [line] = [line for _, line in info.protocols() if line != "none"]
    return line


@pytest.mark.parametrize(
    ("role", "more", "chosen"),
    [
        (ConnectionDescriptor, {"alpn": (b"line",)}, ": ALPN line"),
        (ConnectionDescriptor, {"preface": b"PING\n"}, ": the first bytes b'PING\\n'"),
        (
            ConnectionDescriptor,
            {"alpn": (b"a", b"b"), "preface": b"P"},
            ": ALPN a b, the first bytes b'P'",
        ),
        (ConnectionDescriptor, {"alpn": (b"\xff",)}, ": ALPN \\xff"),
        (ConnectionDescriptor, {}, ""),
        (UpgradeDescriptor, {"token": b"chat"}, ": Upgrade chat"),
        (TransportDescriptor, {"scheme": "https"}, ": https://"),
        (ListenerDescriptor, {}, ""),
    ],
)
def test_a_protocol_is_told_by_what_it_is_chosen(
    monkeypatch: pytest.MonkeyPatch, role: type[Descriptor], more: dict[str, Any], chosen: str
) -> None:
    line = described(monkeypatch, role, **more)
    assert line == f"line, from h11 {version('h11')}{chosen}"


@pytest.mark.parametrize("distribution", ["not-installed", "", "\0"])
def test_a_distribution_without_metadata_is_told_all_the_same(
    monkeypatch: pytest.MonkeyPatch, distribution: str
) -> None:
    line = described(monkeypatch, UpgradeDescriptor, distribution=distribution, token=b"chat")
    name = distribution or "somewhere"
    assert line == f"line, from {name}, of which no version is known: Upgrade chat"


def test_a_role_that_nothing_plays_is_told() -> None:
    told = info.protocols()
    for role in ("connection", "upgrade", "transport", "listener"):
        lines = [line for each, line in told if each == role]
        assert lines == ["none"] or "none" not in lines


def test_a_protocol_that_cannot_be_used_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> Any:
        raise ConfigError("two bring h2")

    monkeypatch.setattr(DISCOVER, fail)
    assert info.protocols() == [("protocols", "two bring h2")]
