"""The state of one HTTP/2 connection: frames in, requests and bodies out.

Decides which frames may come when, what of a client's faults ends a stream and what the connection,
and how much a client may send ahead. Sans-I/O: bytes and the time are arguments, what is to be said
goes to `outbound`, what has happened to the listener. RFC 9113 sections 3.4, 4 to 6 and 8.1.
Hot path: `receive`, `_open`; benchmark: integration/bench.
"""

from typing import TYPE_CHECKING, Final

from pounce.protocol.errors import ProtocolError
from pounce_h2 import frame
from pounce_h2.block import BlockReader, Pieces
from pounce_h2.control import Control, check_begun
from pounce_h2.fault import ConnectionFault, StreamFault
from pounce_h2.frame import ErrorCode
from pounce_h2.outbound import Outbound
from pounce_h2.patience import Patience
from pounce_h2.priority import DEFAULT
from pounce_h2.stream import Stream

if TYPE_CHECKING:
    from pounce_h2.engine import Listener
    from pounce_h2.rules import Rules

TURN: Final = 64
"""Requests that are begun at a turn, so that one client does not keep the worker."""
REMEMBERED: Final = 256
"""Streams that were reset of late: what the client sent before it knew is overlooked."""
PARTING: Final = b"farewell"
"""The PING of a farewell."""
DISCARD: Final = 1 << 20
"""Bytes of an upload that are thrown away when its response is complete; beyond, it is reset."""


class Connection:
    """See `pounce_h2.engine.Engine` for what each method promises.

    Args:
        listener: is told what happens.
        rules: what all connections of a worker share.
        now: monotonic time in seconds.
    """

    __slots__ = (
        "_blocks",
        "_buffer",
        "_control",
        "_farewell_said",
        "_last_allowed",
        "_listener",
        "_need",
        "_overheard",
        "_patience",
        "_pieces",
        "_preface",
        "_receive_window",
        "_reset",
        "_rules",
        "_turn",
        "_uncredited",
        "behind",
        "last",
        "outbound",
        "streams",
    )

    def __init__(self, listener: Listener, rules: Rules, now: float) -> None:
        self.streams: dict[int, Stream] = {}
        self.outbound = Outbound(self._ended, self._failed)
        self.behind = False
        self._listener = listener
        self._rules = rules
        self._patience = Patience(rules.patience, now)
        self._control = Control(self.outbound, self.streams, self._patience)
        self._blocks = BlockReader(rules.limits, rules.protocols, rules.words, rules.plain)
        self._buffer = bytearray()
        self._need = 0
        """Bytes that the buffer has to have before it is worth looking at."""
        self._turn = 0
        self._preface = frame.PREFACE
        """What of the client's preface has not come."""
        self.last = 0
        self._last_allowed = frame.LARGEST
        self._overheard = 0
        """The highest number of a stream that began after the last word; 0 if none did."""
        self._farewell_said = False
        self._receive_window = rules.connection_window
        self._uncredited = 0
        self._reset: dict[int, int] = {}
        """What may still come of bodies whose streams were reset, by stream."""
        self._pieces: Pieces | None = None
        """A header block that is not complete."""
        self.outbound.add(rules.greeting)

    @property
    def ready(self) -> bool:
        return self._control.settled

    @property
    def unfinished(self) -> bool:
        buffer = self._buffer
        return self._pieces is not None or (
            bool(buffer) and not self.behind and (len(buffer) < 9 or buffer[3] != frame.DATA)
        )

    def progress(self, stream: Stream) -> int:
        buffer = self._buffer
        if len(buffer) < 9 or buffer[3] != frame.DATA or self.behind:
            return stream.received
        number = frame.read_word(buffer, 5)[0] & frame.LARGEST
        return stream.received + (len(buffer) - 9 if number == stream.number else 0)

    # What the client sends

    def receive(self, data: bytes, now: float) -> None:
        """Hot path."""
        buffer = self._buffer
        if buffer:
            buffer += data
            if self.behind or len(buffer) < self._need:
                return
            data = bytes(buffer)
            buffer.clear()
        self._go_through(data, now)

    def proceed(self, now: float) -> None:
        data = bytes(self._buffer)
        self._buffer.clear()
        self.behind = False
        self._go_through(data, now)

    def _go_through(self, data: bytes, now: float) -> None:
        """Acts on each whole frame, and keeps what is left. Hot path."""
        self._patience.look(now)
        self._turn = TURN
        at, end = 0, len(data)
        if self._preface:
            at = self._read_preface(data)
        control = self._control
        unpack = frame.HEADER.unpack_from
        need = 9
        while end - at >= 9:
            word, flags, number = unpack(data, at)
            size = word >> 8
            if size > frame.FRAME_SIZE:
                raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, "frame-too-large")
            stop = at + 9 + size
            if stop > end:
                need = 9 + size
                break
            kind = word & 0xFF
            number &= frame.LARGEST
            if kind == frame.HEADERS and self._pieces is None and control.settled:
                self._headers(flags, number, data, at + 9, stop)
            elif kind == frame.DATA and self._pieces is None and control.settled:
                self._data(flags, number, data, at + 9, stop)
            else:
                self._other(kind, flags, number, data[at + 9 : stop])
            at = stop
            if self._turn <= 0:
                self.behind = at < end
                break
        if at < end:
            self._buffer += memoryview(data)[at:]
            self._need = need

    def _read_preface(self, data: bytes) -> int:
        """How much of the data is the preface's (RFC 9113 section 3.4)."""
        missing = self._preface
        size = min(len(missing), len(data))
        if data[:size] != missing[:size]:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "preface")
        self._preface = missing[size:]
        return size

    def _other(self, kind: int, flags: int, number: int, payload: bytes) -> None:
        if self._pieces is not None:
            self._continue(kind, flags, number, payload)
        elif kind == frame.RST_STREAM:
            self._rst_stream(number, payload)
        else:
            try:
                self._control.act(kind, flags, number, payload, self._overheard or self.last)
            except StreamFault as fault:
                self._break(self.streams[number], fault)
            # The client has answered the PING of the farewell: it has seen that.
            seen = kind == frame.PING and flags & frame.ACK and payload == PARTING
            if seen and self._farewell_said and not self.parting:
                self.last_word()

    # Header blocks

    def _headers(self, flags: int, number: int, data: bytes, at: int, stop: int) -> None:
        """Hot path."""
        if not number & 1:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "stream-number")
        if flags & (frame.PADDED | frame.WITH_PRIORITY):
            padding = 0
            if flags & frame.PADDED:
                padding = data[at] if at < stop else 0
                at += 1
            if flags & frame.WITH_PRIORITY:
                at += 5
            stop -= padding
            if at > stop:
                raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "padding")
        block = data[at:stop]
        if flags & frame.END_HEADERS:
            self._complete(number, flags & frame.END_STREAM != 0, block)
            return
        rules = self._rules
        ended = flags & frame.END_STREAM != 0
        self._pieces = Pieces(number, ended, rules.block_size, rules.pieces)
        self._pieces.add(block)

    def _continue(self, kind: int, flags: int, number: int, payload: bytes) -> None:
        pieces = self._pieces
        assert pieces is not None
        if kind != frame.CONTINUATION or number != pieces.number:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "block-interrupted")
        pieces.add(payload)
        if flags & frame.END_HEADERS:
            self._pieces = None
            self._complete(number, pieces.ended, pieces.whole())

    def _complete(self, number: int, ended: bool, block: bytes) -> None:
        """A whole block: a request, or the trailers of one. Hot path."""
        if number > self.last:
            if number > self._last_allowed:
                # After the last word: a client that did not know it makes the request elsewhere.
                self._overheard = max(number, self._overheard)
                self._blocks.decode(block)
                self._patience.spend("late-frames")
                return
            self.last = number
            self._turn -= 1
            self._open(number, ended, block)
            return
        stream = self.streams.get(number)
        if stream is None:
            self._blocks.decode(block)
            if number not in self._reset:
                raise ConnectionFault(ErrorCode.STREAM_CLOSED, "stream-closed")
            self._patience.spend("late-frames")
            return
        try:
            self._blocks.trailers(block)
            if stream.remote_ended:
                raise StreamFault(ErrorCode.STREAM_CLOSED, "stream-closed")
            if not ended or stream.tunnels:
                raise StreamFault(ErrorCode.PROTOCOL_ERROR, "trailers-not-last")
            self._end_body(stream)
        except StreamFault as fault:
            self._break(stream, fault)

    def _open(self, number: int, ended: bool, block: bytes) -> None:
        """Hot path."""
        rules = self._rules
        listener = self._listener
        error = head = None
        expected = -1
        priority = DEFAULT
        try:
            head = self._blocks.request(block, ended)
            priority = head.priority
            if head.content_length is not None:
                expected = head.content_length
        except StreamFault as fault:
            self._refuse(number, fault.code, fault.reason)
            return
        except ProtocolError as found:
            error = found
        if listener.running >= rules.streams or len(self.streams) >= rules.streams:
            self._refuse(number, ErrorCode.REFUSED_STREAM, "too-many-streams")
            return
        priority = self._control.priority_of(number, priority)
        first_window = self.outbound.first_window
        stream = Stream(number, ended, rules.stream_window, first_window, expected, priority)
        self.streams[number] = stream
        if error is None and head is not None:
            listener.requested(stream, head)
        elif error is not None:
            listener.faulty(stream, error)

    def _refuse(self, number: int, code: ErrorCode, reason: str) -> None:
        """Ends a stream that has not become one."""
        self._listener.refused(reason)
        self._overlook(number, self._rules.stream_window)
        self.outbound.add(frame.rst_stream(number, code))
        self._patience.spend("stream-faults")

    # Bodies

    def _data(self, flags: int, number: int, data: bytes, at: int, stop: int) -> None:
        """Hot path."""
        size = stop - at
        self._credit(size)
        if flags & frame.PADDED:
            padding = data[at] if size else 0
            at += 1
            stop -= padding
            if at > stop:
                raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "padding")
        stream = self.streams.get(number)
        if stream is None:
            self._late_data(number, size)
            return
        try:
            self._take(stream, data[at:stop], size)
            if flags & frame.END_STREAM:
                self._end_body(stream)
            elif at == stop:
                self._patience.spend("empty-frames")
        except StreamFault as fault:
            self._break(stream, fault)

    def _credit(self, size: int) -> None:
        """Gives back the connection's window as bytes come, whoever reads them or not."""
        self._receive_window -= size
        if self._receive_window < 0:
            raise ConnectionFault(ErrorCode.FLOW_CONTROL_ERROR, "connection-window")
        self._uncredited += size
        if self._uncredited * 2 >= self._rules.connection_window:
            self.outbound.add(frame.window_update(0, self._uncredited))
            self._receive_window += self._uncredited
            self._uncredited = 0

    def _late_data(self, number: int, size: int) -> None:
        """Of a stream that is over, or that is not looked at."""
        check_begun(number, self._overheard or self.last)
        if not size:
            self._patience.spend("empty-frames")
        if number > self._last_allowed:
            return
        left = self._reset.get(number)
        if left is None:
            raise ConnectionFault(ErrorCode.STREAM_CLOSED, "stream-closed")
        if size > left:
            raise ConnectionFault(ErrorCode.FLOW_CONTROL_ERROR, "stream-window")
        self._reset[number] = left - size

    def _take(self, stream: Stream, piece: bytes, size: int) -> None:
        if stream.remote_ended:
            raise StreamFault(ErrorCode.STREAM_CLOSED, "stream-closed")
        stream.receive_window -= size
        if stream.receive_window < 0:
            raise StreamFault(ErrorCode.FLOW_CONTROL_ERROR, "stream-window")
        count = len(piece)
        stream.received += count
        if stream.received > stream.expected >= 0:
            raise StreamFault(ErrorCode.PROTOCOL_ERROR, "body-too-long")
        if size > count:
            # Padding is read as soon as it has come.
            self.returned(stream, size - count)
        if not count:
            return
        stream.unread += count
        if stream.lingers or stream.local_ended:
            self._discard(stream, count)
        else:
            stream.keep(piece)
            self._listener.arrived(stream)

    def _discard(self, stream: Stream, count: int) -> None:
        """Throws away what comes when its response is there, or of a tunnel whose end we said."""
        if stream.unread <= DISCARD:
            self.returned(stream, count)
        elif stream.lingers:
            self.end(stream)

    def _end_body(self, stream: Stream) -> None:
        if 0 <= stream.expected != stream.received:
            raise StreamFault(ErrorCode.PROTOCOL_ERROR, "body-incomplete")
        stream.remote_ended = True
        if stream.local_ended:
            self.streams.pop(stream.number, None)
        elif stream.lingers:
            self.end(stream)
        else:
            self._listener.arrived(stream)

    def returned(self, stream: Stream, count: int) -> None:
        stream.returned += count
        if stream.returned * 2 >= self._rules.stream_window and not stream.remote_ended:
            self.outbound.add(frame.window_update(stream.number, stream.returned))
            stream.receive_window += stream.returned
            stream.returned = 0

    # The ends of streams

    def _ended(self, stream: Stream) -> None:
        """All of our half is among the frames. Hot path."""
        stream.local_ended = True
        stream.exchange = None
        self._patience.useful += 1
        if stream.remote_ended:
            self.streams.pop(stream.number, None)
        elif not stream.tunnels:
            # Whoever has its answer need not go on asking (RFC 9113 section 8.1).
            self.reset(stream, ErrorCode.NO_ERROR)

    def may_end(self, stream: Stream) -> bool:
        if stream.remote_ended or stream.tunnels or stream.expected - stream.received > DISCARD:
            return True
        stream.lingers = True
        stream.inbox = None
        unread, stream.unread = stream.unread, 0
        self.returned(stream, unread)
        return False

    def end(self, stream: Stream) -> None:
        if not stream.local_ended:
            stream.lingers = False
            if stream.held:
                self.outbound.send_head(stream, stream.held)
            self.outbound.send(stream, b"", end=True)

    def _failed(self, stream: Stream) -> None:
        self.reset(stream, ErrorCode.INTERNAL_ERROR)

    def reset(self, stream: Stream, code: ErrorCode) -> None:
        if stream.number in self.streams:
            self._overlook(stream.number, stream.receive_window)
            self.outbound.add(frame.rst_stream(stream.number, code))
            self._drop(stream)

    def _break(self, stream: Stream, fault: StreamFault) -> None:
        """The client broke a rule of the stream. That we have to reset it is an attack's aim."""
        self._listener.refused(fault.reason)
        self.reset(stream, fault.code)
        self._patience.spend("stream-faults")

    def _drop(self, stream: Stream) -> None:
        self.streams.pop(stream.number, None)
        self.outbound.forget(stream)
        self._listener.ended_early(stream)
        stream.exchange = None

    def _overlook(self, number: int, window: int) -> None:
        if len(self._reset) >= REMEMBERED:
            del self._reset[next(iter(self._reset))]
        self._reset[number] = max(window, 0)

    def _rst_stream(self, number: int, payload: bytes) -> None:
        if not self._control.settled:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "settings-missing")
        if len(payload) != 4:
            raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, "frame-size")
        check_begun(number, self._overheard or self.last)
        stream = self.streams.get(number)
        if stream is None:
            self._patience.spend("late-frames")
            return
        self._overlook(number, 0)
        self._drop(stream)
        self._patience.spend("resets")

    # The end of the connection

    def farewell(self) -> None:
        self._farewell_said = True
        self.outbound.add(frame.goaway(frame.LARGEST, ErrorCode.NO_ERROR))
        self.outbound.add(frame.ping(PARTING))

    def last_word(self) -> None:
        self._last_allowed = self.last
        self.outbound.add(frame.goaway(self.last, ErrorCode.NO_ERROR))

    @property
    def parting(self) -> bool:
        return self._last_allowed != frame.LARGEST

    def goaway(self, code: ErrorCode) -> None:
        self.outbound.add(frame.goaway(self.last, code))
