"""Whom to believe about the client: the trusted proxies, and what their forwarding fields say.

Decides whether a peer is trusted, and which client address and scheme a request came from. It never
raises on what a peer sent, and never lets a byte of a field through: what it returns is an address
in canonical form, a number and one of two words.

Fields are believed from the right, where the nearest proxy wrote, and no further than the first hop
that is not trusted: everything to the left of that hop is what the client chose to say.
"""

import re
import socket
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Final

from pounce.protocol.errors import ConfigError
from pounce.protocol.exchange import Client, RequestHead
from pounce.protocol.roles import Peer

# The work that a client can cause by a long field is bounded by this.
MAX_HOPS: Final = 64

_V4_BITS: Final = 32
_V6_BITS: Final = 128
_MAPPED: Final = b"\0" * 10 + b"\xff\xff"
_MAPPED_NETWORK: Final = IPv6Network("::ffff:0:0/96")

_SCHEMES: Final = {"http": "http", "https": "https", "ws": "http", "wss": "https"}

# RFC 7239 section 4. No alternative can match where another does, so that time stays linear.
_TOKEN: Final = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_QUOTED: Final = r'"(?:[\t !#-\[\]-~\x80-\xff]|\\[\t -~\x80-\xff])*"'
_PAIR: Final = re.compile(rf"({_TOKEN})=({_TOKEN}|{_QUOTED})")
_ELEMENT: Final = re.compile(
    rf"[ \t]*{_TOKEN}=(?:{_TOKEN}|{_QUOTED})"
    rf"(?:[ \t]*;[ \t]*(?:{_TOKEN}=(?:{_TOKEN}|{_QUOTED}))?)*[ \t]*"
)
_ESCAPED: Final = re.compile(r"\\(.)")


@dataclass(frozen=True, slots=True)
class TrustedProxies:
    """The proxies whose forwarding fields are believed. Frozen: shared by all workers.

    Make it with `parse`. Attributes:
        everyone: whether every peer is trusted, those on Unix sockets too.
        unix: whether peers on Unix sockets are trusted.
        addresses: packed addresses, of 4 or 16 bytes.
        networks: bits of an address, network mask and network number, of each network.
    """

    everyone: bool
    unix: bool
    addresses: frozenset[bytes]
    networks: tuple[tuple[int, int, int], ...]

    @classmethod
    def parse(cls, text: str) -> TrustedProxies:
        """Reads a comma-separated list of addresses, networks (CIDR), `unix` and `*`.

        An empty text trusts nobody.

        Raises:
            ConfigError: an entry is none of these, or a network has bits beyond its prefix.
        """
        everyone = unix = False
        addresses: set[bytes] = set()
        networks: list[tuple[int, int, int]] = []
        for entry in filter(None, map(str.strip, text.split(","))):
            if entry == "*":
                everyone = True
            elif entry == "unix":
                unix = True
            else:
                network = _network(entry)
                if network.num_addresses == 1:
                    addresses.add(network.network_address.packed)
                else:
                    mask, number = int(network.netmask), int(network.network_address)
                    networks.append((network.max_prefixlen, mask, number))
        return cls(everyone, unix, frozenset(addresses), tuple(networks))

    def trusts(self, client: Client) -> bool:
        """Whether a peer is trusted, by its address and port; None stands for a Unix socket."""
        if self.everyone:
            return True
        if client is None:
            return self.unix
        # The kernel adds the interface to a link-local address: fe80::1%eth0.
        packed = _pack(client[0].partition("%")[0])
        return packed is not None and self._trusts_packed(packed)

    def origin(self, head: RequestHead, peer: Peer) -> tuple[Client, str]:
        """The client and the scheme of a request whose peer is trusted; see `forwarded`.

        Read once, and kept in its head.
        """
        if head.origin is None:
            head.origin = self.forwarded(head.headers, peer.client, peer.scheme)
        return head.origin

    def forwarded(
        self, headers: Iterable[tuple[bytes, bytes]], peer_client: Client, peer_scheme: str
    ) -> tuple[Client, str]:
        """Reads the forwarding fields of a request whose peer is trusted.

        When a request has any of `x-forwarded-for` and `x-forwarded-proto`, these are read and
        `forwarded` (RFC 7239) is not: most proxies write the former and hand on what a client
        put into the latter. What is missing, cut or nonsense is as if it was not there.

        Args:
            headers: names in lower case, and values.
            peer_client: the peer's address and port, None on a Unix socket.
            peer_scheme: `"http"` or `"https"`, by the connection itself.

        Returns:
            The client's address and port, 0 where the port is not known; and `"http"` or
            `"https"`. Where no field tells: the peer's.
        """
        x_for: list[bytes] = []
        x_proto: list[bytes] = []
        standard: list[bytes] = []
        for name, value in headers:
            if name == b"x-forwarded-for":
                x_for.append(value)
            elif name == b"x-forwarded-proto":
                x_proto.append(value)
            elif name == b"forwarded":
                standard.append(value)
        if x_for or x_proto:
            return self._by_x_fields(x_for, x_proto, peer_client, peer_scheme)
        if standard:
            return self._by_forwarded(standard, peer_client, peer_scheme)
        return peer_client, peer_scheme

    def _by_x_fields(
        self, x_for: list[bytes], x_proto: list[bytes], client: Client, scheme: str
    ) -> tuple[Client, str]:
        hops = _items(x_for)
        depth = -1
        for hop in hops:
            depth += 1
            found = _address(hop)
            if found is None:
                # An address that cannot be read may have been anybody's: believe nothing beyond.
                break
            host, port, packed = found
            client = (host, port)
            if not self._trusts_packed(packed):
                break
        protos = _items(x_proto)
        if protos:
            # One entry a hop, or one in all. Of any other number only the nearest is of a proxy.
            proto = protos[depth] if len(protos) == len(hops) else protos[0]
            scheme = _SCHEMES.get(proto.lower(), scheme)
        return client, scheme

    def _by_forwarded(self, values: list[bytes], client: Client, scheme: str) -> tuple[Client, str]:
        for element in _elements(values):
            # A proxy may name the protocol and hide the address.
            scheme = _SCHEMES.get(element.get("proto", "").lower(), scheme)
            found = _address(element.get("for", ""))
            if found is None:
                break
            host, port, packed = found
            client = (host, port)
            if not self._trusts_packed(packed):
                break
        return client, scheme

    def _trusts_packed(self, packed: bytes) -> bool:
        if self.everyone or packed in self.addresses:
            return True
        if not self.networks:
            return False
        bits, number = len(packed) * 8, int.from_bytes(packed)
        return any(b == bits and number & mask == net for b, mask, net in self.networks)


def _network(entry: str) -> IPv4Network | IPv6Network:
    try:
        network = ip_network(entry, strict=False)
    except ValueError:
        hint = "; write 127.0.0.1,::1 for this machine" if entry == "localhost" else ""
        raise ConfigError(
            f"forwarded-allow-ips takes addresses, networks such as 10.0.0.0/8, unix and *, "
            f"not {entry!r}{hint}"
        ) from None
    if "/" in entry and entry.partition("/")[0] != str(network.network_address):
        try:
            ip_network(entry)
        except ValueError:
            raise ConfigError(
                f"forwarded-allow-ips: {entry!r} has bits beyond its prefix; write {network} for "
                f"the whole network, or the address alone for one host"
            ) from None
    if isinstance(network, IPv6Network) and network.subnet_of(_MAPPED_NETWORK):
        packed = network.network_address.packed[12:]
        return IPv4Network((packed, network.prefixlen - (_V6_BITS - _V4_BITS)))
    return network


def _pack(host: str) -> bytes | None:
    """The packed form of an address, IPv4 for a mapped one; None for anything else."""
    try:
        if ":" not in host:
            return socket.inet_pton(socket.AF_INET, host)
        packed = socket.inet_pton(socket.AF_INET6, host)
    except OSError, ValueError:  # ValueError: a NUL, or a lone surrogate
        return None
    return packed[12:] if packed.startswith(_MAPPED) else packed


def _address(text: str) -> tuple[str, int, bytes] | None:
    """Reads `host`, `host:port` or `[host]:port`: canonical host, port or 0, packed address."""
    port = ""
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        if not bracket or ":" not in host or (rest and not rest.startswith(":")):
            return None
        if rest and not (port := rest[1:]):
            return None
    elif text.count(":") == 1:
        host, _, port = text.partition(":")
        if not port:
            return None
    else:
        host = text
    packed = _pack(host)
    if packed is None:
        return None
    number = 0
    if port:
        if len(port) > 5 or not (port.isascii() and port.isdigit()) or int(port) > 65_535:
            return None
        number = int(port)
    family = socket.AF_INET if len(packed) == 4 else socket.AF_INET6
    return socket.inet_ntop(family, packed), number, packed


def _items(values: list[bytes]) -> list[str]:
    """The entries of a list field, nearest first; empty ones do not count (RFC 9110 5.6.1.2)."""
    if len(values) == 1 and b"," not in values[0]:
        entry = values[0].decode("latin-1").strip(" \t")
        return [entry] if entry else []
    text = b",".join(values).decode("latin-1")
    entries = [entry.strip(" \t") for entry in reversed(text.rsplit(",", MAX_HOPS)[-MAX_HOPS:])]
    return [entry for entry in entries if entry]


def _elements(values: list[bytes]) -> Iterator[dict[str, str]]:
    """The elements of `forwarded`, nearest first, up to the first that breaks the grammar.

    Read from the right because a client writes the left: a quote that it leaves open must not
    swallow what the proxy wrote after it. So each element is the shortest text between a comma
    and the end that is a whole element; a comma inside a proxy's quotes leaves no whole one.
    """
    tries = MAX_HOPS
    for value in reversed(values):
        text = value.decode("latin-1")
        end = len(text)
        while end >= 0:
            comma = end
            while True:
                if not tries:
                    return
                tries -= 1
                comma = text.rfind(",", 0, comma)
                if not text[comma + 1 : end].strip(" \t"):
                    break
                if _ELEMENT.fullmatch(text, comma + 1, end):
                    element = _pairs(text[comma + 1 : end])
                    if element is None:
                        return
                    yield element
                    break
                if comma < 0:
                    return
            end = comma
            if comma < 0:
                break


def _pairs(element: str) -> dict[str, str] | None:
    """The parameters of an element that matches the grammar; None when one comes twice."""
    pairs: dict[str, str] = {}
    for match in _PAIR.finditer(element):
        name, value = match[1].lower(), match[2]
        if name in pairs:
            return None
        if value.startswith('"'):
            value = _ESCAPED.sub(r"\1", value[1:-1])
        pairs[name] = value
    return pairs
