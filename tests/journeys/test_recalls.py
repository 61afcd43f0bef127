"""Journeys of recalls, updates and replacements: overtaking, crossing, doubled, crashed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from docexchange.core.errors import Conflict, NotFound, StoreError, SubmissionRefused
from docexchange.core.model import DeliveryView, SentChange
from docexchange.core.recalls import REPLACE, UPDATE, Change, Recall
from docexchange.core.schedule import Lane
from docexchange.core.states import Event as Happening
from docexchange.core.states import IllegalTransition, State
from docexchange.edges.store import SqlStore
from docexchange.flow import changes, outbox, recall, receipts
from envelopes.edxml import read as read_edxml
from envelopes.model import (
    Business,
    Document,
    ReplacementInfo,
    Replacements,
    ResponseFor,
    Texts,
    TraceHeaderList,
)
from tests.theatre import Node, Theatre, document

SERVES = {"H05": "H05", "H01": "H01", "H13": "H13"}
MINUTE = timedelta(minutes=1)
POINTS = [
    f"{when}:{operation}"
    for when in ("before", "after")
    for operation in ("submit_recalls", "take_recall", "record", "apply_receipt", "accept")
]


@pytest.fixture
def theatre(tmp_path: Path, template: Path) -> Iterator[Theatre]:
    play = Theatre(tmp_path, template, SERVES)
    yield play
    play.close()


async def ask(theatre: Theatre, ref: str, to: tuple[str, ...] = ()) -> str:
    """Recall, again when the node dies of it, as a person would."""
    node = theatre.nodes["H05"]
    while True:
        try:
            asked = await recall.ask(
                ref, "Sai phụ lục " * 200, to=to, world=node.world, now=theatre.clock.now()
            )
        except StoreError:
            node.restart()
        except Conflict:  # it was committed before the node died
            return ref
        else:
            return asked.tracking_id


async def say(theatre: Theatre, code: str, note: str = "", organ: str = "H01") -> None:
    node = theatre.nodes[organ]
    ref = next(one for one in node.store.incoming.arrivals() if one.business != 1).tracking_id
    await receipts.report(ref, code, note=note, world=node.world, now=theatre.clock.now())


def sent(theatre: Theatre, ref: str, organ: str = "H01") -> DeliveryView:
    view = theatre.nodes["H05"].store.outgoing.document(ref)
    return next(one for one in view.deliveries if one.to_organ == organ)


def is_sealed(node: Node) -> bool:
    """Whether the only document of a node is a tombstone whose content nobody reads."""
    (view,) = [one for one in node.store.incoming.arrivals() if one.business != 1]
    try:
        node.store.contents.read(view.sha256)
    except NotFound:
        return view.sealed_at is not None and view.code == "15" and view.subject != ""
    return False


async def test_agreed_by_the_mailroom(theatre: Theatre) -> None:
    ref = await theatre.send(98, ("H01", "H13"))
    await theatre.settle()
    request = await ask(theatre, ref, ("H01",))
    await theatre.settle()
    assert sent(theatre, ref).recall == Recall.ASKED
    assert sent(theatre, request).state is State.ACKNOWLEDGED  # 01: it came, a person decides
    assert not is_sealed(theatre.nodes["H01"])
    await say(theatre, "15")
    await theatre.settle()
    assert sent(theatre, ref).recall == Recall.AGREED
    assert sent(theatre, ref, "H13").recall == ""
    assert is_sealed(theatre.nodes["H01"])
    assert not is_sealed(theatre.nodes["H13"])
    assert [one.code for one in sent(theatre, request).history] == ["01", "15"]
    with pytest.raises(SubmissionRefused):  # nothing more is said of it
        await say(theatre, "03")
    assert theatre.nodes["H01"].store.journal.verify()


async def test_refused_leaves_the_copy_and_may_be_asked_again(theatre: Theatre) -> None:
    ref = await theatre.send(98, ("H01",))
    await theatre.settle()
    first = await ask(theatre, ref)
    await theatre.settle()
    await say(theatre, "03")
    await say(theatre, "16", "Đã ban hành văn bản trả lời")
    await theatre.settle()
    assert sent(theatre, ref).recall == Recall.REFUSED
    assert not is_sealed(theatre.nodes["H01"])
    theatre.clock.advance(MINUTE)
    second = await ask(theatre, ref)
    assert second != first
    await theatre.settle()
    await say(theatre, "15")
    await theatre.settle()
    assert sent(theatre, ref).recall == Recall.AGREED
    assert is_sealed(theatre.nodes["H01"])


async def test_too_late_is_an_end_of_its_own(theatre: Theatre) -> None:
    ref = await theatre.send(98, ("H01",))
    await theatre.settle()
    await say(theatre, "06")
    await ask(theatre, ref)  # it crosses the 06
    await theatre.settle()
    assert sent(theatre, ref).recall == Recall.TOO_LATE
    assert not is_sealed(theatre.nodes["H01"])


async def test_what_no_mailroom_got_is_given_back_at_once(theatre: Theatre) -> None:
    theatre.nodes["H01"].mailroom = True
    ref = await theatre.send(98, ("H01",))
    await theatre.settle()
    store = theatre.nodes["H01"].store
    assert [one.message.type for one in store.mailrooms.due("mr-H01", 0, 9)] == [
        "document.deliver.v1"
    ]
    await ask(theatre, ref)
    await theatre.settle()
    assert sent(theatre, ref).recall == Recall.AGREED
    assert is_sealed(theatre.nodes["H01"])
    (left,) = store.mailrooms.due("mr-H01", 0, 9)  # the document is withdrawn, its recall told
    assert left.message.type == "vn.docexchange.document.recall.v1"


async def test_never_published_is_cancelled_and_nothing_is_sent(theatre: Theatre) -> None:
    ref = await theatre.send(98, ("H01",))
    request = await ask(theatre, ref)
    await theatre.run(10 * MINUTE)
    assert theatre.axis.published == 0
    one = sent(theatre, ref)
    assert (one.state, one.reason, one.recall) == (
        State.UNDELIVERABLE,
        "cancelled",
        Recall.CANCELLED,
    )
    assert sent(theatre, request).reason == "not needed"
    with pytest.raises(Conflict):
        await recall.ask(ref, "Lần nữa", world=theatre.nodes["H05"].world, now=theatre.clock.now())
    with pytest.raises(IllegalTransition):
        await theatre.nodes["H05"].store.outgoing.record(
            one.delivery_id, Happening.RELEASED, theatre.clock.now()
        )


async def test_cancelled_while_it_was_on_its_way_is_recalled_after_all(theatre: Theatre) -> None:
    ref = await theatre.send(98, ("H01",))
    node = theatre.nodes["H05"]
    node.sender.pump(theatre.clock.now())  # in the broker's hands, not recorded yet
    await ask(theatre, ref)
    await node.sender.drain()
    await theatre.settle(6)
    assert sent(theatre, ref).recall in (Recall.ASKED, Recall.AGREED)
    await say(theatre, "15")
    await theatre.settle()
    assert sent(theatre, ref).recall == Recall.AGREED
    assert is_sealed(theatre.nodes["H01"])


async def test_a_recall_that_overtakes_its_document(theatre: Theatre) -> None:
    ref = await theatre.send(98, ("H01",))
    node = theatre.nodes["H05"]
    await node.turn()
    (late,) = theatre.axis.queues["H01"]
    theatre.axis.queues["H01"].clear()
    theatre.nodes["H01"].mailroom = True
    request = await ask(theatre, ref)
    await theatre.settle()
    assert sent(theatre, ref).recall == Recall.ASKED
    theatre.axis.queues["H01"].append(late)
    await theatre.settle()
    assert sent(theatre, ref).recall == Recall.AGREED
    assert [one.code for one in sent(theatre, ref).history] == ["01"]
    assert [one.code for one in sent(theatre, request).history] == ["01", "15"]
    assert is_sealed(theatre.nodes["H01"])
    store = theatre.nodes["H01"].store
    types = {one.message.type for one in store.mailrooms.due("mr-H01", 0, 9)}
    assert types == {"vn.docexchange.document.recall.v1"}  # it goes to no mailroom
    theatre.axis.put(late.lane, "H01", late.body, "H05")
    theatre.clock.advance(2 * MINUTE)
    await theatre.settle()
    assert is_sealed(theatre.nodes["H01"])  # a second copy brings nothing back


async def test_recall_of_an_expired_delivery(theatre: Theatre) -> None:
    ref = await theatre.send(98, ("H01",))
    await theatre.nodes["H05"].turn()
    (late,) = theatre.axis.queues["H01"]
    theatre.axis.queues["H01"].clear()
    theatre.clock.advance(timedelta(hours=80))
    await theatre.nodes["H05"].turn()
    assert sent(theatre, ref).reason == "expired"
    await ask(theatre, ref)
    await theatre.settle()
    theatre.axis.queues["H01"].append(late)
    await theatre.settle()
    assert sent(theatre, ref).recall == Recall.AGREED


async def test_lost_answers_are_given_again(theatre: Theatre) -> None:
    ref = await theatre.send(98, ("H01",))
    await theatre.settle()
    request = await ask(theatre, ref)
    node = theatre.nodes["H05"]
    await node.turn()
    await theatre.nodes["H01"].turn()
    await say(theatre, "15")
    for _ in range(3):  # one answer a turn, in order
        await theatre.nodes["H01"].turn()
    assert len(theatre.axis.queues["H05"]) == 2
    theatre.axis.queues["H05"].clear()  # 01 and 15 are lost
    await theatre.run(15 * MINUTE)
    assert [one.code for one in sent(theatre, request).history] == ["01", "15"]
    assert sent(theatre, ref).recall == Recall.AGREED


async def ask_twice(theatre: Theatre, ref: str) -> None:
    """Ask, and let another 13 for the same document come, as other systems send them."""
    await ask(theatre, ref)
    await theatre.settle()
    node, now = theatre.nodes["H05"], theatre.clock.now() + MINUTE
    view = node.store.outgoing.document(ref)
    other = await recall._request(
        view, view.deliveries[0], "Nhắc lại", "0" * 64, node.world, now, None
    )
    theatre.clock.advance(MINUTE)
    theatre.axis.put(Lane.NORMAL, "H01", other.data, "H05")
    await theatre.settle()


def answers(theatre: Theatre) -> list[list[str]]:
    """What H01 answered to each 13 that it has."""
    store = theatre.nodes["H01"].store
    asking = [one.tracking_id for one in store.incoming.arrivals() if one.business == 1]
    return [[status.code for status in store.incoming.arrival(one).history] for one in asking]


@pytest.mark.parametrize("point", ["", "before:submit", "after:submit"])
async def test_two_recalls_of_one_document_are_both_answered(theatre: Theatre, point: str) -> None:
    """Whichever the clerk answers; also when the node dies between the two answers."""
    ref = await theatre.send(98, ("H01",))
    await theatre.settle()
    await ask_twice(theatre, ref)
    assert answers(theatre) == [["01"], ["01"]]
    node = theatre.nodes["H01"]
    node.crash_at = point
    try:
        await say(theatre, "15")
    except StoreError:
        node.restart()
        await say(theatre, "15")
    await theatre.settle()
    assert answers(theatre) == [["01", "15"], ["01", "15"]]
    assert sent(theatre, ref).recall == Recall.AGREED
    assert is_sealed(node)
    with pytest.raises(SubmissionRefused, match=r"E-STA-002.*15 -> 15"):
        await say(theatre, "15")


async def test_two_recalls_that_came_before_their_document_are_both_answered(
    theatre: Theatre,
) -> None:
    ref = await theatre.send(98, ("H01",))
    await theatre.nodes["H05"].turn()
    (late,) = theatre.axis.queues["H01"]
    theatre.axis.queues["H01"].clear()
    await ask_twice(theatre, ref)
    theatre.axis.queues["H01"].append(late)
    await theatre.settle()
    assert answers(theatre) == [["01", "15"], ["01", "15"]]
    assert is_sealed(theatre.nodes["H01"])


async def test_a_recall_whose_document_never_came_ends_with_the_lifetime(theatre: Theatre) -> None:
    """Both sides see it; the document, if it comes after all, is a document like any other."""
    ref = await theatre.send(98, ("H01",))
    await theatre.nodes["H05"].turn()
    (late,) = theatre.axis.queues["H01"]
    theatre.axis.queues["H01"].clear()
    theatre.nodes["H01"].mailroom = True
    request = await ask(theatre, ref)
    await theatre.settle()
    theatre.clock.advance(theatre.schedule.lifetime - MINUTE)
    await theatre.settle()
    assert sent(theatre, ref).recall == Recall.ASKED
    theatre.clock.advance(MINUTE)
    await theatre.settle()
    assert sent(theatre, ref).recall == Recall.EXPIRED
    history = sent(theatre, request).history
    assert [one.code for one in history] == ["01", "16"]
    assert history[-1].note == "Hết hạn: văn bản cần thu hồi không đến"
    store = theatre.nodes["H01"].store
    told = [json.loads(one.message.body or b"{}") for one in store.mailrooms.due("mr-H01", 0, 9)]
    assert [one["data"]["recall"]["state"] for one in told] == ["waiting", "expired"]
    lines = [json.loads(one.line) for one in store.journal.of(tracking(store))]
    assert [one["recall"] for one in lines if one["event"] == "recall"] == ["waiting", "expired"]
    theatre.axis.queues["H01"].append(late)
    await theatre.settle()
    assert not is_sealed(theatre.nodes["H01"])
    await ask(theatre, ref)  # and it may be recalled again
    await theatre.settle()
    assert sent(theatre, ref).recall == Recall.AGREED


def tracking(store: SqlStore) -> str:
    """Of the recall that came."""
    return next(one.tracking_id for one in store.incoming.arrivals() if one.business == 1)


async def test_a_document_that_recalls_waits_for_ever(theatre: Theatre) -> None:
    about = ResponseFor(organ_id="H05", code="98/QĐ-UBND", document_id="H05,2026/11/23,98/QĐ-UBND")
    business = Business(type="1", reason="Ban hành nhầm")
    recalling = await submit(theatre, changing(99, business, responses_to=(about,)))
    await theatre.settle()
    theatre.clock.advance(10 * theatre.schedule.lifetime)
    await theatre.settle()
    assert [one.code for one in sent(theatre, recalling).history] == ["01"]


async def test_recalls_that_fit_nothing_are_bounded_for_each_organ(
    theatre: Theatre, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is beyond is journalled and kept nowhere; another organ is not concerned, and there is
    room again when the others have expired."""
    monkeypatch.setattr("docexchange.edges.store.recalls.WAITING_MAX", 2)
    refs = [await theatre.send(number, ("H01",)) for number in (1, 2, 3)]
    await theatre.nodes["H05"].turn()
    theatre.axis.queues["H01"].clear()
    for ref in refs:
        await ask(theatre, ref)
    other = await theatre.send(4, ("H01",), "H13")
    await theatre.nodes["H13"].turn()
    theatre.axis.queues["H01"].clear()
    await recall.ask(other, "Sai", world=theatre.nodes["H13"].world, now=theatre.clock.now())
    await theatre.settle()
    store = theatre.nodes["H01"].store
    assert sorted(one.from_organ for one in store.incoming.arrivals()) == ["H05", "H05", "H13"]
    assert sorted(one.code for one in sum((sent(theatre, ref).history for ref in refs), ())) == []
    raw = store._access.writer._connection._raw
    found = raw.execute("SELECT count(*) FROM journal WHERE line LIKE '%recall_refused%'")
    assert found.fetchone()[0] == 1
    await theatre.run(timedelta(hours=1), 10 * MINUTE)
    assert len(store.incoming.arrivals()) == 3
    monkeypatch.undo()
    await theatre.run(timedelta(hours=3), 10 * MINUTE)  # the 13 that was refused comes again
    assert len(store.incoming.arrivals()) == 4


async def test_an_organ_that_gives_back_by_itself(theatre: Theatre) -> None:
    """By its own rule, and only what is not completed."""
    node = theatre.nodes["H01"]
    node.world = replace(node.world, giving_back=frozenset({"H01"}))
    ref = await theatre.send(98, ("H01",))
    await theatre.settle()
    await say(theatre, "04")
    request = await ask(theatre, ref)
    await theatre.settle()
    assert [one.code for one in sent(theatre, request).history] == ["15"]
    assert sent(theatre, ref).recall == Recall.AGREED
    assert is_sealed(node)
    done = await theatre.send(99, ("H01",))
    await theatre.settle()
    here = next(one for one in node.store.incoming.arrivals() if one.number == "99")
    await receipts.report(here.tracking_id, "06", world=node.world, now=theatre.clock.now())
    await theatre.settle()
    await ask(theatre, done)
    await theatre.settle()
    assert sent(theatre, done).recall == Recall.TOO_LATE


@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("who", ["H05", "H01"])
async def test_a_crash_at_each_commit(theatre: Theatre, point: str, who: str) -> None:
    ref = await theatre.send(98, ("H01",))
    await theatre.run(3 * MINUTE)
    theatre.nodes[who].crash_at = point
    await ask(theatre, ref)
    await theatre.run(12 * MINUTE)
    theatre.nodes["H01"].crash_at = ""
    await say(theatre, "15")
    await theatre.run(12 * MINUTE)
    assert sent(theatre, ref).recall == Recall.AGREED
    assert is_sealed(theatre.nodes["H01"])
    for node in ("H05", "H01"):
        assert theatre.nodes[node].store.journal.verify()


@pytest.mark.parametrize("point", ["before:accept_recalled", "after:accept_recalled"])
async def test_a_crash_while_the_document_is_buried(theatre: Theatre, point: str) -> None:
    ref = await theatre.send(98, ("H01",))
    await theatre.nodes["H05"].turn()
    (late,) = theatre.axis.queues["H01"]
    theatre.axis.queues["H01"].clear()
    await ask(theatre, ref)
    await theatre.settle()
    theatre.nodes["H01"].crash_at = point
    theatre.axis.queues["H01"].append(late)
    await theatre.run(12 * MINUTE)
    assert theatre.nodes["H01"].crashes == 1
    assert sent(theatre, ref).recall == Recall.AGREED
    assert is_sealed(theatre.nodes["H01"])


def changing(number: int, business: Business, **others: object) -> Document:
    made = document(number, ("H01",))
    return replace(made, trace=TraceHeaderList(business=business), **others)  # type: ignore[arg-type]


async def submit(theatre: Theatre, made: Document) -> str:
    node = theatre.nodes["H05"]
    return (await outbox.submit(made, world=node.world, now=theatre.clock.now())).tracking_id


async def test_a_document_that_recalls_binds_the_receiver(theatre: Theatre) -> None:
    ref = await theatre.send(98, ("H01",))
    await theatre.settle()
    await say(theatre, "06")
    await theatre.settle()
    document_id = theatre.nodes["H05"].store.outgoing.document(ref).document_id
    about = ResponseFor(organ_id="H05", code="98/QĐ-UBND", document_id=document_id)
    business = Business(type="1", reason="Ban hành nhầm")
    recalling = await submit(theatre, changing(99, business, responses_to=(about,)))
    await theatre.settle()
    assert sent(theatre, ref).recall == Recall.AGREED
    assert [one.code for one in sent(theatre, recalling).history] == ["15"]
    assert is_sealed(theatre.nodes["H01"])


async def test_nobody_recalls_what_another_sent(theatre: Theatre) -> None:
    ref = await theatre.send(98, ("H01",))
    await theatre.settle()
    document_id = theatre.nodes["H05"].store.outgoing.document(ref).document_id
    business = Business(type="1", document_id=document_id, reason="Không phải của tôi")
    made = replace(document(7, ("H01",), "H13"), trace=TraceHeaderList(business=business))
    node = theatre.nodes["H13"]
    await outbox.submit(made, world=node.world, now=theatre.clock.now())
    await theatre.settle()
    assert not is_sealed(theatre.nodes["H01"])


@pytest.mark.parametrize("first", ["document", "change"])
async def test_updates_and_replacements_are_linked_whichever_comes_first(
    theatre: Theatre, first: str
) -> None:
    old = document(98, ("H01",))
    name = old.document_id or ""
    update = changing(99, Business(type="2", document_id=name))
    item = ReplacementInfo(document_id=name, organs=Texts(items=("H01",)))
    new = changing(100, Business(type="3", replacements=Replacements(items=(item,))))
    order = [old, update, new] if first == "document" else [update, new, old]
    for made in order:
        await submit(theatre, made)
        await theatre.settle()
    store = theatre.nodes["H01"].store
    view = store.incoming.arrival("98/QĐ-UBND")
    seen = {(one.business, one.tracking_id, one.by_this) for one in view.changes}
    updated, replaced = store.incoming.arrival("99/QĐ-UBND"), store.incoming.arrival("100/QĐ-UBND")
    assert seen == {(2, updated.tracking_id, False), (3, replaced.tracking_id, False)}
    for other in (updated, replaced):
        (line,) = other.changes
        assert (line.tracking_id, line.by_this) == (view.tracking_id, True)


@pytest.mark.parametrize("business", [UPDATE, REPLACE])
async def test_the_sender_names_what_it_changes_and_both_sides_link_it(
    theatre: Theatre, business: int
) -> None:
    old = await theatre.send(98, ("H01", "H13"))
    await theatre.settle()
    wish = Change(business, ("98/QĐ-UBND",), "Sai phụ lục")
    world = theatre.nodes["H05"].world
    new = await submit(theatre, changes.apply(document(99, ("H01",)), wish, world=world))
    await theatre.settle()
    store = theatre.nodes["H05"].store
    name = store.outgoing.document(old).document_id
    assert store.outgoing.document(old).changes == (SentChange(business, new, name, by_this=False),)
    assert store.outgoing.document(new).changes == (SentChange(business, old, name, by_this=True),)
    assert (
        store.outgoing.document(old).deliveries[0].recall == ""
    )  # it is no recall: the copy stays
    there = theatre.nodes["H01"].store
    (line,) = there.incoming.arrival("98/QĐ-UBND").changes
    assert line.tracking_id == there.incoming.arrival("99/QĐ-UBND").tracking_id
    assert (line.business, line.by_this) == (business, False)
    envelope, _ = read_edxml(store.contents.read(store.outgoing.document(new).sha256))
    assert isinstance(envelope, Document)
    assert envelope.business == business
    made = envelope.trace.business if envelope.trace else None
    assert made is not None
    assert made.reason == "Sai phụ lục"
    if business == UPDATE:
        assert made.document_id == name
    else:
        (item,) = made.replacements.items if made.replacements else ()
        assert item == ReplacementInfo(document_id=name, organs=Texts(items=("H01",)))


async def test_a_document_of_another_system_is_named_by_its_documentid(theatre: Theatre) -> None:
    world = theatre.nodes["H05"].world
    wish = Change(REPLACE, ("H05,2020/01/31,7/QĐ-UBND",))
    new = await submit(theatre, changes.apply(document(99, ("H01",)), wish, world=world))
    expected = SentChange(REPLACE, "", "H05,2020/01/31,7/QĐ-UBND", by_this=True)
    assert theatre.nodes["H05"].store.outgoing.document(new).changes == (expected,)


@pytest.mark.parametrize(
    ("ref", "sender", "to", "code"),
    [
        ("7/QĐ-UBND", "H05", "H01", "E-REF-001"),
        ("98/QĐ-UBND", "H05", "H13", "E-RCL-002"),
        ("98/QĐ-UBND", "H06", "H01", "E-AUT-001"),
    ],
)
async def test_what_cannot_be_changed_is_refused_with_its_place(
    theatre: Theatre, ref: str, sender: str, to: str, code: str
) -> None:
    await theatre.send(98, ("H01",))
    made = document(99, (to,), sender)
    with pytest.raises(SubmissionRefused) as refused:
        changes.apply(made, Change(REPLACE, (ref,)), world=theatre.nodes["H05"].world)
    assert (refused.value.code, refused.value.pointer) == (code, "/replaces/0")
