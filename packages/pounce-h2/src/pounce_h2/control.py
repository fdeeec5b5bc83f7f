"""The frames that are about the connection and not about a message.

Decides what a client's settings, pings, windows and priorities change, and which of them are no
such frame. RFC 9113 sections 6.3 to 6.9; RFC 9218 section 7.1; RFC 8441 section 3.
"""

from typing import Final

from pounce.protocol.memory import keep
from pounce_h2 import frame
from pounce_h2.fault import ConnectionFault, StreamFault
from pounce_h2.frame import ErrorCode
from pounce_h2.outbound import Outbound
from pounce_h2.patience import Patience
from pounce_h2.priority import DEFAULT, UNSAID, Priority, parse_priority
from pounce_h2.stream import Stream

UPDATES: Final = 1000
"""Times that a client may open a window without having been sent anything."""
PAID: Final = 9
"""Beyond, one for each 512 bytes of bodies that it was sent (as a power of 2), and two for each
piece that no window of its has cut: many a client gives back at once what it was sent."""
LARGEST_SETTINGS: Final = 6 * 32
TABLE: Final = 4096
"""Bytes of a compression table, before anybody says something else (RFC 9113 section 6.5.2)."""
REMEMBERED: Final = 128
"""Priorities that are kept for streams to come; a client that names more names them again."""


class Control:
    """One connection's.

    Args:
        outbound: what is to be sent.
        streams: those that are not over, by number.
        patience: with frames that only cause work.
    """

    __slots__ = (
        "_names_priorities",
        "_outbound",
        "_patience",
        "_priorities",
        "_streams",
        "_updates",
        "settled",
    )

    def __init__(self, outbound: Outbound, streams: dict[int, Stream], patience: Patience) -> None:
        self._outbound = outbound
        self._streams = streams
        self._patience = patience
        self._updates = 0
        self._priorities: dict[int, Priority] = {}
        """Of streams that have not begun."""
        self._names_priorities = False
        """Whether the client has named one, so that what it leaves out is the default."""
        self.settled = False
        """Whether the client's first SETTINGS have come."""

    def act(self, kind: int, flags: int, number: int, payload: bytes, last: int) -> None:
        """Does what a frame asks for.

        Args:
            last: the highest number of a stream so far.

        Raises:
            ConnectionFault: it is none, or one too many.
            StreamFault: it is a fault of stream `number` alone.
        """
        if not self.settled and (kind != frame.SETTINGS or flags & frame.ACK):
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "settings-missing")
        if kind == frame.WINDOW_UPDATE:
            self._window_update(number, payload, last)
            return
        match kind:
            case frame.SETTINGS:
                self._settings(flags, number, payload)
            case frame.PING:
                self._ping(flags, number, payload)
            case frame.PRIORITY:
                self._priority(number, payload)
            case frame.PRIORITY_UPDATE:
                self._priority_update(number, payload, last)
            case frame.GOAWAY:
                self._goaway(number, payload)
            case frame.PUSH_PROMISE | frame.CONTINUATION:
                raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "frame-out-of-place")
            case _:
                self._patience.spend("unknown-frames")

    def priority_of(self, number: int, said: Priority) -> Priority:
        """The priority of a stream that begins: what came before it counts more. Hot path."""
        if said is not DEFAULT:
            self._names_priorities = True
        elif not self._names_priorities:
            return UNSAID
        return self._priorities.pop(number, said) if self._priorities else said

    def _window_update(self, number: int, payload: bytes, last: int) -> None:
        if len(payload) != 4:
            raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, "frame-size")
        increment = frame.read_word(payload)[0] & frame.LARGEST
        outbound = self._outbound
        self._updates += 1
        pieces = outbound.pieces + self._patience.useful
        if self._updates > UPDATES + (outbound.data_sent >> PAID) + 2 * pieces:
            raise ConnectionFault(ErrorCode.ENHANCE_YOUR_CALM, "window-updates")
        if not number:
            if not increment:
                raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "window-update-zero")
            outbound.window += increment
            if outbound.window > frame.LARGEST:
                raise ConnectionFault(ErrorCode.FLOW_CONTROL_ERROR, "window-overflow")
            return
        check_begun(number, last)
        stream = self._streams.get(number)
        if stream is None:
            return
        if not increment:
            raise StreamFault(ErrorCode.PROTOCOL_ERROR, "window-update-zero")
        stream.send_window += increment
        if stream.send_window > frame.LARGEST:
            raise StreamFault(ErrorCode.FLOW_CONTROL_ERROR, "window-overflow")
        outbound.reopen(stream)

    def _settings(self, flags: int, number: int, payload: bytes) -> None:
        _check_connection(number)
        if flags & frame.ACK:
            if payload:
                raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, "frame-size")
            self._patience.spend("settings")
            return
        if len(payload) % 6 or len(payload) > LARGEST_SETTINGS:
            raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, "frame-size")
        if self.settled:
            self._patience.spend("settings")
        self.settled = True
        for name, value in frame.read_settings(payload):
            self._set(name, value)
        self._outbound.add(frame.SETTINGS_ACK)

    def _set(self, name: int, value: int) -> None:
        outbound = self._outbound
        match name:
            case frame.INITIAL_WINDOW_SIZE:
                if value > frame.LARGEST:
                    raise ConnectionFault(ErrorCode.FLOW_CONTROL_ERROR, "settings-value")
                change = value - outbound.first_window
                outbound.first_window = value
                for stream in self._streams.values():
                    stream.send_window += change
                    if stream.send_window > frame.LARGEST:
                        raise ConnectionFault(ErrorCode.FLOW_CONTROL_ERROR, "window-overflow")
                    outbound.reopen(stream)
            case frame.HEADER_TABLE_SIZE if value < TABLE:
                # Our blocks use no table. A client that has made its own smaller wants to be told
                # (RFC 7541 section 4.2).
                outbound.prefix = b"\x20"
            case frame.ENABLE_PUSH | frame.ENABLE_CONNECT_PROTOCOL | frame.NO_RFC7540_PRIORITIES:
                if value > 1:
                    raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "settings-value")
            case frame.MAX_FRAME_SIZE:
                if not frame.FRAME_SIZE <= value < 1 << 24:
                    raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "settings-value")
            case _:
                # What it takes of pushes or header lists, we do not send; the rest is unknown.
                pass

    def _ping(self, flags: int, number: int, payload: bytes) -> None:
        _check_connection(number)
        if len(payload) != 8:
            raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, "frame-size")
        self._patience.spend("pings")
        if not flags & frame.ACK:
            self._outbound.add(frame.ping(payload, ack=True))

    def _priority(self, number: int, payload: bytes) -> None:
        """Of RFC 7540, and without a meaning since (RFC 9113 section 5.3.2)."""
        if not number:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "stream-number")
        self._patience.spend("priorities")
        if len(payload) != 5:
            raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, "frame-size")

    def _priority_update(self, number: int, payload: bytes, last: int) -> None:
        _check_connection(number)
        if len(payload) < 4:
            raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, "frame-size")
        self._patience.spend("priorities")
        target = frame.read_word(payload)[0] & frame.LARGEST
        if not target & 1:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "stream-number")
        priority = parse_priority(payload[4:])
        self._names_priorities = True
        stream = self._streams.get(target)
        if stream is not None:
            stream.prioritize(priority)
        elif target > last:
            keep(self._priorities, target, priority, REMEMBERED)

    def _goaway(self, number: int, payload: bytes) -> None:
        """The client takes no pushes any more, which it never got; what is under way goes on."""
        _check_connection(number)
        if len(payload) < 8:
            raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, "frame-size")
        self._patience.spend("goaways")


def check_begun(number: int, last: int) -> None:
    """Refuses a frame of a stream that the client has not opened."""
    if not number & 1 or number > last:
        raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "stream-idle")


def _check_connection(number: int) -> None:
    if number:
        raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "stream-number")
