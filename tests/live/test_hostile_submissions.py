"""Rubbish, lies and bombs in a mailroom's queue: each answered with its problem, none in the way.

Between hostile messages come good ones. Every hostile one gets exactly one problem of the contract
(`watch` holds each reply against its schema), every good one arrives at the other mailroom, and
the queue of submissions is empty in the end.
"""

from __future__ import annotations

import asyncio
import base64
import gzip
import hashlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aio_pika
import pytest

from docexchange.core.names import SUBMIT_QUEUE
from docexchange.core.problems import PROBLEMS
from docexchange.demo.rabbitmq import Node
from tests.contract import Watch
from tests.live.rig import RESTART, SOON, exchange, mailroom_url

pytestmark = [pytest.mark.live, pytest.mark.slow]

MIB = 1024 * 1024
JSON = "application/vnd.docexchange.submission+json"
EDXML = "application/xml"
PLAIN = "application/json"
BYTES = "application/octet-stream"
DOCUMENT, STATUS, PART = "submit.document", "submit.status", "submit.part"
LIMIT = 8 * MIB  # limits.envelope_bytes as it is by default


def letter(number: int, **changed: Any) -> dict[str, Any]:
    """A good submission, but for what is changed."""
    content = b"%PDF-1.7 "
    return {
        "organ_from": "H05",
        "organs_to": ["H13"],
        "code": {"number": str(number), "notation": "QĐ-UBND"},
        "subject": "Giữa những văn bản hỏng",
        "promulgation_date": "2026-11-23",
        "attachments": [{"name": "qd.pdf", "base64": base64.b64encode(content).decode()}],
    } | changed


def text(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


def attached(**attachment: object) -> bytes:
    """A submission with this attachment."""
    return text(letter(2, attachments=[{"name": "qd.pdf"} | attachment]))


GOOD = text(letter(1))


@dataclass(frozen=True)
class Hostile:
    """A message that no mailroom should send, and the code of its answer."""

    name: str
    code: str
    body: bytes = field(repr=False)
    key: str = DOCUMENT
    content_type: str = JSON
    properties: dict[str, Any] = field(default_factory=dict)
    detail: str = ""  # what the answer must say


def bomb(size: int) -> bytes:
    """A JSON text of so many bytes, packed small."""
    return gzip.compress(b'{"subject": "' + b"A" * size + b'"}', mtime=0)


LAUGHS = (
    b'<!DOCTYPE edXML [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>'
    b"<edXML>&b;&b;&b;&b;&b;&b;&b;&b;</edXML>"
)
LAST_TWICE = b"{" + b",".join(b'"%d":0' % n for n in [*range(100_000), 99_999]) + b"}"
GZIP = {"content_encoding": "gzip"}
OTHER = hashlib.sha256(b"other").hexdigest()

HOSTILE = [
    Hostile("empty", "E-FMT-008", b""),
    Hostile("cut-json", "E-FMT-008", GOOD[:100], detail="not JSON"),
    Hostile("no-utf8", "E-FMT-008", b'{"subject": "\xff\xfe"}'),
    Hostile("nested-lists", "E-FMT-008", b"[" * 2_000_000),
    Hostile("nested-objects", "E-FMT-008", b'{"code":' * 200_000 + b"1" + b"}" * 200_000),
    Hostile("member-twice", "E-FMT-008", b'{"subject": "a", ' + GOOD[1:], detail="twice"),
    Hostile("last-member-twice", "E-FMT-008", LAST_TWICE, detail="twice"),
    Hostile("nan", "E-FMT-008", b'{"subject": NaN}'),
    Hostile("endless-number", "E-FMT-008", b'{"subject": ' + b"9" * MIB + b"}"),
    Hostile("half-a-surrogate", "E-FMT-008", GOOD.replace(b"Gi", b"\\ud800")),
    Hostile("nul", "E-FMT-008", text(letter(2, subject="a\0b"))),
    Hostile("a-list", "E-FMT-008", b"[]"),
    Hostile("unknown-member", "E-FMT-008", text(letter(2, urgent=True)), detail="/urgent"),
    Hostile("many-faults", "E-FMT-008", text(letter(2, attachments=[1] * 5_000))),
    Hostile("bad-base64", "E-FMT-008", attached(base64="A"), detail="base64"),
    Hostile("other-digest", "E-FMT-009", attached(base64="AAAA", sha256=OTHER)),
    Hostile("other-size", "E-FMT-009", attached(base64="AAAA", size=2**29)),
    Hostile("no-such-part", "E-PRT-001", attached(parts=[OTHER], sha256=OTHER, size=5),
            detail=OTHER),
    Hostile("too-large", "E-SIZ-001", b" " * LIMIT + GOOD, detail=f"{LIMIT:,}"),
    Hostile("too-large-edxml", "E-SIZ-001", b" " * (LIMIT + 1), content_type=EDXML),
    Hostile("bomb", "E-SIZ-001", bomb(200 * MIB), properties=GZIP, detail=f"{LIMIT:,}"),
    Hostile("no-gzip", "E-FMT-007", GOOD, properties=GZIP),
    Hostile("cut-gzip", "E-FMT-007", gzip.compress(GOOD, mtime=0)[:-9], properties=GZIP),
    Hostile("two-gzips", "E-FMT-007", gzip.compress(GOOD, mtime=0) * 2, properties=GZIP),
    Hostile("other-encoding", "E-FMT-005", GOOD, properties={"content_encoding": "br"}),
    Hostile("json-said-to-be-xml", "E-FMT-001", GOOD, content_type=EDXML),
    Hostile("xml-said-to-be-json", "E-FMT-008", b"<edXML/>"),
    Hostile("no-such-type", "E-FMT-006", GOOD, content_type="text/html"),
    Hostile("no-such-key", "E-FMT-012", GOOD, key="submit.everything"),
    Hostile("entities", "E-FMT-001", LAUGHS, content_type=EDXML),
    Hostile("deep-xml", "E-FMT-001", b"<a>" * 100_000, content_type=EDXML),
    Hostile("no-xml", "E-FMT-001", b"\0" * 1000, content_type=EDXML),
    Hostile("not-its-organ", "E-AUT-001", text(letter(2, organ_from="H13"))),
    Hostile("status-nested", "E-FMT-004", b"[" * 200_000, key=STATUS, content_type=PLAIN),
    Hostile("status-of-nothing", "E-REF-001", text({"tracking_id": "no-such", "code": "03"}),
            key=STATUS, content_type=PLAIN),
    Hostile("recall-no-json", "E-RCL-003", b"{", key="submit.recall", content_type=PLAIN),
    Hostile("part-of-other-digest", "E-PRT-002", b"bytes", key=PART,
            content_type=BYTES, properties={"headers": {"x-sha256": OTHER}}),
    Hostile("part-without-digest", "E-PRT-002", b"bytes", key=PART,
            content_type=BYTES),
    Hostile("part-with-a-table", "E-PRT-002", b"bytes", key=PART,
            content_type=BYTES, properties={"headers": {"x-sha256": {"a": 1}}}),
    Hostile("part-too-large", "E-SIZ-001", bytes(4 * MIB + 1), key=PART,
            content_type=BYTES),
    Hostile("part-as-json", "E-FMT-006", b"bytes", key=PART),
]  # fmt: skip


WANTED = {one.name: one.code for one in HOSTILE}


class Clerk:
    """A stock client of a mailroom."""

    def __init__(self, channel: aio_pika.abc.AbstractChannel) -> None:
        self.channel = channel

    async def submit(self, key: str, body: bytes, **properties: Any) -> None:
        """Publish one, returned or confirmed."""
        exchange = await self.channel.get_exchange("mr.submit", ensure=False)
        await exchange.publish(aio_pika.Message(body, delivery_mode=2, **properties), key)

    async def replies(self, count: int) -> list[tuple[str, dict[str, Any]]]:
        """So many replies: what each answers, and its body."""
        found = []
        queue = await self.channel.get_queue("mr.replies", ensure=False)
        async with queue.iterator(no_ack=True) as messages:
            async for message in messages:
                found.append((message.correlation_id or "", json.loads(message.body)))
                if len(found) == count:
                    break
        return found


@asynccontextmanager
async def clerk_of(rabbit: Node, name: str) -> AsyncIterator[Clerk]:
    async with await aio_pika.connect(mailroom_url(rabbit, name)) as connection:
        yield Clerk(await connection.channel(publisher_confirms=True, on_return_raises=True))


async def inbox_numbers(rabbit: Node, count: int) -> set[str]:
    """The numbers of so many documents that came to the other mailroom."""
    found: set[str] = set()
    async with clerk_of(rabbit, "H13") as clerk:
        queue = await clerk.channel.get_queue("mr.inbox", ensure=False)
        async with queue.iterator() as messages:
            async for message in messages:
                await message.ack()
                found.add(str(message.headers["x-document-number"]).partition("/")[0])
                if len(found) == count:
                    break
    return found


async def test_each_is_answered_and_none_is_in_the_way(
    empty_axis: Node, empty_mailrooms: Node, tmp_path: Path, watch: Watch
) -> None:
    assert len(WANTED) == len(HOSTILE)
    good = {str(100 + number) for number in range(len(HOSTILE))}
    async with exchange(tmp_path, empty_axis), asyncio.timeout(2 * RESTART):
        async with clerk_of(empty_mailrooms, "H05") as clerk:
            for number, one in enumerate(HOSTILE):
                await clerk.submit(
                    one.key,
                    one.body,
                    message_id=one.name,
                    content_type=one.content_type,
                    **one.properties,
                )
                await clerk.submit(
                    DOCUMENT,
                    text(letter(100 + number)),
                    message_id=f"good-{number}",
                    content_type=JSON,
                )
            replies = await clerk.replies(2 * len(HOSTILE))
        answers = dict(replies)
        assert len(answers) == len(replies)  # each once
        wrong = {n: answers[n] for n, code in WANTED.items() if answers[n].get("code") != code}
        assert not wrong
        for one in HOSTILE:
            problem = answers[one.name]
            assert one.detail in problem["detail"], problem
            assert problem["retryable"] == PROBLEMS[one.code].again
            assert problem["received"] == {
                "sha256": hashlib.sha256(one.body).hexdigest(),
                "size": len(one.body),
            }
        assert await inbox_numbers(empty_mailrooms, len(good)) == good
    await no_submission_waits(empty_mailrooms)
    assert watch.seen >= 4 * len(HOSTILE)  # what it saw fitted the contract: see the fixture


async def no_submission_waits(rabbit: Node) -> None:
    connection = await aio_pika.connect(rabbit.admin_url("mr-H05"))
    async with connection:
        channel = await connection.channel()
        queue = await channel.declare_queue(SUBMIT_QUEUE, passive=True)
        assert queue.declaration_result.message_count == 0


class Wire(str):
    """A property that libraries take for a text, and the bytes that go out for it."""

    wire: bytes

    def encode(self, encoding: str = "utf-8", errors: str = "strict") -> bytes:
        """Those bytes."""
        return self.wire


def wired(wire: bytes) -> Wire:
    name = Wire("some name")  # aiormq makes up a name where there is none
    name.wire = wire
    return name


@pytest.mark.parametrize("name", [b"", b"x" * 201, b"\xff\xfe"])
async def test_a_message_that_names_itself_badly(
    empty_axis: Node, empty_mailrooms: Node, tmp_path: Path, name: bytes
) -> None:
    """Without message_id, with one too long, with one that is no text and once ended the connection
    each time it was delivered."""
    async with (
        exchange(tmp_path, empty_axis),
        asyncio.timeout(SOON),
        clerk_of(empty_mailrooms, "H05") as clerk,
    ):
        submit = await clerk.channel.get_exchange("mr.submit", ensure=False)
        message = aio_pika.Message(GOOD, delivery_mode=2, content_type=JSON)
        message.message_id = wired(name)
        await submit.publish(message, DOCUMENT)
        [(_, problem)] = await clerk.replies(1)
        assert problem.get("code") == "E-FMT-002", problem
        await clerk.submit(DOCUMENT, GOOD, content_type=JSON, message_id="m-1")
        [(_, reply)] = await clerk.replies(1)
        assert reply["status"] == "accepted"
    await no_submission_waits(empty_mailrooms)
