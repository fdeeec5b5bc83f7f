"""The rules of a response head that hold on every protocol.

Decides which statuses, names and values an application may send; refuses what could split a
response, and never repairs it. How a head goes out is each protocol's own affair.
RFC 9110 sections 5, 8.6 and 15.
"""

from typing import Final

from pounce.protocol.errors import ResponseError
from pounce.protocol.fields import LOWER, VALUE, parse_length
from pounce.protocol.reason import phrase

NOT_PAIRS: Final = "response headers are pairs of bytes, name and value"


def whole_number(status: object) -> int:
    """Returns a status as a plain number, also one that is a member of an enumeration.

    Raises:
        ResponseError: it is none.
    """
    if not isinstance(status, int) or isinstance(status, bool):
        raise ResponseError(f"a status is a whole number, not {status!r}")
    return int(status)


def check_final(status: int) -> None:
    """Refuses what is no status of a final response.

    Raises:
        ResponseError: it is not from 200 to 599.
    """
    if not 200 <= status <= 599:
        raise ResponseError(f"a response has a status from 200 to 599, not {status}")


def check_interim(status: int) -> None:
    """Refuses what is no status of an interim response.

    Raises:
        ResponseError: it is not from 100 to 199.
    """
    if not 100 <= status <= 199:
        raise ResponseError(f"an interim response has a status from 100 to 199, not {status}")


def check_pair(pair: tuple[object, ...]) -> tuple[bytes, bytes]:
    """Returns the name in lower case and the value of one field, as it was given.

    Raises:
        ResponseError: it is no pair of bytes, or no message may carry it.
    """
    if len(pair) != 2:
        raise ResponseError(NOT_PAIRS)
    name, value = pair
    if not isinstance(name, bytes) or not isinstance(value, bytes):
        raise ResponseError(f"{NOT_PAIRS}, not {type(name).__name__} and {type(value).__name__}")
    lower = name.translate(LOWER)
    if not name or b"\0" in lower:
        raise ResponseError(f"{name!r} is no field name")
    if value.translate(VALUE) != value:
        raise ResponseError(f"the value of {name!r} has a control character in it")
    return lower, value


def read_length(value: bytes) -> int:
    """Returns the number that an application's `content-length` says.

    Raises:
        ResponseError: it says none.
    """
    length = parse_length(value)
    if length is None:
        raise ResponseError(f"content-length is a number of bytes, not {value!r}")
    return length


def mismatch(promised: int, given: int) -> str:
    """Says that a body has not the length that its `content-length` promised."""
    if given > promised:
        return f"the body is longer than the {promised} bytes that content-length promised"
    return f"the body has {given} bytes and not the {promised} that content-length promised"


def refusal(status: int) -> tuple[list[tuple[bytes, bytes]], bytes]:
    """The fields and the body of the server's own short answer in the application's place."""
    body = b"%d %b\n" % (status, phrase(status))
    fields = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", b"%d" % len(body)),
    ]
    return fields, body
