"""One worker: a thread (or process) with one loop, the connections given to it, and its calls.

Decides what is served when within a turn, and when a connection is taken and forgotten. Never binds
an address, never handles a signal, never touches another worker.

Everything belongs to the worker's own thread, but for what says "from any thread". The turn lock is
held while the worker serves its sockets, and let go whenever the application runs. So a worker
whose application does not return can be relieved, by another thread that takes the lock, of the
connections on which nothing is under way: those that were idle when the lock was last held.
Hot path: `turn`; benchmark: integration/bench.
"""

import contextlib
import logging
import socket
from asyncio import AbstractEventLoop
from collections.abc import Callable, Iterable, Sequence
from threading import Lock
from time import monotonic
from typing import Any, Final

from pounce.asgi.scope import ScopeBuilder
from pounce.protocol.asgi import Application
from pounce.protocol.roles import Completed, Farewell, Look, Peer, Second
from pounce.worker.arrival import Arrival, hand_over
from pounce.worker.calls import Calls
from pounce.worker.channel import Channel
from pounce.worker.clock import TICK, Clock
from pounce.worker.door import Door
from pounce.worker.entrance import Entrance
from pounce.worker.opening import Opening, Openings
from pounce.worker.poller import READ, Poller
from pounce.worker.protocols import Protocols
from pounce.worker.settings import WorkerSettings

logger = logging.getLogger("pounce.worker")

STALL: Final = 0.05
"""Seconds without a look at the network after which others should get its idle connections."""
NONE: Final[list[tuple[int, int]]] = []


class Worker:
    """Serves the connections handed to it.

    Args:
        name: how logs and metrics call it.
        settings: what it needs of the configuration.
        poller: the kernel's readiness interface, this worker's own.
    """

    def __init__(self, name: str, settings: WorkerSettings, poller: Poller) -> None:
        self.name = name
        self.limits = settings.limits
        self.upgrades = settings.upgrades
        self.extra_headers = settings.extra_headers
        self.date_header = settings.date_header
        self.poller = poller
        self._proxies = settings.proxies
        self.completed: Completed | None = None
        self.now = monotonic()
        self.draining = self._aborted = False
        self.refusals: dict[str, int] = {}
        """How often each rule or limit refused something, by the rule's name."""
        self._channels: dict[int, Channel | Opening] = {}
        # Written by the acceptor's thread, popped by the worker's: single dict operations,
        # which are atomic on every build. A connection becomes objects only here, so that its
        # reference counts belong to the thread that uses them.
        self._arrivals: dict[int, Arrival] = {}
        self._lock = Lock()
        self.calls = Calls(
            self._lock,
            settings.limits.concurrency,
            settings.most_requests,
            self.refused,
            self._check_idle,
        )
        self.busy_since: float | None = None
        """Since when it has not waited for the network, in monotonic time; None while it waits.
        May be read from any thread."""
        self._heirs: Sequence[Worker] = ()
        self._farewell: Farewell = "close"
        self._entrance = Entrance(
            name, poller, settings.most_connections, lambda: self.connections, self._take
        )
        self._scheduled: list[Channel] = []
        self._clock = Clock(self.now)
        self._wake: Callable[[], object] | None = None
        self._idle: Callable[[], None] | None = None
        self._loop: AbstractEventLoop
        self._protocols: Protocols
        self._openings = Openings(self, self._channels)

    def prepare(
        self,
        loop: AbstractEventLoop,
        app: Application,
        scopes: ScopeBuilder,
        wake: Callable[[], object] | None = None,
    ) -> None:
        """Says on which loop which application is called; before the first connection.

        Args:
            wake: called when `schedule` wants a turn, where the loop does not call `turn` itself.
        """
        self._loop = loop
        self._wake = wake
        self.calls.prepare(loop, app, scopes)

    def speak(self, protocols: Protocols) -> None:
        """Says what speaks on its connections; before the first."""
        self._protocols = protocols
        self.calls.upgrades = protocols.upgrades
        for transport in protocols.transports.values():
            self.every_tick(transport.look_after)

    def every_second(self, second: Second) -> None:
        """Calls `second` with the `date` line now, and at each new second from now on."""
        self._clock.every_second(second)

    def every_tick(self, look: Look) -> None:
        """Calls `look` with the time at each sweep."""
        self._clock.every_tick(look)

    # Taking connections

    @property
    def connections(self) -> int:
        """How many connections it has. May be read from any thread."""
        return len(self._channels) + len(self._arrivals)

    def hand_over(self, fd: int, arrival: Arrival) -> None:
        """Gives it an accepted, non-blocking socket. From any thread.

        The worker's poller reports the first bytes, so that nothing has to be woken.

        Raises:
            ValueError, RuntimeError: the worker has ended; the socket is still the caller's.
        """
        if self._aborted:
            raise RuntimeError(f"{self.name} has ended")
        self._arrivals[fd] = arrival
        try:
            if self.poller.shared and not arrival.data:
                self.poller.watch(fd, READ)
            else:
                # What has been read already, no poller reports.
                self._loop.call_soon_threadsafe(self._take_in, fd)
        except FileExistsError:
            # It was taken for a stranger meanwhile, and is watched again.
            pass
        except OSError, ValueError, RuntimeError:
            # The poller or the loop is closed, or full: give it back. Where it is not among the
            # arrivals any more, the worker has looked at it in a sweep, and it is not ours.
            if self._arrivals.pop(fd, None) is not None:
                raise

    def is_stalled(self, now: float) -> bool:
        """Whether it has not waited for the network for too long. From any thread."""
        since = self.busy_since
        return since is not None and now - since > STALL

    def give_up_idle(self) -> list[tuple[int, Arrival]]:
        """Takes from it each connection on which nothing is under way. From any thread.

        Returns nothing where the worker is serving its sockets at this moment.
        """
        if not self._lock.acquire(blocking=False):
            return []
        try:
            given: list[tuple[int, Arrival]] = []
            for channel in list(self._channels.values()):
                arrival = self._release(channel)
                if arrival is not None:
                    given.append(arrival)
            for fd in list(self._arrivals):
                waiting = self._arrivals.pop(fd, None)
                if waiting is not None:
                    self._unwatch(fd)
                    given.append((fd, waiting))
        finally:
            self._lock.release()
        return given

    def _release(self, channel: Channel | Opening) -> tuple[int, Arrival] | None:
        """Lets go of a connection, if nothing is under way there; its socket lives on."""
        left = channel.handler.release()
        if left is None or isinstance(channel, Opening):
            return None
        data, served = left
        self._unwatch(channel.fd)
        self._channels.pop(channel.fd, None)
        self._entrance.make_room()
        address, door, *_ = channel.arrival
        return channel.fd, Arrival(address, door, data, served, channel.detach())

    def hand_on(self, channel: Channel) -> bool:
        """Gives an idle connection to a worker that takes this one's place. False if none does."""
        heirs = self._living_heirs()
        if not heirs:
            return False
        given = self._release(channel)
        if given is not None:
            hand_over(heirs, *given)
            if self.draining:
                self._check_idle()
        return given is not None

    def open_door(self, door: Door) -> None:
        """Accepts from a listening socket itself, beside its own connections."""
        self._entrance.open(door)

    def close_doors(self, *, for_good: bool = False) -> None:
        """Accepts no more; see `Entrance.close`."""
        self._entrance.close(for_good=for_good)

    def _take(self, fd: int, address: Any, door: Door) -> None:
        """Takes a connection that it accepted itself."""
        self._arrivals[fd] = Arrival(address, door)
        self.poller.watch(fd, READ)

    def _take_in(self, fd: int) -> None:
        """Takes in a connection that no poller event announces."""
        with self._lock:
            self._adopt(fd)

    def _adopt(self, fd: int) -> Channel | Opening | None:
        arrival = self._arrivals.pop(fd, None)
        if arrival is None:
            return None
        if arrival.data or not self.poller.shared:
            # Whoever handed it over could not watch it, or was not to.
            with contextlib.suppress(FileExistsError):
                self.poller.watch(fd, READ)
        door, stream = arrival.door, arrival.stream
        peer = door.peer(arrival.address, self._proxies)
        if stream is not None:
            peer.tls = stream.tls
            return self._begin(Channel(self, stream.socket, peer, arrival, stream))
        sock = socket.socket(door.family, socket.SOCK_STREAM, door.protocol, fileno=fd)
        sock.setblocking(False)
        transport = self._protocols.transports.get(door.scheme)
        if transport is None:
            return self._begin(Channel(self, sock, peer, arrival))
        opening = self._openings.begin(transport, sock, peer, arrival, self.now)
        if opening is not None and self.draining:
            opening.drain(self.now, self._farewell)
        return opening

    def opened(self, opening: Opening, now: float) -> None:
        """The transport of a connection is open: something can speak on it."""
        stream = opening.stream
        self.poller.change(opening.fd, READ)
        opening.peer.tls = stream.tls
        channel = self._begin(Channel(self, stream.socket, opening.peer, opening.arrival, stream))
        if channel is not None:
            # The first request may have come with the handshake's last bytes.
            self._each((channel,), lambda each: each.ready(READ, now))

    def _begin(self, channel: Channel) -> Channel | None:
        """Has a protocol speak on a connection. None if that is over at once."""
        self._channels[channel.fd] = channel
        arrival, protocols = channel.arrival, self._protocols
        try:
            channel.handler = protocols.handler(channel, channel.alpn, self.now, arrival.served)
        except Exception as fault:
            logger.error("no handler could be made for a connection", exc_info=fault)
            channel.discard()
            return None
        if arrival.data:
            self._each((channel,), lambda each: each.handler.received(arrival.data, self.now))
        if self.draining:
            self._each((channel,), self._bid_farewell)
        return channel if not channel.closed else None

    def forget_stranger(self, fd: int) -> None:
        """Stops watching a descriptor that is nobody's, unless it has just been handed over.

        Whoever hands over adds the arrival, then watches it: one of the two sees the other.
        """
        self._unwatch(fd)
        if fd in self._arrivals or fd in self._channels:
            with contextlib.suppress(FileExistsError):
                self.poller.watch(fd, READ)

    def _unwatch(self, fd: int) -> None:
        # The kernel dropped it on its own, or the poller is closed: the worker has died.
        with contextlib.suppress(OSError, ValueError):
            self.poller.forget(fd)

    # A turn

    def turn(self, timeout: float | None) -> list[tuple[int, int]]:
        """Polls for up to `timeout` seconds (None: without end) and serves what is ready.

        Returns:
            the events of descriptors that are not the server's. Hot path.
        """
        if self._scheduled:
            with self._lock:
                self._run_scheduled()
            # The application may have run, and asyncio may have something to do by now.
            timeout = 0
        elif (timeout is None or timeout > TICK) and (
            self._channels
            or self._arrivals
            or self.calls
            or self._entrance.shut
            or not self._entrance.doors
        ):
            # Deadlines; also of what another thread hands over, silently perhaps, in between.
            timeout = max(0.0, self._clock.due - monotonic())
        self.busy_since = None
        events = self.poller.poll(timeout)
        now = self.now = self.busy_since = monotonic()
        if not events and now < self._clock.due:
            return NONE
        with self._lock:
            due = now >= self._clock.due
            if due:
                self._clock.tick(now)
            foreign = self._serve(events, now)
            if due:
                # Last: what has come by now, though the worker was held up, has come in time.
                self._sweep(now)
            return foreign

    def _serve(self, events: list[tuple[int, int]], now: float) -> list[tuple[int, int]]:
        """Serves what is ready. Hot path."""
        foreign = NONE
        doors: list[Door] | None = None
        channels = self._channels
        for fd, mask in events:
            channel = channels.get(fd)
            if channel is None:
                if fd in self._arrivals:
                    if not self._openings.has_time(now):
                        continue
                    channel = self._adopt(fd)
                if channel is None:
                    if fd in self._entrance.doors:
                        # Last, so that no descriptor closed in this batch is used again in it.
                        doors = [*(doors or ()), self._entrance.doors[fd]]
                    else:
                        foreign = foreign or []
                        foreign.append((fd, mask))
                    continue
            try:
                channel.ready(mask, now)
            except Exception as fault:  # noqa: BLE001 - one connection pays, not the worker
                self._broken(channel, fault)
        for door in doors or ():
            self._entrance.accept(door, now)
        return foreign

    def schedule(self, channel: Channel) -> None:
        """Gives the channel's handler a turn before the worker next polls."""
        self._scheduled.append(channel)
        if self._wake is not None:
            self._wake()

    def _run_scheduled(self) -> None:
        scheduled, self._scheduled = self._scheduled, []
        now = self.now = monotonic()
        for channel in scheduled:
            channel.scheduled = False
        self._each(scheduled, lambda channel: channel.handler.turn(now))

    def _each[C: Channel | Opening](
        self, channels: Iterable[C], act: Callable[[C], object]
    ) -> None:
        """Does something with each channel that is open; a fault ends its own connection only."""
        for channel in channels:
            if not channel.closed:
                try:
                    act(channel)
                except Exception as fault:  # noqa: BLE001 - one connection pays, not the worker
                    self._broken(channel, fault)

    def _sweep(self, now: float) -> None:
        """Once a second at most: every deadline."""
        for fd in list(self._arrivals):
            self._adopt(fd)
        due = [
            channel
            for channel in self._channels.values()
            if now >= channel.deadline or now >= channel.write_deadline
        ]
        self._each(due, lambda channel: channel.sweep(now))
        self.calls.look_after()
        self._entrance.look(now)

    def _broken(self, channel: Channel | Opening, fault: Exception) -> None:
        """A fault of our own: one connection pays for it, not the worker."""
        client = channel.peer.client
        logger.error("a fault in the server ended the connection of %s", client, exc_info=fault)
        try:
            channel.abort()
        except Exception as again:
            logger.error("and another one, while it was closed", exc_info=again)

    # What channels and calls report

    def refused(self, reason: str, peer: Peer | None = None) -> None:
        """Counts a refusal by its name."""
        self.refusals[reason] = self.refusals.get(reason, 0) + 1
        logger.debug("refused %s: %s", peer.client if peer else "a client", reason)

    def forget(self, channel: Channel | Opening) -> None:
        """A channel is about to close its socket."""
        self._unwatch(channel.fd)
        self._channels.pop(channel.fd, None)
        self._entrance.make_room()
        if self.draining:
            self._check_idle()

    # Drain

    def drain(
        self,
        idle: Callable[[], None],
        heirs: Sequence[Worker] = (),
        *,
        patient: bool = False,
        for_good: bool = False,
    ) -> None:
        """Takes no new connection; calls `idle` once when nothing is left.

        Args:
            idle: called once when neither a connection nor a call is left.
            heirs: workers that get the connections on which nothing is under way, now or when
                it has ended; without any, those are closed. Looked at anew for each, since the
                last request may outlive the heirs of the first.
            patient: idle connections stay until `close_idle`, so that the client can make one
                more request, whose response tells it to close.
            for_good: see `close_doors`.
        """
        self._idle = idle
        self._heirs = heirs
        self._farewell = "move" if heirs else "patient" if patient else "close"
        self.draining = True
        self.close_doors(for_good=for_good)
        with self._lock:
            for fd in list(self._arrivals):
                self._adopt(fd)
            self._each(self._open(), self._bid_farewell)
        self._check_idle()

    def fade(self) -> None:
        """Tells the clients of all connections, with each response, that they end."""
        self._farewell = "fade"
        self.draining = True
        with self._lock:
            self._each(self._open(), self._bid_farewell)

    def close_idle(self) -> None:
        """Closes the connections on which nothing is under way."""
        self._farewell = "close"
        with self._lock:
            self._each(self._open(), self._bid_farewell)

    def disconnect(self) -> None:
        """Tells every call under way that its client is to be given up."""
        with self._lock:
            self._each(self._open(), lambda channel: channel.handler.disconnect())

    def abort(self) -> None:
        """Closes every connection at once; those that it has not looked at yet, see below."""
        self.draining = self._aborted = True
        self.pass_on_arrivals()
        with self._lock:
            self._each(self._open(), lambda channel: channel.abort())

    def pass_on_arrivals(self) -> None:
        """Gives what was handed over to it after its last turn to its heirs, or closes it."""
        heirs = self._living_heirs()
        for fd in list(self._arrivals):
            arrival = self._arrivals.pop(fd, None)
            if arrival is None:
                # Who was handing it over has taken it back.
                continue
            self._unwatch(fd)
            if heirs:
                hand_over(heirs, fd, arrival)
            else:
                arrival.close(fd)

    def _living_heirs(self) -> list[Worker]:
        return [heir for heir in self._heirs if not heir.draining]

    def _open(self) -> list[Channel | Opening]:
        return list(self._channels.values())

    def _bid_farewell(self, channel: Channel | Opening) -> None:
        channel.handler.drain(self.now, self._farewell)

    def _check_idle(self) -> None:
        if self.draining and self._idle is not None and not self.calls and not self._channels:
            idle, self._idle = self._idle, None
            idle()
