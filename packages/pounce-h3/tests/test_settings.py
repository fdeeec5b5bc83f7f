import dataclasses

import pytest

from pounce_h3.settings import Settings


def test_has_a_default_for_everything() -> None:
    assert Settings() == Settings()


def test_is_frozen() -> None:
    with pytest.raises((dataclasses.FrozenInstanceError, TypeError)):
        Settings().anything = 1  # type: ignore[attr-defined]
