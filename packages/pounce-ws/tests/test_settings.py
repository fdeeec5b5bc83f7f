import dataclasses

import pytest

from pounce.protocol.setting import Protocol, settings_of
from pounce_ws.settings import Settings

DESCRIBED = settings_of(Settings, Protocol("ws", "ws"))


def test_has_uvicorns_defaults() -> None:
    settings = Settings()
    assert settings.max_size == 16_777_216
    assert settings.max_queue == 32
    assert settings.ping_interval == settings.ping_timeout == 20.0
    assert settings.per_message_deflate


@pytest.mark.parametrize(
    "flag",
    [
        "--ws",
        "--ws-max-size",
        "--ws-max-queue",
        "--ws-ping-interval",
        "--ws-ping-timeout",
        "--ws-per-message-deflate",
    ],
)
def test_has_uvicorns_flags(flag: str) -> None:
    assert flag in {each.flag for each in DESCRIBED.values()}


def test_describes_every_field() -> None:
    assert [each.field for each in DESCRIBED.values()] == [
        each.name for each in dataclasses.fields(Settings)
    ]


def test_is_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Settings().max_size = 1  # type: ignore[misc]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("implementation", "something"),
        ("max_size", 0),
        ("max_queue", 0),
        ("ping_interval", -1.0),
        ("ping_timeout", -1.0),
        ("per_message_deflate", "perhaps"),
        ("deflate_window_bits", 8),
        ("deflate_window_bits", 16),
        ("handshake_timeout", -1.0),
        ("close_timeout", 0.0),
    ],
)
def test_refuses_what_cannot_be(name: str, value: object) -> None:
    with pytest.raises(ValueError, match=f"^{name} must be "):
        Settings(**{name: value})  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["ping_interval", "ping_timeout", "handshake_timeout"])
def test_a_time_can_be_none(name: str) -> None:
    assert getattr(Settings(**{name: 0}), name) is None  # type: ignore[arg-type]
