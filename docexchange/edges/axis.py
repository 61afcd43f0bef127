"""The axis (trục) over AMQP: three lanes in, three lanes out, on two connections.

Publishing and consuming have a connection each, because a broker in need (memory, disk) stops
reading from those that publish. Each lane has a channel of its own both ways. Owns which message
of the broker is which `Incoming`; connecting is `link`, confirming
`publisher`, acking `consumer`, messages to ourselves `heartbeat`.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from aiormq.abc import DeliveredMessage
from pamqp.commands import Basic

from ..core.names import AXIS_EXCHANGE, organ_of, queue_name, routing_key
from ..core.schedule import Lane
from .consumer import Ack, Consumer
from .heartbeat import HEADER, Heartbeat, Pace
from .link import LONGEST_WAIT, Link, Session, login
from .publisher import Publisher

PREFETCH: Mapping[Lane, int] = MappingProxyType(
    {Lane.RECEIPTS: 64, Lane.URGENT: 8, Lane.NORMAL: 16}
)
OUTSTANDING = 64  # publishes per lane that wait for their confirm; more buys nothing (measured)
CONTENT_TYPE = "application/xml"


@dataclass(slots=True)
class AxisMessage:
    """An envelope of the axis in hand; implements `core.ports.Incoming`."""

    organ: str
    lane: Lane
    body: bytes = field(repr=False)
    redelivered: bool
    connection: str
    headers: Mapping[str, object] = field(repr=False)
    acknowledge: Ack = field(repr=False)

    def ack(self) -> None:
        """Tell the broker to forget it, after the commit. If the connection broke meanwhile,
        nothing happens and it comes again."""
        self.acknowledge()


class Axis:
    """The axis as one node sees it; implements `core.ports.Broker`.

    Nothing moves until `run` runs. A publish waits a moment for the connection, then is Deferred;
    `receive` waits.

    Args:
        url: amqp:// or amqps:// of the axis, with the node's login and the vhost.
        node: name of the node, part of its queues' names.
        rng: jitter of the reconnecting, and this process's mark in the ids of its attempts.
        prefetch: messages in hand per lane, not yet acked.
        outstanding: publishes per lane that wait for their confirm.
        longest: most seconds between two attempts to connect.
        organ: one of ours that is bound, to send ourselves heartbeats; "" for none.
        pace: of the heartbeats.
    """

    def __init__(
        self,
        url: str,
        node: str,
        *,
        rng: random.Random,
        prefetch: Mapping[Lane, int] = PREFETCH,
        outstanding: int = OUTSTANDING,
        longest: float = LONGEST_WAIT,
        organ: str = "",
        pace: Pace | None = None,
    ) -> None:
        self._organ = organ
        clock = asyncio.get_running_loop().time
        self._heartbeat = Heartbeat(self._beat, rng=rng, clock=clock, pace=pace or Pace())
        self._arrived: asyncio.Queue[AxisMessage] = asyncio.Queue()
        self._publishers = {
            lane: Publisher(login(url), rng, outstanding=outstanding) for lane in Lane
        }
        self._consumers = {
            lane: Consumer(queue_name(node, lane), prefetch[lane], self._taker(lane))
            for lane in Lane
        }
        self._links = [
            Link(url, f"{node} axis publish", self._open_publishers, rng=rng, longest=longest),
            Link(url, f"{node} axis consume", self._open_consumers, rng=rng, longest=longest),
        ]

    async def run(self) -> None:
        """Keep both connections up until cancelled; then the last acks are written.

        Raises:
            ExceptionGroup: of a bug of ours; no trouble of the broker ends it.
        """
        async with asyncio.TaskGroup() as group:
            for link in self._links:
                group.create_task(link.run())

    async def ready(self) -> None:
        """Wait until both connections are up."""
        for link in self._links:
            await link.up.wait()

    @property
    def up(self) -> bool:
        """Whether both connections are up."""
        return all(link.up.is_set() for link in self._links)

    async def publish(
        self, lane: Lane, organ: str, body: bytes, headers: Mapping[str, str]
    ) -> None:
        """See `core.ports.Broker.publish`."""
        publisher = self._publishers[lane]
        properties = Basic.Properties(
            content_type=CONTENT_TYPE, headers=dict(headers), message_id=publisher.attempt_id()
        )
        await publisher.publish(AXIS_EXCHANGE, routing_key(lane, organ), body, properties)

    async def receive(self) -> AxisMessage:
        """See `core.ports.Broker.receive`. What came over a connection that has broken since is
        left out: it comes again."""
        while True:
            message = await self._arrived.get()
            if not message.acknowledge.stale:
                return message

    @property
    def trouble(self) -> str:
        """Lanes through which nothing came for too long, with the reason if known; else ""."""
        silent = self._heartbeat.silent() if self._organ else {}
        known = {why: None for why in silent.values() if why}
        known |= {link.why: None for link in self._links if silent and not link.up.is_set()}
        return ", ".join(silent) + (": " + "; ".join(known) if known else "")

    async def _beat(self, lane: Lane, headers: Mapping[str, str]) -> None:
        await self.publish(lane, self._organ, b"", headers)

    async def _open_publishers(self, session: Session) -> None:
        for publisher in self._publishers.values():
            await publisher.open(session)

    async def _open_consumers(self, session: Session) -> None:
        for consumer in self._consumers.values():
            await consumer.open(session)
        if self._organ:
            for lane, consumer in self._consumers.items():
                session.work(self._heartbeat.beat(lane, session, _fullness(consumer)), _nothing)

    def _taker(self, lane: Lane) -> Callable[[DeliveredMessage, Ack], None]:
        def take(message: DeliveredMessage, ack: Ack) -> None:
            headers = message.header.properties.headers or {}
            if not message.body and HEADER in headers:
                self._heartbeat.came(lane, headers[HEADER])
                ack()
                return
            self._heartbeat.heard(lane)
            self._arrived.put_nowait(
                AxisMessage(
                    organ=organ_of(lane, message.routing_key or ""),
                    lane=lane,
                    body=message.body,
                    redelivered=bool(message.redelivered),
                    connection=message.header.properties.user_id or "",
                    headers=headers,
                    acknowledge=ack,
                )
            )

        return take


def _fullness(consumer: Consumer) -> Callable[[], bool]:
    return lambda: consumer.full


async def _nothing() -> None:
    """A heartbeat says no farewell."""
