"""Watches over the workers: their start, replacement, renewal and end. One thread owns all of it.

Decides what follows when a worker is ready, worn or dead, and when a new generation takes over;
the same for threads and processes. Everybody else posts to its queue, which is safe from any
thread and from a signal handler. Time comes from one clock, given at the start.
"""

import logging
import threading
from collections import deque
from collections.abc import Callable
from functools import partial
from itertools import count
from time import monotonic
from typing import Final

from pounce.protocol.errors import CrashLoopError, StartupError
from pounce.supervise.agenda import Agenda, Step
from pounce.supervise.crew import Crew, Front, Generation, Member, Occurrence
from pounce.supervise.death import Deaths, cause, traceback
from pounce.supervise.policy import Policy

logger = logging.getLogger("pounce.supervise")

OVERTIME: Final = 10.0
"""Seconds beyond the graces that workers have to end, before the server ends without them."""
RENEW_AGAIN: Final = 1.2
"""How much more memory than at the last renewal leads to the next one."""
HURRY: Final = 5.0
"""The same after a second signal."""

type Load = Callable[[], Crew]
"""Makes the crew of a new generation, for which it imports the application; may take long."""


class Supervisor:
    """Runs the workers on a thread of its own.

    Args:
        crew: makes the first generation's workers.
        load: makes the crew of each later generation.
        front: where connections come from.
        wanted: how many workers.
        policy: when workers are replaced, and how often.
        clock: monotonic time in seconds.
    """

    def __init__(
        self,
        crew: Crew,
        load: Load,
        front: Front,
        wanted: int,
        policy: Policy,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self.settled = threading.Event()
        """Set when all workers serve, or the start failed."""
        self.done = threading.Event()
        """Set when no worker is left, or those left do not end."""
        self.ready = False
        """Whether the server takes requests and is not about to end."""
        self.error: BaseException | None = None
        """Why the server did not start, or had to end."""
        self.remains: list[Member] = []
        """Workers of whose application something outlived them."""
        self.stuck: tuple[str, ...] = ()
        """Workers that did not end in time."""
        self.generations = 1
        """How many generations have been started."""
        self.reloads_failed = 0
        """How many of them did not come to serve."""
        self.notice: Callable[[str], None] | None = None
        """Told of "reloading", "reloaded" (whatever came of it) and "stopping"."""
        self.on_news: Callable[[], object] = lambda: None
        """Called after `settled` was set, and after `done`, on the supervisor's thread."""
        self._load = load
        self._front = front
        self._wanted = wanted
        self._policy = policy
        self._clock = clock
        self._agenda = Agenda(clock)
        self._numbers = count(1)
        self._current = Generation(1, crew)
        self._next: Generation | None = None
        self._loading = False
        self._reload_again = False
        self._leaving: list[Member] = []
        self._heirs: list[Member] = []
        self._worn: deque[Member] = deque()
        self._successor: Member | None = None
        self._deaths = Deaths()
        self._swollen = 0
        self._serving = False
        self._stopping = False
        self._hurried = False
        self._deadline: float | None = None
        self._thread = threading.Thread(target=self._run, name="pounce-supervisor", daemon=True)

    # From any thread

    def start(self) -> None:
        """Starts the workers; see `settled`."""
        self._thread.start()

    def stop(self) -> None:
        """Asks for a graceful end; see `done`."""
        self._agenda.post(self._stop)

    def hurry(self) -> None:
        """Asks for the end now."""
        self._agenda.post(self._hurry)

    def reload(self) -> None:
        """Asks for a new generation."""
        self._agenda.post(self._reload)

    def scale(self, by: int) -> None:
        """Asks for so many workers more, or fewer; one is left at least."""
        self._agenda.post(partial(self._scale, by))

    def repeat(self, seconds: float, what: Callable[[], object]) -> None:
        """Has something done on the supervisor's thread, now and every so many seconds."""
        self._agenda.post(partial(self._agenda.every, seconds, what))

    def everyone(self) -> list[Member]:
        """All workers that there are: those that serve, that start, and that leave."""
        following = self._next
        members = [] if following is None else list(following.members)
        return [*self._current.members, *members, *self._leaving]

    def set_policy(self, policy: Policy, more: int) -> None:
        """New rules, from the next decision on, and so many workers more or fewer.

        Called by `load`, before the workers of the new generation are made.
        """
        self._policy = policy
        self._wanted = max(1, self._wanted + more)

    def reopen_logs(self) -> None:
        """Has workers in processes of their own open their log files again."""
        self._agenda.post(self._reopen_logs)

    def succeed(self) -> None:
        """A new server has taken over: ends gracefully, and patiently with idle clients."""
        self._agenda.post(partial(self._stop_now, patient=True))

    def _report(self, member: Member, what: Occurrence, error: BaseException | None) -> None:
        self._agenda.post(partial(self._handle, member, what, error))

    # The thread

    def _run(self) -> None:
        try:
            self._take(self._fill_up)
            self._agenda.after(self._policy.check_every, self._check_members)
            while self._anyone():
                step = self._agenda.next(self._deadline)
                if step is None:
                    break
                self._take(step)
            self.stuck = tuple(member.name for member in self.everyone())
            for member in self.everyone():
                member.hurry()
                member.kill()
            self._front.stop()
        except BaseException as fault:
            logger.critical("the supervisor failed", exc_info=fault)
            self.error = self.error or fault
            self._front.stop()
        finally:
            self.ready = False
            self.settled.set()
            self.done.set()
            self.on_news()

    def _take(self, step: Step) -> None:
        """Takes a step; a fault in it ends the server, but not before its workers have."""
        try:
            step()
        except Exception as fault:
            logger.critical("a fault in the supervision ends the server", exc_info=fault)
            self.error = self.error or fault
            if self._stopping:
                self._deadline = self._clock()
            else:
                self._stop_now()

    def _anyone(self) -> bool:
        waiting = self._loading or (self._serving and self._agenda.has_timers)
        return bool(self.everyone()) or (waiting and not self._stopping)

    # Workers

    def _hire(self, generation: Generation) -> Member | None:
        """Starts a worker. Once the server serves, one that cannot be started counts as dead."""
        try:
            member = generation.crew.make(f"worker-{next(self._numbers)}", self._report)
            member.start()
        except Exception as fault:
            if not self._serving:
                raise
            logger.error("a worker cannot be started: %s", fault)
            if generation is self._next:
                self._give_up_reload(fault)
            else:
                self._count_death()
            return None
        generation.members.append(member)
        return member

    def _handle(self, member: Member, what: Occurrence, error: BaseException | None) -> None:
        if what == "ended":
            self._see_off(member, error)
        elif self._stopping:
            return
        elif what == "ready":
            self._welcome(member)
        elif self.ready:
            self._wear_out(member, "has served its number of requests")

    def _welcome(self, member: Member) -> None:
        """A worker is ready."""
        member.since = self._clock()
        member.lifetime = self._policy.lifetime()
        following = self._next
        if following is not None and member in following.members:
            if self.ready and following.is_ready(self._wanted):
                self._hand_over_to(following)
            return
        if member not in self._current.members:
            return
        if not self._serving and not self._current.is_ready(self._wanted):
            return
        self._serve()
        if not self.ready:
            # The end was asked for, and this one takes a dead one's place until then.
            member.fade()
        elif member is self._successor:
            self._successor = None
            worn = self._worn.popleft()
            if worn in self._current.members:
                self._retire(worn)
            self._replace_next()

    def _serve(self) -> None:
        """Lets the ready workers of this generation have the connections."""
        # In place: workers that leave look here for who serves.
        self._heirs[:] = [member for member in self._current.members if member.ready]
        self._front.serve(list(self._heirs))
        if not self._serving:
            self._serving = self.ready = True
            self.settled.set()
            self.on_news()

    def _retire(self, member: Member) -> None:
        """Lets a worker finish what it has; what is idle there goes to the others."""
        self._current.members.remove(member)
        self._leaving.append(member)
        self._serve()
        member.retire(self._heirs)

    def _see_off(self, member: Member, error: BaseException | None) -> None:
        """A worker has ended, expected or not."""
        member.join(1.0)
        if member.remains:
            self.remains.append(member)
        following = self._next
        if member in self._leaving:
            self._leaving.remove(member)
            if error is not None:
                logger.error("%s", cause(member, error))
        elif following is not None and member in following.members:
            following.members.remove(member)
            if not self._stopping:
                self._give_up_reload(error)
        elif member in self._current.members:
            self._current.members.remove(member)
            self._lose(member, error)

    def _lose(self, member: Member, error: BaseException | None) -> None:
        if self._stopping:
            if error is not None and self.error is None and not self._serving:
                self.error = error
            return
        if not self._serving:
            self.error = error or StartupError(f"{member.name} ended before it was ready")
            self._stop_now()
            return
        logger.error("%s", cause(member, error), exc_info=traceback(error))
        if member is self._successor:
            # The worn worker goes on; `_fill_up` tries again to replace it.
            self._successor = None
        elif member in self._worn:
            if member is self._worn[0]:
                # What was to replace it does so already.
                self._successor = None
            self._worn.remove(member)
        self._serve()
        self._count_death()

    def _count_death(self) -> None:
        """Replaces a dead worker: soon, then later and later, and not for ever."""
        deaths = self._deaths.count(self._clock(), self._policy.window)
        if deaths > self._policy.restarts:
            self.error = CrashLoopError(
                f"{deaths} workers died within {self._policy.window:g} seconds, more than"
                " --limit-restarts: mend what kills them"
            )
            self._stop_now()
            return
        self._agenda.after(self._policy.delay(deaths), self._fill_up)

    def _fill_up(self) -> None:
        """Hires what is missing; a successor counts as the worker that it replaces."""
        missing = self._wanted - len(self._current.members) + (self._successor is not None)
        if not self._stopping:
            for _ in range(missing):
                self._hire(self._current)
            self._replace_next()

    def _scale(self, by: int) -> None:
        wanted = max(1, self._wanted + by)
        if not self.ready or wanted == self._wanted:
            return
        self._wanted = wanted
        logger.info("%d workers from now on", wanted)
        if self._next is not None:
            for _ in range(wanted - len(self._next.members)):
                if self._hire(self._next) is None:
                    break
        self._fill_up()
        self._trim()

    def _trim(self) -> None:
        """Retires the youngest of too many workers; not the one that is to replace another."""
        spare = [member for member in self._current.members if member is not self._successor]
        for member in spare[self._wanted :]:
            self._retire(member)

    # Recycling

    def _check_members(self) -> None:
        """Every now and then: age and memory."""
        self._agenda.after(self._policy.check_every, self._check_members)
        if not self.ready:
            return
        now = self._clock()
        for member in list(self._current.members):
            lifetime = member.lifetime
            if member.ready and lifetime is not None and now - member.since >= lifetime:
                self._wear_out(member, "has reached its age")
        self._check_memory()

    def _check_memory(self) -> None:
        limit = self._policy.memory
        if limit is None:
            return
        for member in list(self._current.members):
            size = member.memory() if member.ready else None
            if size is not None and size > limit:
                self._wear_out(member, f"takes {size >> 20} MB of memory")
        size = self._current.crew.memory()
        if size is None or size <= limit:
            self._swollen = 0
        elif size > self._swollen * RENEW_AGAIN and not self._loading and self._next is None:
            # If a renewal gives nothing back, the next would not either.
            self._swollen = size
            logger.info("the process takes %d MB of memory: the application is renewed", size >> 20)
            self._reload()

    def _wear_out(self, member: Member, why: str) -> None:
        if member in self._current.members and member not in self._worn:
            logger.info("%s %s and is replaced", member.name, why)
            self._worn.append(member)
            self._replace_next()

    def _replace_next(self) -> None:
        """One at a time: a worn worker serves until its successor is ready."""
        if self._worn and self._successor is None and self.ready:
            self._successor = self._hire(self._current)

    # Generations

    def _reload(self) -> None:
        if not self.ready:
            return
        if self._loading or self._next is not None:
            self._reload_again = True
            return
        self._loading = True
        self.generations += 1
        self._note("reloading")
        # Importing an application may take seconds, in which signals and deaths want an answer.
        threading.Thread(target=self._load_crew, name="pounce-loader", daemon=True).start()

    def _load_crew(self) -> None:
        crew: Crew | None = None
        error: BaseException | None = None
        try:
            crew = self._load()
        except BaseException as raised:  # noqa: BLE001 - whatever it is, the old code goes on
            error = raised
        self._agenda.post(partial(self._loaded, crew, error))

    def _loaded(self, crew: Crew | None, error: BaseException | None) -> None:
        self._loading = False
        if not self.ready:
            return
        if crew is None:
            self._give_up_reload(error)
            return
        following = self._next = Generation(self.generations, crew)
        for _ in range(self._wanted):
            if self._hire(following) is None:
                return

    def _hand_over_to(self, following: Generation) -> None:
        """The new generation serves; the old one finishes what it has."""
        leavers = self._current.members
        self._current, self._next = following, None
        self._worn.clear()
        self._successor = None
        self._serve()
        for member in leavers:
            self._leaving.append(member)
            member.retire(self._heirs)
        logger.info("generation %d serves", following.number)
        self._fill_up()
        self._trim()
        self._repeat_reload()

    def _give_up_reload(self, error: BaseException | None) -> None:
        """The new code does not import or start: the old goes on."""
        self.reloads_failed += 1
        logger.error(
            "the new code does not start, the old one goes on: %s",
            error or "a worker ended before it was ready",
            exc_info=traceback(error),
        )
        following, self._next = self._next, None
        if following is not None:
            self._leaving += following.members
            for member in following.members:
                member.end()
        self._repeat_reload()

    def _repeat_reload(self) -> None:
        """Once more, if something changed while the last one was on its way."""
        self._note("reloaded")
        if self._reload_again:
            self._reload_again = False
            self._reload()

    def _reopen_logs(self) -> None:
        for member in self.everyone():
            member.reopen_logs()

    def _note(self, what: str) -> None:
        if self.notice is not None:
            self.notice(what)

    # The end

    def _stop(self) -> None:
        if self._stopping or (self._serving and not self.ready):
            return
        self.ready = False
        self._note("stopping")
        delay = self._policy.drain_delay
        if not delay or not self._serving:
            self._stop_now()
            return
        # Those that start are told when they serve; see `_welcome`.
        for member in self._heirs:
            member.fade()
        self._agenda.after(delay, self._stop_now)

    def _stop_now(self, *, patient: bool = False) -> None:
        if self._stopping:
            return
        self._stopping = True
        self.ready = False
        self._front.stop()
        grace = self._policy.grace
        if grace is not None:
            self._deadline = self._clock() + 2 * grace + OVERTIME
        for member in self.everyone():
            if patient:
                member.retire(())
            else:
                member.end()

    def _hurry(self) -> None:
        self._stop_now()
        if not self._hurried:
            self._hurried = True
            self._deadline = self._clock() + HURRY
        for member in self.everyone():
            member.hurry()
