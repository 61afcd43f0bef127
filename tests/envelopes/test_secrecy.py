"""`envelopes/secrecy.py`: a classification is a whole field; a word in a sentence only a hint."""

from __future__ import annotations

import unicodedata
from dataclasses import replace

import pytest

from envelopes.model import DocumentType, OtherInfo
from envelopes.secrecy import classification, hints, is_classification
from tests.letters import document

GOOD = document()
FORMS = [
    *("Mật", "MẬT", "Tối mật", "TỐI  MẬT", "Tuyệt mật", "tuyet mat", " mat\t", "Mật\u00a0"),
    *(unicodedata.normalize("NFD", word) for word in ("Mật", "Tối mật", "Tuyệt mật")),
    *("M\u200bật", "Tối\u200bmật", "Tuyệt\u00ad mật", "\ufeffMật", "\u202eMật", "ＭẬＴ"),
    *("[Mật]", "(TỐI MẬT)", "Mật.", "M Ậ T"),
]


@pytest.mark.parametrize("text", FORMS)
def test_every_way_to_write_it(text: str) -> None:
    assert is_classification(text)
    for element, changed in (
        ("OtherInfo/Priority", replace(GOOD, other_info=OtherInfo(priority_text=text))),
        (
            "OtherInfo/SphereOfPromulgation",
            replace(GOOD, other_info=OtherInfo(sphere_of_promulgation=text)),
        ),
        (
            "DocumentType/TypeName",
            replace(GOOD, document_type=DocumentType(type_name=text)),
        ),
    ):
        found = classification(changed)
        assert found is not None
        assert found.element == f"MessageHeader/{element}"


@pytest.mark.parametrize(
    "text",
    ["", "0", "Thường", "Khẩn", "Mật ong", "Bảo mật", "Không mật", "Lưu hành nội bộ", "Quyết định"],
)
def test_other_words_are_none(text: str) -> None:
    assert not is_classification(text)
    info = OtherInfo(priority_text=text, sphere_of_promulgation=text)
    assert classification(replace(GOOD, other_info=info)) is None


@pytest.mark.parametrize(
    "text",
    [
        *("Mật", "Công văn (MẬT)", "Kế hoạch tối mật năm 2026", "V/v văn bản độ Mật"),
        *("cv-toi_mat.pdf", "TUYET MAT.docx", unicodedata.normalize("NFD", "Bản mật")),
    ],
)
def test_subject_and_file_names_give_a_hint_and_refuse_nothing(text: str) -> None:
    subject = replace(GOOD, subject=text)
    named = replace(GOOD, attachments=(replace(GOOD.attachments[0], name=text),))
    assert [one.element for one in hints(subject)] == ["MessageHeader/Subject"]
    assert [one.element for one in hints(named)] == ["Attachment/AttachmentName"]
    assert classification(subject) is None
    assert classification(named) is None


@pytest.mark.parametrize(
    "text",
    [
        *("Bảo mật và mật độ dân số", "V/v hỗ trợ nuôi ong lấy mật ong", "Công tác giữ bí mật"),
        *("Giải phóng mặt bằng", "Phòng chống mất điện", "mat-bang.pdf", "Đổi mật khẩu", ""),
    ],
)
def test_ordinary_words_give_none(text: str) -> None:
    assert list(hints(replace(GOOD, subject=text))) == []
