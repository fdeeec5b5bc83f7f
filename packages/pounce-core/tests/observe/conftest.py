"""What these tests share: reading from a pipe, but not without end."""

import os
import select
from collections.abc import Callable

import pytest

PATIENCE = 30.0


@pytest.fixture
def read() -> Callable[[int], bytes]:
    """Reads what there is, and waits for something; fails if nothing comes."""

    def some(descriptor: int) -> bytes:
        readable, _, _ = select.select([descriptor], [], [], PATIENCE)
        assert readable
        data = os.read(descriptor, 65_536)
        assert data
        return data

    return some
