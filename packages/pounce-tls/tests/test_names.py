import pytest

from pounce_tls.names import Names

NAMES = Names(
    [
        (("example.org", "www.example.org"), 1),
        (("*.example.org", "example.org"), 2),
        (("a.example.org",), 3),
        (("localhost",), 4),
    ]
)


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("example.org", 1),
        ("www.example.org", 1),
        ("a.example.org", 3),
        ("b.example.org", 2),
        ("b.a.example.org", None),
        (".example.org", None),
        ("example.com", None),
        ("org", None),
        ("localhost", 4),
        ("a.localhost", None),
        ("", None),
    ],
)
def test_finds(name: str, found: int | None) -> None:
    assert NAMES.find(name) == found
