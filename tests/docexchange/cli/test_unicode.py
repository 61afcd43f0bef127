"""Vietnamese names, composed and decomposed: signed bytes keep them, comparison and search fold."""

from __future__ import annotations

import unicodedata
from dataclasses import replace
from pathlib import Path

import pytest

from envelopes import edxml
from envelopes.model import Code, Document, Organization
from envelopes.pack import pack
from envelopes.verify import verify
from tests.letters import document
from tests.office import Office
from tests.pki import AT, P256

FORMS = ("NFC", "NFD")
NAMES = (
    "Ủy ban nhân dân tỉnh Nghệ An",
    "Sở Tài nguyên và Môi trường Đắk Lắk",
    "Nguyễn Thị Tuyết Hường",
    "Quyết định số 98 về phường Đông Ngạc.pdf",
)


def written(form: str, name: str = NAMES[0]) -> Document:
    """A document whose names are in one form of Unicode."""
    text = unicodedata.normalize(form, name)  # type: ignore[arg-type]
    made = document(subject=text, place=text, files=[(f"{text}.pdf", b"%PDF-1.7")])
    return replace(
        made,
        sender=Organization(organ_id="H05", name=text),
        code=Code(number="98", notation=unicodedata.normalize(form, "QĐ-Ủỷ")),  # type: ignore[arg-type]
    )


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", NAMES)
def test_signed_bytes_keep_every_form(form: str, name: str) -> None:
    made = written(form, name)
    data = pack(made, P256.signer("H05"), signing_time=AT)
    assert unicodedata.normalize(form, name).encode() in data  # type: ignore[arg-type]
    message = verify(data, trust=P256.trust, at=AT).require_passed().message
    assert message == made
    assert edxml.read(data)[0] == made


def test_the_forms_are_other_bytes_and_neither_passes_for_the_other() -> None:
    one, other = (pack(written(form), P256.signer("H05"), signing_time=AT) for form in FORMS)
    assert one != other
    spoiled = one.replace(NAMES[0].encode(), unicodedata.normalize("NFD", NAMES[0]).encode())
    assert verify(spoiled, trust=P256.trust, at=AT).reason == "HASH_FAILURE"


@pytest.mark.parametrize("form", FORMS)
def test_search_and_files_fold_them(office: Office, tmp_path: Path, form: str) -> None:
    path = tmp_path / "in.edxml"
    path.write_bytes(edxml.write(replace(written(form), to=(Organization(organ_id="H01"),))))
    sent = office.run("H05", "send", "--from-xml", path)
    assert sent.code == 0, sent.err
    office.settle()
    for asked in FORMS:
        number = unicodedata.normalize(asked, "98/qđ-ủỷ")  # type: ignore[arg-type]
        assert office.run("H05", "track", number).code == 0
        assert office.run("H01", "inbox", "show", number).code == 0
    out = tmp_path / "out"
    assert office.run("H01", "inbox", "save", "98/QĐ-Ủỷ", "-o", out).code == 0
    assert sorted(one.name for one in out.iterdir()) == [
        f"98_QĐ-Ủỷ-1-{NAMES[0]}.pdf",
        "98_QĐ-Ủỷ.edxml",
    ]
    received, _ = edxml.read((out / "98_QĐ-Ủỷ.edxml").read_bytes())
    assert received.sender.name == unicodedata.normalize(form, NAMES[0])  # type: ignore[arg-type]
