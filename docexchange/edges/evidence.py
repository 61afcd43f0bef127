"""Keeping revocation evidence fresh: fetches CRLs and OCSP answers for the chains that were judged.

It works beside the paths and never in them: an envelope that needs evidence is held, the collector
asks for it, and what is held is judged again. It asks only about certificates with a path to a
trust anchor, each CA's list once for all its certificates, at half of the validity of what is
there, and after a failure in growing steps. A source that is down, slow, stale, lying or a page of
HTML gives nothing: what is there keeps its word until it is over, and then nothing is known.

What is kept by somebody else beside us (`docexchange evidence import`) is taken up within a second.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final, Protocol

import structlog

from keys.certificates import Certificate
from keys.crl import CRL_BYTES_MAX
from keys.errors import EvidenceUnusable
from keys.evidence_file import Item, read_item
from keys.ocsp import NONCE_BYTES, OCSP_BYTES_MAX, OcspAnswer, request
from keys.revocation import Evidence, Finding, Status
from keys.sources import crl_sources, ocsp_sources
from keys.trust import Trust

from ..core.model import KeptEvidence
from .webfetch import FetchFailed, Rules, fetch

log = structlog.get_logger()

IMPORTED: Final = "import"  # source of what a person gave
SKEW: Final = timedelta(minutes=5)  # a CA's clock may be ahead of ours by this much
WAITS: Final = tuple(timedelta(seconds=one) for one in (15, 60, 300, 900))  # after failures
SOON: Final = timedelta(seconds=60)  # least time between two fetches of what is short-lived
AT_ONCE: Final = 4  # fetches under way
OVER: Final = timedelta(days=1)  # for so long what is over and replaced stays in memory
OCSP_REQUEST: Final = "application/ocsp-request"

Fetch = Callable[[str, Rules, int, bytes, str], bytes]


class EvidenceStore(Protocol):
    """What the collector needs of the store."""

    async def keep(self, one: KeptEvidence) -> bool: ...
    async def wake_held(self, now: datetime) -> int: ...
    def numbers(self, now: datetime) -> list[int]: ...
    def after(self, number: int, limit: int = 50) -> list[KeptEvidence]: ...


@dataclass(frozen=True, slots=True)
class _Ask:
    """One thing to ask a source: `key` is the same for everybody who needs the same answer."""

    key: str
    kind: str
    url: str
    certificate: Certificate
    issuer: Certificate
    chain: tuple[Certificate, ...]


@dataclass(slots=True)
class _Turn:
    """When a source is asked next, and how often it failed in a row."""

    due: datetime
    failures: int = 0
    trouble: str = ""


@dataclass
class Collector:
    """Keeps the evidence of a node fresh.

    Args:
        evidence: what the paths judge by; only added to.
        trust: under which evidence must stand to be kept.
        store: where it is kept.
        rules: what may be fetched; without hosts nothing is, and evidence is imported only.
        crl_bytes: largest CRL, bytes.
        fetch: asks one source; blocks.
        nonce: makes nonces for OCSP.
    """

    evidence: Evidence
    trust: Trust
    store: EvidenceStore
    rules: Rules
    crl_bytes: int = CRL_BYTES_MAX
    fetch: Fetch = fetch
    nonce: Callable[[], bytes] = lambda: secrets.token_bytes(NONCE_BYTES)
    _turns: dict[str, _Turn] = field(default_factory=dict, init=False)
    _last: int = field(default=0, init=False)
    # Its own: slow sources must not hold the threads in which envelopes are judged.
    _threads: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(AT_ONCE, "evidence"), init=False, repr=False
    )

    async def load(self, now: datetime) -> int:
        """Take up what the store has and is not over; its number of items."""
        for number in self.store.numbers(now):
            for one in self.store.after(number - 1, 1):
                await self._add(one.data)
                self._last = max(self._last, number)
        return len(self.evidence)

    async def turn(self, now: datetime) -> int:
        """Ask what is due and take up what came; how many items are new. Raises StoreError."""
        await self.ask(now)
        return await self.take_up(now)

    async def ask(self, now: datetime) -> None:
        """Ask what is due, and keep what is usable. It may last as long as the slowest source.

        Raises:
            StoreError: what was fetched is fetched again later.
        """
        asks = await asyncio.to_thread(self._due, now) if self.rules.hosts else []
        waiting = asyncio.Semaphore(AT_ONCE)

        async def one(ask: _Ask) -> None:
            async with waiting:
                await self._ask(ask, now)

        if asks:
            await asyncio.gather(*map(one, asks))

    async def take_up(self, now: datetime) -> int:
        """Judge by what was kept since, fetched or imported, from now on; how many items are new.

        Never waits for a source. When this returns, the envelopes that waited for what came are
        due to be judged again.

        Raises:
            StoreError: they are judged again at their usual time.
        """
        new = await self._read_new()
        if new:
            self.evidence.forget(now - OVER)  # the store keeps it, for auditors
            woken = await self.store.wake_held(now)
            log.info("evidence", items=len(self.evidence), new=new, judged_again=woken)
        return new

    async def _read_new(self) -> int:
        new = 0
        while found := self.store.after(self._last, 1):  # one by one: a list may be large
            new += await self._add(found[0].data)
            self._last = found[0].number
        return new

    async def _add(self, data: bytes) -> bool:
        held = len(self.evidence)
        try:
            await asyncio.to_thread(self.evidence.add, data)
        except EvidenceUnusable as error:  # it was readable when it was kept
            log.error("evidence_unreadable", why=str(error))
        return len(self.evidence) > held

    # -- what to ask ---------------------------------------------------------------------------

    def _due(self, now: datetime) -> list[_Ask]:
        """Everything whose time has come, each source once. Runs in a thread: it may judge
        thousands of chains."""
        due: dict[str, _Ask] = {}
        for chain in self.evidence.asked():
            findings = self.evidence.judge(chain, chain[1:], self.trust, now)
            for (certificate, issuer), finding in zip(pairwise(chain), findings, strict=True):
                if not _is_due(finding, now):
                    continue
                for ask in self._sources(certificate, issuer, chain):
                    turn = self._turns.get(ask.key)
                    if turn is None or turn.due <= now:
                        due.setdefault(ask.key, ask)
        return list(due.values())

    def _sources(
        self, certificate: Certificate, issuer: Certificate, chain: tuple[Certificate, ...]
    ) -> Iterator[_Ask]:
        """The sources of a certificate that may be asked: lists first, as one serves all its CA's
        certificates and tells the CA nothing; a responder where no list is named or allowed, or
        the lists failed."""
        lists = [url for url in crl_sources(certificate) if self.rules.host_of(url)]
        for url in lists:
            yield _Ask(url, "crl", url, certificate, issuer, chain)
        working = any(url in self._turns and not self._turns[url].failures for url in lists)
        if lists and (working or any(url not in self._turns for url in lists)):
            return
        for url in ocsp_sources(certificate):
            if self.rules.host_of(url):
                key = f"{url} {certificate.fingerprint}"
                yield _Ask(key, "ocsp", url, certificate, issuer, chain)

    # -- asking --------------------------------------------------------------------------------

    async def _ask(self, ask: _Ask, now: datetime) -> None:
        turn = self._turns.setdefault(ask.key, _Turn(now))
        try:
            loop = asyncio.get_running_loop()
            data, item, until = await loop.run_in_executor(self._threads, self._get, ask, now)
        except (FetchFailed, EvidenceUnusable) as error:
            turn.due = now + WAITS[min(turn.failures, len(WAITS) - 1)]
            turn.failures += 1
            if turn.trouble != str(error):
                log.warning("evidence_failed", source=ask.url, why=str(error))
            turn.trouble = str(error)
            return
        turn.failures, turn.trouble = 0, ""
        turn.due = max(until, now + SOON)
        kept = KeptEvidence(
            kind=item.kind,
            sha256=item.sha256,
            data=data,
            issuer=item.issuer,
            this_update=item.this_update,
            next_update=item.next_update,
            entries=item.entries,
            source=ask.url,
            kept_at=now,
        )
        await self.store.keep(kept)

    def _get(self, ask: _Ask, now: datetime) -> tuple[bytes, Item, datetime]:
        """Fetch, and judge whether it is what was asked for: bytes, what they are, and when newer
        ones should be there. Runs in a thread."""
        if ask.kind == "crl":
            data = self.fetch(ask.url, self.rules, self.crl_bytes, b"", "")
        else:
            nonce = self.nonce()
            body = request(ask.certificate, ask.issuer, nonce)
            data = self.fetch(ask.url, self.rules, OCSP_BYTES_MAX, body, OCSP_REQUEST)
            wrong = OcspAnswer.from_der(data).nonce_problem(nonce, required=False)
            if wrong:
                raise EvidenceUnusable(wrong)
        if data.lstrip()[:1] == b"<":
            raise EvidenceUnusable("it answered with a page, whatever it calls it")
        item, _ = read_item(data)
        if item.kind != ask.kind:
            raise EvidenceUnusable(f"asked for a {ask.kind}, got a {item.kind}")
        finding = self._usable(data, item, ask, now)
        return data, item, finding.refresh_at() or now

    def _usable(self, data: bytes, item: Item, ask: _Ask, now: datetime) -> Finding:
        """What it says of the certificate it was fetched for.

        Raises:
            EvidenceUnusable: it may not speak, or comes from the future: kept, it would fill the
                store and help nobody.
        """
        if item.this_update is not None and item.this_update > now + SKEW:
            raise EvidenceUnusable(f"it is of {item.this_update:%Y-%m-%dT%H:%M:%SZ}, after now")
        at = max(now, item.this_update or now)
        found = Evidence.of([data]).judge(ask.chain, ask.chain[1:], self.trust, at)
        finding = found[ask.chain.index(ask.certificate)]
        if not finding.sha256:
            raise EvidenceUnusable(finding.detail)
        return finding


def _is_due(finding: Finding, now: datetime) -> bool:
    """Whether a certificate needs newer evidence: nothing is known, or half of its time is over."""
    refresh_at = finding.refresh_at()
    return finding.status is Status.UNKNOWN or refresh_at is None or refresh_at <= now


def kept_of(path: str, item: Item, data: bytes, now: datetime) -> KeptEvidence:
    """The record of a file that a person gave; `path` is for the journal."""
    return KeptEvidence(
        kind=item.kind,
        sha256=item.sha256,
        data=data,
        issuer=item.issuer,
        this_update=item.this_update,
        next_update=item.next_update,
        entries=item.entries,
        source=f"{IMPORTED}:{path}",
        kept_at=now,
    )
