"""One field line of HTTP/1: `Name: value`.

Decides whether a line is a field and what its name and value are, in heads and in trailers; never
repairs one, and never judges what a field means. RFC 9112 section 5.
"""

from pounce.protocol.errors import ProtocolError
from pounce.protocol.fields import LOWER, VALUE, is_token


def parse_field(line: bytes) -> tuple[bytes, bytes]:
    """Returns the lower-case name and the value of one line, given without its CRLF.

    Raises:
        ProtocolError: 400, the line is no field.
    """
    name, colon, value = line.partition(b":")
    lower = name.translate(LOWER)
    if not colon or not name or b"\0" in lower or value.translate(VALUE) != value:
        raise ProtocolError(400, _fault(line))
    return lower, value.strip(b" \t")


def _fault(line: bytes) -> str:
    """Names what is wrong with a line that is no field."""
    if not line:
        return "field-empty"
    if line[0] in b" \t":
        return "field-folded"
    if b"\r" in line or b"\n" in line:
        return "bare-cr-or-lf"
    if b"\0" in line:
        return "field-nul"
    name, colon, _ = line.partition(b":")
    if not colon:
        return "field-without-colon"
    if name[-1:] in (b" ", b"\t"):
        return "space-before-colon"
    return "field-value" if is_token(name) else "field-name"
