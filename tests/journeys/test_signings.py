"""Journeys of documents that are signed elsewhere: crashes, races, a leader who is late."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

import pytest

from docexchange.core.errors import StoreError
from docexchange.core.model import Submitted
from docexchange.core.states import SigningState, State
from docexchange.flow import outbox, remote
from envelopes.errors import SignatureRefused
from keys.remote import load_remote_key
from tests.pki import P256
from tests.theatre import Node, Theatre, document

T = TypeVar("T")

SERVES = {"H05": "H05", "H01": "H01", "H13": "H13"}
KEY = load_remote_key(P256.chain_pem("H05", "second"))
LEADER = P256.signer("H05", "second")
POINTS = [
    f"{when}:{operation}"
    for when in ("before", "after")
    for operation in ("await_signature", "sign", "refuse_signature", "record", "accept")
]


@pytest.fixture
def theatre(tmp_path: Path, template: Path) -> Iterator[Theatre]:
    play = Theatre(tmp_path, template, SERVES)
    yield play
    play.close()


async def until_it_lives(node: Node, ask: Callable[[], Awaitable[T]]) -> T:
    """Ask; when the node dies of it, start it again and ask again, as a person would."""
    while True:
        try:
            return await ask()
        except StoreError:
            node.restart()


async def hold(theatre: Theatre, node: Node) -> Submitted:
    return await until_it_lives(
        node,
        lambda: outbox.submit(
            document(98, ("H01", "H13")),
            world=node.world,
            now=theatre.clock.now(),
            sign_with=KEY,
        ),
    )


def signature(node: Node, ref: str) -> bytes:
    return LEADER.sign(remote.request_of(node.store.signings.find(ref), node.world).to_sign)


async def complete(theatre: Theatre, node: Node, ref: str, value: bytes) -> remote.Signed:
    return await until_it_lives(
        node, lambda: remote.complete(ref, value, world=node.world, now=theatre.clock.now())
    )


@pytest.mark.parametrize("point", POINTS)
async def test_a_crash_at_this_commit_loses_and_doubles_nothing(
    theatre: Theatre, point: str
) -> None:
    node = theatre.nodes["H05"]
    for each in theatre.nodes.values():
        each.crash_at = point
    ref = (await hold(theatre, node)).tracking_id
    with pytest.raises(SignatureRefused):
        await complete(theatre, node, ref, b"damaged")
    await complete(theatre, node, ref, signature(node, ref))
    await theatre.run(timedelta(hours=1), timedelta(minutes=5))
    view = node.store.outgoing.document(ref)
    assert {one.state for one in view.deliveries} == {State.ACKNOWLEDGED}
    for organ in ("H01", "H13"):
        arrivals = theatre.nodes[organ].store.incoming.arrivals()
        assert [one.sha256 for one in arrivals] == [view.sha256]
    assert len(node.store.outgoing.documents()) == 1
    assert sum(each.crashes for each in theatre.nodes.values()) >= 1
    for each in theatre.nodes.values():
        each.store.journal.verify()


async def test_two_who_bring_the_signature_at_once_send_it_once(theatre: Theatre) -> None:
    node = theatre.nodes["H05"]
    ref = (await hold(theatre, node)).tracking_id
    values = [signature(node, ref) for _ in range(4)]  # ECDSA: each is another value
    assert len(set(values)) == 4
    done = await asyncio.gather(*(complete(theatre, node, ref, value) for value in values))
    assert sorted(one.duplicate for one in done) == [False, True, True, True]
    await theatre.settle()
    assert [one.sha256 for one in theatre.nodes["H01"].store.incoming.arrivals()] == [
        node.store.outgoing.document(ref).sha256
    ]


@pytest.mark.parametrize("point", ["before:expire_signings", "after:expire_signings"])
async def test_a_crash_while_it_expires(theatre: Theatre, point: str) -> None:
    node = theatre.nodes["H05"]
    node.mailroom = True
    ref = (await hold(theatre, node)).tracking_id
    node.crash_at = point
    theatre.clock.advance(timedelta(hours=48))
    await theatre.settle()
    assert node.crashes == 1
    assert node.store.signings.find(ref).state is SigningState.EXPIRED
    assert len(node.store.mailrooms.due("mr-H05", 0, 9)) == 1  # the event, once
    assert theatre.axis.published == 0
