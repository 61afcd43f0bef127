"""The composition root: builds the edges, runs the loops, orders the shutdown.

Loops in one task group: *sender*, *receiver*, *keeper*, and per mailroom *desk* (takes) and
*porter* (hands over; a second one carries what is large, so that nothing waits behind it); one more
for each *echo* organ; a *stamper*, where there is a timestamping authority.
Only bugs and StoreError end the group; the supervisor then restarts the
process, and the store is the memory. A full disk or a locked database is neither: new work is
refused (`flow.door`), documents of the axis stay in their queues, and what is in hand waits.

Stopping (SIGTERM): take nothing new, finish and commit what is in hand, close the broker, then
the store.
"""

from __future__ import annotations

import asyncio
import itertools
import os
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import structlog

from .compose import (
    authorities,
    build_world,
    collector,
    crash_point,
    look,
    nonce,
    open_store,
    take_directory,
)
from .config import Config
from .core.admission import Level
from .core.errors import Deferred, StoreUnavailable
from .core.health import Health
from .core.ports import Broker, Clock, Incoming, MailroomBroker, MailroomIncoming
from .core.schedule import Lane
from .core.world import World
from .crashpoints import Crash, CrashingBroker, CrashingMailrooms
from .edges.axis import Axis
from .edges.clock import WallClock
from .edges.mailroom import Mailrooms
from .edges.store import SqlStore
from .edges.supervisor import Pulse, Supervisor
from .flow import door, echo, handover, inbox, keeper, mailroom
from .flow.announcing import Announcer
from .flow.echo import Echo
from .flow.outbox import Sender
from .flow.parts import LargePorter
from .flow.stamping import Stamper
from .flow.witnessing import Notary

log = structlog.get_logger()

POLL = 1.0  # s; a command line beside us may have queued something
KEEP_EVERY = 1.0  # s between two rounds of the keeper
TIDY_EVERY = 3600  # rounds of the keeper between two tidyings
LOOK_EVERY = 1.0  # s between two looks at the disk; at 100 MiB/s a third of the reserve
RETRY = 5.0  # s before a message is tried again whose answer could not be signed
GRACE = 30.0  # s for what is in hand when we are told to stop


@dataclass
class Daemon:
    """One running node."""

    config: Config
    world: World
    store: SqlStore
    clock: Clock
    axis: Axis
    mailrooms: Mailrooms | None
    crash: Crash
    echoes: tuple[Echo, ...] = ()
    supervisor: Supervisor = field(default_factory=Supervisor)

    def __post_init__(self) -> None:
        self.pulse = Pulse(asyncio.get_running_loop().time)
        outstanding = self.config.axis.outstanding_confirms
        config = self.config
        organs = {vhost: config.organs_of(vhost) for vhost in config.vhosts()}
        seen = look(config, self.store)
        self.door = door.Door(config.backpressure, organs, seen)
        health = Health(self.door.level, seen.disk.free)
        self.announcer = Announcer(self.store, config.vhosts(), health)
        self.broker: Broker = self.axis
        self.desks: MailroomBroker | None = self.mailrooms
        if self.config.crash_points:
            self.broker = CrashingBroker(self.axis, self.crash)
            self.desks = self.mailrooms and CrashingMailrooms(self.mailrooms, self.crash)
        self.collector = collector(config, self.store, self.world)
        self.sender = Sender(self.world, self.broker, self.clock, 2 * outstanding)
        self.world = replace(self.world, heard=self.sender.heard)
        self._in_hand: set[asyncio.Task[None]] = set()
        self._wakers: list[asyncio.Event] = []

    def committed(self) -> None:
        """Something was committed: whoever waits for work looks at once."""
        for waker in self._wakers:
            waker.set()

    def _waker(self) -> asyncio.Event:
        waker = asyncio.Event()
        self._wakers.append(waker)
        return waker

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until `stop` is set, then finish what is in hand.

        Raises:
            ExceptionGroup: of StoreError or a bug; the store is as its last commit left it.
        """
        await self.collector.load(self.clock.now())
        if await self._take_up_again():
            log.warning("tried_again", what="messages whose content was damaged")
        async with asyncio.TaskGroup() as group:
            connections = [group.create_task(self.axis.run())]
            loops = [
                group.create_task(self._send()),
                group.create_task(self._receive(group)),
                group.create_task(self._keep()),
                *(group.create_task(self._echo(one)) for one in self.echoes),
                group.create_task(self._look()),
                group.create_task(self._listen()),
                *self._stampers(group),
                group.create_task(self._collect(self.collector.ask)),
                group.create_task(self._collect(self.collector.take_up)),
            ]
            if self.mailrooms is not None and self.desks is not None:
                connections.append(group.create_task(self.mailrooms.run()))
                loops += self._mailroom_loops(group, self.mailrooms, self.desks)
            log.info("serving", node=self.config.node, organs=sorted(self.config.organs))
            watch = group.create_task(self._watch())
            self.crash("started")
            await stop.wait()
            self.supervisor.stopping()
            watch.cancel()
            log.info("stopping", in_hand=len(self._in_hand))
            self.crash("stopping:told")
            await self._finish(loops)
            for connection in connections:
                connection.cancel()
        self.crash("stopping:connections")
        log.info("stopped")

    async def _take_up_again(self) -> int:
        """Messages whose content was damaged are tried once more: the disk may be restored."""
        try:
            return (
                await self.store.mailrooms.take_up_again() if self.store.mailrooms.damaged(1) else 0
            )
        except StoreUnavailable:  # at the next start
            return 0

    async def _finish(self, loops: list[asyncio.Task[None]]) -> None:
        for loop in loops:
            loop.cancel()
        await asyncio.wait(loops)
        self.crash("stopping:loops")
        try:
            async with asyncio.timeout(GRACE):
                while self._in_hand:
                    await asyncio.wait(self._in_hand)
                await self.sender.drain()
        except TimeoutError:
            log.warning("left_in_hand", count=len(self._in_hand))
            for task in self._in_hand:
                task.cancel()
        self.crash("stopping:drained")

    async def _watch(self) -> None:
        """Tell the supervisor how we are, and that the loops turn."""
        self.supervisor.ready(self._state())
        if self.supervisor.every is None:
            return
        while True:
            self.supervisor.look(self.pulse)
            self.supervisor.status(self._state())
            await asyncio.sleep(self.supervisor.every)

    def _state(self) -> str:
        count = len(self._in_hand)
        if self.config.lang == "en":
            axis = "connected to the axis" if self.axis.up else "no axis, reconnecting"
            return f"{self.config.node}: {axis}; {count} in hand"
        axis = "đã nối trục" if self.axis.up else "mất kết nối trục, đang nối lại"
        return f"{self.config.node}: {axis}; đang xử lý {count}"

    async def _send(self) -> None:
        committed = self._waker()
        while True:
            self.pulse.beat("sender")
            committed.clear()
            try:
                self.sender.pump(self.clock.now())
            except StoreUnavailable as why:  # what was due is due again
                log.error("cannot_read", why=str(why))
            if self.sender.unfinished:
                await asyncio.sleep(0)
            else:
                await _soon(committed)

    async def _receive(self, group: asyncio.TaskGroup) -> None:
        while True:
            incoming = await self.broker.receive()
            self._hold_in_hand(group, self._take(incoming))

    async def _take(self, incoming: Incoming) -> None:
        while True:
            if incoming.lane is not Lane.RECEIPTS:  # those let something in hand be finished
                await self.door.room.wait()
            try:
                await inbox.receive(incoming, world=self.world, now=self.clock.now())
            except Deferred as deferred:  # not acked: the broker keeps it until we can answer
                log.error("cannot_sign", why=str(deferred))
                await asyncio.sleep(RETRY)
            except StoreUnavailable as why:
                log.error("cannot_store", why=str(why))
                await asyncio.sleep(RETRY)
            else:
                return

    async def _keep(self) -> None:
        notary = Notary()
        for round_ in itertools.count():
            self.pulse.beat("keeper")
            self.crash("before:round")
            try:
                self.sender.obey()
                await keeper.keep(world=self.world, now=self.clock.now())
                await notary.round(world=self.world, now=self.clock.now())
                if round_ % TIDY_EVERY == 0:
                    await keeper.tidy(world=self.world, now=self.clock.now())
            except Deferred as deferred:
                log.error("cannot_sign", why=str(deferred))
            except StoreUnavailable as why:
                log.error("cannot_store", why=str(why))
            self.crash("after:round")
            await asyncio.sleep(KEEP_EVERY)

    async def _collect(self, part: Callable[[datetime], Awaitable[object]]) -> None:
        """Keep the evidence of revocation fresh: ask for it, or take up what came."""
        while True:
            try:
                await part(self.clock.now())
            except StoreUnavailable as why:
                log.error("cannot_store", why=str(why))
            await asyncio.sleep(KEEP_EVERY)

    def _stampers(self, group: asyncio.TaskGroup) -> list[asyncio.Task[None]]:
        asked = authorities(self.config)
        if not asked:
            return []
        settings = self.config.timestamps.stamping
        stamper = Stamper(asked, settings, nonce)
        return [group.create_task(self._stamp(stamper))]

    async def _stamp(self, stamper: Stamper) -> None:
        """Stamp what waits, round by round; a full one is followed by the next at once."""
        settings = stamper.settings
        while True:
            now, wait = self.clock.now(), settings.every.total_seconds()
            try:
                if await stamper.round(world=self.world, now=now) >= settings.batch:
                    wait = 0.0
            except (Deferred, StoreUnavailable) as why:
                stamper.tell(self.store.stamps.oldest(), str(why), now)
                wait = settings.retry.total_seconds() * (1 + abs(self.world.spread()) / 4)
            await asyncio.sleep(wait)

    async def _look(self) -> None:
        """Measure what there is room for; a change is told once."""
        trouble = ""
        while True:
            await asyncio.sleep(LOOK_EVERY)
            cause = self.store.unavailable.cause if self.store.unavailable else ""
            if cause != trouble:
                tell = log.error if cause else log.info
                tell("store", unavailable=cause or "no")
                trouble = cause
            seen = look(self.config, self.store)
            if self.door.look(seen):
                await self._tell(self.door.level, seen.disk.free)

    async def _tell(self, level: Level, free: int) -> None:
        tell = log.info if level is Level.OPEN else log.error
        tell("room", level=level.name.lower(), free_bytes=free)
        facts = {"level": level.name.lower(), "free_bytes": free}
        try:
            await self.store.journal.note("room", self.config.node, self.clock.now(), **facts)
        except StoreUnavailable as why:
            log.error("not_journalled", event_name="room", why=str(why), **facts)
        await self.announcer.room(level, free, self.clock.now())

    async def _listen(self) -> None:
        """Tell once that the axis, or a mailroom, carries nothing to us, and once that it does
        again."""
        told: set[str] = set()
        await self.announcer.begin(self.clock.now())
        while True:
            await asyncio.sleep(POLL)
            troubles = self._troubles()
            for place in sorted(told ^ troubles.keys()):
                await self._tell_carries(place, troubles.get(place, ""))
            told = set(troubles)

    def _troubles(self) -> dict[str, str]:
        """What carries nothing, with the reason: "" is the axis, else a mailroom's vhost."""
        troubles = dict(self.mailrooms.trouble) if self.mailrooms is not None else {}
        return {"": self.axis.trouble, **troubles} if self.axis.trouble else troubles

    async def _tell_carries(self, vhost: str, trouble: str) -> None:
        """Log and journal that the axis ("") or a mailroom's vhost carries again, or not."""
        event, ref = ("mailroom", vhost) if vhost else ("axis", self.config.node)
        tell = log.error if trouble else log.info
        tell(event, ref=ref, carries=not trouble, why=trouble)
        try:
            await self.store.journal.note(
                event, ref, self.clock.now(), carries=not trouble, why=trouble
            )
        except StoreUnavailable as why:
            log.error("not_journalled", event_name=event, why=str(why))
        if not vhost:
            await self.announcer.axis(trouble, self.clock.now())

    async def _echo(self, one: Echo) -> None:
        log.warning("echo_organ", organ=one.organ, variant=one.variant.value)
        while True:
            await asyncio.sleep(POLL)
            arrivals = self.store.incoming.arrivals(echo.LOOKED_AT, one.organ)
            await echo.turn(one, arrivals, world=self.world, now=self.clock.now())

    def _mailroom_loops(
        self, group: asyncio.TaskGroup, mailrooms: Mailrooms, desks: MailroomBroker
    ) -> list[asyncio.Task[None]]:
        counters = {
            vhost: mailroom.Counter(vhost, self.config.organs_of(vhost))
            for vhost in self.config.vhosts()
        }
        porters = [group.create_task(self._hand_over(vhost, desks)) for vhost in counters]
        porters += [
            group.create_task(self._hand_over_large(vhost, mailrooms)) for vhost in counters
        ]
        return [group.create_task(self._take_submissions(group, desks, counters)), *porters]

    async def _take_submissions(
        self,
        group: asyncio.TaskGroup,
        mailrooms: MailroomBroker,
        counters: dict[str, mailroom.Counter],
    ) -> None:
        while True:
            incoming = await mailrooms.receive()
            counter = counters[incoming.vhost]
            self._hold_in_hand(group, self._take_submission(incoming, counter, mailrooms))

    async def _take_submission(
        self, incoming: MailroomIncoming, counter: mailroom.Counter, mailrooms: MailroomBroker
    ) -> None:
        while True:
            now = self.clock.now()
            if await door.take(incoming, counter, self.door, mailrooms, world=self.world, now=now):
                return
            await asyncio.sleep(RETRY)

    async def _hand_over(self, vhost: str, mailrooms: MailroomBroker) -> None:
        committed = self._waker()
        while True:
            committed.clear()
            confirmed, why = await handover.hand_over(
                vhost, mailrooms, store=self.store, clock=self.clock
            )
            if why:
                log.info("mailroom_waits", vhost=vhost, why=why)
                await asyncio.sleep(POLL)
            elif not confirmed:
                await _soon(committed)

    async def _hand_over_large(self, vhost: str, mailrooms: Mailrooms) -> None:
        committed = self._waker()
        porter = LargePorter(vhost, mailrooms, self.world.store)
        while True:
            committed.clear()
            try:
                found = await porter.hand_over(self.clock)
            except Deferred as deferred:
                log.info("mailroom_waits", vhost=vhost, why=str(deferred))
                await asyncio.sleep(POLL)
            else:
                if not found:
                    await _soon(committed)

    def _hold_in_hand(self, group: asyncio.TaskGroup, work: Coroutine[Any, Any, None]) -> None:
        task = group.create_task(work)
        self._in_hand.add(task)
        task.add_done_callback(self._in_hand.discard)


async def _soon(event: asyncio.Event) -> None:
    """Wait for an event, but not longer than POLL: a command line may have queued something."""
    with suppress(TimeoutError):
        async with asyncio.timeout(POLL):
            await event.wait()


async def serve(config: Config, stop: asyncio.Event, *, echoes: tuple[Echo, ...] = ()) -> None:
    """Run a node until `stop` is set.

    Args:
        config: its settings.
        stop: set to end it.
        echoes: organs of ours that answer every document by themselves.

    Raises:
        ConfigError, StoreBusy: at the start; nothing was changed.
        ExceptionGroup: of StoreError or a bug; the store is as its last commit left it.
    """
    clock = WallClock()
    running: list[Daemon] = []

    def committed() -> None:
        for daemon in running:
            daemon.committed()

    crash = crash_point(config)
    with open_store(config, exclusive=True, crash=crash, committed=committed) as store:
        world = build_world(config, store, clock, crash=crash if config.crash_points else None)
        axis, mailrooms = _axis(config, world), _mailrooms(config, world)
        supervisor = Supervisor.of(os.environ, os.getpid())
        daemon = Daemon(config, world, store, clock, axis, mailrooms, crash, echoes, supervisor)
        running.append(daemon)
        await take_directory(config, store, world, clock.now())
        await daemon.run(stop)
    crash("stopping:store")


def _axis(config: Config, world: World) -> Axis:
    prefetch = {
        Lane.RECEIPTS: config.axis.prefetch_receipts,
        Lane.URGENT: config.axis.prefetch_urgent,
        Lane.NORMAL: config.axis.prefetch_normal,
    }
    return Axis(
        config.axis.broker.url(),
        config.node,
        rng=world.random,
        prefetch=prefetch,
        outstanding=2 * config.axis.outstanding_confirms,  # half of it for one destination
        organ=_addressee(config, world),
    )


def _addressee(config: Config, world: World) -> str:
    """One of our organs that is bound on the axis, to which heartbeats go; "" if there is none."""
    for organ in sorted(config.organs):
        entry = world.directory.find(organ)
        if entry is not None and not entry.closed and entry.node == config.node:
            return organ
    log.warning("no_heartbeat", why="no open organ of the directory has this node")
    return ""


def _mailrooms(config: Config, world: World) -> Mailrooms | None:
    if config.mailroom is None:
        return None
    return Mailrooms(config.mailroom.url(), config.vhosts(), rng=world.random)
