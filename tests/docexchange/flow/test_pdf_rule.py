"""`limits.require_pdf_signatures`: what is not signed inside its PDF is refused."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from docexchange.core.errors import ConfigError
from docexchange.core.states import State
from docexchange.edges.pdfs import PdfRule
from docexchange.flow import outbox
from envelopes.pack import new_document
from tests.pdfs import person, plain, rewritten, sign, signed
from tests.pki import AT, P256
from tests.theatre import Theatre


@pytest.fixture
def theatre(tmp_path: Path, template: Path) -> Iterator[Theatre]:
    made = Theatre(tmp_path, template, {"H05": "H05", "H01": "H01"})
    node = made.nodes["H01"]
    node.world = replace(node.world, pdfs=PdfRule(P256.trust))
    yield made
    made.close()


async def sent(theatre: Theatre, *contents: bytes) -> str:
    node = theatre.nodes["H05"]
    document = new_document(
        sender="H05",
        sender_name="Bắc Ninh",
        to={"H01": "An Giang"},
        number="98",
        notation="QĐ-UBND",
        subject="x",
        type_name="Quyết định",
        date=AT.date(),
        files=[(f"qd-{number}.pdf", data) for number, data in enumerate(contents)],
    )
    submitted = await outbox.submit(document, world=node.world, now=theatre.clock.now())
    await theatre.settle()
    return submitted.tracking_id


@pytest.mark.parametrize(
    "contents",
    [(signed(),), (signed(), plain("phu luc"))],
    ids=["one", "with an annex"],
)
async def test_what_is_signed_by_both_arrives(theatre: Theatre, contents: tuple[bytes]) -> None:
    ref = await sent(theatre, *contents)
    assert len(theatre.nodes["H01"].store.incoming.arrivals()) == 1
    (delivery,) = theatre.nodes["H05"].store.outgoing.document(ref).deliveries
    assert (delivery.state, delivery.code) == (State.ACKNOWLEDGED, "01")


@pytest.mark.parametrize(
    ("contents", "why"),
    [
        ((plain(),), "qd-0.pdf: PDF_UNSIGNED"),
        ((rewritten(signed()),), "qd-0.pdf: PDF_CHANGED_AFTER"),
        ((sign(plain(), person()),), "no valid signature of: organ"),
        ((signed(), rewritten(signed())), "qd-0.pdf: signed; qd-1.pdf: PDF_CHANGED_AFTER"),
        ((b"no pdf",), "no PDF is attached"),
    ],
    ids=["unsigned", "changed", "person only", "one of two", "no PDF"],
)
async def test_what_is_not_is_refused_and_the_sender_learns_why(
    theatre: Theatre, contents: tuple[bytes], why: str
) -> None:
    ref = await sent(theatre, *contents)
    node = theatre.nodes["H01"]
    assert node.store.incoming.arrivals() == []
    (kept,) = node.store.incoming.kept_list()
    assert (kept.reason, why in kept.detail) == ("PDF_SIGNATURES", True), kept.detail
    (delivery,) = theatre.nodes["H05"].store.outgoing.document(ref).deliveries
    assert delivery.code == "02"
    assert delivery.history[-1].note.startswith("PDF_SIGNATURES: ")


def test_the_rule_needs_its_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("docexchange.edges.pdfs.find_spec", lambda _: None)
    with pytest.raises(ConfigError, match=r"docexchange\[pdf\]"):
        PdfRule(P256.trust)


async def test_without_the_rule_it_arrives(theatre: Theatre) -> None:
    node = theatre.nodes["H01"]
    node.world = replace(node.world, pdfs=None)
    await sent(theatre, plain())
    assert len(node.store.incoming.arrivals()) == 1
