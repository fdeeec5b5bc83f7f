"""What the application says in a response head, checked, and as a header block.

Decides which statuses, names and values may go out and what the worker adds of its own; refuses
what could split a response and never repairs it. A block refers to nothing in the connection's
table and adds nothing to it: so one encoding serves every connection of a worker, and is made once.
RFC 9110 sections 5, 6.6.1 and 8.6; RFC 9113 sections 8.2 and 8.3.2; RFC 7541 sections 5 and 6.
Hot path: `answer`; benchmark: integration/bench.
"""

from collections.abc import Iterable
from typing import Final, cast

from hpack.huffman import HuffmanEncoder
from hpack.huffman_constants import REQUEST_CODES, REQUEST_CODES_LENGTH
from hpack.table import HeaderTable

from pounce.protocol.errors import ResponseError
from pounce.protocol.exchange import RawHeaders
from pounce.protocol.memory import keep
from pounce.protocol.response import (
    NOT_PAIRS,
    check_final,
    check_interim,
    check_pair,
    read_length,
    whole_number,
)

type Pair = tuple[bytes, bytes]
"""Name and value."""
type Coded = tuple[bytes, bytes, bytes]
"""Name in lower case, value, and both as a field of a block."""

# What a worker remembers of its application's answers, at most: entries, and bytes of one. About
# 1 MB each when full.
_ANSWERS, _ANSWER_BYTES = 512, 1024
_FIELDS, _FIELD_BYTES = 2048, 256

_HUFFMAN: Final = HuffmanEncoder(REQUEST_CODES, REQUEST_CODES_LENGTH)
_INDEX: Final = {
    name: index for index, (name, _) in reversed(list(enumerate(HeaderTable.STATIC_TABLE, 1)))
}
_STATUS: Final = {200: 8, 204: 9, 206: 10, 304: 11, 400: 12, 404: 13, 500: 14}

_OF_A_HOP: Final = frozenset((b"connection", b"keep-alive", b"proxy-connection", b"upgrade"))
"""Fields that are of HTTP/1.1's connection: an application may send them, and they stop here."""


class Answer:
    """A checked response head. Frozen by convention: it is shared by all responses that say it.

    Attributes:
        status: as a plain number.
        block: all fields but those that depend on the request or the time.
        content_length: what the application promised, or None.
        dated: whether the server is to add `date`.
    """

    __slots__ = ("block", "content_length", "dated", "status")

    def __init__(self, status: int, block: bytes, content_length: int | None, dated: bool) -> None:
        self.status = status
        self.block = block
        self.content_length = content_length
        self.dated = dated


class Answers:
    """What a worker adds to every response, and what it remembers of those it has sent.

    One for each worker, made and used on its thread only.

    Args:
        extra_headers: fields for every response; the application's own of the same name win.
    """

    __slots__ = ("_adds_date", "_answers", "_extra", "_fields", "date")

    def __init__(self, extra_headers: Iterable[Pair] = ()) -> None:
        self._extra = [_coded(pair) for pair in extra_headers]
        self._adds_date = all(name != b"date" for name, _, _ in self._extra)
        self.date = b""
        """The `date` field as a field of a block; empty if there is to be none."""
        self._answers: dict[tuple[int, tuple[Pair, ...]], Answer] = {}
        self._fields: dict[Pair, Coded] = {}

    def set_date(self, line: bytes) -> None:
        """Takes the `date` field as a line of HTTP/1.1."""
        name, _, value = line.rstrip().partition(b": ")
        self.date = encode_field(name, value)

    def answer(self, status: int, headers: RawHeaders) -> Answer:
        """Checks a response head, or remembers that it did. Hot path.

        Raises:
            ResponseError: the application's mistake, in a sentence.
        """
        # Not left to the memory: 200.0 would find what 200 left there.
        if type(status) is not int:
            status = whole_number(status)
        try:
            key = (status, cast("tuple[Pair, ...]", tuple(map(tuple, headers))))
            known = self._answers.get(key)
        except TypeError:
            raise ResponseError(NOT_PAIRS) from None
        return known or self._check(key)

    def interim(self, status: int, headers: RawHeaders) -> bytes:
        """The block of an interim response.

        Raises:
            ResponseError: a status that is not interim, or a field that none may carry.
        """
        status = whole_number(status)
        check_interim(status)
        return encode_status(status) + self._block(headers, _NOT_IN_INTERIM)

    def trailers(self, headers: RawHeaders) -> bytes:
        """The block of a trailer section.

        Raises:
            ResponseError: a field that no message may carry, or one that frames the message.
        """
        return self._block(headers, _NOT_IN_TRAILERS)

    def tunnel(self, headers: RawHeaders) -> bytes:
        """The block by which an extended CONNECT is accepted (RFC 8441 section 5).

        Raises:
            ResponseError: a field that no such head may carry.
        """
        fields = self._code(headers)
        for name, _, _ in fields:
            if name in _NOT_IN_INTERIM:
                raise ResponseError(f"{name.decode()} has no place here: it frames a message")
        names = {name for name, _, _ in fields}
        kept = [field for field in fields if field[0] not in _OF_A_HOP]
        added = [field for field in self._extra if field[0] not in names]
        date = self.date if self._adds_date and b"date" not in names else b""
        return encode_status(200) + b"".join(field[2] for field in kept + added) + date

    def _block(self, headers: RawHeaders, forbidden: frozenset[bytes]) -> bytes:
        fields = self._code(headers)
        for name, _, _ in fields:
            if name in forbidden:
                raise ResponseError(f"{name.decode()} has no place here: it frames a message")
        return b"".join(coded for name, _, coded in fields if name not in _OF_A_HOP)

    def _code(self, headers: RawHeaders) -> list[Coded]:
        known = self._fields
        try:
            pairs = cast("list[Pair]", list(map(tuple, headers)))
            return [known.get(pair) or self._code_one(pair) for pair in pairs]
        except TypeError:
            raise ResponseError(NOT_PAIRS) from None

    def _code_one(self, pair: Pair) -> Coded:
        field = _coded(pair)
        if len(field[2]) <= _FIELD_BYTES and field[0] not in {b"content-length", b"set-cookie"}:
            keep(self._fields, pair, field, _FIELDS)
        return field

    def _check(self, key: tuple[int, tuple[Pair, ...]]) -> Answer:
        status, pairs = key
        check_final(status)
        content_length = None
        block = [encode_status(status)]
        fields = self._code(pairs)
        names = {name for name, _, _ in fields}
        for name, value, coded in fields:
            if name == b"content-length":
                if content_length is not None:
                    raise ResponseError("a response has one content-length, not several")
                content_length = read_length(value)
                # No length goes out with a 204 (RFC 9110 section 8.6).
                if status == 204:
                    continue
            elif name == b"transfer-encoding":
                # The server frames the body itself.
                if value.lower() != b"chunked":
                    raise ResponseError(
                        "the server frames the body itself: leave transfer-encoding out"
                    )
                continue
            elif name in _OF_A_HOP:
                continue
            block.append(coded)
        if b"transfer-encoding" in names and content_length is not None:
            raise ResponseError("a response has content-length or chunks, not both")
        block += [coded for name, _, coded in self._extra if name not in names]
        dated = self._adds_date and b"date" not in names
        answer = Answer(status, b"".join(block), content_length, dated)
        if len(answer.block) <= _ANSWER_BYTES:
            keep(self._answers, key, answer, _ANSWERS)
        return answer


def encode_status(status: int) -> bytes:
    index = _STATUS.get(status)
    return encode_field(b":status", b"%d" % status) if index is None else bytes((0x80 | index,))


def encode_field(name: bytes, value: bytes) -> bytes:
    """A literal that is not added to the table; cookies are marked as never to be added."""
    first = 0x10 if name in {b"set-cookie", b"authorization"} else 0x00
    index = _INDEX.get(name)
    if index is None:
        return bytes((first,)) + _string(name) + _string(value)
    return encode_integer(index, 4, first) + _string(value)


def encode_integer(number: int, prefix: int, first: int) -> bytes:
    """An integer after the upper bits of `first` (RFC 7541 section 5.1)."""
    most = (1 << prefix) - 1
    if number < most:
        return bytes((first | number,))
    coded = bytearray((first | most,))
    number -= most
    while number >= 0x80:
        coded.append(number & 0x7F | 0x80)
        number >>= 7
    coded.append(number)
    return bytes(coded)


def _string(data: bytes) -> bytes:
    coded = _HUFFMAN.encode(data)
    if len(coded) < len(data):
        return encode_integer(len(coded), 7, 0x80) + coded
    return encode_integer(len(data), 7, 0x00) + data


def _coded(pair: tuple[object, ...]) -> Coded:
    name, value = check_pair(pair)
    # Outer white space is no part of a value (RFC 9110 section 5.5); HTTP/2 has none.
    value = value.strip(b" \t")
    return name, value, encode_field(name, value)


_NOT_IN_TRAILERS: Final = frozenset(
    (b"connection", b"content-length", b"trailer", b"transfer-encoding")
)
_NOT_IN_INTERIM: Final = frozenset((b"content-length", b"transfer-encoding"))
