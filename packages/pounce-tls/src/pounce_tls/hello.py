"""The first message of a client: whether it speaks TLS at all, and which name it asks for.

Decides which server name a ClientHello holds (RFC 8446 section 4.1.2, RFC 6066 section 3); all
else in it is OpenSSL's business, which reads the same bytes afterwards. Never guesses: what does
not fit has no name, and OpenSSL refuses it in its own words.
"""

from typing import Final

HANDSHAKE: Final = 22
"""The record type of every handshake message (RFC 8446 section 5.1)."""
CLIENT_HELLO: Final = 1
SERVER_NAME: Final = 0
HOST_NAME: Final = 0

LONGEST: Final = 32_768
"""Bytes of a ClientHello; those of browsers with post-quantum shares have under 3,000."""

METHODS: Final = (
    b"GET ",
    b"HEAD ",
    b"POST ",
    b"PUT ",
    b"DELET",
    b"PATCH",
    b"OPTIO",
    b"TRACE",
    b"CONNE",
    b"PRI *",
)
"""How a request in the clear begins, or HTTP/2's preface, as far as five bytes show it."""

NOT_HTTPS: Final = (
    b"HTTP/1.1 400 Bad Request\r\n"
    b"content-type: text/plain; charset=utf-8\r\n"
    b"content-length: 47\r\n"
    b"connection: close\r\n"
    b"\r\n"
    b"This port speaks HTTPS: use an https:// address"
)


def is_plain_http(start: bytes) -> bool:
    """Whether the first five bytes begin a request in the clear."""
    return start.startswith(METHODS)


def hello_length(message: bytes | bytearray) -> int:
    """How many bytes a message has in all that begins with these: 0 for one that is no ClientHello.

    Args:
        message: handshake messages from the start of the connection, four bytes at least.
    """
    return 4 + int.from_bytes(message[1:4]) if message[0] == CLIENT_HELLO else 0


def server_name(message: bytes) -> str | None:
    """The host name that a whole ClientHello asks for, in lower case; None if there is none."""
    # Header, version and random; then the session, the suites and the compression methods.
    at = 4 + 2 + 32
    at += 1 + _number(message, at, 1)
    at += 2 + _number(message, at, 2)
    at += 1 + _number(message, at, 1)
    end = at + 2 + _number(message, at, 2)
    at += 2
    while at + 4 <= min(end, len(message)):
        kind, length = _number(message, at, 2), _number(message, at + 2, 2)
        at += 4
        if kind == SERVER_NAME:
            return _host(message[at : at + length])
        at += length
    return None


def _host(extension: bytes) -> str | None:
    # A list of names by type, in which only one type was ever defined.
    name = extension[5 : 5 + _number(extension, 3, 2)]
    if _number(extension, 2, 1) != HOST_NAME or not name or not name.isascii():
        return None
    return name.decode("ascii").lower().rstrip(".")


def _number(data: bytes, at: int, size: int) -> int:
    """What is written there; 0 beyond the end."""
    return int.from_bytes(data[at : at + size])
