"""An envelope in parts between two real daemons over a real broker, and on to a stock client."""

from __future__ import annotations

import asyncio
import hashlib
import json
from pathlib import Path

import pytest

from docexchange.demo.playground import Playground
from docexchange.demo.rabbitmq import find_server
from tests.bench import parts
from tests.bench.large import MIB

pytestmark = [pytest.mark.live, pytest.mark.slow]

ATTACHMENT = 48 * MIB  # an envelope of 64 MiB, 16 parts


async def test_it_arrives_in_flat_memory_and_a_stock_client_has_its_bytes(tmp_path: Path) -> None:
    """Peer failure 20, a small one: whole bodies in hand would be 64 MiB and more."""
    if find_server() is None:
        pytest.skip("no rabbitmq-server here")
    stage = Playground(tmp_path, "", "")
    try:
        await stage.open()
        for organ in (parts.SENDER, parts.RECEIVER):
            await stage.start_node(organ)
        measured = await parts.between(stage, await stage.open_clerk(parts.SENDER), ATTACHMENT)
        assert max(measured.peaks.values()) < parts.PEAK_GOAL
        shown = await stage.ask(parts.RECEIVER, "inbox", "show", "20/QĐ-UBND")
        clerk = await stage.open_clerk(parts.RECEIVER)
        async with asyncio.timeout(60):
            while shown["tracking_id"] not in clerk.inbox:
                await asyncio.sleep(0.05)
        assert hashlib.sha256(clerk.envelope(shown["tracking_id"])).hexdigest() == shown["sha256"]
        code, out, err = await stage.command(
            parts.RECEIVER, "inbox", "save", "20/QĐ-UBND", "-o", str(tmp_path / "saved")
        )
        assert code == 0, err
        saved = [Path(line) for line in out.splitlines()]
        assert hashlib.sha256(saved[0].read_bytes()).hexdigest() == shown["sha256"]
        assert saved[1].read_bytes() == (tmp_path / "phu-luc.bin").read_bytes()
        told = json.loads(clerk.inbox[shown["tracking_id"]].body)
        assert told["size"] == shown["size"]
    finally:
        await stage.close()
