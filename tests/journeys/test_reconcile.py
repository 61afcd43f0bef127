"""Two organs compare what they sent to each other; after a restore nothing is lost and nothing is
sent twice."""

from __future__ import annotations

import json
from collections.abc import Coroutine, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from docexchange.cli import reconciling as talking
from docexchange.core import questions
from docexchange.core.errors import SubmissionRefused
from docexchange.core.model import Order
from docexchange.core.reconciling import Asked, Question, Reply, Window
from docexchange.core.schedule import Lane
from docexchange.core.searching import Search
from docexchange.flow import inbox, keeper, outbox, reconcile
from tests.office import Office, Ran, build
from tests.pki import AT
from tests.theatre import NAMES, Node, Theatre, document

WHY = ("--reason", "kho được khôi phục")
ORDER = Order("an", "đối soát")
DAY = timedelta(days=1)


@pytest.fixture
def office(tmp_path: Path, template: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Office]:
    made = build(tmp_path, template, capsys)
    yield made
    made.theatre.close()


@pytest.fixture
def nodes(office: Office) -> dict[str, Node]:
    for node in office.theatre.nodes.values():
        node.mailroom = True
    return office.theatre.nodes


@pytest.fixture(autouse=True)
def waits(office: Office, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A command that waits lets the nodes work; the end of its patience comes after 40 looks."""
    looks = [0.0]

    def sleep(_: float) -> None:
        looks[0] += 1.0
        office.theatre.clock.advance(timedelta(seconds=1))
        office.quietly(office.theatre.settle(1))

    monkeypatch.setattr(talking, "time", SimpleNamespace(sleep=sleep, monotonic=lambda: looks[0]))
    return looks


def compare(office: Office, *options: str, of: str = "H05", peer: str = "H01") -> Ran:
    return office.run(of, "reconcile", peer, "--json", *options)


def names(found: list[dict[str, Any]]) -> list[str]:
    return [one["document_id"].rpartition(",")[2] for one in found]


def told(ran: Ran) -> tuple[list[str], ...]:
    assert ran.out, ran.err
    found = ran.json
    parts = ("not_there", "not_here", "open_here", "unknown_here")
    return tuple(names(found[part]) for part in parts)


ALIKE: tuple[list[str], ...] = ([], [], [], [])


def events(node: Node, *wanted: str) -> list[dict[str, Any]]:
    rows = node.store._access.reader._raw.execute(
        "SELECT line FROM journal ORDER BY number"
    ).fetchall()
    lines = [json.loads(row["line"]) for row in rows]
    return [line for line in lines if line["event"] in wanted]


def rows(node: Node, sql: str) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in node.store._access.reader._raw.execute(sql).fetchall()]


def snapshot(node: Node) -> list[tuple[Any, ...]]:
    """What an answer must not change."""
    deliveries = rows(node, "SELECT state, held, code, copies FROM deliveries WHERE kind != 'test'")
    return [*deliveries, *rows(node, "SELECT sha256, answer FROM reconcilings")]


def arrivals(node: Node) -> list[str]:
    return sorted(one.document_id.rpartition(",")[2] for one in node.store.incoming.arrivals())


def restore(office: Office, name: str, copy: Path) -> None:
    node = office.theatre.nodes[name]
    node.store.close()
    ran = office.run(name, "db", "restore", copy, "--replace", "--json")
    assert ran.code == 0, ran.err
    office.theatre.axis.disconnect(name)
    node._open()


def step(office: Office, *stories: Coroutine[Any, Any, Any]) -> None:
    for story in stories:
        office.play(story)


def test_two_nodes_that_agree(office: Office, nodes: dict[str, Node]) -> None:
    step(office, *(office.theatre.send(number, ("H01", "H13")) for number in (1, 2)))
    step(office, office.theatre.send(3, ("H05",), sender="H01"))
    office.settle()
    ran = compare(office)
    assert (ran.code, told(ran)) == (0, ALIKE), ran.err
    assert ran.json["sent"] == {"count": 2, "they_have": 2}
    assert ran.json["received"] == {"count": 1, "we_have": 1}
    assert "✔ no difference" in office.run("H05", "reconcile", "H01").out


def test_a_question_reaches_no_mailroom_no_list_and_no_figure(
    office: Office, nodes: dict[str, Node]
) -> None:
    assert compare(office).code == 0
    office.play(office.theatre.run(80 * timedelta(hours=1), timedelta(hours=1)))
    for name in ("H05", "H01"):
        store = nodes[name].store
        assert (
            store.outgoing.documents(10)
            == store.incoming.arrivals()
            == store.incoming.kept_list()
            == []
        )
        assert (
            store.archive.find(Search()) == store.operator.waiting() == store.operator.dead() == []
        )
        assert all(store.mailrooms.due(f"mr-{organ}", 0, 10) == [] for organ in NAMES)
        assert store.outgoing.open_work() == {}
        store.journal.verify()
    [asked] = events(nodes["H05"], "reconcile_asked")
    [answered] = events(nodes["H01"], "reconcile_answered")
    assert (asked["organ"], answered["organ"], answered["sender"]) == ("H01", "H01", "H05")
    assert len(events(nodes["H05"], "reconcile_told")) == 1


def test_after_a_restore_nothing_is_lost_and_nothing_is_sent_twice(
    office: Office, nodes: dict[str, Node]
) -> None:
    theatre, copy = office.theatre, office.folder / "copy.db"
    step(office, theatre.send(1, ("H01",)), theatre.send(2, ("H05",), sender="H01"))
    office.settle()
    theatre.axis.full.add("H01")
    step(office, theatre.send(4, ("H01",)), nodes["H05"].turn())  # not taken
    theatre.axis.full.clear()
    step(office, theatre.send(3, ("H01",)), nodes["H05"].turn())  # taken, acknowledged later
    assert office.run("H05", "db", "backup", copy).code == 0
    office.settle()
    step(office, theatre.send(5, ("H05",), sender="H01"), theatre.send(6, ("H01",)))
    office.settle()
    assert arrivals(nodes["H05"]) == ["2/QĐ-UBND", "5/QĐ-UBND"]

    restore(office, "H05", copy)
    published = sum_of_copies(nodes["H05"])
    office.play(theatre.run(DAY, timedelta(hours=1)))
    assert arrivals(nodes["H05"]) == ["2/QĐ-UBND"]

    ran = compare(office)
    assert ran.code == 1
    found = (["4/QĐ-UBND"], ["5/QĐ-UBND"], ["3/QĐ-UBND"], ["6/QĐ-UBND"])
    assert told(ran) == found
    assert [one["held"] for one in ran.json["not_there"]] == ["restored"]
    assert sum_of_copies(nodes["H05"]) == published  # asking sends nothing

    ran = compare(office, "--release", "--resend", *WHY)
    assert (ran.code, told(ran)) == (1, found)
    done = ran.json["done"]
    assert (len(done["released"]), done["receipts_came"], done["copies_came"]) == (1, 1, 1)
    office.settle()
    ran = compare(office)
    assert (ran.code, told(ran)) == (1, ([], [], [], ["6/QĐ-UBND"]))  # nobody can undo that

    assert sum_of_copies(nodes["H05"]) == published + 1  # number 4, once; number 3 never again
    assert arrivals(nodes["H05"]) == ["2/QĐ-UBND", "5/QĐ-UBND"]
    assert arrivals(nodes["H01"]) == [f"{number}/QĐ-UBND" for number in (1, 3, 4, 6)]
    states = {one.deliveries[0].state.value for one in nodes["H05"].store.outgoing.documents(10)}
    assert states == {"acknowledged"}
    for node in nodes.values():
        node.store.journal.verify()
    assert office.run("H05", "db", "check").code == 0
    assert office.run("H01", "db", "check").code == 0


def sum_of_copies(node: Node) -> int:
    [(count,)] = rows(node, "SELECT sum(copies) FROM deliveries WHERE kind = 'document'")
    return int(count)


def test_what_the_restore_held_is_told_in_words(office: Office, nodes: dict[str, Node]) -> None:
    copy = office.folder / "copy.db"
    step(office, office.theatre.send(7, ("H01",)), nodes["H05"].turn())
    assert office.run("H05", "db", "backup", copy).code == 0
    office.settle()
    restore(office, "H05", copy)
    ran = office.run("H05", "reconcile", "H01")
    assert ran.code == 1
    assert "▲ H01 has, H05 has no receipt (1)" in ran.out
    assert "■ held back since the restore" in ran.out
    assert "`docexchange reconcile H01 --release --reason ...`" in ran.err
    assert office.run("H05", "reconcile", "H01", "--release").code == 2  # without a reason
    ran = office.run("H05", "reconcile", "H01", "--release", *WHY)
    assert "● receipts asked again: 1/1 came" in ran.out
    assert office.run("H05", "reconcile", "H01").code == 0
    asked = events(nodes["H05"], "reconcile_asked")
    assert {one.get("detail", "") for one in asked} == {"", WHY[1]}


def test_the_one_that_was_not_restored_sees_the_other_side_of_it(
    office: Office, nodes: dict[str, Node]
) -> None:
    """H01 lost what H05 sent it; H05 sees that, and H01 gets it again by asking."""
    copy = office.folder / "copy.db"
    assert office.run("H01", "db", "backup", copy).code == 0
    step(office, office.theatre.send(1, ("H01",)), office.theatre.send(2, ("H05",), sender="H01"))
    office.settle()
    restore(office, "H01", copy)
    assert told(compare(office)) == (["1/QĐ-UBND"], [], [], [])
    assert told(compare(office, of="H01", peer="H05")) == ([], ["1/QĐ-UBND"], [], ["2/QĐ-UBND"])
    ran = compare(office, "--resend", *WHY, of="H01", peer="H05")
    assert ran.json["done"]["copies_came"] == 1
    assert arrivals(nodes["H01"]) == ["1/QĐ-UBND"]
    [line] = events(nodes["H05"], "resent")
    assert line["organ"] == "H01"
    assert "sent again to the recipient" in office.run("H05", "track", line["ref"]).out


def test_only_what_went_to_the_asker_is_sent_again_or_told(
    office: Office, nodes: dict[str, Node]
) -> None:
    """H13 asks H05 about a document that only H01 got, by its right digest."""
    step(office, office.theatre.send(1, ("H01",)))
    office.settle()
    [sent] = nodes["H05"].store.reconciling.sent(Asked("", "H05", "H01"), window(office))
    question = Question(
        about=(sent.sha256,), again=(sent.sha256,), resend=(sent.sha256,), window=window(office)
    )
    reply = asked(office, "H13", "H05", question)
    assert (reply.have, reply.sent, reply.received, reply.resent) == ({}, (), (), ())
    reply = asked(office, "H13", "H01", question)
    assert (reply.have, reply.sent, reply.received, reply.again) == ({}, (), (), 0)
    assert arrivals(nodes["H13"]) == []


def test_a_forged_or_foreign_answer_changes_nothing(office: Office, nodes: dict[str, Node]) -> None:
    step(office, office.theatre.send(1, ("H01",)), nodes["H05"].turn())
    ref = office.play(
        reconcile.ask(
            Question(), "H01", ORDER, sender="H05", world=nodes["H05"].world, now=now(office)
        )
    )
    [(question,)] = rows(nodes["H05"], "SELECT sha256 FROM reconcilings")
    before = snapshot(nodes["H05"])
    lie = Reply(question, have={"ab" * 32: "06"})
    wrong = questions.write_reply(replace(lie, question="cd" * 32))
    for signer, sender, text in (
        ("H13", "H13", questions.write_reply(lie)),  # another organ answers in its own name
        ("H13", "H01", questions.write_reply(lie)),  # and in the name of the one asked
        ("H01", "H01", wrong),  # an answer to a question that was never asked
        ("H01", "H01", b'{"v": 2}'),
        ("H01", "H01", b"\xff"),
    ):
        office.play(deliver(office, signer, sender, "H05", text, questions.ANSWER))
    assert snapshot(nodes["H05"]) == before
    assert nodes["H05"].store.reconciling.told(ref) is None
    [kept] = nodes["H05"].store.incoming.kept_list()
    assert kept.reason == "SIGNER_NOT_SENDER"

    office.play(deliver(office, "H01", "H01", "H05", questions.write_reply(lie), questions.ANSWER))
    assert nodes["H05"].store.reconciling.told(ref) == questions.write_reply(
        lie
    )  # the right one counts
    other = questions.write_reply(replace(lie, have={}))
    office.play(deliver(office, "H01", "H01", "H05", other, questions.ANSWER))
    assert nodes["H05"].store.reconciling.told(ref) == questions.write_reply(lie)  # once
    [view] = nodes["H05"].store.outgoing.documents(10)
    assert view.deliveries[0].state.value == "sent"  # and even that acknowledges nothing


def test_an_old_node_answers_as_to_a_test_and_the_command_says_so(
    office: Office, nodes: dict[str, Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inbox, "is_question", lambda _: False)  # as it was before
    ran = compare(office)
    assert (ran.code, ran.out) == (75, "")
    assert "does not know this question (an older program)" in ran.err
    assert nodes["H01"].store.incoming.arrivals() == []


def test_whom_it_cannot_ask(office: Office, nodes: dict[str, Node]) -> None:
    assert compare(office, peer="H05").code == 2  # itself
    assert compare(office, "--from", "H13").code == 4  # it does not speak for H13
    ran = compare(office, peer="H02")
    assert (ran.code, "[E-RTE-002]" in ran.err) == (5, True)
    assert rows(nodes["H05"], "SELECT * FROM reconcilings") == []


def test_a_silent_node_leaves_the_question_open(office: Office, nodes: dict[str, Node]) -> None:
    office.theatre.axis.full.add("H01")
    ran = compare(office, "--wait", "5s")
    assert (ran.code, "H01 did not answer the question: the axis did not take it" in ran.err) == (
        75,
        True,
    )


def test_questions_are_bounded_and_fresh(
    office: Office, nodes: dict[str, Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("docexchange.edges.store.reconciling.PER_HOUR", 2)
    assert [compare(office).code for _ in range(2)] == [0, 0]
    assert compare(office, "--wait", "5s").code == 75
    assert compare(office, of="H13").code == 0  # another organ is not touched
    office.theatre.clock.advance(timedelta(hours=2))
    assert compare(office).code == 0
    office.play(ask(office, "H05", "H01", Question()))
    office.play(nodes["H05"].turn())
    office.theatre.clock.advance(2 * DAY)
    count = len(events(nodes["H01"], "reconcile_answered"))
    office.settle()  # it is too old now: perhaps a replay
    assert len(events(nodes["H01"], "reconcile_answered")) == count


def test_many_documents_take_several_questions(
    office: Office, nodes: dict[str, Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pages of two digests, lists of three lines, and no more than five documents looked at."""
    monkeypatch.setattr(talking, "ABOUT_MAX", 2)
    monkeypatch.setattr(talking, "RESEND_MAX", 2)
    monkeypatch.setattr("docexchange.edges.store.comparing.LINES_MAX", 3)
    monkeypatch.setattr("docexchange.edges.store.comparing.SCAN_MAX", 5)
    copy = office.folder / "copy.db"
    for number in range(1, 8):
        step(
            office,
            office.theatre.send(number, ("H01",)),
            office.theatre.send(number, ("H13",), sender="H01"),
            office.theatre.send(20 + number, ("H05",), sender="H01"),
        )
    office.settle()
    assert compare(office).json["received"] == {"count": 7, "we_have": 7}
    assert office.run("H05", "db", "backup", copy).code == 0
    for number in range(8, 13):
        step(office, office.theatre.send(20 + number, ("H05",), sender="H01"))
    office.settle()
    restore(office, "H05", copy)
    lost = [f"{20 + number}/QĐ-UBND" for number in range(8, 13)]
    ran = compare(office, "--resend", *WHY)
    assert told(ran) == ([], lost, [], [])
    assert ran.json["done"]["copies_came"] == 5
    assert compare(office).code == 0


def test_a_list_without_an_end_is_given_up(
    office: Office, nodes: dict[str, Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = questions.write_reply
    monkeypatch.setattr(questions, "write_reply", lambda one: whole(replace(one, more=True)))
    monkeypatch.setattr(talking, "QUESTIONS_MAX", 3)
    ran = compare(office)
    assert (ran.code, "choose a later --since" in ran.err) == (75, True)


def test_old_questions_are_forgotten_with_their_contents(
    office: Office, nodes: dict[str, Node]
) -> None:
    assert compare(office).code == 0
    envelopes = "SELECT count(*) FROM chunks JOIN blobs ON blobs.id = blob_id WHERE size > 4000"
    assert rows(nodes["H05"], envelopes) == rows(nodes["H01"], envelopes) == [(1,)]
    office.theatre.clock.advance(9 * DAY)
    for name in ("H05", "H01"):
        office.play(keeper.tidy(world=nodes[name].world, now=now(office)))
        assert rows(nodes[name], "SELECT count(*) FROM reconcilings") == [(0,)]
        assert rows(nodes[name], envelopes) == [(0,)]
        assert office.run(name, "db", "check").code == 0


@pytest.mark.parametrize("name", ["reconcile_answer", "send_again"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_crash_while_a_question_is_answered(
    office: Office, nodes: dict[str, Node], when: str, name: str
) -> None:
    copy = office.folder / "copy.db"
    assert office.run("H05", "db", "backup", copy).code == 0
    step(office, office.theatre.send(1, ("H05",), sender="H01"))
    office.settle()
    restore(office, "H05", copy)
    nodes["H01"].crash_at = f"{when}:{name}"
    ran = compare(office, "--resend", *WHY)
    assert nodes["H01"].crashes == 1
    assert ran.json["done"]["copies_came"] == 1
    assert arrivals(nodes["H05"]) == ["1/QĐ-UBND"]
    assert compare(office).code == 0


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_crash_while_an_answer_is_taken(
    office: Office, nodes: dict[str, Node], when: str
) -> None:
    nodes["H05"].crash_at = f"{when}:reconcile_take"
    assert compare(office).code == 0
    assert nodes["H05"].crashes == 1
    assert len(events(nodes["H05"], "reconcile_told")) == 1


async def test_two_organs_of_one_node(tmp_path: Path, template: Path) -> None:
    theatre = Theatre(tmp_path, template, {"H05": "N", "H01": "N"})
    world, at = theatre.nodes["N"].world, theatre.clock.now()
    await theatre.send(1, ("H01",))
    await theatre.settle()
    question = Question(window=Window(at - DAY, at))
    ref = await reconcile.ask(question, "H01", ORDER, sender="H05", world=world, now=at)
    await theatre.settle()
    text = theatre.nodes["N"].store.reconciling.told(ref)
    assert text is not None
    assert [one.code for one in questions.read_reply(text).received] == ["01"]
    theatre.close()


async def test_a_document_with_such_a_mark_is_refused_at_the_door(nodes: dict[str, Node]) -> None:
    for mark in (questions.QUESTION, questions.ANSWER):
        marked = replace(document(1, ("H01",)), unknown=(mark,))
        with pytest.raises(SubmissionRefused, match="E-FMT-020"):
            await outbox.submit(marked, world=nodes["H05"].world, now=AT)


# -- what the tests do -------------------------------------------------------------------------


def now(office: Office) -> datetime:
    return office.theatre.clock.now()


def window(office: Office) -> Window:
    return Window(now(office) - DAY, now(office))


async def ask(office: Office, of: str, peer: str, question: Question) -> str:
    world = office.theatre.nodes[of].world
    return await reconcile.ask(question, peer, ORDER, sender=of, world=world, now=now(office))


def asked(office: Office, of: str, peer: str, question: Question) -> Reply:
    """What another organ answers to a question."""
    ref = office.play(ask(office, of, peer, question))
    office.settle()
    text = office.theatre.nodes[of].store.reconciling.told(ref)
    assert text is not None
    return questions.read_reply(text)


async def deliver(
    office: Office, signer: str, sender: str, to: str, text: bytes, mark: str
) -> None:
    """Put an envelope on the axis that says it is of one organ and is signed by another."""
    world = office.theatre.nodes[signer].world
    keyring = SimpleNamespace(signer=lambda _: world.keyring.signer(signer))
    forged = replace(world, keyring=keyring)
    made = await reconcile._signed(text, mark, sender, to, forged, now(office))
    assert isinstance(made.data, bytes)
    office.theatre.axis.put(Lane.NORMAL, to, made.data)
    await office.theatre.nodes[to].turn()
