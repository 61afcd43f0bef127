"""What must stand on the brokers, as data; made by the administrator, looked at by anyone.

    axis        exchange docexchange (direct); per node three quorum queues, its lanes, bound by
                `<lane>.<OrganId>` for each of its organs; docexchange.dead for what no node took
    mailroom    per vhost: mr.submit -> mr.submit.q -> the node; the node -> mr.deliver ->
                mr.inbox, mr.events, mr.replies; mr.dead for what was rejected

`apply` is the only place in this program that declares anything, with credentials that no node
has. Everything is durable; a queue that is full says so to who publishes and drops nothing (events
excepted: a later one carries the whole state again). The arguments mean the same on RabbitMQ 3.10
to 4.x; limits are written out, since their defaults differ between versions.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from aiormq.channel import Channel
from aiormq.exceptions import ChannelAccessRefused, ChannelNotFoundEntity, ChannelPreconditionFailed

from ..core.errors import ConfigError, Deferred
from ..core.names import (
    AXIS_DEAD,
    AXIS_EXCHANGE,
    DELIVER_EXCHANGE,
    EVENTS,
    INBOX,
    MAILROOM_DEAD,
    MAILROOM_DEAD_QUEUE,
    REPLIES,
    SUBMIT_EXCHANGE,
    SUBMIT_QUEUE,
    queue_name,
    routing_key,
)
from ..core.schedule import Lane
from .link import BROKEN, Lost, Session, connect, describe

MiB = 1024 * 1024
LANE_BYTES: Mapping[Lane, int] = MappingProxyType(  # a node may be down for days: 72 h of lifetime
    {Lane.RECEIPTS: 256 * MiB, Lane.URGENT: 1024 * MiB, Lane.NORMAL: 4096 * MiB}
)
MAILROOM_BYTES = 4096 * MiB
DEAD_BYTES = 1024 * MiB
EVENTS_MAX = 100_000  # messages; the oldest events are dropped first
# Returns to the queue before the broker takes a message for poison. On the axis we count redelivery
# ourselves and quarantine at the third; a restart every five seconds reaches 1000 after 80 minutes.
AXIS_DELIVERIES = 1000
MAILROOM_DELIVERIES = 20  # RabbitMQ 4's default, the same on 3.10
LEADER_WAIT = 30.0  # s for the leaders of all queues; an election takes a second or so
LEADER_POLL = 0.5  # s between two looks
INEQUIVALENT = re.compile(
    r"inequivalent arg '([^']+)' for (\w+) '([^']+)'.*?received (.*)", re.DOTALL
)


@dataclass(frozen=True, slots=True)
class Exchange:
    """A durable exchange."""

    name: str
    type: str

    def line(self) -> str:
        """For people."""
        return f"exchange {self.name} ({self.type})"


@dataclass(frozen=True, slots=True)
class Queue:
    """A durable quorum queue with its x-arguments."""

    name: str
    arguments: Mapping[str, Any] = field(default_factory=dict)

    def line(self) -> str:
        """For people."""
        return f"queue    {self.name}"


@dataclass(frozen=True, slots=True)
class Binding:
    """What an exchange gives to a queue."""

    exchange: str
    queue: str
    key: str

    def line(self) -> str:
        """For people."""
        return f"binding  {self.exchange} -- {self.key or '(all)'} --> {self.queue}"


@dataclass(frozen=True, slots=True)
class Depth:
    """A queue at one moment.

    Args:
        messages: that wait; those handed to a consumer and not yet acknowledged are not counted.
        consumers: that take them.
    """

    messages: int
    consumers: int


@dataclass(frozen=True, slots=True)
class Topology:
    """Everything that must stand on one vhost."""

    exchanges: Sequence[Exchange]
    queues: Sequence[Queue]
    bindings: Sequence[Binding]

    def of_node(self, node: str) -> Topology:
        """The part of an axis that one node needs: what it publishes to, and its own queues."""
        own = {queue_name(node, lane) for lane in Lane}
        return Topology(
            [one for one in self.exchanges if one.name == AXIS_EXCHANGE],
            [one for one in self.queues if one.name in own],
            [one for one in self.bindings if one.queue in own],
        )

    def lines(self) -> list[str]:
        """What `apply` does, a line per object, for people."""
        things: list[Exchange | Queue | Binding] = [*self.exchanges, *self.queues, *self.bindings]
        return [one.line() for one in things]


def axis_topology(
    nodes: Mapping[str, Iterable[str]], lane_bytes: Mapping[Lane, int] = LANE_BYTES
) -> Topology:
    """The axis of these nodes.

    Args:
        nodes: node name -> OrganIds that it serves.
        lane_bytes: most bytes that wait in a queue, per lane.
    """
    return Topology(
        exchanges=[Exchange(AXIS_EXCHANGE, "direct"), Exchange(AXIS_DEAD, "fanout")],
        queues=[
            _dead_queue(AXIS_DEAD),
            *(
                _queue(queue_name(node, lane), AXIS_DEAD, lane_bytes[lane], AXIS_DELIVERIES)
                for node in nodes
                for lane in Lane
            ),
        ],
        bindings=[
            Binding(AXIS_DEAD, AXIS_DEAD, ""),
            *(
                Binding(AXIS_EXCHANGE, queue_name(node, lane), routing_key(lane, organ))
                for node, organs in nodes.items()
                for organ in organs
                for lane in Lane
            ),
        ],
    )


def mailroom_topology() -> Topology:
    """One mailroom's vhost."""
    waiting = [SUBMIT_QUEUE, INBOX, REPLIES]
    return Topology(
        exchanges=[
            Exchange(SUBMIT_EXCHANGE, "topic"),
            Exchange(DELIVER_EXCHANGE, "topic"),
            Exchange(MAILROOM_DEAD, "fanout"),
        ],
        queues=[
            _dead_queue(MAILROOM_DEAD_QUEUE),
            *(_queue(name, MAILROOM_DEAD, MAILROOM_BYTES, MAILROOM_DELIVERIES) for name in waiting),
            _events_queue(),
        ],
        bindings=[
            Binding(SUBMIT_EXCHANGE, SUBMIT_QUEUE, "submit.*"),
            Binding(DELIVER_EXCHANGE, INBOX, "document.#"),
            Binding(DELIVER_EXCHANGE, REPLIES, "reply.#"),
            Binding(DELIVER_EXCHANGE, EVENTS, "event.#"),
            Binding(MAILROOM_DEAD, MAILROOM_DEAD_QUEUE, ""),
        ],
    )


def _queue(name: str, dead: str, max_bytes: int, deliveries: int) -> Queue:
    arguments = {
        "x-queue-type": "quorum",
        "x-max-length-bytes": max_bytes,
        "x-overflow": "reject-publish",
        "x-delivery-limit": deliveries,
        "x-dead-letter-exchange": dead,
        "x-dead-letter-strategy": "at-least-once",  # needs reject-publish
    }
    return Queue(name, arguments)


def _events_queue() -> Queue:
    arguments = {
        "x-queue-type": "quorum",
        "x-max-length": EVENTS_MAX,
        "x-overflow": "drop-head",
        "x-delivery-limit": MAILROOM_DELIVERIES,
        "x-dead-letter-exchange": MAILROOM_DEAD,
    }
    return Queue(EVENTS, arguments)


def _dead_queue(name: str) -> Queue:
    """Never full, since a queue that cannot get rid of its dead would fill up itself."""
    arguments = {
        "x-queue-type": "quorum",
        "x-max-length-bytes": DEAD_BYTES,
        "x-overflow": "drop-head",
    }
    return Queue(name, arguments)


# -- making and looking -------------------------------------------------------------------------
async def apply(url: str, topology: Topology) -> None:
    """Declare and bind what is missing; what stands already is left as it is.

    Args:
        url: of the vhost, with an administrator's login.
        topology: what must stand there.

    Raises:
        ConfigError: something stands there with other arguments, or the login may not declare;
            what came before it in `topology.lines()` was made.
        Deferred: the broker cannot be reached, or a queue found no leader.
    """

    async def declare(channel: Channel) -> None:
        for exchange in topology.exchanges:
            await channel.exchange_declare(exchange.name, exchange_type=exchange.type, durable=True)
        for queue in topology.queues:
            await channel.queue_declare(queue.name, durable=True, arguments=dict(queue.arguments))

    async def bind(channel: Channel) -> None:
        for binding in topology.bindings:
            await channel.queue_bind(binding.queue, binding.exchange, binding.key)

    await _on_channel(url, declare)
    await _wait_for_leaders(url, topology.queues)
    await _on_channel(url, bind)


async def _on_channel(url: str, work: Callable[[Channel], Awaitable[None]]) -> None:
    session = await open_session(url)
    try:
        await work(await session.channel(confirms=False))
    except ChannelPreconditionFailed as error:
        raise _mismatch(str(error)) from error
    except ChannelAccessRefused as error:
        raise ConfigError(
            f"this login may not declare: {error}", f"tài khoản này không được khai báo: {error}"
        ) from error
    except BROKEN as error:
        raise unreachable(describe(error)) from error
    finally:
        await session.close()


async def _wait_for_leaders(url: str, queues: Sequence[Queue]) -> None:
    """Until every queue answers. A declared quorum queue may have no leader yet; RabbitMQ 3.10.8
    then answers a passive declare all the same, and a getter with 541, which ends the connection.

    Only an empty queue that nobody consumes is asked: the others have a leader. Nothing is bound
    to a new queue yet.
    """
    until = asyncio.get_running_loop().time() + LEADER_WAIT
    waiting = list(queues)

    async def ask(channel: Channel) -> None:
        while waiting:
            found = await channel.queue_declare(waiting[0].name, passive=True)
            if not found.message_count and not found.consumer_count:
                got = await channel.basic_get(waiting[0].name)
                if got.delivery_tag:  # it came just now; its owner gets it back
                    await channel.basic_nack(got.delivery_tag, requeue=True)
            del waiting[0]

    while waiting:
        try:
            await _on_channel(url, ask)
        except Deferred as deferred:
            if asyncio.get_running_loop().time() > until:
                raise Deferred(
                    f"queue {waiting[0].name} has no leader: {deferred}",
                    f"hàng đợi {waiting[0].name} chưa có leader: {deferred.vi}",
                ) from deferred
            await asyncio.sleep(LEADER_POLL)


async def check(url: str, topology: Topology) -> list[str]:
    """Look, changing nothing, whether every exchange and queue stands.

    A login without rights is enough. AMQP cannot show bindings and arguments: `apply` compares
    arguments, a missing binding shows as NO_ROUTE.

    Returns:
        A line per missing object; empty when all stand.

    Raises:
        Deferred: the broker cannot be reached.
    """
    session = await open_session(url)
    await session.close()
    missing = [
        f"exchange {exchange.name}"
        for exchange in topology.exchanges
        if not await _stands(url, exchange)
    ]
    return missing + [
        f"queue {queue.name}" for queue in topology.queues if not await _stands(url, queue)
    ]


async def depths(url: str, queues: Iterable[str]) -> dict[str, Depth]:
    """What waits in these queues, and who takes it; changes nothing, needs no rights.

    Args:
        url: of the vhost.
        queues: their names.

    Returns:
        The depth of each that stands; one that does not is left out (`check` names it).

    Raises:
        Deferred: the broker cannot be reached.
    """
    found = {name: await _ask(url, Queue(name)) for name in queues}
    return {name: depth for name, depth in found.items() if depth is not None}


async def _stands(url: str, thing: Exchange | Queue) -> bool:
    return await _ask(url, thing) is not None


async def _ask(url: str, thing: Exchange | Queue) -> Depth | None:
    """How it stands, None when it does not; nothing waits in an exchange. A "no" of the broker ends
    the session, so each question has its own."""
    session = await open_session(url)
    try:
        channel = await session.channel(confirms=False)
        if isinstance(thing, Exchange):
            await channel.exchange_declare(thing.name, passive=True)
            return Depth(0, 0)
        told = await channel.queue_declare(thing.name, passive=True)
    except ChannelNotFoundEntity:
        return None
    except BROKEN as error:
        raise unreachable(describe(error)) from error
    finally:
        await session.close()
    return Depth(told.message_count or 0, told.consumer_count or 0)


async def open_session(url: str) -> Session:
    """Connect. Raises Deferred when the broker cannot be reached."""
    try:
        return await connect(url, "docexchange topology")
    except Lost as lost:
        raise unreachable(str(lost)) from lost


def unreachable(why: str) -> Deferred:
    """Of a broker that gave no answer."""
    return Deferred(f"the broker did not answer: {why}", f"broker không trả lời: {why}")


def _mismatch(reply: str) -> ConfigError:
    """RabbitMQ's 406 in words: what stands there, which argument differs, what to do."""
    found = INEQUIVALENT.search(reply)
    if found is None:
        return ConfigError(f"the broker refused: {reply}", f"broker từ chối: {reply}")
    argument, kind, name, values = found.groups()
    return ConfigError(
        f"{kind} {name} stands there with another {argument}: received {values}; "
        "drain and delete it, or keep its value",
        f"{kind} {name} đã có với {argument} khác: {values}; "
        "lấy hết tin rồi xóa, hoặc giữ giá trị cũ",
    )
