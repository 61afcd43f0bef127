"""Turns: one at a time for a key, others meanwhile."""

from __future__ import annotations

import asyncio

from docexchange.core.turns import Turns


async def test_one_at_a_time_for_a_key_and_nothing_stays() -> None:
    turns, told = Turns(), []

    async def work(key: str, name: str) -> None:
        async with turns.of(key):
            told.append(f"{name} begins")
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            told.append(f"{name} ends")

    await asyncio.gather(work("a", "1"), work("a", "2"), work("b", "3"))
    assert told.index("1 ends") < told.index("2 begins")
    assert told.index("3 begins") < told.index("1 ends")
    assert turns._locks == {}
