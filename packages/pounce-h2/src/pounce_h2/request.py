"""One request as HTTP/2 says it: from the decoded fields to a head.

Decides which requests are malformed (their stream ends) and which are answered with an error;
never repairs one. What an HTTP/1.1 server downstream could read in two ways is in neither.
RFC 9113 sections 8.1.1, 8.2, 8.3 and 8.5; RFC 8441 section 4; RFC 9110 sections 7.2 and 10.1.
"""

from collections.abc import Iterable
from typing import Final

from pounce.protocol.errors import ProtocolError
from pounce.protocol.exchange import Headers, RequestHead
from pounce.protocol.fields import (
    LOWER,
    VALUE,
    is_authority,
    is_token,
    members,
    parse_length,
)
from pounce.protocol.limits import Limits
from pounce_h2.fault import StreamFault
from pounce_h2.frame import ErrorCode
from pounce_h2.priority import DEFAULT, Priority, parse_priority

type Pair = tuple[bytes, bytes]
type Fields = Iterable[Pair]

_METHOD_BYTES: Final = 32
_PLAIN, _PLAIN_BYTES = 2048, 256
"""How many fields a worker remembers, of up to how many bytes."""
_LINE: Final = len(b": \r\n")
"""What a field costs in HTTP/1.1 beside its name and value, so that the limits mean the same."""

_PSEUDO: Final = frozenset((b":authority", b":method", b":path", b":protocol", b":scheme"))
_OF_A_HOP: Final = frozenset(
    (b"connection", b"keep-alive", b"proxy-connection", b"transfer-encoding", b"upgrade")
)
_MEANING: Final = _OF_A_HOP | {
    b"content-length",
    b"cookie",
    b"expect",
    b"forwarded",
    b"host",
    b"priority",
    b"te",
}

# Visible ASCII stays as it is, but for the "#": a fragment is never sent.
_VISIBLE: Final = bytes(
    byte if 0x21 <= byte <= 0x7E and byte != 0x23 else not byte for byte in range(256)
)


class Request(RequestHead):
    """A head, and what it says about the message.

    Attributes:
        content_length: the length that the client declared, or None.
        expects_continue: whether it waits for a 100 (Continue) before it sends the body.
        priority: of the response.
    """

    __slots__ = ("content_length", "expects_continue", "priority")

    # The slots are filled right here, not through super().__init__: a call less for each request.
    def __init__(
        self,
        method: str,
        raw_path: bytes,
        query: bytes,
        headers: Headers,
        upgrade: bytes | None,
        facts: Facts,
    ) -> None:
        self.method = method
        self.raw_path = raw_path
        self.query = query
        self.version = "2"
        self.headers = headers
        self.upgrade = upgrade
        self.accepts_trailers = facts.accepts_trailers
        self.forwarded = facts.forwarded
        self.origin = None
        self.content_length = facts.content_length
        self.expects_continue = facts.expects_continue
        self.priority = facts.priority

    def again(self) -> Request:
        """The same, of fresh objects, for another request that says the same. Hot path."""
        fresh = Request.__new__(Request)
        fresh.method = self.method
        fresh.raw_path = self.raw_path
        fresh.query = self.query
        fresh.version = "2"
        fresh.headers = self.headers.copy()
        fresh.upgrade = self.upgrade
        fresh.accepts_trailers = self.accepts_trailers
        fresh.forwarded = self.forwarded
        fresh.origin = None
        fresh.content_length = self.content_length
        fresh.expects_continue = self.expects_continue
        fresh.priority = self.priority
        return fresh


class Facts:
    """What the fields with a meaning of their own say; see `Request`."""

    def __init__(self) -> None:
        self.content_length: int | None = None
        self.expects_continue = False
        self.accepts_trailers = False
        self.forwarded = False
        self.priority: Priority = DEFAULT
        self.host: bytes | None = None
        self.cookies: list[bytes] = []

    def read(self, name: bytes, value: bytes) -> bool:
        """Takes note of a field. Returns whether it stays among the headers as it is."""
        if name in _OF_A_HOP:
            raise malformed("field-of-a-hop")
        match name:
            case b"content-length":
                self._read_length(value)
            case b"cookie":
                # In pieces for the sake of compression (RFC 9113 section 8.2.3).
                self.cookies.append(value)
                return len(self.cookies) == 1
            case b"expect":
                if set(members(value)) != {b"100-continue"}:
                    raise ProtocolError(417, "expectation")
                self.expects_continue = True
            case b"host":
                if self.host is not None:
                    raise malformed("host-repeated")
                self.host = value
                return False
            case b"priority":
                self.priority = parse_priority(value)
            case b"te":
                if value.lower() != b"trailers":
                    raise malformed("te")
                self.accepts_trailers = True
            case _:
                self.forwarded = True
        return True

    def _read_length(self, value: bytes) -> None:
        if self.content_length is not None:
            raise malformed("length-repeated")
        self.content_length = parse_length(value)
        if self.content_length is None:
            raise malformed("length-invalid")


def malformed(reason: str) -> StreamFault:
    """The end of a stream whose message is malformed (RFC 9113 section 8.1.1)."""
    return StreamFault(ErrorCode.PROTOCOL_ERROR, reason)


def check_field(name: bytes, value: bytes) -> None:
    """Refuses what is no regular field (RFC 9113 section 8.2.1).

    Raises:
        StreamFault: it is none.
    """
    if not name or name.translate(LOWER) != name or b"\0" in name:
        raise malformed("field-name")
    check_value(value)


def check_value(value: bytes) -> None:
    if value.translate(VALUE) != value or value.strip(b" \t") != value:
        raise malformed("field-value")


def read_request(
    fields: Fields, limits: Limits, protocols: frozenset[bytes], plain: set[Pair], *, ended: bool
) -> Request:
    """Returns the head that the fields of a first header block make. Hot path.

    Args:
        fields: names and values, in order.
        limits: of the listener.
        protocols: the tokens that an extended CONNECT may name; none if it was not offered.
        plain: fields that were found to be in order, and to mean nothing to the server; a worker
            remembers some.
        ended: whether the stream ends with this block, so that there is no body.

    Raises:
        StreamFault: the request is malformed.
        ProtocolError: 414, 417, 431 or 501.
    """
    pseudo: dict[bytes, bytes] = {}
    headers: Headers = []
    facts = Facts()
    size = 0
    for field in fields:
        name, value = field
        if field in plain:
            size += len(name) + len(value) + _LINE
            headers.append(field)
            continue
        if name[:1] == b":":
            if headers or facts.host is not None:
                raise malformed("pseudo-order")
            if name not in _PSEUDO:
                raise malformed("pseudo-unknown")
            if name in pseudo:
                raise malformed("pseudo-repeated")
            check_value(value)
            pseudo[name] = value
            continue
        check_field(name, value)
        size += len(name) + len(value) + _LINE
        if name not in _MEANING and not name.startswith(b"x-forwarded-"):
            headers.append(field)
            if len(name) + len(value) <= _PLAIN_BYTES:
                if len(plain) >= _PLAIN:
                    plain.clear()
                plain.add(field)
        elif facts.read(name, value):
            headers.append(field)
    if size > limits.header_bytes:
        raise ProtocolError(431, "header-bytes")
    if len(headers) > limits.header_count:
        raise ProtocolError(431, "header-count")
    if len(facts.cookies) > 1:
        at = next(at for at, (name, _) in enumerate(headers) if name == b"cookie")
        headers[at] = (b"cookie", b"; ".join(facts.cookies))
    if ended and facts.content_length:
        raise malformed("body-incomplete")
    facts.expects_continue = facts.expects_continue and not ended
    method, path, upgrade = _read_line(pseudo, limits, protocols)
    headers.insert(0, (b"host", _authority(pseudo.get(b":authority"), facts.host)))
    raw_path, _, query = path.partition(b"?")
    return Request(method, raw_path, query, headers, upgrade, facts)


def check_trailers(fields: Fields) -> None:
    """Refuses what is no trailer section; its fields are not handed on (RFC 9113 section 8.1).

    Raises:
        StreamFault: it is malformed.
    """
    for name, value in fields:
        if name[:1] == b":":
            raise malformed("pseudo-in-trailers")
        check_field(name, value)
        if name in _OF_A_HOP:
            raise malformed("field-of-a-hop")


def _read_line(
    pseudo: dict[bytes, bytes], limits: Limits, protocols: frozenset[bytes]
) -> tuple[str, bytes, bytes | None]:
    """Method, path with query, and the protocol of an extended CONNECT."""
    method = pseudo.get(b":method", b"")
    if not is_token(method):
        raise malformed("method-invalid")
    if len(method) > _METHOD_BYTES:
        raise ProtocolError(501, "method-too-long")
    upgrade = pseudo.get(b":protocol")
    if upgrade is not None:
        # Never offered, or not with CONNECT (RFC 8441 sections 3 and 4).
        if not protocols or method != b"CONNECT" or not is_token(upgrade):
            raise malformed("protocol")
    elif method == b"CONNECT":
        raise ProtocolError(501, "connect")
    if pseudo.get(b":scheme", b"").lower() not in (b"http", b"https"):
        raise malformed("scheme")
    path = pseudo.get(b":path", b"")
    if len(path) > limits.request_line:
        raise ProtocolError(414, "request-line-too-long")
    if path.translate(_VISIBLE) != path:
        raise malformed("target-invalid")
    if path[:1] != b"/" and not (path == b"*" and method == b"OPTIONS"):
        raise malformed("target-invalid")
    if upgrade is not None:
        upgrade = upgrade.lower()
        if upgrade not in protocols:
            raise ProtocolError(501, "protocol-unknown")
    return method.decode("ascii"), path, upgrade


def _authority(named: bytes | None, host: bytes | None) -> bytes:
    """What `host` says to the application: both of them, and they say the same."""
    if named is None:
        named = host
    elif host is not None and host.lower() != named.lower():
        raise malformed("host-differs")
    if named is None:
        raise malformed("host-missing")
    if not is_authority(named):
        raise malformed("host-invalid")
    return named
