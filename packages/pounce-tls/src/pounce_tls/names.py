"""Which of several certificates a client is given, by the host name that it asks for.

Decides how names match (RFC 6125 section 6.4.3: a wildcard is the whole leftmost label). Names are
in lower case and, where they are international, in A-labels, as certificates and clients have them.
"""

from collections.abc import Iterable, Mapping
from typing import Final

WILDCARD: Final = "*."


class Names[T]:
    """What is there for each host name. Frozen once made.

    Args:
        entries: names and what is there for them; of two for a name, the first counts.
    """

    def __init__(self, entries: Iterable[tuple[Iterable[str], T]]) -> None:
        exact: dict[str, T] = {}
        wild: dict[str, T] = {}
        for names, what in entries:
            for name in names:
                if name.startswith(WILDCARD):
                    wild.setdefault(name.removeprefix(WILDCARD), what)
                else:
                    exact.setdefault(name, what)
        self._exact: Mapping[str, T] = exact
        self._wild: Mapping[str, T] = wild

    def find(self, name: str) -> T | None:
        """What is there for a name; one that is named exactly counts more than a wildcard."""
        if name in self._exact:
            return self._exact[name]
        label, _, domain = name.partition(".")
        return self._wild.get(domain) if label else None
