"""Crash points: every commit has its two, the wrappers reach theirs, and each kills once."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from docexchange import daemon as daemon_module
from docexchange.core.errors import ConfigError, Deferred
from docexchange.core.schedule import Lane
from docexchange.crashpoints import (
    COMMITS,
    POINTS,
    CrashingBroker,
    CrashingKeyring,
    CrashingMailrooms,
    die_at,
)
from docexchange.edges.store import sqlstore
from tests.fakes import FakeAxis
from tests.theatre import Signers

WRITTEN = re.compile(r'\b(?:write|writes|finishes)\(\s*"(\w+)"')


@pytest.fixture
def reached() -> list[str]:
    return []


def test_there_are_more_than_forty_and_no_name_twice() -> None:
    assert len(POINTS) == len(set(POINTS)) >= 40


def test_every_commit_of_the_store_has_its_points() -> None:
    rooms = Path(sqlstore.__file__).parent.glob("*.py")
    written = {name for room in rooms for name in WRITTEN.findall(room.read_text("utf-8"))}
    assert written == {name for names in COMMITS.values() for name in names}


def test_every_point_of_the_daemon_is_in_the_list() -> None:
    text = Path(daemon_module.__file__).read_text("utf-8")
    here = set(re.findall(r'crash\("([^"]+)"\)', text))
    assert len(here) >= 8
    assert here <= set(POINTS)


@pytest.fixture
def killed(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    kills: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "kill", lambda pid, number: kills.append((pid, number)))
    return kills


def test_it_kills_this_process_once_at_the_wanted_time(killed: list[tuple[int, int]]) -> None:
    crash = die_at("after:accept@3")
    for point in ("after:accept", "before:accept", "after:accept", "after:record"):
        crash(point)
    assert killed == []
    crash("after:accept")
    assert killed == [(os.getpid(), signal.SIGKILL)]
    crash("after:accept")
    assert len(killed) == 1


def test_nothing_wanted_kills_nowhere(killed: list[tuple[int, int]]) -> None:
    crash = die_at("")
    for point in POINTS:
        crash(point)
    assert killed == []


@pytest.mark.parametrize("wanted", ["after:acept", "after:accept@x", "after:accept@"])
def test_a_point_that_is_none_is_refused(wanted: str) -> None:
    if wanted.endswith("@"):
        die_at(wanted)  # "@" without a number is the first time
        return
    with pytest.raises(ConfigError, match="is no crash point"):
        die_at(wanted)


async def test_the_axis_reaches_its_points(reached: list[str]) -> None:
    axis = FakeAxis({"H01": "H01", "H05": "H05"}, rng=SimpleNamespace(random=lambda: 1.0))  # type: ignore[arg-type]
    there = CrashingBroker(axis.broker("H05"), reached.append)
    here = CrashingBroker(axis.broker("H01"), reached.append)
    await there.publish(Lane.NORMAL, "H01", b"x", {})
    message = await here.receive()
    assert (message.organ, message.body, message.redelivered) == ("H01", b"x", False)
    message.ack()
    axis.up = False
    with pytest.raises(Deferred):
        await there.publish(Lane.URGENT, "H01", b"x", {})
    assert reached == [
        *("before:publish.normal", "after:publish.normal", "received:normal"),
        *("before:ack.normal", "after:ack.normal"),
        *("before:publish.urgent", "unconfirmed:publish.urgent"),
    ]
    assert set(reached) <= set(POINTS)


async def test_the_mailrooms_reach_theirs(reached: list[str]) -> None:
    acks: list[str] = []

    class Broker:
        async def publish(self, message: object) -> None:
            reached.append("published")

        async def receive(self) -> object:
            return SimpleNamespace(
                vhost="mr",
                routing_key="submit.document",
                message_id="1",
                type="",
                content_type="",
                content_encoding="",
                headers={},
                body=b"",
                ack=lambda: acks.append("acked"),
            )

    broker = CrashingMailrooms(Broker(), reached.append)  # type: ignore[arg-type]
    await broker.publish(SimpleNamespace(routing_key="event.H05"))  # type: ignore[arg-type]
    (await broker.receive()).ack()
    assert acks == ["acked"]
    assert reached[1] == "published"
    assert {point for point in reached if point != "published"} <= set(POINTS)
    assert reached[2:] == [
        *("after:hand_over.event", "received:submit.document"),
        *("before:ack.submit.document", "after:ack.submit.document"),
    ]


def test_a_signer_reaches_its_points(reached: list[str]) -> None:
    keyring = CrashingKeyring(Signers("H05"), reached.append)
    signer = keyring.signer("H05")
    assert signer.sign(b"data")
    assert signer.chain == Signers("H05").signer("H05").chain
    assert not signer.waits
    assert reached == ["before:signature", "after:signature"]


def test_every_point_can_be_wished_for() -> None:
    made: list[Callable[[str], None]] = [die_at(point) for point in POINTS]
    assert len(made) == len(POINTS)
