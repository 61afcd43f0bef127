"""docexchange/edges/evidence.py: what is asked when, what is kept of it, and what never is."""

from __future__ import annotations

import asyncio
import threading
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from docexchange.edges.evidence import Collector, kept_of
from docexchange.edges.store import SqlStore
from docexchange.edges.webfetch import FetchFailed, Rules
from keys.certificates import Certificate
from keys.evidence_file import read_item
from keys.revocation import Evidence, Status
from tests.authority import WEEK, answer, crl, ocsp_at, points
from tests.pki import _MAY_SIGN, AT, DAY, OTHER, P256
from tests.records import open_store

LISTS, ROOTS, ASK = "http://crl.vn/ca.crl", "http://crl.vn/root.crl", "http://ocsp.vn/"
LEAF = P256.issue_organ("H05", extensions=(_MAY_SIGN, points(LISTS), ocsp_at(ASK))).certificate
CA, ROOT = P256.issuing, P256.root
CHAIN = (LEAF, CA.certificate, ROOT.certificate)
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
GOOD, REVOKED, UNKNOWN = Status.GOOD, Status.REVOKED, Status.UNKNOWN


class Web:
    """What the addresses answer: bytes, or what goes wrong."""

    def __init__(self, **of: bytes | str) -> None:
        self.answers: dict[str, bytes | str] = dict(of)
        self.asked: list[str] = []

    def __call__(self, url: str, rules: Rules, limit: int, body: bytes, kind: str) -> bytes:
        assert rules.host_of(url)
        assert bool(body) == (kind == "application/ocsp-request")
        assert limit > 0
        self.asked.append(url)
        found = self.answers.get(url, "it answered 404")
        if isinstance(found, str):
            raise FetchFailed(f"{url}: {found}")
        return found


@pytest.fixture
def web() -> Web:
    return Web()


def made(store: SqlStore, web: Web, *hosts: str) -> Collector:
    rules = Rules(frozenset(hosts or ("crl.vn", "ocsp.vn")))
    return Collector(Evidence.of([crl(ROOT)]), P256.trust, store.evidence, rules, fetch=web)


def status(collector: Collector, at: datetime = AT, leaf: Certificate = LEAF) -> Status:
    """Of the leaf; who asks makes the collector care."""
    chain = (leaf, *CHAIN[1:])
    return collector.evidence.judge(chain, chain[1:], P256.trust, at)[0].status


async def test_what_was_asked_about_is_fetched_kept_and_told(store: SqlStore, web: Web) -> None:
    collector = made(store, web)
    assert await collector.turn(AT) == 0  # nobody asked
    assert status(collector) is UNKNOWN
    web.answers[LISTS] = crl(CA, next_update=AT + WEEK)
    assert await collector.turn(AT) == 1
    assert status(collector) is GOOD
    [kept] = store.evidence.newest()
    assert (kept.kind, kept.source, kept.entries) == ("crl", LISTS, 0)
    assert await collector.turn(AT + SECOND) == 0
    assert web.asked == [LISTS]


async def test_it_is_asked_again_at_half_of_its_validity(store: SqlStore, web: Web) -> None:
    collector = made(store, web)
    status(collector)
    web.answers[LISTS] = crl(CA, this_update=AT, next_update=AT + 2 * DAY)
    await collector.turn(AT)
    await collector.turn(AT + DAY - SECOND)
    assert len(web.asked) == 1
    web.answers[LISTS] = crl(CA, {LEAF: AT}, this_update=AT + DAY, next_update=AT + WEEK)
    assert status(collector, AT + DAY) is GOOD
    assert await collector.turn(AT + DAY) == 1
    assert status(collector, AT + DAY) is REVOKED


async def test_a_source_that_fails_is_asked_in_growing_steps(store: SqlStore, web: Web) -> None:
    collector = made(store, web, "crl.vn")
    status(collector)
    times = []
    for second in range(0, 1200, 5):
        before = len(web.asked)
        await collector.turn(AT + second * SECOND)
        if len(web.asked) > before:
            times.append(second)
    assert times == [0, 15, 75, 375]
    assert status(collector) is UNKNOWN
    assert store.evidence.newest() == []
    web.answers[LISTS] = crl(CA)
    assert await collector.turn(AT + 1275 * SECOND) == 1
    assert status(collector) is GOOD


@pytest.mark.parametrize(
    "lie",
    [
        b"<html>maintenance</html>",
        b"",
        crl(OTHER.issuing),
        crl(CA, signed_by=OTHER.issuing),
        crl(CA, this_update=AT - WEEK, next_update=AT - DAY),
        crl(CA, this_update=AT + DAY),
        answer(LEAF, CA),
        "no answer within 20 s",
    ],
    ids=["page", "empty", "other CA", "forged", "stale", "of the future", "other kind", "slow"],
)
async def test_a_source_that_lies_is_neither_good_nor_revoked(
    store: SqlStore, web: Web, lie: bytes | str
) -> None:
    """Row F1: none of it is kept, so it fills no store either."""
    collector = made(store, web, "crl.vn")
    status(collector)
    web.answers[LISTS] = lie
    await collector.turn(AT)
    assert status(collector) is UNKNOWN
    assert store.evidence.newest() == []


async def test_where_lists_fail_the_responder_is_asked(store: SqlStore, web: Web) -> None:
    collector = made(store, web)
    collector.nonce = lambda: b""
    status(collector)
    web.answers[ASK] = answer(LEAF, CA, next_update=AT + DAY)
    await collector.turn(AT)
    assert web.asked == [LISTS]
    await collector.turn(AT + MINUTE)
    assert sorted(web.asked[1:]) == [LISTS, ASK]  # at the same time
    assert status(collector, AT + MINUTE) is GOOD


async def test_an_answer_to_another_question_is_refused(store: SqlStore, web: Web) -> None:
    collector = made(store, web, "ocsp.vn")
    collector.nonce = lambda: b"n" * 16
    status(collector)
    web.answers[ASK] = answer(LEAF, CA, next_update=AT + DAY, nonce=b"m" * 16)
    await collector.turn(AT)
    assert (web.asked, status(collector)) == ([ASK], UNKNOWN)


async def test_of_hosts_that_are_not_named_nothing_is_asked(store: SqlStore, web: Web) -> None:
    collector = made(store, web, "other.vn")
    status(collector)
    await collector.turn(AT)
    assert web.asked == []


async def test_what_another_process_kept_is_taken_up(store: SqlStore, web: Web) -> None:
    collector = made(store, web, "nobody.vn")
    assert status(collector) is UNKNOWN
    data = crl(CA)
    assert await store.evidence.keep(kept_of("ca.crl", read_item(data)[0], data, AT))
    assert await collector.turn(AT) == 1
    assert status(collector) is GOOD
    assert not await store.evidence.keep(kept_of("again.crl", read_item(data)[0], data, AT))
    assert await collector.turn(AT + SECOND) == 0


async def test_a_slow_source_delays_nothing_that_a_person_gives(store: SqlStore, web: Web) -> None:
    collector = made(store, web)
    status(collector)
    begun, go_on = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def slow(url: str, *_: object) -> bytes:
        loop.call_soon_threadsafe(begun.set)
        assert go_on.wait(60)
        raise FetchFailed(f"{url}: no answer within 20 s")

    collector.fetch = slow
    asking = asyncio.create_task(collector.ask(AT))
    await begun.wait()
    data = crl(CA)
    await store.evidence.keep(kept_of("ca.crl", read_item(data)[0], data, AT))
    assert await collector.take_up(AT) == 1
    assert status(collector) is GOOD
    assert not asking.done()
    go_on.set()
    await asking
    assert status(collector) is GOOD


async def test_a_restart_takes_up_what_is_not_over(folder: Path, web: Web) -> None:
    web.answers[LISTS] = crl(CA, next_update=AT + WEEK)
    with open_store(folder) as store:
        collector = made(store, web)
        status(collector)
        await collector.turn(AT)
    with open_store(folder) as store:
        again = Collector(Evidence.of([crl(ROOT)]), P256.trust, store.evidence, Rules(), fetch=web)
        assert await again.load(AT + DAY) == 2
        assert status(again, AT + DAY) is GOOD
        late = Collector(Evidence(), P256.trust, store.evidence, Rules(), fetch=web)
        assert await late.load(AT + 8 * DAY) == 0


async def test_one_list_serves_all_certificates_of_its_ca(store: SqlStore, web: Web) -> None:
    collector = made(store, web)
    for organ in ("H01", "H13", "H22"):
        leaf = P256.issue_organ(organ, extensions=(_MAY_SIGN, points(LISTS))).certificate
        assert status(collector, leaf=leaf) is UNKNOWN
    web.answers[LISTS] = crl(CA)
    await collector.turn(AT)
    assert web.asked == [LISTS]


def test_the_reason_stays_with_who_was_revoked() -> None:
    held = Evidence.of([crl(ROOT), crl(CA, {LEAF: AT}, reason=x509.ReasonFlags.key_compromise)])
    found = held.judge(CHAIN, CHAIN[1:], P256.trust, AT)[0]
    assert (found.status, found.reason) == (REVOKED, "keyCompromise")
