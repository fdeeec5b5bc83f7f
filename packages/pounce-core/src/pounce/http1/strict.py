"""The strict path for a request head: whatever the fast path does not know.

Decides every refusal of a head, by our own rules first, which are stricter than h11's and name
the fault, and then by h11, which must accept the head too and read the same from it. Never asked
for what is common, so it may take its time. RFC 9112 sections 2, 3 and 5.
"""

import h11

from pounce.http1.fields import parse_field
from pounce.http1.framing import read_framing
from pounce.http1.request import Request
from pounce.http1.target import parse_request_line
from pounce.protocol.errors import ProtocolError
from pounce.protocol.exchange import Headers


def parse_strictly(line: bytes, block: bytes, header_count: int) -> Request:
    """Reads a head from its request line and its field lines, both without the CRLF at their end.

    Raises:
        ProtocolError: 400, 417, 431, 501 or 505.
    """
    method, raw_path, query, version, authority = parse_request_line(line)
    lines = block.split(b"\r\n") if block else []
    if len(lines) > header_count:
        raise ProtocolError(431, "header-count")
    headers = [parse_field(field) for field in lines]
    framing = read_framing(headers, version)
    _confirm(line, block, version, headers)
    if authority is not None:
        headers = _with_host(headers, authority)
    return Request(method, raw_path, query, version, headers, framing)


def _confirm(line: bytes, block: bytes, version: str, headers: Headers) -> None:
    """Has h11 read the same head, and refuses it unless both readings agree."""
    raw = b"%b\r\n%b\r\n\r\n" % (line, block) if block else line + b"\r\n\r\n"
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=len(raw))
    connection.receive_data(raw)
    try:
        event = connection.next_event()
    except h11.RemoteProtocolError as error:
        status = error.error_status_hint
        raise ProtocolError(status if 400 <= status <= 505 else 400, "head-refused") from None
    method, target, _ = line.split(b" ")
    if (
        not isinstance(event, h11.Request)
        or event.method != method
        or event.target != target
        or event.http_version != version.encode("ascii")
        or list(map(_comparable, event.headers)) != list(map(_comparable, headers))
    ):
        raise ProtocolError(400, "head-ambiguous")


def _comparable(field: tuple[bytes, bytes]) -> tuple[bytes, bytes]:
    # h11 gives the one coding that it knows in lower case.
    name, value = field
    return (name, value.lower()) if name == b"transfer-encoding" else (name, value)


def _with_host(headers: Headers, authority: bytes) -> Headers:
    """Puts the authority of an absolute target in place of `Host` (RFC 9112 section 3.2.2)."""
    kept = [(name, authority if name == b"host" else value) for name, value in headers]
    if not any(name == b"host" for name, _ in kept):
        kept.insert(0, (b"host", authority))
    return kept
