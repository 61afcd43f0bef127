"""One storm: documents are handed in at three mailrooms while everything else fails; then the wind
drops, what is on its way arrives, and the ledger is closed.
"""

from __future__ import annotations

import asyncio
import itertools
import random
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import aiormq
from pamqp.commands import Basic

from docexchange.core.names import AXIS_EXCHANGE, routing_key
from docexchange.core.schedule import Lane
from docexchange.demo.playground import AXIS, ORGANS
from envelopes.model import Document
from envelopes.pack import new_document
from tests.torture import books
from tests.torture.ledger import Account, Ledger
from tests.torture.mailrooms import TROUBLE, Witness
from tests.torture.stage import Stage
from tests.torture.tormentor import REACHABLE, Tormentor

IN_FLIGHT = 8  # documents that each mailroom hands in at once
LARGE_EVERY = 200  # documents; large ones go to the store in parts
MISCHIEF_EVERY = 40  # inbox messages until one is sent again, or changed and sent
REPORT_EVERY = 15  # inbox messages until a status is reported about one
HAND_IN_ONCE = 0.02  # share of the documents whose clerk never asks again
SETTLE = 240.0  # s for what is on its way when the wind drops
DAY = date(2026, 11, 20)


@dataclass(frozen=True, slots=True)
class Wish:
    """How long and how hard."""

    seed: int
    kills: int
    documents: int
    minutes: float


@dataclass
class Outcome:
    """What came of it."""

    account: Account
    tormentor: Tormentor
    struck: Counter[str]
    kept: Counter[str]
    seen: Counter[str]
    seconds: float
    handed_in: int
    faults: list[str] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        """Whether it may exit with 0."""
        return self.account.holds and not self.faults

    def lines(self) -> list[str]:
        """The account for a person."""
        reached = self.tormentor.reached
        never = sorted(set(REACHABLE) - set(reached))
        return [
            f"{self.seconds:.0f} s, {self.tormentor.kills} kills of nodes,"
            f" {self.handed_in} documents handed in",
            *(f"  {cause:34} {count:>9,}" for cause, count in self.tormentor.causes.most_common()),
            f"crash points reached: {len(reached)} of {len(REACHABLE)}"
            + (f"; not: {', '.join(never)}" if never else ""),
            "lines struck:",
            *(f"  {fault:34} {count:>9,}" for fault, count in self.struck.most_common()),
            "mailrooms saw:",
            *(f"  {kind:34} {count:>9,}" for kind, count in self.seen.most_common()),
            "kept at the nodes:",
            *(f"  {reason:34} {count:>9,}" for reason, count in self.kept.most_common()),
            "ledger (documents x recipients):",
            *self.account.lines(),
            *(f"FAULT: {fault}" for fault in self.faults),
        ]


class Storm:
    """See above.

    Args:
        folder: an empty one.
        wish: how long and how hard.
    """

    def __init__(self, folder: Path, wish: Wish) -> None:
        self._wish = wish
        rng = random.Random(wish.seed)
        self._rng = random.Random(rng.getrandbits(64))  # of the documents
        self._stage = Stage(folder, random.Random(rng.getrandbits(64)))
        self._tormentor = Tormentor(self._stage, random.Random(rng.getrandbits(64)), wish.kills)
        self._ledger = Ledger()
        self._witnesses = {
            organ: Witness(organ, "", self._ledger, self._arrived) for organ in ORGANS
        }
        self._mischief: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue()
        self._reports: asyncio.Queue[tuple[str, str]] = asyncio.Queue()
        self._messages = itertools.count(1)
        self._handed_in = 0

    async def run(self) -> Outcome:
        """Let it blow, settle and count."""
        begun = time.monotonic()
        await self._stage.open()
        try:
            for organ, witness in self._witnesses.items():
                witness.url = self._stage.mailroom_url(organ)
            outcome = await self._blow()
        finally:
            await self._stage.close()
        for organ in ORGANS:
            books.copy_into(self._ledger, self._stage.config(organ))
            outcome.kept += books.kept(self._stage.store(organ))
        outcome.account = self._ledger.close()
        outcome.seconds = time.monotonic() - begun
        return outcome

    async def _blow(self) -> Outcome:
        background = [asyncio.create_task(one.run()) for one in self._witnesses.values()]
        background += [
            asyncio.create_task(self._make_mischief()),
            asyncio.create_task(self._report()),
        ]
        try:
            torment = asyncio.create_task(self._tormentor.run())
            work = asyncio.create_task(self._hand_in_all())
            await self._until(torment, work)
            self._tormentor.calm.set()
            await torment
            await self._settle()
        finally:
            for task in background:
                task.cancel()
            ended = await asyncio.gather(*background, return_exceptions=True)
        faults = [*self._tormentor.faults, *await self._stop_all()]
        faults += [repr(one) for one in ended if isinstance(one, Exception)]
        struck: Counter[str] = Counter()
        seen: Counter[str] = Counter()
        for proxy in self._stage.proxies.values():
            struck.update({fault.value: count for fault, count in proxy.struck.items()})
        for witness in self._witnesses.values():
            seen += witness.seen
        account = self._ledger.close()
        return Outcome(
            account, self._tormentor, struck, Counter(), seen, 0.0, self._handed_in, faults
        )

    async def _until(self, torment: asyncio.Task[None], work: asyncio.Task[None]) -> None:
        """Until all documents are handed in and all kills were made, or time is up."""
        until = time.monotonic() + self._wish.minutes * 60
        while not (work.done() and self._tormentor.done) and time.monotonic() < until:
            if torment.done():
                torment.result()
            await asyncio.sleep(0.2)
        if not work.done():
            work.cancel()
            await asyncio.wait([work])
        else:
            work.result()

    async def _hand_in_all(self) -> None:
        numbers = itertools.count(1)
        async with asyncio.TaskGroup() as group:
            for witness in self._witnesses.values():
                for _ in range(IN_FLIGHT):
                    group.create_task(self._hand_in(witness, numbers))

    async def _hand_in(self, witness: Witness, numbers: Iterator[int]) -> None:
        while (number := next(numbers)) <= self._wish.documents:
            await self._turn(number)
            name = f"{witness.organ}:{number}"
            document, to = self._document(witness.organ, number)
            if self._rng.random() < HAND_IN_ONCE:
                await witness.hand_in_once(name, document, to)
            else:
                await witness.hand_in(name, document, to)
            self._handed_in += 1

    async def _turn(self, number: int) -> None:
        """Spread the documents over the kills, so that neither is over long before the other."""
        share = number / self._wish.documents
        while share > (self._tormentor.kills + 1) / max(self._wish.kills, 1):
            await asyncio.sleep(0.05)

    def _document(self, sender: str, number: int) -> tuple[Document, tuple[str, ...]]:
        rng = self._rng
        others = [organ for organ in ORGANS if organ != sender]
        to = tuple(others) if rng.random() < 0.2 else (rng.choice(others),)
        size = 1_300_000 if number % LARGE_EVERY == 0 else rng.choice((200, 2_000, 20_000))
        document = new_document(
            sender=sender,
            to={organ: ORGANS[organ] for organ in to},
            number=str(number),
            notation="QĐ-UBND",
            subject=f"Quyết định số {number}",
            date=DAY,
            files=[("quyet-dinh.pdf", rng.randbytes(size))],
            priority=rng.choice((0, 0, 0, 1, 3)),
        )
        return document, to

    def _arrived(self, organ: str, tracking_id: str, body: bytes) -> None:
        number = next(self._messages)
        if number % REPORT_EVERY == 0:
            self._reports.put_nowait((organ, tracking_id))
        if number % MISCHIEF_EVERY == 0 and len(body) < 100_000:
            self._mischief.put_nowait((organ, body))

    async def _report(self) -> None:
        while True:
            organ, tracking_id = await self._reports.get()
            await self._witnesses[organ].report(tracking_id, "03")

    async def _make_mischief(self) -> None:
        """Send what arrived again, as it was or with a changed byte, past every login."""
        while True:
            organ, body = await self._mischief.get()
            if self._rng.random() < 0.5:
                at = self._rng.randrange(len(body))
                body = body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :]
            try:
                connection = await aiormq.connect(self._stage.broker.admin_url(AXIS))
                channel = await connection.channel()
                properties = Basic.Properties(delivery_mode=2)
                key = routing_key(Lane.NORMAL, organ)
                await channel.basic_publish(
                    body, exchange=AXIS_EXCHANGE, routing_key=key, properties=properties
                )
                await connection.close()
            except TROUBLE:
                task = asyncio.current_task()
                if task is not None and task.cancelling():
                    raise

    async def _settle(self) -> None:
        """Wait until all that was accepted is in its inbox queue and acknowledged."""
        until = time.monotonic() + SETTLE
        while time.monotonic() < until:
            open_ = sum(books.still_open(self._stage.store(organ)) for organ in ORGANS)
            if not open_ and not self._ledger.unsettled():
                return
            await asyncio.sleep(1.0)

    async def _stop_all(self) -> list[str]:
        """Stop every node in order; what did not end well."""
        faults = []
        for organ in ORGANS:
            if not self._stage.alive(organ):
                faults.append(f"node {organ} had ended before it was stopped")
                continue
            self._stage.daemons[organ].process.terminate()
            code = await self._stage.ended(organ)
            if code != 0:
                faults.append(f"node {organ} ended with {code} when it was stopped")
        return faults


async def blow(folder: Path, wish: Wish) -> Outcome:
    """One storm in a folder."""
    return await Storm(folder, wish).run()
