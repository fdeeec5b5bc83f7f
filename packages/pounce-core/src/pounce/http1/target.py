"""The request line: method, target and version.

Decides what the client asks for and which requests are refused for it; never decodes a path and
never merges slashes or dots. RFC 9112 sections 2.3 and 3; RFC 9110 section 9.1.
"""

from typing import Final

from pounce.protocol.errors import ProtocolError
from pounce.protocol.exchange import RequestHead, unknown_head
from pounce.protocol.fields import is_authority, is_token

_METHOD_BYTES: Final = 32

# Visible ASCII stays as it is, but for the "#": a fragment is never sent.
_VISIBLE: Final = bytes(
    byte if 0x21 <= byte <= 0x7E and byte != 0x23 else not byte for byte in range(256)
)


type RequestLine = tuple[str, bytes, bytes, str, bytes | None]
"""What a request line says:

- the method as sent;
- the path, still percent-encoded and without the query, or `*` for the server as a whole;
- the query, which is what follows the first `?`;
- the version, `"1.0"` or `"1.1"`;
- the authority that an absolute target names, which replaces `Host`, else None.
"""


def parse_request_line(line: bytes) -> RequestLine:
    """Reads a request line, given without its CRLF.

    Raises:
        ProtocolError: 400, 501 or 505.
    """
    parts = line.split(b" ")
    if len(parts) != 3:
        raise ProtocolError(400, "request-line")
    method, target, protocol = parts
    version = "1.1" if protocol == b"HTTP/1.1" else _version(protocol)
    if not is_token(method):
        raise ProtocolError(400, "method-invalid")
    if len(method) > _METHOD_BYTES:
        raise ProtocolError(501, "method-too-long")
    if not target or target.translate(_VISIBLE) != target:
        raise ProtocolError(400, "target-invalid")
    if method == b"CONNECT":
        raise ProtocolError(501, "connect")
    authority = None
    if target[0] == 0x2F:  # a slash: origin-form
        raw_path, _, query = target.partition(b"?")
    elif target == b"*" and method == b"OPTIONS":
        raw_path, query = target, b""
    else:
        authority, raw_path, query = _absolute(method, target)
    return method.decode("ascii"), raw_path, query, version, authority


def _version(protocol: bytes) -> str:
    if protocol == b"HTTP/1.0":
        return "1.0"
    # The name is case-sensitive, and the digits are one and one.
    if len(protocol) == 8 and protocol[:5] == b"HTTP/" and protocol[6:7] == b".":
        digits = protocol[5:6] + protocol[7:8]
        if digits.isdigit():
            raise ProtocolError(505, "version-unsupported")
    raise ProtocolError(400, "version-invalid")


def _absolute(method: bytes, target: bytes) -> tuple[bytes, bytes, bytes]:
    """Splits `http://authority/path?query` (RFC 9112 section 3.2.2)."""
    scheme, separator, rest = target.partition(b"://")
    if not separator or scheme.lower() not in (b"http", b"https"):
        raise ProtocolError(400, "target-invalid")
    before, mark, query = rest.partition(b"?")
    authority, slash, path = before.partition(b"/")
    # This refuses user information too: `@` is in no host (RFC 9110 section 4.2.4).
    if not is_authority(authority):
        raise ProtocolError(400, "target-authority")
    if not slash and not mark and method == b"OPTIONS":
        return authority, b"*", b""  # RFC 9112 section 3.2.4
    return authority, b"/" + path, query


def glimpse(line: bytes) -> RequestHead:
    """What a request line says that was refused, or has not come whole: for a log, nothing else."""
    method, _, rest = line.partition(b" ")
    if not is_token(method):
        # Not HTTP at all.
        return unknown_head()
    target, _, protocol = rest.rpartition(b" ")
    version = "-"
    if protocol.startswith(b"HTTP/"):
        version = protocol[5:].decode("latin-1")
    else:
        target = rest
    path, _, query = target.partition(b"?")
    return unknown_head(method.decode("ascii"), path or b"-", query, version or "-")
