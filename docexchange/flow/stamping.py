"""Stamping in the background: nothing waits for it, and nothing that it cannot do stops anything.

    read what waits, oldest first -> ask an authority, the next if that fails -> verify the token
    -> stamps.keep   COMMIT == stamped (token, paths and cursors together)

A crash before the commit loses the token alone: it is asked for again. A few that wait get a token
each; many share one by a hash tree (`envelopes.evidence.stamp`). What no authority would stamp
stays in line, and the operator is told how old it is.
"""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime

import structlog

from envelopes.evidence.stamp import imprint_of, stamped_of, stamps
from keys.timestamp import Request, Token, token_of, verify
from keys.timestamp_refused import TimestampRefused
from keys.trust import Trust

from ..core.errors import Deferred, NotFound
from ..core.memory import Store
from ..core.stamping import Authority, Stamped, Stamping, Unstamped
from ..core.world import World

log = structlog.get_logger()


@dataclass
class Stamper:
    """Asks for tokens, for one node.

    Args:
        authorities: in the order in which they are asked.
        settings: how.
        nonce: makes a number that nobody can guess.
    """

    authorities: Sequence[Authority]
    settings: Stamping
    nonce: Callable[[], int]
    _told: int = field(default=0, init=False)  # how many of the ages to warn at were passed

    async def round(self, *, world: World, now: datetime) -> int:
        """Stamp some of what waits, oldest first.

        Returns:
            How many envelopes are done; `settings.batch` when more may wait.

        Raises:
            Deferred: no authority gave a good token; the text says why for each. What was stamped
                before it stays stamped.
            StoreError: the tokens of this round are lost, and will be asked for again.
        """
        items = await asyncio.to_thread(world.store.stamps.waiting, self.settings.batch)
        if not items:
            self._told = 0
            return 0
        found = await asyncio.to_thread(_read, items, world.store)
        for group in self._groups(found):
            await self._stamp(group, world, now)
        return len(items)

    def _groups(
        self, found: Sequence[tuple[Unstamped, bytes | None]]
    ) -> Sequence[Sequence[tuple[Unstamped, bytes | None]]]:
        count = sum(data is not None for _, data in found)
        return [found] if count >= self.settings.tree_from else [[one] for one in found]

    async def _stamp(
        self, group: Sequence[tuple[Unstamped, bytes | None]], world: World, now: datetime
    ) -> None:
        cursors = {item.source: item.row for item, _ in group}  # the last of each source counts
        # Two rows may link one content: sent and received by organs of the same node.
        given = {item.blob_id: data for item, data in group if data is not None}
        if not given:
            await world.store.stamps.keep(Stamped(cursors), now)
            return
        leaves = list(given.values())
        name, token, der = await self.ask(
            imprint_of(leaves), trust=world.trust.authorities, now=now
        )
        made = tuple(zip(given, stamps(der, leaves), strict=True))
        await world.store.stamps.keep(Stamped(cursors, made, name, token.gen_time), now)
        log.info("stamped", envelopes=len(made), authority=name, gen_time=str(token.gen_time))

    async def ask(self, imprint: bytes, *, trust: Trust, now: datetime) -> tuple[str, Token, bytes]:
        """A verified token over an imprint, from the first authority that gives one: its name,
        what the token says, and the token. `trust`: anchors for timestamps.

        Raises:
            Deferred: none did; the text says why for each.
        """
        refused: list[str] = []
        vi: list[str] = []
        for authority in self.authorities:
            request = Request(imprint, self.nonce(), self.settings.policy)
            try:
                der = token_of(await authority.ask(request.to_der()))
                token = verify(
                    der,
                    trust=trust,
                    imprint=imprint,
                    nonce=request.nonce,
                    policies=self.settings.policies,
                )
                self._check_clock(token, now)
            except (Deferred, TimestampRefused) as error:
                log.warning("no_timestamp", authority=authority.name, why=str(error))
                refused.append(f"{authority.name}: {error}")
                vi.append(f"{authority.name}: {error.vi}")
            else:
                return authority.name, token, der
        raise Deferred("; ".join(refused), "; ".join(vi))

    def _check_clock(self, token: Token, now: datetime) -> None:
        apart = abs(token.gen_time - now)
        if apart > self.settings.clock_skew:
            raise Deferred(
                f"its clock and ours are {apart} apart (its own: {token.gen_time:%Y-%m-%d %H:%MZ})",
                f"đồng hồ của máy chủ đó lệch {apart} so với máy này",
            )

    def tell(self, oldest: datetime | None, why: str, now: datetime) -> None:
        """Tell the operator once for each age that the oldest waiting envelope has passed."""
        if oldest is None:
            return
        passed = sum(now - oldest >= age for age in self.settings.warn)
        if passed > self._told:
            log.error("stamps_late", oldest=str(oldest), age=str(now - oldest), why=why)
        self._told = max(self._told, passed)


def _read(items: Sequence[Unstamped], store: Store) -> list[tuple[Unstamped, bytes | None]]:
    """What is to be stamped of each; None of what has no signature of ours, or no content."""
    return [(item, _stamped(item, store)) for item in items]


def _stamped(item: Unstamped, store: Store) -> bytes | None:
    found = stamped_of(io.BytesIO(item.head))
    if found is not None or not item.head or len(item.head) >= item.size:
        return found
    try:
        with closing(store.contents.open(item.sha256)) as file:  # thousands of recipients before it
            return stamped_of(file)
    except NotFound:
        return None
