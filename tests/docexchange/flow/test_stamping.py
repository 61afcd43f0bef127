"""docexchange/flow/stamping.py: what waits is stamped in order, by whichever authority can."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from docexchange.core.errors import Deferred, StoreError
from docexchange.core.stamping import Stamping
from docexchange.core.states import State
from docexchange.flow import stamping as stamping_flow
from docexchange.flow.stamping import Stamper
from envelopes.evidence.journal import Follower
from envelopes.verify import verify
from envelopes.wording import Indication
from tests.pki import END, P256
from tests.theatre import Crash, Theatre
from tests.tsa import AUTHORITY, OTHER_POLICY, POLICY, STRANGER, Authority, refusal

pytestmark = pytest.mark.asyncio
MINUTE = timedelta(minutes=1)


class Fake:
    """An authority on the clock of the theatre; `broken` says what it does instead."""

    def __init__(self, theatre: Theatre, name: str = "one", by: Authority = AUTHORITY) -> None:
        self.name = name
        self.asked = 0
        self.broken: Callable[[bytes, datetime], bytes] | None = None
        self._by, self._clock = by, theatre.clock

    async def ask(self, request: bytes) -> bytes:
        self.asked += 1
        now = self._clock.now()
        return self.broken(request, now) if self.broken else self._by.answer(request, now)


def down(_request: bytes, _now: datetime) -> bytes:
    raise Deferred("down", "không kết nối được")


def with_fault(**faults: Any) -> Callable[[bytes, datetime], bytes]:
    return lambda request, now: AUTHORITY.answer(request, now, **faults)


def stamper(*authorities: Fake, **settings: Any) -> Stamper:
    return Stamper(authorities, Stamping(**settings), itertools.count(10**18).__next__)


async def round_of(one: Stamper, theatre: Theatre, node: str = "H05") -> int:
    world = theatre.nodes[node].world
    return await one.round(world=world, now=theatre.clock.now())


async def exchanged(theatre: Theatre, count: int) -> list[str]:
    """So many documents from H05 to H01 and their receipts back; the tracking ids."""
    sent = [await theatre.send(n, ("H01",)) for n in range(count)]
    await theatre.settle()
    return sent


def proven(theatre: Theatre, node: str, sha256: str) -> datetime | None:
    """Of a stored envelope, years after everybody's certificate has expired."""
    store = theatre.nodes[node].store
    found = store.stamps.of(sha256)
    assert found is not None
    late = END + timedelta(days=900)
    data = store.contents.read(sha256)
    report = verify(data, trust=P256.trust, at=late, timestamp=found.to_bytes())
    assert report.indication is Indication.PASSED, report.text("en")
    return report.proven_at


async def test_everything_is_stamped_under_one_token(theatre: Theatre) -> None:
    """Documents, receipts and arrivals, at both ends, each with its path in the tree."""
    sent = await exchanged(theatre, 5)
    authority = Fake(theatre)
    assert await round_of(stamper(authority), theatre) == 10
    assert authority.asked == 1
    store = theatre.nodes["H05"].store
    for ref in sent:
        document = store.outgoing.document(ref)
        digests = [document.sha256, *(digest for _, _, digest in store.receipts.of(ref))]
        assert len(digests) == 2
        for digest in digests:
            assert proven(theatre, "H05", digest) == theatre.clock.now()
    assert await round_of(stamper(authority), theatre, "H01") == 10
    arrival = theatre.nodes["H01"].store.incoming.arrivals(1)[0]
    assert proven(theatre, "H01", arrival.sha256) is not None
    assert (authority.asked, store.stamps.backlog().waiting) == (2, 0)
    assert await round_of(stamper(authority), theatre) == 0
    assert authority.asked == 2


async def test_a_few_get_a_token_each(theatre: Theatre) -> None:
    """So that an XAdES-T copy can be made of them."""
    await theatre.send(1, ("H01",))
    authority = Fake(theatre)
    assert await round_of(stamper(authority), theatre) == 1
    found = theatre.nodes["H05"].store.stamps.of(
        theatre.nodes["H05"].store.outgoing.documents(1)[0].sha256
    )
    assert found is not None
    assert found.alone


async def test_the_journal_says_what_was_stamped_once_for_all_of_it(theatre: Theatre) -> None:
    await exchanged(theatre, 3)
    await round_of(stamper(Fake(theatre)), theatre)
    lines: list[str] = []
    theatre.nodes["H05"].store.journal.follow(Follower(), lambda one: lines.append(one.line))
    said = [one for one in lines if '"event":"stamped"' in one]
    assert ['"envelopes":6' in one for one in said] == [True]


async def test_an_outage_stops_nothing_and_the_backlog_drains_in_order(theatre: Theatre) -> None:
    """Peer row 10 and F3: three days without an authority; the exchange goes on."""
    authority = Fake(theatre)
    authority.broken = down
    one = stamper(authority, batch=4)
    sent: list[str] = []
    for day in range(3):
        sent += [await theatre.send(10 * day + n, ("H01",)) for n in range(2)]
        await theatre.settle()
        with pytest.raises(Deferred, match="down"):
            await round_of(one, theatre)
        theatre.clock.advance(timedelta(days=1))
    store = theatre.nodes["H05"].store
    assert all(
        store.outgoing.document(ref).deliveries[0].state is State.ACKNOWLEDGED for ref in sent
    )
    backlog = store.stamps.backlog()
    assert (backlog.waiting, backlog.stamped, backlog.last) == (12, 0, None)
    assert backlog.oldest == store.outgoing.document(sent[0]).submitted_at
    authority.broken = None
    done = []
    while await round_of(one, theatre):
        done.append([ref for ref in sent if store.stamps.of(store.outgoing.document(ref).sha256)])
        theatre.clock.advance(MINUTE)
    assert done == [sent[:2], sent[:4], sent]
    assert store.stamps.backlog().waiting == 0


async def test_the_next_authority_is_asked_when_one_fails(theatre: Theatre) -> None:
    await theatre.send(1, ("H01",))
    first, second = Fake(theatre, "first"), Fake(theatre, "second")
    first.broken = down
    assert await round_of(stamper(first, second), theatre) == 1
    assert (first.asked, second.asked) == (1, 1)


@pytest.mark.parametrize(
    ("broken", "why"),
    [
        (with_fault(nonce=5), "TOKEN_NONCE"),
        (with_fault(nonce=None), "TOKEN_NONCE"),
        (with_fault(policy=OTHER_POLICY), "TOKEN_POLICY"),
        (with_fault(imprint_digest="sha1"), "TOKEN_ALGORITHM"),
        (with_fault(ess="signing_certificate"), "TOKEN_ALGORITHM"),
        (with_fault(changed=True), "TOKEN_SIGNATURE"),
        (with_fault(bound=P256.organ("H01").certificate), "TOKEN_SIGNER"),
        (STRANGER.answer, "TOKEN_UNTRUSTED"),
        (lambda request, now: AUTHORITY.answer(request, now - timedelta(hours=1)), "clock"),
        (lambda request, now: AUTHORITY.answer(request, now + timedelta(hours=1)), "clock"),
        (lambda request, now: AUTHORITY.answer(request, now)[:-9], "TOKEN_MALFORMED"),
        (lambda _request, _now: b"<html>", "TOKEN_MALFORMED"),
        (lambda _request, _now: refusal("no"), "TSA_REFUSED"),
    ],
)
async def test_no_bad_token_is_ever_kept(
    theatre: Theatre, broken: Callable[[bytes, datetime], bytes], why: str
) -> None:
    """F3: refused with its reason, asked again later, and the next authority does it."""
    await theatre.send(1, ("H01",))
    store = theatre.nodes["H05"].store
    bad, good = Fake(theatre, "bad"), Fake(theatre, "good")
    bad.broken = broken
    settings = {"policies": (POLICY,)}
    with pytest.raises(Deferred, match=why):
        await round_of(stamper(bad, **settings), theatre)
    assert (store.stamps.backlog().stamped, store.stamps.backlog().waiting) == (0, 1)
    assert await round_of(stamper(bad, good, **settings), theatre) == 1


async def test_a_token_for_another_request_is_refused(theatre: Theatre) -> None:
    await theatre.send(1, ("H01",))
    authority = Fake(theatre)
    kept: list[bytes] = []

    def replay(request: bytes, now: datetime) -> bytes:
        kept.append(AUTHORITY.answer(request, now))
        return kept[0]

    authority.broken = replay
    one = stamper(authority)
    assert await round_of(one, theatre) == 1
    await theatre.send(2, ("H01",))
    with pytest.raises(Deferred, match=r"TOKEN_IMPRINT|TOKEN_NONCE"):
        await round_of(one, theatre)


@pytest.mark.parametrize("point", ["before:stamp", "after:stamp"])
async def test_a_crash_loses_no_more_than_a_token(theatre: Theatre, point: str) -> None:
    await exchanged(theatre, 3)
    node, authority = theatre.nodes["H05"], Fake(theatre)
    node.crash_at = point
    with pytest.raises((Crash, StoreError)):
        await round_of(stamper(authority), theatre)
    node.restart()
    again = await round_of(stamper(authority), theatre)
    assert again == (6 if point.startswith("before") else 0)
    backlog = node.store.stamps.backlog()
    assert (backlog.waiting, backlog.stamped) == (0, 6)


async def test_a_document_to_an_organ_of_the_same_node_has_one_stamp(
    theatre: Theatre,
) -> None:
    await theatre.send(1, ("H05",))
    await theatre.settle()
    assert await round_of(stamper(Fake(theatre)), theatre) == 4
    backlog = theatre.nodes["H05"].store.stamps.backlog()
    assert (backlog.waiting, backlog.stamped) == (0, 2)


async def test_the_operator_is_told_once_for_each_age(
    theatre: Theatre, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[tuple[str, str]] = []

    class Log:
        def error(self, event: str, *, age: str, **_: str) -> None:
            told.append((event, age))

    monkeypatch.setattr(stamping_flow, "log", Log())
    one, oldest = stamper(Fake(theatre)), theatre.clock.now()
    for minutes in (0, 14, 15, 16, 200, 240, 9999):
        one.tell(oldest, "down", oldest + minutes * MINUTE)
    assert told == [("stamps_late", "0:15:00"), ("stamps_late", "4:00:00")]


async def test_what_waits_costs_no_scan(theatre: Theatre) -> None:
    """However long the history is, a round looks behind its cursors only."""
    from docexchange.edges.store import stamping

    store = theatre.nodes["H05"].store
    for query in (*stamping._WAITING.values(), *stamping._OLDEST.values()):
        plan = store._access.reader._raw.execute(
            f"EXPLAIN QUERY PLAN {query.sql}", {**query.constants, "last": 0, "most": 1}
        ).fetchall()
        assert not [row[3] for row in plan if row[3].startswith("SCAN")]
