"""The mailrooms hear how the node is, in the words of the contract."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from docexchange.core.admission import Level
from docexchange.core.errors import StoreUnavailable
from docexchange.core.health import Health
from docexchange.core.model import MailroomMessage
from docexchange.edges.store import SqlStore
from docexchange.edges.store.surroundings import SqlMailrooms
from docexchange.flow.announcing import Announcer
from tests.contract import Seen, faults
from tests.records import MINUTE, NOW, open_store

VHOSTS = ("mr-H05", "mr-H06")
GOOD = Health(Level.OPEN, 10**9)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    with open_store(tmp_path) as opened:
        yield opened


def tray(store: SqlStore, vhost: str = "mr-H05") -> list[MailroomMessage]:
    return [one.message for one in store.mailrooms.due(vhost, 0, 100)]


def told(store: SqlStore, vhost: str = "mr-H05") -> list[dict[str, Any]]:
    return [json.loads(message.body)["data"] for message in tray(store, vhost)]


async def test_every_mailroom_hears_of_each_change(store: SqlStore) -> None:
    announcer = Announcer(store, VHOSTS, GOOD)
    await announcer.begin(NOW)
    assert told(store) == []
    await announcer.room(Level.CLOSED, 1000, NOW)
    await announcer.axis("no connection", NOW + MINUTE)
    await announcer.room(Level.OPEN, 10**9, NOW + MINUTE)
    await announcer.axis("", NOW + 2 * MINUTE)
    for vhost in VHOSTS:
        found = told(store, vhost)
        assert [one["sequence"] for one in found] == [1, 2, 3, 4]
        assert [(one["room"], one["axis"], one["good"]) for one in found] == [
            ("closed", "up", False),
            ("closed", "down", False),
            ("open", "down", False),
            ("open", "up", True),
        ]
    assert [one["why"] for one in found] == ["", "no connection", "no connection", ""]


async def test_the_events_are_those_of_the_contract(store: SqlStore) -> None:
    announcer = Announcer(store, VHOSTS, GOOD)
    await announcer.axis("no connection", NOW)
    [message] = tray(store)
    assert faults(Seen.delivered(message)) == []
    assert (message.routing_key, message.message_id) == ("event.gateway", "H05-health-1")
    body = json.loads(message.body)
    assert (body["type"], body["subject"]) == ("vn.docexchange.gateway.health.v1", "H05")


async def test_after_a_start_all_is_well_is_said_only_if_it_was_not(tmp_path: Path) -> None:
    with open_store(tmp_path) as store:
        await Announcer(store, VHOSTS, GOOD).axis("no connection", NOW)
    for _ in range(2):  # the second start has nothing to say
        with open_store(tmp_path) as store:
            await Announcer(store, VHOSTS, GOOD).begin(NOW)
            assert [one["good"] for one in told(store)] == [False, True]
    with open_store(tmp_path) as store:
        await Announcer(store, VHOSTS, Health(Level.LOW, 1)).begin(NOW)
        assert len(told(store)) == 2


async def test_a_store_that_cannot_write_stops_nothing(store: SqlStore) -> None:
    announcer = Announcer(store, VHOSTS, GOOD)
    with patch.object(
        SqlMailrooms, "tell_health", side_effect=StoreUnavailable("full", "đầy", cause="disk full")
    ):
        await announcer.axis("no connection", NOW)
    await announcer.room(Level.LOW, 1, NOW)
    assert [(one["axis"], one["room"]) for one in told(store)] == [("down", "low")]


async def test_a_node_without_mailrooms_tells_nobody(store: SqlStore) -> None:
    await Announcer(store, (), GOOD).axis("no connection", NOW)
    assert not store.mailrooms.told_bad_health()
