"""The proxies that are believed: the notation of `--forwarded-allow-ips`.

Decides whether an entry can be meant. Never compares a client with it.
"""

from dataclasses import dataclass
from typing import override

from pounce.protocol.kind import Kind


@dataclass(frozen=True, slots=True)
class ProxyText(Kind[str]):
    """An address, a network, `*`, or a literal such as the path of a Unix socket."""

    @property
    @override
    def expects(self) -> str:
        return 'an IP address, a network such as "10.0.0.0/8", or "*" for everybody'

    @property
    @override
    def metavar(self) -> str:
        return "LIST"

    @override
    def read(self, text: str) -> str:
        text = text.strip()
        if not text or any(char.isspace() for char in text):
            raise self.refusal(text)
        if text[0].isdigit() or ":" in text:
            from ipaddress import ip_network

            try:
                ip_network(text, strict=False)
            except ValueError:
                raise self.refusal(text) from None
        return text

    @override
    def accept(self, value: object) -> str:
        if isinstance(value, str):
            return self.read(value)
        raise self.refusal(value)
