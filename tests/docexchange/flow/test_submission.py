"""docexchange/flow/submission.py: a document submitted as JSON, inline and in parts."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import json
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast
from unittest.mock import patch

import pytest

from docexchange.core.errors import SubmissionRefused
from docexchange.core.memory import Store
from docexchange.core.policy import Limits
from docexchange.flow import mailroom, submission, uploads
from docexchange.flow.forms import LIST_MAX
from envelopes import edxml
from envelopes.model import Document
from envelopes.report import Indication
from envelopes.verify import verify
from keys.remote import load_remote_key
from tests.docexchange.flow.test_mailroom import Message, take
from tests.pki import P256
from tests.theatre import Node, Theatre, flip

PDF = b"%PDF-1.7 " + bytes(range(256))
DELETED = object()


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def letter(**changes: object) -> dict[str, Any]:
    """A submission; a value DELETED takes a member away."""
    made: dict[str, Any] = {
        "organ_from": "H05",
        "organs_to": ["H01"],
        "code": {"number": "98", "notation": "QĐ-UBND"},
        "subject": "Về việc kiểm tra",
        "promulgation_date": "2026-11-23",
        "document_type": "quyết định",
        "signer": {"full_name": "Nguyễn Văn A", "position": "Chủ tịch"},
        "priority": 2,
        "attachments": [{"name": "qd98.pdf", "base64": base64.b64encode(PDF).decode()}],
    } | changes
    return {name: value for name, value in made.items() if value is not DELETED}


def message(asked: object, message_id: str = "m-1", **more: Any) -> Message:
    return Message(
        json.dumps(asked).encode(),
        message_id,
        content_type=f"{submission_type()}; charset=utf-8",
        **more,
    )


def submission_type() -> str:
    return "application/vnd.docexchange.submission+json"


def part(data: bytes, message_id: str = "p", **headers: object) -> Message:
    return Message(
        data,
        message_id,
        routing_key="submit.part",
        content_type="application/octet-stream",
        headers={"x-sha256": sha(data)} | headers,
    )


def in_parts(parts: list[bytes], **changes: object) -> dict[str, Any]:
    whole = b"".join(parts)
    facts: dict[str, object] = {
        "name": "qd98.pdf",
        "sha256": sha(whole),
        "size": len(whole),
        "parts": [sha(one) for one in parts],
    }
    return letter(attachments=[facts | changes])


async def bring(theatre: Theatre, *parts: Message) -> list[Any]:
    """Bring parts; the problems that they were answered with."""
    node = theatre.nodes["H05"]
    before = len(node.store.mailrooms.due("mr-H05", 0, 100))
    counter = mailroom.Counter("mr-H05", frozenset({"H05"}))
    for one in parts:
        await mailroom.take(one, counter, world=node.world, now=theatre.clock.now())
        assert one.acked
    rows = node.store.mailrooms.due("mr-H05", 0, 100)[before:]
    return [json.loads(row.message.body or b"") for row in rows]


def sent(node: Node, ref: str) -> Document:
    document, _ = edxml.read(node.store.contents.read(node.store.outgoing.document(ref).sha256))
    assert isinstance(document, Document)
    return document


async def test_a_document_as_json(theatre: Theatre, node: Node) -> None:
    reply = await take(theatre, message(letter(due_date="2026-12-01", to_places=["Lưu: VT"])))
    assert reply["status"] == "accepted"
    document = sent(node, reply["tracking_id"])
    assert reply["document_id"] == document.document_id == "H05,2026/11/23,98/QĐ-UBND"
    assert document.recipients == ("H01",)
    assert [organ.name for organ in (document.sender, *document.to)] == [
        "Bắc Ninh",
        "An Giang",
    ]
    assert document.subject == "Về việc kiểm tra"
    assert (document.priority, document.due_date) == (2, "2026/12/01")
    assert document.document_type is not None
    assert document.document_type.type_name == "Quyết định"
    assert document.signatory is not None
    assert document.signatory.full_name == "Nguyễn Văn A"
    assert document.to_places is not None
    assert document.to_places.items == ("Lưu: VT",)
    (file,) = document.attachments
    assert (file.name, file.content, file.content_type) == ("qd98.pdf", PDF, "application/pdf")


async def test_it_arrives_like_any_other(theatre: Theatre, node: Node) -> None:
    await take(theatre, message(letter()))
    await theatre.settle()
    arrival = theatre.nodes["H01"].store.incoming.arrivals()[0]
    assert (arrival.number, arrival.code) == ("98", "01")


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"organ_from": DELETED}, "/organ_from"),
        ({"organ_from": 5}, "/organ_from"),
        ({"organs_to": []}, "/organs_to"),
        ({"organs_to": "H01"}, "/organs_to"),
        ({"organs_to": ["H01", 7]}, "/organs_to/1"),
        ({"organs_to": ["H01", "H13", "H01"]}, "/organs_to/2"),
        ({"code": "98/QĐ-UBND"}, "/code"),
        ({"code": {"number": "98"}}, "/code/notation"),
        ({"code": {"number": "98", "notation": "Q", "year": 2026}}, "/code/year"),
        ({"subject": "  "}, "/subject"),
        ({"subject": "a\x00b"}, "/subject"),
        ({"subject": "half \ud83d a pair"}, "/subject"),
        ({"promulgation_date": "23/11/2026"}, "/promulgation_date"),
        ({"promulgation_date": "2026-02-30"}, "/promulgation_date"),
        ({"priority": 5}, "/priority"),
        ({"priority": True}, "/priority"),
        ({"priority": "1"}, "/priority"),
        ({"signer": []}, "/signer"),
        ({"subjekt": "x"}, "/subjekt"),
        ({"a/b~c": "x"}, "/a~1b~0c"),
        ({"responses_to": [{"code": "1/QĐ"}]}, "/responses_to/0/organ_id"),
        ({"attachments": {}}, "/attachments"),
        ({"attachments": ["x"]}, "/attachments/0"),
        ({"attachments": [{"name": "a"}]}, "/attachments/0"),
        ({"attachments": [{"base64": "QQ=="}]}, "/attachments/0/name"),
        ({"attachments": [{"name": "a", "base64": "QQ"}]}, "/attachments/0/base64"),
        ({"attachments": [{"name": "a", "base64": "Q Q=="}]}, "/attachments/0/base64"),
        ({"attachments": [{"name": "a", "base64": 5}]}, "/attachments/0/base64"),
        ({"attachments": [{"name": "a", "parts": []}]}, "/attachments/0/parts"),
        ({"attachments": [{"name": "a", "parts": ["x"]}]}, "/attachments/0/parts/0"),
    ],
)
async def test_a_fault_is_told_with_its_place(
    theatre: Theatre, node: Node, changes: dict[str, object], pointer: str
) -> None:
    reply = await take(theatre, message(letter(**changes)))
    assert reply["code"] == "E-FMT-008"
    assert pointer in [error["pointer"] for error in reply["errors"]]
    assert node.store.outgoing.documents() == []


async def test_every_fault_is_told_at_once(theatre: Theatre, node: Node) -> None:
    reply = await take(theatre, message({"organs_to": ["H01"], "code": {}, "x": 1}))
    assert [error["pointer"] for error in reply["errors"]] == [
        "/organ_from",
        "/code/number",
        "/code/notation",
        "/subject",
        "/promulgation_date",
        "/x",
    ]


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b'{"a":1,"a":2}', b'{"a":NaN}', b"\xff", b"[" * 200_000, b'"x"', b"null"],
)
async def test_what_is_no_json_object(theatre: Theatre, node: Node, body: bytes) -> None:
    asked = message({})
    asked.body = body
    reply = await take(theatre, asked)
    assert reply["code"] == "E-FMT-008"
    assert reply["errors"][0]["pointer"] == ""


@pytest.mark.parametrize(
    ("changes", "code", "pointer"),
    [
        ({"organ_from": "H01"}, "E-AUT-001", "/organ_from"),
        ({"organs_to": ["H01", "H99"]}, "E-RTE-001", "/organs_to/1"),
        ({"organs_to": ["H02"]}, "E-RTE-002", "/organs_to"),
        ({"organs_to": ["H 01"]}, "E-FMT-016", "/organs_to"),
        ({"subject": "x" * 501}, "E-FMT-021", "/subject"),
        ({"code": {"number": "1" * 12, "notation": "QĐ"}}, "E-FMT-021", "/code/number"),
        ({"promulgation_place": "Mật", "document_type": "Mật"}, "E-SEC-001", "/document_type"),
    ],
)
async def test_what_the_rules_refuse_is_placed_in_the_json(
    theatre: Theatre, node: Node, changes: dict[str, object], code: str, pointer: str
) -> None:
    reply = await take(theatre, message(letter(**changes)))
    assert (reply["code"], reply["errors"][0]["pointer"]) == (code, pointer)


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [({"sha256": "0" * 64}, "/attachments/0/sha256"), ({"size": 3}, "/attachments/0/size")],
)
async def test_a_content_that_is_not_what_was_said(
    theatre: Theatre, node: Node, changes: dict[str, object], pointer: str
) -> None:
    file = {"name": "a.pdf", "base64": "QQ==", "sha256": sha(b"A"), "size": 1} | changes
    reply = await take(theatre, message(letter(attachments=[file])))
    assert (reply["code"], reply["errors"][0]["pointer"]) == ("E-FMT-009", pointer)


async def test_the_same_again_however_it_is_laid_out(theatre: Theatre, node: Node) -> None:
    first = await take(theatre, message(letter()))
    asked = message(letter())
    asked.body = json.dumps(letter(), indent=3, sort_keys=True).encode()
    again = await take(theatre, asked)
    assert (again["duplicate"], again["tracking_id"]) == (True, first["tracking_id"])
    other_id = await take(theatre, message(letter(), "m-2"))
    assert (other_id["duplicate"], other_id["tracking_id"]) == (True, first["tracking_id"])
    other = await take(theatre, message(letter(subject="Khác"), "m-3"))
    assert other["code"] == "E-DUP-002"


async def test_it_is_the_same_when_the_directory_has_new_names(
    theatre: Theatre, node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = await take(theatre, message(letter()))
    monkeypatch.setattr(mailroom, "_names", lambda world: lambda organ: "Tên mới")
    again = await take(theatre, message(letter()))
    assert again["tracking_id"] == first["tracking_id"]


async def test_gzip(theatre: Theatre, node: Node) -> None:
    asked = message(letter())
    asked.body, asked.content_encoding = gzip.compress(asked.body), "gzip"
    assert (await take(theatre, asked))["status"] == "accepted"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (gzip.compress(b" " * 9_000_000), "E-SIZ-001"),  # a bomb: 9 kB
        (gzip.compress(b"{}")[:-1], "E-FMT-007"),
        (gzip.compress(b"{}") + b"x", "E-FMT-007"),
        (b"", "E-FMT-007"),
    ],
    ids=["bomb", "cut", "more after it", "empty"],
)
async def test_a_bad_gzip(theatre: Theatre, node: Node, body: bytes, code: str) -> None:
    asked = message({}, content_encoding="gzip")
    asked.body = body
    assert (await take(theatre, asked))["code"] == code
    assert node.store.outgoing.documents() == []


@pytest.mark.parametrize("name", ["attachments", "organs_to", "to_places"])
async def test_a_list_without_end_is_refused_at_once(
    theatre: Theatre, node: Node, name: str
) -> None:
    reply = await take(theatre, message(letter(**{name: [1] * (LIST_MAX + 1)})))
    assert reply["code"] == "E-FMT-008"
    [fault] = reply["errors"]
    assert (fault["pointer"], "10,000" in fault["detail"]) == (f"/{name}", True)


async def test_recipients_named_twice_are_told(theatre: Theatre, node: Node) -> None:
    reply = await take(theatre, message(letter(organs_to=["H01"] * 200)))
    assert (reply["code"], reply["errors"][0]["pointer"]) == ("E-FMT-008", "/organs_to/1")


# -- parts --------------------------------------------------------------------------------------
async def test_an_attachment_in_parts(theatre: Theatre, node: Node) -> None:
    parts = [b"%PDF-" + b"a" * 5000, b"b" * 5000, b"%PDF-" + b"a" * 5000, b"end"]
    brought = [part(one) for one in (parts[3], parts[1], parts[0], parts[1])]  # mixed up, doubled
    assert await bring(theatre, *brought) == []
    reply = await take(theatre, message(in_parts(parts)))
    assert reply["status"] == "accepted"
    assert sent(node, reply["tracking_id"]).attachments[0].content == b"".join(parts)
    assert node.store.mailrooms.uploads("mr-H05", [sha(one) for one in parts]) == {}


async def test_asked_again_when_its_parts_are_gone(theatre: Theatre, node: Node) -> None:
    await bring(theatre, part(PDF))
    first = await take(theatre, message(in_parts([PDF])))
    again = await take(theatre, message(in_parts([PDF])))
    assert (again["duplicate"], again["tracking_id"]) == (True, first["tracking_id"])


async def test_inline_or_in_parts_it_is_the_same_document(theatre: Theatre, node: Node) -> None:
    await bring(theatre, part(PDF))
    first = await take(theatre, message(in_parts([PDF])))
    again = await take(theatre, message(letter()))
    assert (again["duplicate"], again["tracking_id"]) == (True, first["tracking_id"])


async def test_a_missing_part_is_named_and_may_follow(theatre: Theatre, node: Node) -> None:
    parts = [b"1", b"2", b"3"]
    await bring(theatre, part(b"1"))
    reply = await take(theatre, message(in_parts(parts)))
    assert (reply["code"], reply["retryable"]) == ("E-PRT-001", True)
    assert reply["errors"] == [
        {"pointer": f"/attachments/0/parts/{position}", "detail": sha(parts[position])}
        for position in (1, 2)
    ]
    await bring(theatre, part(b"2"), part(b"3"))
    assert (await take(theatre, message(in_parts(parts))))["status"] == "accepted"


async def test_a_part_that_is_damaged_on_disk_is_asked_for_again(
    theatre: Theatre, node: Node
) -> None:
    """The daemon goes on; the part is named, and the same document passes after it came again."""
    parts = [b"1", b"2"]
    await bring(theatre, part(b"1"), part(b"2"))
    flip(node, sha(b"2"))
    reply = await take(theatre, message(in_parts(parts)))
    assert (reply["code"], reply["retryable"]) == ("E-PRT-001", True)
    assert [one["detail"] for one in reply["errors"]] == [sha(b"2")]
    await bring(theatre, part(b"2"))
    assert (await take(theatre, message(in_parts(parts))))["status"] == "accepted"


async def test_parts_that_do_not_make_the_content(theatre: Theatre, node: Node) -> None:
    await bring(theatre, part(b"1"), part(b"2"))
    reply = await take(theatre, message(in_parts([b"2", b"1"], sha256=sha(b"12"))))
    assert (reply["code"], reply["errors"][0]["pointer"]) == (
        "E-FMT-009",
        "/attachments/0/sha256",
    )


async def test_a_refused_document_keeps_its_parts(theatre: Theatre, node: Node) -> None:
    await bring(theatre, part(PDF))
    asked = in_parts([PDF])
    reply = await take(theatre, message(asked | {"organs_to": ["H99"]}))
    assert reply["code"] == "E-RTE-001"
    assert (await take(theatre, message(asked, "m-2")))["status"] == "accepted"


@pytest.mark.parametrize(
    ("brought", "code"),
    [
        (part(PDF, **{"x-sha256": "0" * 64}), "E-PRT-002"),
        (part(PDF, **{"x-sha256": None}), "E-PRT-002"),
        (part(PDF, **{"x-sha256": b"\xff"}), "E-PRT-002"),
        (part(b"x" * (4 * 1024 * 1024 + 1)), "E-SIZ-001"),
        (part(PDF, ""), "E-FMT-002"),
    ],
)
async def test_a_bad_part(theatre: Theatre, node: Node, brought: Message, code: str) -> None:
    assert [problem["code"] for problem in await bring(theatre, brought)] == [code]
    assert node.store.mailrooms.uploads("mr-H05", [sha(brought.body)]) == {}


async def test_a_part_over_the_quota(theatre: Theatre, node: Node) -> None:
    node.world = replace(node.world, limits=Limits(upload_quota=10))
    problems = await bring(theatre, part(b"1" * 8), part(b"2" * 8))
    assert [(one["code"], one["retryable"]) for one in problems] == [("E-PRT-003", True)]


async def test_another_mailrooms_parts_are_not_here(theatre: Theatre, node: Node) -> None:
    await node.store.mailrooms.keep_upload("mr-other", sha(PDF), PDF, theatre.clock.now(), 10_000)
    assert (await take(theatre, message(in_parts([PDF]))))["code"] == "E-PRT-001"


async def test_a_document_waits_for_parts_that_came_before_it(theatre: Theatre, node: Node) -> None:
    """They are taken side by side; on one connection a mailroom need not wait between them."""
    import asyncio

    large = [bytes([n]) * 3_000_000 for n in range(2)]
    counter = mailroom.Counter("mr-H05", frozenset({"H05"}))
    messages = [*map(part, large), message(in_parts(large))]
    now = theatre.clock.now()
    await asyncio.gather(
        *(mailroom.take(one, counter, world=node.world, now=now) for one in messages)
    )
    (row,) = node.store.mailrooms.due("mr-H05", 0, 10)
    assert row.message.type == "document.accepted.v1"


async def test_a_document_too_large_is_refused_before_its_parts(
    theatre: Theatre, node: Node
) -> None:
    asked = in_parts([PDF], size=2**30)
    assert (await take(theatre, message(asked)))["code"] == "E-SIZ-001"


SMALL = Limits(envelope_bytes=20_000)  # so that a few kilobytes are large


@pytest.fixture
def small(node: Node) -> Node:
    node.world = replace(node.world, limits=SMALL)
    return node


LARGE = [bytes([n]) * 9_000 for n in (1, 2, 1)]


async def test_parts_that_make_a_large_document_stay_in_the_store(
    theatre: Theatre, small: Node
) -> None:
    await bring(theatre, *map(part, LARGE))
    asked = in_parts(LARGE)
    asked["attachments"].append({"name": "b.txt", "base64": base64.b64encode(b"b").decode()})
    with patch.object(submission, "assemble", side_effect=AssertionError("in memory")):
        reply = await take(theatre, message(asked))
    assert reply["status"] == "accepted"
    document = sent(small, reply["tracking_id"])
    assert [(one.name, one.content) for one in document.attachments] == [
        ("qd98.pdf", b"".join(LARGE)),
        ("b.txt", b"b"),
    ]
    view = small.store.outgoing.document(reply["tracking_id"])
    report = verify(
        small.store.contents.read(view.sha256), trust=P256.trust, at=theatre.clock.now()
    )
    assert report.indication is Indication.PASSED
    assert small.store.mailrooms.uploads("mr-H05", [sha(one) for one in LARGE]) == {}
    again = await take(theatre, message(asked))
    assert (again["duplicate"], again["tracking_id"]) == (True, reply["tracking_id"])


async def test_a_large_document_of_a_mailroom_arrives_at_another(
    theatre: Theatre, small: Node
) -> None:
    await bring(theatre, *map(part, LARGE))
    reply = await take(theatre, message(in_parts(LARGE)))
    await theatre.settle(turns=8)
    receiver = theatre.nodes["H01"]
    [arrival] = receiver.store.incoming.arrivals()
    assert arrival.sha256 == small.store.outgoing.document(reply["tracking_id"]).sha256
    document, _ = edxml.read(receiver.store.contents.read(arrival.sha256))
    assert isinstance(document, Document)
    assert document.attachments[0].content == b"".join(LARGE)


async def test_large_parts_that_do_not_make_the_content(theatre: Theatre, small: Node) -> None:
    await bring(theatre, *map(part, LARGE))
    for number, change in enumerate(({"sha256": sha(b"x")}, {"size": 27_001})):
        reply = await take(theatre, message(in_parts(LARGE, **change), f"m-{number}"))
        place = f"/attachments/0/{next(iter(change))}"
        assert (reply["code"], reply["errors"][0]["pointer"]) == ("E-FMT-009", place)
    assert (await take(theatre, message(in_parts(LARGE), "m-9")))["status"] == "accepted"


async def test_a_damaged_part_of_a_large_document_is_asked_for(
    theatre: Theatre, small: Node
) -> None:
    await bring(theatre, *map(part, LARGE))
    flip(small, sha(LARGE[1]))
    reply = await take(theatre, message(in_parts(LARGE)))
    assert (reply["code"], reply["retryable"]) == ("E-PRT-001", True)
    assert [one["detail"] for one in reply["errors"]] == [sha(LARGE[1])]
    await bring(theatre, part(LARGE[1]))
    assert (await take(theatre, message(in_parts(LARGE))))["status"] == "accepted"


async def test_a_large_document_is_not_signed_elsewhere(theatre: Theatre, small: Node) -> None:
    remote = load_remote_key(P256.chain_pem("H05"))
    small.world = replace(small.world, remote={"H05": remote})
    await bring(theatre, *map(part, LARGE))
    assert (await take(theatre, message(in_parts(LARGE))))["code"] == "E-SIZ-001"


def test_parts_read_as_one_file(node: Node) -> None:
    class Blobs:
        def read(self, digest: str) -> bytes:
            return {"a": b"", "b": b"12345", "c": b"6"}[digest]

    store = cast("Store", SimpleNamespace(contents=Blobs()))
    with uploads.joined(["a", "b", "a", "c"], store) as file:
        assert file.read(2) == b"12"
        assert file.read() == b"3456"
        assert (file.read(), file.tell()) == (b"", 6)
        file.seek(0)
        assert file.read() == b"123456"
        with pytest.raises(OSError, match="from their beginning"):
            file.seek(-1, io.SEEK_END)


def test_every_place_of_the_table_is_one_of_the_json() -> None:
    for path in submission.PLACES.values():
        assert path.split("/")[1] in letter(
            promulgation_place="", due_date="", responses_to=[], to_places=[]
        )
    assert submission.json_place("MessageHeader/To[2]/OrganId") == "/organs_to/1"
    assert submission.json_place("TraceHeaderList/Bussiness") == ""
    assert submission.json_place("properties/message_id") == "properties/message_id"


def test_a_refusal_lists_a_bounded_number_of_places() -> None:
    with pytest.raises(SubmissionRefused) as refused:
        submission.read(json.dumps(letter(organs_to=[1] * 100)).encode())
    assert len(refused.value.errors) == 20


async def test_a_submission_that_replaces_names_older_documents(
    node: Node, theatre: Theatre
) -> None:
    old = await theatre.send(7, ("H01",))
    name = node.store.outgoing.document(old).document_id
    asked = letter(replaces=[old], reason="Sai phụ lục")
    reply = await take(theatre, message(asked))
    assert reply["status"] == "accepted"
    (change,) = node.store.outgoing.document(reply["tracking_id"]).changes
    assert (change.business, change.tracking_id, change.document_id) == (3, old, name)
    refused = await take(theatre, message(letter(updates="7/CV"), "m-2"))
    assert (refused["code"], refused["errors"][0]["pointer"]) == ("E-REF-001", "/updates")


@pytest.mark.parametrize(
    ("members", "pointer"),
    [
        ({"updates": "A", "replaces": ["B"]}, "/updates"),
        ({"reason": "Sai phụ lục"}, "/reason"),
        ({"replaces": [7]}, "/replaces/0"),
    ],
)
def test_a_change_that_makes_no_sense_is_refused(members: dict[str, Any], pointer: str) -> None:
    with pytest.raises(SubmissionRefused) as refused:
        submission.read(json.dumps(letter(**members)).encode())
    assert refused.value.code == "E-FMT-008"
    assert pointer in [where for where, _ in refused.value.errors]


def test_a_member_twice_among_many_is_found_at_once() -> None:
    """Comparing each with each would hold the process for an hour."""
    members = ",".join(f'"{n}":0' for n in [*range(300_000), 299_999])
    with pytest.raises(SubmissionRefused, match="'299999' stands twice"):
        submission.read(f"{{{members}}}".encode())
