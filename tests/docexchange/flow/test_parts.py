"""Parts of large envelopes: whatever order, doubles and mixtures they come in."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from docexchange.core import parts as cut
from docexchange.core.policy import Limits
from docexchange.core.schedule import Lane
from docexchange.flow import keeper
from envelopes.pack import pack, with_trace
from tests.pki import AT, P256
from tests.theatre import Node, Theatre, document

SERVES = {"H05": "H05", "H01": "H01"}
DAY = timedelta(days=1)
Message = tuple[str, bytes, Mapping[str, str]]


@pytest.fixture
def theatre(tmp_path: Path, template: Path) -> Iterator[Theatre]:
    play = Theatre(tmp_path, template, SERVES)
    yield play
    play.close()


def envelope(number: int) -> bytes:
    """A signed envelope of some 20 KB."""
    made = document(number, ("H01",))
    content = random.Random(number).randbytes(12_000)
    made = replace(made, attachments=(replace(made.attachments[0], content=content),))
    return pack(with_trace(made, "H05", AT), P256.signer("H05"), signing_time=AT)


def cut_up(data: bytes, size: int = 3000, user: str = "node-H05") -> list[Message]:
    """All parts as messages: publisher, body, headers. Smaller than ours; they may be."""
    digest = hashlib.sha256(data).hexdigest()
    pieces = [data[at : at + size] for at in range(0, len(data), size)]
    return [
        (user, piece, cut.headers(digest, index, len(pieces), piece))
        for index, piece in enumerate(pieces)
    ]


async def deliver(theatre: Theatre, messages: list[Message]) -> Node:
    """Put messages on the axis and let the receiver take them."""
    for user, body, headers in messages:
        theatre.axis.put(Lane.NORMAL, "H01", body, user, headers)
    node = theatre.nodes["H01"]
    await node.turn()
    return node


def numbers(node: Node) -> list[str]:
    return sorted(view.number for view in node.store.incoming.arrivals())


def lines(node: Node, digest: str, event: str) -> list[str]:
    """Reasons of the journal lines of a kind about an envelope."""
    rows = node.store._access.reader._raw.execute(
        "SELECT line FROM journal WHERE ref = ?", (digest,)
    )
    found = [json.loads(row["line"]) for row in rows]
    return [line.get("reason", "") for line in found if line["event"] == event]


def groups(node: Node) -> int:
    rows = node.store._access.reader._raw.execute("SELECT count(*) FROM part_groups")
    count: int = rows.fetchone()[0]
    return count


@pytest.mark.parametrize("seed", range(20))
async def test_any_order_doubles_and_mixture_gives_each_envelope_once(
    theatre: Theatre, seed: int
) -> None:
    rng = random.Random(seed)
    first, second = envelope(1), envelope(2)
    messages = cut_up(first) + cut_up(second) + cut_up(first, user="node-H13")
    messages += rng.choices(messages, k=len(messages))
    rng.shuffle(messages)
    node = await deliver(theatre, messages)
    assert numbers(node) == ["1", "2"]
    for data in (first, second):
        digest = hashlib.sha256(data).hexdigest()
        assert node.store.contents.read(digest) == data
    assert theatre.axis.in_hand["H01"] == []


async def test_one_missing_waits_and_comes_later(theatre: Theatre) -> None:
    messages = cut_up(envelope(1))
    node = await deliver(theatre, messages[:2] + messages[3:])
    assert numbers(node) == []
    node.restart()
    await deliver(theatre, messages[2:3])
    assert numbers(node) == ["1"]
    assert groups(node) == 0


async def test_parts_of_two_users_never_make_one_envelope(theatre: Theatre) -> None:
    """Another user cannot spoil a group: what it sends is kept apart."""
    data = envelope(1)
    honest, forged = cut_up(data), cut_up(data, user="mallory")
    digest = honest[0][2][cut.WHOLE]
    junk = [
        (user, b"x" * len(body), cut.headers(digest, index, len(forged), b"x" * len(body)))
        for index, (user, body, _) in enumerate(forged)
    ]
    node = await deliver(theatre, [one for pair in zip(junk, honest, strict=True) for one in pair])
    assert numbers(node) == ["1"]
    assert node.store.contents.read(digest) == data


async def test_a_whole_of_another_digest_is_dropped_and_journalled(theatre: Theatre) -> None:
    """And the sender's next copy, all parts again, arrives."""
    data = envelope(1)
    messages = cut_up(data)
    user, body, headers = messages[3]
    other = body[::-1]
    digest, count = headers[cut.WHOLE], len(messages)
    wrong = (user, other, cut.headers(digest, 3, count, other))
    node = await deliver(theatre, [*messages[:3], wrong, *messages[4:]])
    assert numbers(node) == []
    assert lines(node, digest, "parts_dropped") == ["DIGEST_DIFFERS"]
    await deliver(theatre, messages)
    assert numbers(node) == ["1"]


@pytest.mark.parametrize(
    ("lie", "reason"),
    [
        ({cut.OWN: "0" * 64}, "PART_DIGEST_DIFFERS"),
        ({cut.OWN: ""}, "PART_DIGEST_MISSING"),
        ({cut.INDEX: "7"}, "PART_NUMBERS"),
        ({cut.INDEX: "-1"}, "PART_NUMBERS"),
        ({cut.INDEX: "0x1"}, "PART_NUMBERS"),
        ({cut.COUNT: "0"}, "PART_NUMBERS"),
        ({cut.COUNT: "999999"}, "PART_NUMBERS"),
        ({cut.COUNT: "nan"}, "PART_NUMBERS"),
    ],
)
async def test_a_lie_in_a_header_is_refused_and_acked(
    theatre: Theatre, lie: Mapping[str, str], reason: str
) -> None:
    user, body, headers = cut_up(envelope(1))[1]
    headers = {**headers, cut.COUNT: "7", **lie}
    node = await deliver(theatre, [(user, body, headers)])
    assert lines(node, headers[cut.WHOLE], "part_refused") == [reason]
    assert groups(node) == 0
    assert theatre.axis.in_hand["H01"] == []


async def test_parts_that_differ_in_their_count_begin_anew(theatre: Theatre) -> None:
    data = envelope(1)
    by_three, by_four = cut_up(data, 3000), cut_up(data, 4000)
    node = await deliver(theatre, [*by_three[:2], *by_four])
    assert numbers(node) == ["1"]
    digest = hashlib.sha256(data).hexdigest()
    assert lines(node, digest, "parts_dropped") == ["COUNT_DIFFERS"]


async def test_beyond_the_quota_of_its_user_a_part_is_refused(theatre: Theatre) -> None:
    """Each part counts a megabyte at least; another user has its own quota."""
    node = theatre.nodes["H01"]
    node.world = replace(node.world, limits=Limits(parts_quota=8 * 1024**2))
    greedy = [cut_up(envelope(number), user="greedy")[0] for number in range(3, 13)]
    await deliver(theatre, greedy)
    assert groups(node) == 8
    refused = [lines(node, one[2][cut.WHOLE], "part_refused") for one in greedy]
    assert refused == [[]] * 8 + [["PARTS_QUOTA"]] * 2
    await deliver(theatre, cut_up(envelope(1)))
    assert numbers(node) == ["1"]


async def test_a_whole_over_the_limit_is_refused(theatre: Theatre) -> None:
    node = theatre.nodes["H01"]
    node.world = replace(node.world, limits=Limits(large_bytes=8000))
    messages = cut_up(envelope(1))
    await deliver(theatre, messages)
    assert numbers(node) == []
    assert set(lines(node, messages[0][2][cut.WHOLE], "part_refused")) == {"TOO_LARGE"}


async def test_what_did_not_come_whole_ends_with_the_lifetime(theatre: Theatre) -> None:
    messages = cut_up(envelope(1))
    node = await deliver(theatre, messages[1:])
    theatre.clock.advance(theatre.schedule.lifetime - timedelta(minutes=1))
    await keeper.keep(world=node.world, now=theatre.clock.now())
    assert groups(node) == 1
    theatre.clock.advance(timedelta(minutes=2))
    await keeper.keep(world=node.world, now=theatre.clock.now())
    assert groups(node) == 0
    assert lines(node, messages[0][2][cut.WHOLE], "parts_dropped") == ["LIFETIME_ENDED"]
    raw = node.store._access.reader._raw
    assert raw.execute("SELECT count(*) FROM chunks").fetchone()[0] == 0


async def test_parts_are_no_orphans_while_they_gather(theatre: Theatre) -> None:
    messages = cut_up(envelope(1))
    node = await deliver(theatre, messages[1:])
    theatre.clock.advance(2 * DAY)
    await keeper.tidy(world=node.world, now=theatre.clock.now())
    await deliver(theatre, messages[:1])
    assert len(node.store.incoming.kept_list()) + len(node.store.incoming.arrivals()) == 1


async def test_a_known_envelope_is_answered_again_without_its_parts(theatre: Theatre) -> None:
    messages = cut_up(envelope(1))
    node = await deliver(theatre, messages)
    theatre.clock.advance(timedelta(minutes=5))
    await deliver(theatre, messages)
    assert numbers(node) == ["1"]
    assert groups(node) == 0


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("step", ["begin_part", "put_part", "judging", "accept", "drop_parts"])
async def test_a_crash_at_any_step_loses_nothing(theatre: Theatre, when: str, step: str) -> None:
    data = envelope(1)
    node = theatre.nodes["H01"]
    node.crash_at = f"{when}:{step}"
    await deliver(theatre, cut_up(data))
    assert node.crashes == 1
    for _ in range(3):
        await node.turn()
    assert numbers(node) == ["1"]
    assert node.store.contents.read(hashlib.sha256(data).hexdigest()) == data
    assert theatre.axis.in_hand["H01"] == theatre.axis.queues["H01"] == []


async def test_a_whole_that_ends_us_is_tried_in_a_child_and_then_quarantined(
    theatre: Theatre,
) -> None:
    """First judged here, then read by a child, which dies of it."""
    node = theatre.nodes["H01"]
    node.crash_at = "after:judging"
    data = envelope(1)
    await deliver(theatre, cut_up(data))
    seen: list[bytes] = []

    def dies(pieces: object) -> str:
        seen.append(b"".join(pieces))  # type: ignore[call-overload]
        return "signal 11"

    limits = Limits(trial_bytes=1000)
    node.world = replace(node.world, limits=limits, trial=dies)
    await node.turn()
    assert seen == [data]
    assert [one.reason for one in node.store.incoming.kept_list()] == ["POISON"]
    assert node.store.contents.read(hashlib.sha256(data).hexdigest()) == data
    assert groups(node) == 0
