"""Everything that must stand on a broker as one RabbitMQ definitions document.

For an administrator who imports (`rabbitmqctl import_definitions`) instead of running
`topology apply`. Users come without a password, so that no document holds one: until the
administrator sets it (or the user shows a certificate) nobody can log in as them. An import takes
the password of a user that stands away, too; hence `users=False` for a broker in use.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .permissions import MailroomLogin, NodeLogin
from .permissions import definitions as logins
from .topology import Topology


def definitions(
    axis_vhost: str,
    nodes: Sequence[NodeLogin],
    mailrooms: Sequence[MailroomLogin],
    topologies: Mapping[str, Topology],
    *,
    users: bool = True,
) -> dict[str, Any]:
    """What RabbitMQ 3.10 to 4.x imports.

    Args:
        axis_vhost: vhost of the axis.
        nodes, mailrooms: logins; those with the password "" get none.
        topologies: what must stand on each vhost.
        users: False leaves users out; their permissions need them to be there.
    """
    made = logins(axis_vhost, nodes, mailrooms)
    made["vhosts"] = [one for one in made["vhosts"] if one["name"] in topologies]
    made["permissions"] = [one for one in made["permissions"] if one["vhost"] in topologies]
    used = {one["user"] for one in made["permissions"]}
    made["users"] = [one for one in made["users"] if users and one["name"] in used]
    return {
        **made,
        "policies": [],  # every bound is an argument of its queue: no policy can be forgotten
        "exchanges": _exchanges(topologies),
        "queues": _queues(topologies),
        "bindings": _bindings(topologies),
    }


def _exchanges(topologies: Mapping[str, Topology]) -> list[dict[str, Any]]:
    return [
        {
            "name": one.name,
            "vhost": vhost,
            "type": one.type,
            "durable": True,
            "auto_delete": False,
            "internal": False,
            "arguments": {},
        }
        for vhost, topology in topologies.items()
        for one in topology.exchanges
    ]


def _queues(topologies: Mapping[str, Topology]) -> list[dict[str, Any]]:
    return [
        {
            "name": one.name,
            "vhost": vhost,
            "durable": True,
            "auto_delete": False,
            "arguments": dict(one.arguments),
        }
        for vhost, topology in topologies.items()
        for one in topology.queues
    ]


def _bindings(topologies: Mapping[str, Topology]) -> list[dict[str, Any]]:
    return [
        {
            "source": one.exchange,
            "vhost": vhost,
            "destination": one.queue,
            "destination_type": "queue",
            "routing_key": one.key,
            "arguments": {},
        }
        for vhost, topology in topologies.items()
        for one in topology.bindings
    ]
