import time

import pytest

from pounce_ws.extensions import Extension, read_extensions, read_subprotocols


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (b"", []),
        (b" , ,", []),
        (b"permessage-deflate", [(b"permessage-deflate", [])]),
        (b"A; B", [(b"a", [(b"b", None)])]),
        (b'a;b=c ; d = "e"', [(b"a", [(b"b", b"c"), (b"d", b"e")])]),
        (b",a ,, b;c,", [(b"a", []), (b"b", [(b"c", None)])]),
        (b"a; b; b=1, a", [(b"a", [(b"b", None), (b"b", b"1")]), (b"a", [])]),
    ],
)
def test_extensions(value: bytes, found: list[Extension]) -> None:
    assert read_extensions(value) == found


@pytest.mark.parametrize(
    "value",
    [
        b";",
        b"a;",
        b"a; ",
        b"a;;b",
        b"a b",
        b"a;b c",
        b"a;b=",
        b'a;b="',
        b'a;b=""',
        b'a;b="c d"',
        b'a;b="c"d',
        b"a/b",
        b"a, b;",
        b"a\x00",
        "é".encode(),
    ],
)
def test_malformed_extensions(value: bytes) -> None:
    assert read_extensions(value) is None


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (b"", []),
        (b"chat", ["chat"]),
        (b"chat, superchat,,v1.b", ["chat", "superchat", "v1.b"]),
        (b"Chat,chat", ["Chat", "chat"]),
    ],
)
def test_subprotocols(value: bytes, found: list[str]) -> None:
    assert read_subprotocols(value) == found


@pytest.mark.parametrize("value", [b"a b", b"a;b", b"a,a", b"a, /", b"\xff"])
def test_malformed_subprotocols(value: bytes) -> None:
    assert read_subprotocols(value) is None


@pytest.mark.parametrize("part", [b",", b" ", b"a,", b"a;b,", b"a;b=c;", b", "])
def test_the_time_is_linear(part: bytes) -> None:
    value = part * (500_000 // len(part)) + b"\x00"
    began = time.process_time()
    assert read_extensions(value) is None
    # Less than a second where a quadratic reading would take hours.
    assert time.process_time() - began < 20
