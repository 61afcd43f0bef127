"""What the live tests share: the logins of a small axis, and the clearing of its queues."""

from __future__ import annotations

from docexchange.demo.rabbitmq import Node
from docexchange.edges.link import connect
from docexchange.edges.permissions import MailroomLogin, NodeLogin
from docexchange.edges.topology import Topology, apply

AXIS = "axis"
ORGANS = {"H05": ["H05", "H05.12.03"], "H13": ["H13"]}
PASSWORD = "only-on-loopback"
MAX_MESSAGE = 16 * 1024 * 1024  # what RabbitMQ 4 takes unless told otherwise; 3.10 takes 128 MiB
NODES = [NodeLogin(name, f"node-{name}", PASSWORD, (f"mr-{name}",)) for name in ORGANS]
MAILROOMS = [MailroomLogin(f"mr-{name}", f"mailroom-{name}", PASSWORD) for name in ORGANS]
SOON = 10.0  # s; generous, since nothing here should take one
RESTART = 60.0  # s for a killed broker to be back and all clients with it


def node_url(rabbit: Node, node: str, vhost: str = AXIS) -> str:
    """Address of a vhost with the login of a node."""
    return rabbit.url(f"node-{node}", PASSWORD, vhost)


def mailroom_url(rabbit: Node, name: str) -> str:
    """Address of a mailroom's vhost with its own login."""
    return rabbit.url(f"mailroom-{name}", PASSWORD, f"mr-{name}")


async def fresh(rabbit: Node, vhost: str, topology: Topology) -> None:
    """Make the topology anew, with empty queues."""
    if not rabbit.running:
        rabbit.start()
    session = await connect(rabbit.admin_url(vhost))
    channel = await session.channel(confirms=False)
    for queue in topology.queues:
        await channel.queue_delete(queue.name)
    await session.close()
    await apply(rabbit.admin_url(vhost), topology)
