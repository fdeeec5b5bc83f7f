"""The fast path for a request head.

Decides what a common head says, from memory where it has seen the same bytes before; whatever it
does not know, and all that it would refuse, it hands over to the strict path, so that it never
refuses a head by itself but for the limits. RFC 9112 sections 2 to 6.

Clients repeat themselves: a browser sends the same dozen lines with every request, and a proxy or
a load generator the same block of them. What a line or a block means depends on its bytes only, so
a parser remembers it. Everything here belongs to one thread.
"""

from collections.abc import Callable

from pounce.http1.fields import parse_field
from pounce.http1.framing import Framing, is_relevant, read_framing
from pounce.http1.request import Request
from pounce.http1.strict import parse_strictly
from pounce.http1.target import parse_request_line
from pounce.protocol.errors import ProtocolError
from pounce.protocol.exchange import Headers
from pounce.protocol.memory import keep

# What a parser remembers at most: entries, and bytes of what each is found by. A client that never
# repeats itself moves the others to the slower of two fast ways. With all of it full of the longest
# entries a parser holds about 10 MB, most of it blocks of a hundred short fields.
_WHOLES, _WHOLE_BYTES = 256, 2048
_LINES, _LINE_BYTES = 1024, 256
_BLOCKS, _BLOCK_BYTES = 256, 2048
_FIELDS, _FIELD_BYTES = 2048, 512
_FRAMINGS, _FRAMING_FIELDS = 256, 8

type _Whole = tuple[str, bytes, bytes, str, tuple[tuple[bytes, bytes], ...], Framing]


class _Unusual(Exception):
    """The head is none that this path knows."""


class _Fields(dict[bytes, tuple[bytes, bytes]]):
    """From a field line to its name and value, and which of those lines tell about framing."""

    def __init__(self) -> None:
        super().__init__()
        self.relevant: set[bytes] = set()

    def __missing__(self, line: bytes) -> tuple[bytes, bytes]:
        field = parse_field(line)
        if is_relevant(field[0]):
            # Framing is found by these lines, so that none may be left out for its length.
            if len(line) > _FIELD_BYTES:
                raise _Unusual
            self.relevant.add(line)
        if len(line) <= _FIELD_BYTES:
            self[line] = field
        return field


class _Known:
    """What is remembered for one version: the same field may mean another framing in HTTP/1.0."""

    __slots__ = ("blocks", "framings")

    def __init__(self) -> None:
        self.blocks: dict[bytes, tuple[tuple[tuple[bytes, bytes], ...], Framing]] = {}
        self.framings: dict[tuple[bytes, ...], Framing] = {}


class HeadParser:
    """Reads request heads, for all connections of one worker and on its thread only.

    Readers that share a parser have the same limits: what it remembers has passed them.
    """

    __slots__ = (
        "_field",
        "_fields",
        "_is_relevant",
        "_known",
        "_lines",
        "_wholes",
    )

    def __init__(self) -> None:
        self._wholes: dict[bytes, _Whole] = {}
        self._lines: dict[bytes, tuple[str, bytes, bytes, str, _Known]] = {}
        self._known = {"1.1": _Known(), "1.0": _Known()}
        self._fields = _Fields()
        # Looked up once: the bound methods are this thread's own objects.
        self._field: Callable[[bytes], tuple[bytes, bytes]] = self._fields.__getitem__
        self._is_relevant: Callable[[bytes], bool] = self._fields.relevant.__contains__

    def recall(self, data: bytes) -> Request | None:
        """Returns the request if `data` is a whole head, and nothing else, that came before."""
        whole = self._wholes.get(data)
        if whole is None:
            return None
        method, raw_path, query, version, headers, framing = whole
        # A list of its own for each request: an application may change it.
        return Request(method, raw_path, query, version, list(headers), framing)

    def parse(self, data: bytes, start: int, line_end: int, end: int, header_count: int) -> Request:
        """Reads the head in `data[start:end + 4]`.

        Args:
            data: whatever was received.
            start: where the request line begins.
            line_end: where the first CRLF from `start` is.
            end: where the first two CRLF in a row from `start` are.
            header_count: fields at most.

        Raises:
            ProtocolError: 400, 417, 431, 501 or 505.
        """
        line = data[start:line_end]
        block = data[line_end + 2 : end]
        try:
            method, raw_path, query, version, known = self._lines.get(line) or self._line(line)
            found = known.blocks.get(block)
            if found is None:
                headers, framing = self._block(block, version, known, header_count)
            else:
                fixed, framing = found
                headers = list(fixed)
                # Both halves came before: the whole is worth remembering. One with a new path or
                # cookie each time is not.
                if not start and end + 4 == len(data) <= _WHOLE_BYTES and not framing.has_body:
                    fresh = (method, raw_path, query, version, fixed, framing)
                    keep(self._wholes, data, fresh, _WHOLES)
            return Request(method, raw_path, query, version, headers, framing)
        except _Unusual, ProtocolError:
            pass
        return parse_strictly(line, block, header_count)

    def _line(self, line: bytes) -> tuple[str, bytes, bytes, str, _Known]:
        method, raw_path, query, version, authority = parse_request_line(line)
        if authority is not None:
            raise _Unusual
        parsed = (method, raw_path, query, version, self._known[version])
        if len(line) <= _LINE_BYTES:
            keep(self._lines, line, parsed, _LINES)
        return parsed

    def _block(
        self, block: bytes, version: str, known: _Known, header_count: int
    ) -> tuple[Headers, Framing]:
        lines = block.split(b"\r\n") if block else []
        if len(lines) > header_count:
            raise _Unusual
        # Only here and not in the middle of a head, whose relevant lines have to be known together;
        # so there may be a head's limit of fields on top.
        if len(self._fields) >= _FIELDS:
            self._fields.clear()
            self._fields.relevant.clear()
        headers = list(map(self._field, lines))
        relevant = tuple(filter(self._is_relevant, lines))
        framing = known.framings.get(relevant)
        if framing is None:
            framing = read_framing(headers, version)
            if len(relevant) <= _FRAMING_FIELDS:
                keep(known.framings, relevant, framing, _FRAMINGS)
        if len(block) <= _BLOCK_BYTES:
            keep(known.blocks, block, (tuple(headers), framing), _BLOCKS)
        return headers, framing
