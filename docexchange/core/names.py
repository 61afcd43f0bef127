"""Names on the brokers, made and read in one place.

The axis: one direct exchange, three queues per node, routing key `<lane>.<OrganId>`.
A mailroom's vhost: the names that `docexchange/README.md` gives to integrators.
"""

from __future__ import annotations

from .schedule import Lane

AXIS_EXCHANGE = "docexchange"
AXIS_DEAD = "docexchange.dead"  # exchange and queue of what no node took

SUBMIT_EXCHANGE = "mr.submit"
SUBMIT_QUEUE = "mr.submit.q"
DELIVER_EXCHANGE = "mr.deliver"
INBOX = "mr.inbox"
EVENTS = "mr.events"
REPLIES = "mr.replies"
MAILROOM_DEAD = "mr.dead"  # exchange
MAILROOM_DEAD_QUEUE = "mr.dead.q"


def queue_name(node: str, lane: Lane) -> str:
    """Name of the queue of a node's lane on the axis."""
    return f"node.{node}.{lane}"


def routing_key(lane: Lane, organ: str) -> str:
    """Routing key of an envelope for an organ in a lane."""
    return f"{lane}.{organ}"


def organ_of(lane: Lane, key: str) -> str:
    """The organ that a routing key names, "" when it is not a key of this lane."""
    prefix = f"{lane}."
    return key.removeprefix(prefix) if key.startswith(prefix) else ""
