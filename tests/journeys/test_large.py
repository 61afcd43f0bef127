"""The journey of an envelope that is too large for one message, from file to mailroom."""

from __future__ import annotations

import hashlib
import io
import json
import random
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import BinaryIO

import pytest

from docexchange.core.errors import Deferred, NotFound, StoreError, SubmissionRefused
from docexchange.core.model import MailroomMessage
from docexchange.core.parts import PART_BYTES
from docexchange.core.policy import Limits
from docexchange.core.ports import MailroomIncoming
from docexchange.core.recalls import Recall
from docexchange.core.states import State
from docexchange.flow import keeper, outbox, recall, receipts
from docexchange.flow.parts import LargePorter
from envelopes.model import Document, Stored
from envelopes.pack_file import describe
from tests.fakes import Faults
from tests.theatre import Theatre, document

SERVES = {"H05": "H05", "H01": "H01", "H13": "H13"}
MIB = 1024 * 1024
MINUTE = timedelta(minutes=1)
CONTENT = random.Random(20).randbytes(9 * MIB)  # an envelope of 12 MiB: four parts


@pytest.fixture
def theatre(tmp_path: Path, template: Path) -> Iterator[Theatre]:
    play = Theatre(tmp_path, template, SERVES)
    yield play
    play.close()


def large_document(number: int = 20, to: tuple[str, ...] = ("H01",)) -> Document:
    """A document whose attachment stays where it is."""
    made = document(number, to)
    stored = describe(io.BytesIO(CONTENT))
    one = replace(made.attachments[0], content=b"", stored=stored)
    return replace(made, attachments=(one,))


async def send(theatre: Theatre, made: Document) -> str:
    submitted = await outbox.submit(
        made,
        world=theatre.nodes["H05"].world,
        now=theatre.clock.now(),
        contents=[partial(io.BytesIO, CONTENT)],
    )
    return submitted.tracking_id


class Desk:
    """A mailroom's side that confirms, or refuses once it has taken so many."""

    def __init__(self) -> None:
        self.taken: list[MailroomMessage] = []
        self.room = 1_000

    async def publish(self, message: MailroomMessage) -> None:
        if len(self.taken) >= self.room:
            raise Deferred("the queue is full")
        self.taken.append(message)

    async def receive(self) -> MailroomIncoming:
        raise NotImplementedError


async def test_it_arrives_byte_for_byte_at_two_organs_and_both_answer(theatre: Theatre) -> None:
    ref = await send(theatre, large_document(to=("H01", "H13")))
    await theatre.settle()
    view = theatre.nodes["H05"].store.outgoing.document(ref)
    assert view.size > 12 * MIB
    assert [one.state for one in view.deliveries] == [State.ACKNOWLEDGED] * 2
    for organ in ("H01", "H13"):
        store = theatre.nodes[organ].store
        assert store.incoming.arrivals()[0].sha256 == view.sha256
        assert hashlib.sha256(store.contents.read(view.sha256)).hexdigest() == view.sha256
    assert theatre.axis.published == 2 * (-(-view.size // PART_BYTES)) + 2


@pytest.mark.parametrize("seed", range(3))
async def test_lost_confirms_doubles_and_disorder_do_no_harm(theatre: Theatre, seed: int) -> None:
    theatre.rng.seed(seed)
    theatre.axis.faults = Faults(refused=0.1, confirm_lost=0.1, doubled=0.2, reordered=0.5)
    ref = await send(theatre, large_document())
    for _ in range(40):
        await theatre.settle(1)
        theatre.clock.advance(theatre.schedule.longest / 10)
    view = theatre.nodes["H05"].store.outgoing.document(ref)
    assert [one.state for one in view.deliveries] == [State.ACKNOWLEDGED]
    assert [one.number for one in theatre.nodes["H01"].store.incoming.arrivals()] == ["20"]


async def test_what_packing_left_behind_is_deleted_in_steps(theatre: Theatre) -> None:
    node = theatre.nodes["H05"]

    def breaks(out: BinaryIO) -> Stored:
        for _ in range(40):
            out.write(bytes(MIB))
        raise OSError("the file went away")

    with pytest.raises(OSError, match="went away"):
        await node.store.contents.fill(breaks, theatre.clock.now())
    raw = node.store._access.reader._raw
    theatre.clock.advance(timedelta(hours=25))
    await keeper.tidy(world=node.world, now=theatre.clock.now())
    assert raw.execute("SELECT count(*) FROM chunks").fetchone()[0] == 40
    await keeper.keep(world=node.world, now=theatre.clock.now())
    for table in ("chunks", "blobs", "part_groups"):
        assert raw.execute(f"SELECT count(*) FROM {table}").fetchone()[0] == 0


@pytest.mark.parametrize("died", ["", "signal 11"])
async def test_a_large_message_that_comes_again_is_read_by_a_child_first(
    theatre: Theatre, died: str
) -> None:
    """design.md section 3, Poison: one that kills the parser does not kill the daemon."""
    made = document(21, ("H01",))
    made = replace(made, attachments=(replace(made.attachments[0], content=CONTENT[:MIB]),))
    await outbox.submit(made, world=theatre.nodes["H05"].world, now=theatre.clock.now())
    await theatre.nodes["H05"].turn()
    assert theatre.axis.take("H01") is not None
    theatre.axis.disconnect("H01")  # we died of it, perhaps
    tried: list[int] = []

    def trial(pieces: Iterable[bytes]) -> str:
        tried.append(sum(map(len, pieces)))
        return died

    node = theatre.nodes["H01"]
    node.world = replace(node.world, trial=trial)
    await node.turn()
    assert [size > MIB for size in tried] == [True]
    assert [one.reason for one in node.store.incoming.kept_list()] == (["POISON"] if died else [])
    assert len(node.store.incoming.arrivals()) == (0 if died else 1)


@pytest.mark.parametrize("step", ["begin_content", "submit", "record"])
@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_sender_that_crashes_sends_it_again(theatre: Theatre, when: str, step: str) -> None:
    node = theatre.nodes["H05"]
    node.crash_at = f"{when}:{step}"
    ref = ""
    while not ref:
        try:
            ref = await send(theatre, large_document())
        except StoreError:
            node.restart()
    for _ in range(4):
        await theatre.settle(1)
        theatre.clock.advance(theatre.schedule.longest / 2)
    assert node.crashes == 1
    assert [one.state for one in node.store.outgoing.document(ref).deliveries] == [
        State.ACKNOWLEDGED
    ]
    assert len(theatre.nodes["H01"].store.incoming.arrivals()) == 1


async def test_the_same_content_again_is_a_duplicate(theatre: Theatre) -> None:
    first = await send(theatre, large_document())
    assert await send(theatre, large_document()) == first


async def test_over_the_limit_it_is_refused_before_anything_is_stored(theatre: Theatre) -> None:
    node = theatre.nodes["H05"]
    node.world = replace(node.world, limits=Limits(large_bytes=10 * MIB))
    with pytest.raises(SubmissionRefused) as refused:
        await send(theatre, large_document())
    assert refused.value.code == "E-SIZ-001"
    assert node.store.outgoing.documents() == []


async def test_a_file_that_changed_meanwhile_is_refused(theatre: Theatre) -> None:
    with pytest.raises(SubmissionRefused) as refused:
        await outbox.submit(
            large_document(),
            world=theatre.nodes["H05"].world,
            now=theatre.clock.now(),
            contents=[partial(io.BytesIO, CONTENT[::-1])],
        )
    assert refused.value.code == "E-FMT-020"


async def test_its_mailroom_gets_parts_and_their_list(theatre: Theatre) -> None:
    """A stock client puts them together: all parts of the group in order are the envelope."""
    node = theatre.nodes["H01"]
    node.mailroom = True
    ref = await send(theatre, large_document())
    await theatre.settle()
    digest = theatre.nodes["H05"].store.outgoing.document(ref).sha256
    desk = Desk()
    desk.room = 3  # the queue is full for a while
    porter = LargePorter("mr-H01", desk, node.store)
    with pytest.raises(Deferred):
        await porter.hand_over(theatre.clock)
    assert node.store.incoming.arrivals()[0].handed_over_at is None
    desk.room = 1_000
    assert await porter.hand_over(theatre.clock)
    assert not await porter.hand_over(theatre.clock)
    assert node.store.incoming.arrivals()[0].handed_over_at == theatre.clock.now()
    listing = desk.taken[-1]
    assert (listing.type, listing.message_id) == (
        "document.deliver.v1",
        node.store.incoming.arrivals()[0].tracking_id,
    )
    told = json.loads(listing.body or b"")
    parts = {int(one.headers["x-part"]): one for one in desk.taken[:-1]}
    whole = b"".join(parts[one["part"]].body or b"" for one in told["parts"])
    assert hashlib.sha256(whole).hexdigest() == told["sha256"] == digest
    assert {one.headers["x-group"] for one in parts.values()} == {listing.message_id}
    assert max(len(one.body or b"") for one in parts.values()) <= PART_BYTES
    assert node.store.mailrooms.due("mr-H01", 0, 10, large=True) == []


async def test_a_large_document_that_is_recalled_leaves_no_byte(theatre: Theatre) -> None:
    """Recalled end to end: in parts there, agreed, its rows deleted in steps, its bytes erased."""
    ref = await send(theatre, large_document())
    await theatre.run(5 * MINUTE)
    there = theatre.nodes["H01"]
    (view,) = there.store.incoming.arrivals()
    piece = there.store.contents.open(view.sha256).read(MIB)[
        -60_000:
    ]  # of the attachment, as base64
    assert is_there(there.path, piece)
    await recall.ask(ref, "Gửi nhầm", world=theatre.nodes["H05"].world, now=theatre.clock.now())
    await theatre.run(5 * MINUTE)
    if there.store.incoming.arrival(view.tracking_id).sealed_at is None:
        now = theatre.clock.now()
        await receipts.report(view.tracking_id, "15", world=there.world, now=now)
    await theatre.run(5 * MINUTE)
    (sent,) = theatre.nodes["H05"].store.outgoing.document(ref).deliveries
    assert sent.recall == Recall.AGREED
    with pytest.raises(NotFound):
        there.store.contents.open(view.sha256)
    assert not is_there(there.path, piece)
    assert there.store.journal.verify()


def is_there(path: Path, content: bytes) -> bool:
    """Whether a file of a store holds some of this content. A page has 32 KiB, so one of two
    places that lie 8 KiB apart is within a page."""
    files = [one.read_bytes() for one in path.parent.glob(f"{path.name}*")]
    return any(content[at : at + 64] in data for data in files for at in (20_000, 28_192))
