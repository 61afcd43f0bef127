"""What `topology.apply` would do on a vhost, asked of the broker without changing it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from aiormq.channel import Channel
from aiormq.exceptions import ChannelAccessRefused, ChannelNotFoundEntity, ChannelPreconditionFailed

from .link import BROKEN, describe
from .topology import INEQUIVALENT, Binding, Exchange, Queue, Topology, open_session, unreachable


class Deed(StrEnum):
    """What apply would do with one object."""

    CREATE = "create"
    KEEP = "keep"  # it stands, with these arguments
    UNSEEN = "unseen"  # it stands, but this login may not compare its arguments
    BIND = "bind"  # AMQP shows no bindings; binding twice changes nothing
    DIFFERS = "differs"  # it stands with other arguments: apply refuses


@dataclass(frozen=True, slots=True)
class Step:
    """One object of a plan.

    Args:
        deed: what apply would do.
        thing: the object, as a line of `Topology.lines`.
        why: for DIFFERS, what the broker said of the arguments.
    """

    deed: Deed
    thing: str
    why: str = ""


def from_nothing(topology: Topology) -> list[Step]:
    """The plan for a broker on which nothing stands; asks nobody."""
    return [Step(Deed.CREATE, one.line()) for one in _declared(topology)] + _bindings(
        topology.bindings
    )


async def plan(url: str, topology: Topology) -> list[Step]:
    """Look what apply would do.

    Arguments are compared by the broker itself, which is asked to declare what it has just said
    stands there already; whoever deletes a queue between these two questions finds it made anew.

    Args:
        url: of the vhost. With a login that may not declare, arguments are not compared.
        topology: what must stand there.

    Returns:
        A step per object, in the order of `Topology.lines`.

    Raises:
        Deferred: the broker cannot be reached.
    """
    await (await open_session(url)).close()
    steps = [await _look(url, one) for one in _declared(topology)]
    return steps + _bindings(topology.bindings)


def _declared(topology: Topology) -> list[Exchange | Queue]:
    return [*topology.exchanges, *topology.queues]


def _bindings(bindings: Sequence[Binding]) -> list[Step]:
    return [Step(Deed.BIND, one.line()) for one in bindings]


async def _look(url: str, thing: Exchange | Queue) -> Step:
    """One object, in a session of its own: a "no" of the broker ends it."""
    session = await open_session(url)
    try:
        channel = await session.channel(confirms=False)
        await _declare(channel, thing, passive=True)
        await _declare(channel, thing, passive=False)
    except ChannelNotFoundEntity:
        return Step(Deed.CREATE, thing.line())
    except ChannelAccessRefused:
        return Step(Deed.UNSEEN, thing.line())
    except ChannelPreconditionFailed as error:
        found = INEQUIVALENT.search(str(error))
        why = f"{found[1]}: received {found[4]}" if found else str(error)
        return Step(Deed.DIFFERS, thing.line(), why)
    except BROKEN as error:
        raise unreachable(describe(error)) from error
    finally:
        await session.close()
    return Step(Deed.KEEP, thing.line())


async def _declare(channel: Channel, thing: Exchange | Queue, *, passive: bool) -> None:
    if isinstance(thing, Exchange):
        await channel.exchange_declare(
            thing.name, exchange_type=thing.type, passive=passive, durable=True
        )
    else:
        await channel.queue_declare(
            thing.name, passive=passive, durable=True, arguments=dict(thing.arguments)
        )
