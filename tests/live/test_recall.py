"""A recall between two daemons on a real broker: asked, agreed by the receiver, sealed there."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from docexchange.demo.play import SAMPLE
from docexchange.demo.playground import Playground
from docexchange.demo.rabbitmq import find_server

pytestmark = [pytest.mark.live, pytest.mark.slow]

LIMIT = 30  # seconds for one step


async def until(place: Playground, ref: str, recall: str) -> dict[str, Any]:
    """Ask the sender's command line until the recall stands so."""
    async with asyncio.timeout(LIMIT):
        while True:
            (one,) = (await place.ask("H05", "track", ref))["deliveries"]
            if one["recall"] == recall:
                return dict(one)


async def test_a_recall_through_two_daemons(tmp_path: Path) -> None:
    if find_server() is None:
        pytest.skip("no rabbitmq-server here")
    place = Playground(tmp_path, "", "")
    try:
        await place.open()
        for organ in ("H05", "H01"):
            await place.start_node(organ)
        code, out, err = await place.command(
            *("H05", "send", str(SAMPLE), "--from", "H05", "--to", "H01", "--number", "98"),
            *("--notation", "QĐ-UBND", "--subject", "Ban hành Quy chế", "--wait", "01"),
        )
        assert code == 0, err
        ref = out.split()[0]
        async with asyncio.timeout(LIMIT):
            while not (await place.ask("H01", "inbox", "show", "98/QĐ-UBND"))["handed_over_at"]:
                pass
        await place.ask("H05", "recall", ref, "--reason", "Sai phụ lục")
        async with asyncio.timeout(LIMIT):
            while not (await place.ask("H01", "inbox", "show", "98/QĐ-UBND"))["changes"]:
                pass
        await until(place, ref, "asked")  # a mailroom has it: it is for people to decide
        await place.ask("H01", "status", "set", "98/QĐ-UBND", "15")
        await until(place, ref, "agreed")
        shown = await place.ask("H01", "inbox", "show", "98/QĐ-UBND")
        assert shown["sealed_at"] is not None
        code, _, _ = await place.command(
            "H01", "inbox", "save", "98/QĐ-UBND", "-o", str(tmp_path / "out")
        )
        assert code == 5
    finally:
        await place.close()
