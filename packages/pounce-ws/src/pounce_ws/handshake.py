"""The handshake: whether a request may become a WebSocket, and what is answered.

Decides by RFC 6455 section 4.2 over HTTP/1.1, and by RFC 8441 section 5 where the request is an
extended CONNECT. Never repairs a request, and never decides whether the application wants it.
"""

import base64
import binascii
import hashlib
from typing import Final

from pounce.protocol.exchange import Headers, RequestHead
from pounce.protocol.response import refusal
from pounce_ws.deflate import Terms, agree
from pounce_ws.extensions import Extension, read_extensions, read_subprotocols
from pounce_ws.settings import Settings

VERSION: Final = b"13"
_GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class Refused(Exception):
    """The request cannot become a WebSocket.

    Args:
        status: to answer with.
        reason: a short token for the log.
        headers: that the answer is to have, besides those of every refusal.
    """

    def __init__(self, status: int, reason: str, headers: Headers | None = None) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.headers: Headers = headers or []

    def answer(self) -> tuple[Headers, bytes]:
        """The fields and the body of the answer."""
        headers, body = refusal(self.status)
        return headers + self.headers, body


class Handshake:
    """A request that may become a WebSocket.

    Attributes:
        subprotocols: what the client offers, the most wanted first.
        terms: of the compression that is agreed on, None for none.
    """

    __slots__ = ("_key", "subprotocols", "terms")

    def __init__(self, key: bytes | None, subprotocols: list[str], terms: Terms | None) -> None:
        self._key = key
        self.subprotocols = subprotocols
        self.terms = terms

    def answer(self, subprotocol: str | None, headers: Headers) -> Headers:
        """The fields of the answer that accepts, `headers` being the application's."""
        fields: Headers = []
        if self._key is not None:
            # The algorithm is the protocol's; nothing is kept safe by it.
            digest = hashlib.sha1(self._key + _GUID, usedforsecurity=False).digest()
            fields.append((b"sec-websocket-accept", base64.b64encode(digest)))
        if subprotocol is not None:
            fields.append((b"sec-websocket-protocol", subprotocol.encode("ascii")))
        if self.terms is not None:
            fields.append((b"sec-websocket-extensions", self.terms.answer))
        return fields + headers


def read_request(head: RequestHead, settings: Settings) -> Handshake:
    """Reads the request.

    Raises:
        Refused: it breaks a rule of the handshake (400), or is of another version (426).
    """
    versions: list[bytes] = []
    keys: list[bytes] = []
    protocols: list[bytes] = []
    extensions: list[bytes] = []
    for name, value in head.headers:
        match name:
            case b"sec-websocket-version":
                versions.append(value)
            case b"sec-websocket-key":
                keys.append(value)
            case b"sec-websocket-protocol":
                protocols.append(value)
            case b"sec-websocket-extensions":
                extensions.append(value)
            case _:
                pass
    upgrades = head.version == "1.1"
    if head.method != ("GET" if upgrades else "CONNECT"):
        raise Refused(400, "websocket-method")
    if len(versions) != 1:
        raise Refused(400, "websocket-version-missing")
    if versions[0] != VERSION:
        raise Refused(426, "websocket-version", _other_version(upgrades))
    return Handshake(
        _key(keys) if upgrades else None,
        _subprotocols(protocols),
        _terms(extensions, settings),
    )


def _other_version(upgrades: bool) -> Headers:
    headers: Headers = [(b"sec-websocket-version", VERSION)]
    if upgrades:
        # RFC 9110 section 15.5.22: a 426 says what to upgrade to.
        headers += [(b"upgrade", b"websocket"), (b"connection", b"upgrade")]
    return headers


def _key(keys: list[bytes]) -> bytes:
    """The nonce of the client: 16 bytes in base64."""
    try:
        if len(keys) == 1 and len(base64.b64decode(keys[0], validate=True)) == 16:
            return keys[0]
    except binascii.Error:
        pass
    raise Refused(400, "websocket-key")


def _subprotocols(values: list[bytes]) -> list[str]:
    found = read_subprotocols(b",".join(values))
    if found is None or (values and not found):
        raise Refused(400, "websocket-subprotocols")
    return found


def _terms(values: list[bytes], settings: Settings) -> Terms | None:
    offers: list[Extension] | None = read_extensions(b",".join(values))
    if offers is None or (values and not offers):
        raise Refused(400, "websocket-extensions")
    if not settings.per_message_deflate:
        return None
    takeover = settings.deflate_context_takeover
    return agree(offers, settings.deflate_window_bits, takeover=takeover)
