"""The mailrooms (văn thư) over AMQP: submissions and status reports in; replies, inbox, events out.

One vhost per mailroom, two connections each. Exchange, queue and property names are the contract
with the integrator. Owns which message of the broker is which `MailroomIncoming`. That submissions
still come to us is `watch`.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field

from aiormq.abc import DeliveredMessage
from pamqp.commands import Basic
from yarl import URL

from ..core.errors import Deferred, DeliveryRefused, Misuse
from ..core.model import MailroomMessage
from ..core.names import DELIVER_EXCHANGE, SUBMIT_QUEUE
from .consumer import Ack, Consumer
from .heartbeat import Pace
from .link import LONGEST_WAIT, Link, Session, login
from .publisher import Publisher
from .watch import PACE, QueueWatch

PREFETCH = 8  # submissions in hand per mailroom: at 8 MiB each 64 MiB
OUTSTANDING = 32  # publishes per mailroom that wait for their confirm
APP_ID = "docexchange"


@dataclass(slots=True)
class Submitted:
    """A message of a mailroom in hand; implements `core.ports.MailroomIncoming`."""

    vhost: str
    routing_key: str
    message_id: str
    type: str
    content_type: str
    content_encoding: str
    headers: Mapping[str, object]
    body: bytes = field(repr=False)
    acknowledge: Ack = field(repr=False)

    def ack(self) -> None:
        """Tell the broker to forget it, after the commit of the reply. If the connection broke
        meanwhile, nothing happens and it comes again."""
        self.acknowledge()


def vhost_url(url: str, vhost: str) -> str:
    """The address of one vhost on the mailrooms' broker."""
    return str(URL(url).with_path(f"/{vhost}", keep_query=True))


class Mailrooms:
    """All mailrooms of a node; implements `core.ports.MailroomBroker`.

    Args:
        url: amqp:// or amqps:// of the mailrooms' broker, with the node's login, without vhost.
        vhosts: one per mailroom.
        rng: jitter of the reconnecting.
        longest: most seconds between two attempts to connect.
        pace: of the looks at the submissions.
    """

    def __init__(
        self,
        url: str,
        vhosts: Iterable[str],
        *,
        rng: random.Random,
        longest: float = LONGEST_WAIT,
        pace: Pace | None = None,
    ) -> None:
        clock = asyncio.get_running_loop().time
        self._arrived: asyncio.Queue[Submitted] = asyncio.Queue()
        self._publishers: dict[str, Publisher] = {}
        self._links: list[Link] = []
        self._takes: dict[str, tuple[Link, QueueWatch]] = {}
        for vhost in vhosts:
            publisher = Publisher(
                login(url), rng, outstanding=OUTSTANDING, large_at_once=OUTSTANDING
            )
            consumer = Consumer(SUBMIT_QUEUE, PREFETCH, self._taker(vhost))
            watch = QueueWatch(
                SUBMIT_QUEUE, vhost, _fullness(consumer), clock=clock, pace=pace or PACE
            )
            self._publishers[vhost] = publisher
            address = vhost_url(url, vhost)
            take = Link(
                address, f"{vhost} submit", _both(consumer, watch), rng=rng, longest=longest
            )
            self._links += [
                Link(address, f"{vhost} deliver", publisher.open, rng=rng, longest=longest),
                take,
            ]
            self._takes[vhost] = take, watch

    async def run(self) -> None:
        """Keep all connections up until cancelled; then the last acks are written.

        Raises:
            ExceptionGroup: of a bug of ours; no trouble of the broker ends it.
        """
        async with asyncio.TaskGroup() as group:
            for link in self._links:
                group.create_task(link.run())

    async def ready(self) -> None:
        """Wait until all connections are up."""
        for link in self._links:
            await link.up.wait()

    @property
    def trouble(self) -> dict[str, str]:
        """Vhosts from which no submission could come for too long, with the reason."""
        return {
            vhost: (link.why if not link.up.is_set() else watch.why) or "no answer"
            for vhost, (link, watch) in self._takes.items()
            if watch.silent
        }

    async def publish(self, message: MailroomMessage) -> None:
        """See `core.ports.MailroomBroker.publish`. Messages published one after the other reach
        the broker in that order.

        Raises:
            Deferred: not confirmed, or larger than this broker takes.
            Misuse: not one of our vhosts, or a message without its body.
        """
        publisher = self._publishers.get(message.vhost)
        if publisher is None or message.body is None:
            raise Misuse(f"message {message.message_id} for vhost {message.vhost} has no way out")
        properties = Basic.Properties(
            content_type=message.content_type,
            message_type=message.type,
            message_id=message.message_id,
            correlation_id=message.correlation_id or None,
            headers=dict(message.headers),
            app_id=APP_ID,
        )
        try:
            await publisher.publish(DELIVER_EXCHANGE, message.routing_key, message.body, properties)
        except DeliveryRefused as refused:  # the operator can raise the limit; nothing is dropped
            raise Deferred(str(refused), refused.vi) from refused

    async def receive(self) -> Submitted:
        """See `core.ports.MailroomBroker.receive`."""
        while True:
            message = await self._arrived.get()
            if not message.acknowledge.stale:
                return message

    def _taker(self, vhost: str) -> Callable[[DeliveredMessage, Ack], None]:
        def take(message: DeliveredMessage, ack: Ack) -> None:
            properties = message.header.properties
            self._takes[vhost][1].heard()
            self._arrived.put_nowait(
                Submitted(
                    vhost=vhost,
                    routing_key=message.routing_key or "",
                    message_id=properties.message_id or "",
                    type=properties.message_type or "",
                    content_type=properties.content_type or "",
                    content_encoding=properties.content_encoding or "",
                    headers=properties.headers or {},
                    body=message.body,
                    acknowledge=ack,
                )
            )

        return take


def _fullness(consumer: Consumer) -> Callable[[], bool]:
    return lambda: consumer.full


def _both(consumer: Consumer, watch: QueueWatch) -> Callable[[Session], Awaitable[None]]:
    async def opened(session: Session) -> None:
        await consumer.open(session)
        session.work(watch.keep(session), _nothing)

    return opened


async def _nothing() -> None:
    """A watch says no farewell."""
