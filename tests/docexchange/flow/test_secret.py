"""State secrets (QĐ 28/2018/QĐ-TTg Art 1.2): refused at our door, not kept when they come in.

Each story looks for words of the content in every byte of the store on disk, its journal of SQLite
included, beside an ordinary document whose words are found there.
"""

from __future__ import annotations

import base64
import json
import unicodedata
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from docexchange.core.errors import SubmissionRefused
from docexchange.core.schedule import Lane
from docexchange.core.states import StatusCode
from docexchange.flow import inbox, mailroom, outbox, receipts
from envelopes import edxml
from envelopes.model import Document, DocumentType, OtherInfo, Status
from envelopes.verify import verify
from tests.docexchange.flow.test_mailroom import COUNTER, Message, take
from tests.letters import document, sign_raw
from tests.pki import AT, P256
from tests.records import due
from tests.theatre import Theatre

WORD = "kim-cuong-trang-"  # of subject, file name and content; 18 characters with two more
CONTENT = (WORD + "xy").encode()  # a multiple of 3, so that its base64 stands in the envelope
TRACES = (WORD.encode(), base64.b64encode(CONTENT), "tuyến X".encode())

ORDINARY = document(
    to={"H01": ""}, subject=f"Về {WORD} tuyến X", files=[(f"{WORD}.pdf", CONTENT * 4)]
)
FIELDS = {
    "SphereOfPromulgation": lambda text: replace(
        ORDINARY, other_info=OtherInfo(priority_text="0", sphere_of_promulgation=text)
    ),
    "Priority": lambda text: replace(ORDINARY, other_info=OtherInfo(priority_text=text)),
    "TypeName": lambda text: replace(
        ORDINARY, document_type=DocumentType(type="1", type_name=text)
    ),
}
WORDS = [
    *("Mật", "TỐI MẬT", "tuyet mat", "Tuyệt  mật", unicodedata.normalize("NFD", "Tối mật")),
    *("M\u200bật", "[Mật]"),
]
SECRETS = [
    pytest.param(make(text), id=f"{field}-{text.encode('ascii', 'backslashreplace').decode()}")
    for field, make in FIELDS.items()
    for text in WORDS
]
SECRET = FIELDS["TypeName"]("Tối mật")


Logged = list[dict[str, object]]


@pytest.fixture
def logged(monkeypatch: pytest.MonkeyPatch) -> Logged:
    """Every line that the paths log, whatever a test before this one made of the logging."""
    lines: Logged = []

    class Log:
        def _line(self, event: str, **facts: object) -> None:
            lines.append({"event": event, **facts})

        debug = info = warning = error = exception = _line

    for module in (inbox, mailroom, outbox, receipts):
        monkeypatch.setattr(module, "log", Log())
    return lines


def traces(folder: Path, node: str) -> set[bytes]:
    """Which words of the content are in the files of a store."""
    files = list(folder.glob(f"{node}.sqlite3*"))
    assert files
    data = b"".join(path.read_bytes() for path in files)
    return {word for word in TRACES if word in data}


@pytest.mark.parametrize("made", SECRETS)
async def test_refused_at_the_door(
    theatre: Theatre, tmp_path: Path, logged: Logged, made: Document
) -> None:
    world = theatre.nodes["H05"].world
    with pytest.raises(SubmissionRefused) as refused:
        await outbox.submit(made, world=world, now=theatre.clock.now())
    assert refused.value.code == "E-SEC-001"
    assert "QĐ 28/2018/QĐ-TTg" in refused.value.title
    assert WORD not in str(refused.value) + str(logged)
    assert theatre.nodes["H05"].store.outgoing.documents() == []
    assert theatre.nodes["H05"].store.journal.last_time() is None
    assert traces(tmp_path, "H05") == set()


async def test_the_law_comes_before_whatever_else_is_wrong(theatre: Theatre) -> None:
    for wrong in (replace(SECRET, to=()), replace(SECRET, subject="")):
        with pytest.raises(SubmissionRefused) as refused:
            await outbox.submit(wrong, world=theatre.nodes["H05"].world, now=theatre.clock.now())
        assert refused.value.code == "E-SEC-001"


async def test_an_ordinary_document_leaves_its_words(theatre: Theatre, tmp_path: Path) -> None:
    """So that the others can fail."""
    await outbox.submit(ORDINARY, world=theatre.nodes["H05"].world, now=theatre.clock.now())
    assert traces(tmp_path, "H05") == set(TRACES)


async def test_a_mailroom_is_told_and_nothing_of_it_stored(
    theatre: Theatre, tmp_path: Path, logged: Logged
) -> None:
    theatre.nodes["H05"].mailroom = True
    reply = await take(theatre, Message(edxml.write(SECRET)))
    assert (reply["code"], reply["errors"][0]["pointer"]) == (
        "E-SEC-001",
        "MessageHeader/DocumentType/TypeName",
    )
    assert not reply["retryable"]
    assert WORD not in json.dumps(reply) + str(logged)
    assert traces(tmp_path, "H05") == set()
    stranger = Message(edxml.write(replace(SECRET, sender=replace(SECRET.sender, organ_id="H01"))))
    assert COUNTER.organs == {"H05"}
    assert (await take(theatre, stranger))["code"] == "E-SEC-001"


async def receive(theatre: Theatre, data: bytes, node: str = "H01", organ: str = "H01") -> str:
    theatre.axis.put(Lane.NORMAL, organ, data, "node-x")
    incoming = theatre.axis.take(theatre.axis.serves[organ])
    assert incoming is not None
    outcome = await inbox.receive(
        incoming, world=theatre.nodes[node].world, now=theatre.clock.now()
    )
    assert incoming.acked
    return outcome.value


@pytest.mark.parametrize("made", SECRETS)
async def test_of_an_incoming_one_only_digest_signer_and_report_are_kept(
    theatre: Theatre, tmp_path: Path, logged: Logged, made: Document
) -> None:
    node = theatre.nodes["H01"]
    node.mailroom = True
    data = sign_raw(made)
    assert await receive(theatre, data) == "quarantined"
    kept = node.store.incoming.kept("1")
    report = json.loads(node.store.incoming.kept("1").report)
    assert (kept.reason, kept.size, kept.from_organ) == ("SECRET", len(data), "H05")
    assert kept.sha256 == verify(data, trust=P256.trust, at=AT).sha256
    assert report["signer"]["organ_id"] == "H05"
    assert [check["reason"] for check in report["checks"] if check["result"] == "FAILED"] == [
        "SECRET"
    ]
    assert [line["event"] for line in logged] == ["quarantined"]
    assert WORD not in str(logged)
    assert node.store.incoming.arrivals() == []
    assert node.store.mailrooms.due("mr-H01", 0, 100) == []
    assert traces(tmp_path, "H01") == set()


async def test_its_sender_gets_a_signed_02_with_the_reason(
    theatre: Theatre, tmp_path: Path
) -> None:
    node, data = theatre.nodes["H01"], sign_raw(SECRET)
    await receive(theatre, data)
    (queued,) = due(node.store, Lane.RECEIPTS, theatre.clock.now())
    report = verify(
        node.store.contents.read(queued.sha256),
        trust=P256.trust,
        at=theatre.clock.now(),
        directory=theatre.directory,
    )
    answer = report.require_passed().message
    assert isinstance(answer, Status)
    assert answer.status_code == StatusCode.REJECTED
    assert answer.response_for.organ_id == "H05"
    assert report.received_sha256 == node.store.incoming.kept("1").sha256
    assert (answer.description or "").startswith("SECRET: ")
    assert WORD not in (answer.description or "")
    await receive(theatre, data)  # a copy is counted, not answered again
    assert node.store.incoming.kept("1").copies == 2
    assert len(due(node.store, Lane.RECEIPTS, theatre.clock.now())) == 1
    assert traces(tmp_path, "H01") == set()


async def test_nor_is_one_kept_whose_signature_proves_nothing(
    theatre: Theatre, tmp_path: Path
) -> None:
    unsigned = edxml.write(SECRET)
    tampered = sign_raw(SECRET).replace(b"Quy", b"qUY").replace(WORD.encode(), WORD.encode() * 2)
    ahead = sign_raw(SECRET, at=AT + timedelta(hours=1))  # would be held
    for data in (unsigned, tampered, ahead):
        assert await receive(theatre, data) == "quarantined"
    store = theatre.nodes["H01"].store
    assert store.incoming.kept_list(held=True) == []
    assert len(store.incoming.kept_list()) == 3
    assert due(store, Lane.RECEIPTS, theatre.clock.now()) == []
    assert traces(tmp_path, "H01") == set()


async def test_nor_one_that_was_routed_to_the_wrong_node(theatre: Theatre, tmp_path: Path) -> None:
    theatre.axis.serves = {**theatre.axis.serves, "H13": "H01"}
    assert await receive(theatre, sign_raw(SECRET), organ="H13") == "quarantined"
    store = theatre.nodes["H01"].store
    assert [view.reason for view in store.incoming.kept_list()] == ["NOT_FOR_US"]
    assert due(store, Lane.RECEIPTS, theatre.clock.now()) == []
    assert traces(tmp_path, "H01") == set()
    assert await receive(theatre, sign_raw(ORDINARY), organ="H13") == "quarantined"
    assert traces(tmp_path, "H01") == set(TRACES)  # this one a person may look into


@pytest.mark.parametrize("subject", ["Mật", "Bảo mật", "Mật độ dân số", "Mua mật ong", "TỐI MẬT"])
async def test_words_of_a_subject_refuse_nothing(
    theatre: Theatre, logged: Logged, subject: str
) -> None:
    theatre.nodes["H05"].mailroom = True
    body = edxml.write(replace(ORDINARY, subject=subject))
    assert (await take(theatre, Message(body)))["status"] == "accepted"
    hints = [one for one in logged if one["event"] == "may_be_secret"]
    assert len(hints) == (subject in ("Mật", "TỐI MẬT"))
    assert all("Mật" not in str(one) and "MẬT" not in str(one) for one in hints)
