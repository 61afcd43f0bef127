"""A person decides beside a running daemon, on a real broker: it obeys without being restarted."""

from __future__ import annotations

import asyncio
import json
import signal
from itertools import count
from pathlib import Path

import pytest

from docexchange.demo.play import SAMPLE
from docexchange.demo.playground import Playground
from docexchange.demo.rabbitmq import find_server

pytestmark = [pytest.mark.live, pytest.mark.slow]

LIMIT = 30  # seconds for one step
WHY = ("--reason", "Bảo trì")


async def send(place: Playground, number: int) -> str:
    code, out, err = await place.command(
        *("H05", "send", str(SAMPLE), "--from", "H05", "--to", "H01,H13"),
        *("--number", str(number), "--notation", "QĐ-UBND", "--subject", "Ban hành Quy chế"),
    )
    assert code == 0, err
    return out.split()[0]


async def states(place: Playground, ref: str) -> dict[str, str]:
    shown = await place.ask("H05", "track", ref)
    return {one["organ"]: one["state"] for one in shown["deliveries"]}


async def test_hold_and_release_of_a_destination_while_the_daemon_runs(tmp_path: Path) -> None:
    if find_server() is None:
        pytest.skip("no rabbitmq-server here")
    place = Playground(tmp_path, "", "")
    try:
        await place.open()
        for organ in ("H05", "H01", "H13"):
            await place.start_node(organ)
        await place.ask("H05", "queue", "hold", "--to", "H01", *WHY)
        async with asyncio.timeout(LIMIT):
            for number in count(1):  # until the daemon knows
                ref = await send(place, number)
                while (now := await states(place, ref))["H13"] != "acknowledged":
                    pass
                if now["H01"] == "queued":
                    break
        [line] = (await place.ask("H05", "queue", "list"))["deliveries"]
        assert (line["tracking_id"], line["organ"], line["copies_sent"]) == (ref, "H01", 0)
        await place.ask("H05", "queue", "release", "--to", "H01")
        async with asyncio.timeout(LIMIT):
            while (await states(place, ref))["H01"] != "acknowledged":
                pass
        assert (await place.ask("H05", "queue", "list"))["deliveries"] == []
    finally:
        await place.close()


async def test_a_ping_through_two_daemons(tmp_path: Path) -> None:
    if find_server() is None:
        pytest.skip("no rabbitmq-server here")
    place = Playground(tmp_path, "", "")
    try:
        await place.open()
        for organ in ("H05", "H01"):
            await place.start_node(organ)
        answered = await place.ask("H05", "agency", "ping", "H01")
        assert answered["answered"]
        assert 0 < answered["confirmed_s"] <= answered["answered_s"] < LIMIT
        assert (await place.ask("H01", "inbox", "list"))["documents"] == []
        assert (await place.ask("H05", "list"))["documents"] == []
    finally:
        await place.close()


async def test_two_nodes_are_reconciled_after_a_restore(tmp_path: Path) -> None:
    if find_server() is None:
        pytest.skip("no rabbitmq-server here")
    place = Playground(tmp_path, "", "")
    copy = str(tmp_path / "copy.db")
    try:
        await place.open()
        for organ in ("H05", "H01"):
            await place.start_node(organ)
        place.signal_node("H01", signal.SIGTERM)
        await place.ended("H01")
        held = await send(place, 1)
        assert (await place.command("H05", "db", "backup", copy))[0] == 0
        await place.start_node("H01")
        async with asyncio.timeout(LIMIT):
            while (await states(place, held))["H01"] != "acknowledged":
                pass
        place.signal_node("H05", signal.SIGTERM)
        await place.ended("H05")
        assert (await place.command("H05", "db", "restore", copy, "--replace"))[0] == 0
        await place.start_node("H05")
        options = ("--release", *WHY, "--wait", f"{LIMIT}s", "--json")
        code, out, err = await place.command("H05", "reconcile", "H01", *options)
        assert code == 1, err
        told = json.loads(out)
        assert [one["tracking_id"] for one in told["open_here"]] == [held]
        assert told["done"]["receipts_came"] == 1
        assert (await place.ask("H05", "reconcile", "H01", "--wait", f"{LIMIT}s"))["same"]
        assert len((await place.ask("H01", "inbox", "list"))["documents"]) == 1
    finally:
        await place.close()
