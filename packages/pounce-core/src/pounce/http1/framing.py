"""What the fields of a request head say about its body and its connection.

Decides where the body ends, whether the connection goes on, and which requests are refused for
their framing: one opinion, which the fast path and the strict path both ask. Never reads bytes
and never repairs: two readings of one message are how requests are smuggled.
RFC 9112 sections 3.2, 6 and 9; RFC 9110 sections 7.2, 7.6.1, 7.8, 8.6, 10.1.1 and 10.1.4.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from pounce.protocol.errors import ProtocolError
from pounce.protocol.fields import is_authority, is_token, members, parse_length


@dataclass(frozen=True, slots=True)
class Framing:
    """The facts of one head. Shared by all requests that say the same, hence frozen.

    Attributes:
        content_length: the length that the client declared, or None.
        chunked: whether the body comes in chunks.
        has_body: whether a body of at least one byte, or of unknown length, follows.
        keep_alive: whether the client would send a further request on this connection.
        expect_continue: whether it waits for a 100 (Continue) before it sends the body.
        upgrade: the first protocol that it offers to change to, in lower case, or None. What comes
            with a body is served as it is.
        accepts_trailers: whether it sent `TE: trailers`.
        forwarded: whether a `Forwarded` or `X-Forwarded-*` field is there.
    """

    content_length: int | None
    chunked: bool
    has_body: bool
    keep_alive: bool
    expect_continue: bool
    upgrade: bytes | None
    accepts_trailers: bool
    forwarded: bool


def is_relevant(name: bytes) -> bool:
    """Whether `read_framing` looks at fields of this name (in lower case)."""
    return name in {
        b"connection",
        b"content-length",
        b"expect",
        b"forwarded",
        b"host",
        b"te",
        b"transfer-encoding",
        b"upgrade",
    } or name.startswith(b"x-forwarded-")


def read_framing(headers: Iterable[tuple[bytes, bytes]], version: str) -> Framing:
    """Returns the facts of a head from its fields, names in lower case.

    Raises:
        ProtocolError: 400, 417 or 501.
    """
    modern = version == "1.1"
    lengths: list[bytes] = []
    codings: list[bytes] = []
    hosts: list[bytes] = []
    options: list[bytes] = []
    expectations: list[bytes] = []
    upgrades: list[bytes] = []
    te: list[bytes] = []
    forwarded = False
    for name, value in headers:
        match name:
            case b"host":
                hosts.append(value)
            case b"connection":
                options += members(value)
            case b"content-length":
                lengths.append(value)
            case b"transfer-encoding":
                codings.append(value)
            case b"expect":
                expectations += members(value)
            case b"upgrade":
                upgrades += members(value)
            case b"te":
                te += members(value)
            case _:
                if name == b"forwarded" or name.startswith(b"x-forwarded-"):
                    forwarded = True

    _check_host(hosts, modern)
    chunked = bool(codings) and _is_chunked(codings, modern)
    length = _length(lengths) if lengths else None
    if chunked and length is not None:
        raise ProtocolError(400, "length-and-coding")
    # An expectation of an HTTP/1.0 client is ignored (RFC 9110 section 10.1.1).
    if modern and expectations and set(expectations) != {b"100-continue"}:
        raise ProtocolError(417, "expectation")

    has_body = chunked or bool(length)
    keep_alive = b"close" not in options and (modern or b"keep-alive" in options)
    return Framing(
        length,
        chunked,
        has_body,
        keep_alive,
        modern and has_body and bool(expectations),
        upgrades[0] if modern and upgrades and b"upgrade" in options and not has_body else None,
        modern and b"trailers" in te,
        forwarded,
    )


def _check_host(hosts: list[bytes], modern: bool) -> None:
    if not hosts:
        if modern:
            raise ProtocolError(400, "host-missing")
    elif len(hosts) > 1:
        raise ProtocolError(400, "host-repeated")
    # Empty means that the client asks for something that has no authority (RFC 9112 section 3.2).
    elif hosts[0] and not is_authority(hosts[0]):
        raise ProtocolError(400, "host-invalid")


def _length(values: list[bytes]) -> int:
    if len(values) > 1:
        raise ProtocolError(400, "length-repeated")
    length = parse_length(values[0])
    if length is None:
        raise ProtocolError(400, "length-invalid")
    return length


def _is_chunked(values: list[bytes], modern: bool) -> bool:
    if not modern:
        raise ProtocolError(400, "coding-in-1.0")
    if len(values) > 1:
        raise ProtocolError(400, "coding-repeated")
    value = values[0].lower()
    if value == b"chunked":
        return True
    codings = [coding.strip(b" \t") for coding in value.split(b",")]
    # `chunked` comes last and once, or not at all; nothing here has parameters.
    if not all(map(is_token, codings)) or b"chunked" in codings[:-1]:
        raise ProtocolError(400, "coding-invalid")
    raise ProtocolError(501, "coding-unknown")
