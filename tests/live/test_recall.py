"""A recall between two daemons on a real broker: asked, agreed by the receiver, sealed there."""

from __future__ import annotations

import asyncio
import base64
from pathlib import Path
from typing import Any

import pytest

from docexchange.config import STORE_FILE
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


def is_in_store(home: Path, piece: bytes) -> bool:
    """Whether these bytes stand in the database file or its log."""
    files = list((home / "data").glob(f"{STORE_FILE}*"))
    assert files
    return any(piece in one.read_bytes() for one in files)


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
        piece = base64.b64encode(SAMPLE.read_bytes())[6000:6100]
        assert is_in_store(tmp_path / "H01", piece)
        await place.ask("H05", "recall", ref, "--reason", "Sai phụ lục")
        async with asyncio.timeout(LIMIT):
            while not (await place.ask("H01", "inbox", "show", "98/QĐ-UBND"))["changes"]:
                pass
        await until(place, ref, "asked")  # a mailroom has it: it is for people to decide
        await place.ask("H01", "status", "set", "98/QĐ-UBND", "15")
        await until(place, ref, "agreed")
        shown = await place.ask("H01", "inbox", "show", "98/QĐ-UBND")
        assert shown["sealed_at"] is not None
        async with asyncio.timeout(LIMIT):  # the keeper erases it within seconds
            while is_in_store(tmp_path / "H01", piece):
                await asyncio.sleep(0.2)
        code, out, err = await place.command(
            *("H05", "send", str(SAMPLE), "--from", "H05", "--to", "H01", "--number", "99"),
            *("--notation", "QĐ-UBND", "--subject", "Ban hành Quy chế", "--wait", "01"),
            *("--replaces", ref, "--reason", "Sai phụ lục"),
        )
        assert code == 0, err
        (change,) = (await place.ask("H05", "track", ref))["changes"]
        assert (change["business"], change["tracking_id"]) == (3, out.split()[0])
        code, _, _ = await place.command(
            "H01", "inbox", "save", "98/QĐ-UBND", "-o", str(tmp_path / "out")
        )
        assert code == 5
    finally:
        await place.close()
