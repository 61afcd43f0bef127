"""`envelopes/content.py`: what may not be exchanged, beside what may."""

from dataclasses import replace

import pytest

from envelopes.content import content_problem
from envelopes.model import Code, Document, DocumentType, Organization, OtherInfo, ResponseFor
from tests.letters import document, status

GOOD = document()
REFERENCE, ATTACHMENT = GOOD.manifest[0], GOOD.attachments[0]


def test_a_good_document_and_a_good_status_have_no_problem() -> None:
    assert content_problem(GOOD) is None
    assert content_problem(status()) is None
    assert content_problem(document(files=[])) is None


@pytest.mark.parametrize(
    ("changed", "element"),
    [
        (replace(GOOD, sender=Organization()), "MessageHeader/From/OrganId"),
        (replace(GOOD, document_id=None), "MessageHeader/DocumentId"),
        (replace(GOOD, document_id=" "), "MessageHeader/DocumentId"),
        (replace(GOOD, subject=""), "MessageHeader/Subject"),
        (replace(GOOD, code=None), "MessageHeader/Code/CodeNumber"),
        (replace(GOOD, code=Code(notation="QĐ")), "MessageHeader/Code/CodeNumber"),
        (replace(GOOD, to=()), "MessageHeader/To"),
        (replace(GOOD, to=(*GOOD.to, Organization())), "MessageHeader/To/OrganId"),
        (replace(status(), sender=Organization()), "MessageHeader/From/OrganId"),
        (replace(status(), status_code=""), "MessageHeader/StatusCode"),
        (replace(status(), response_for=ResponseFor()), "MessageHeader/ResponseFor/OrganId"),
    ],
)
def test_a_missing_field_is_named(changed: Document, element: str) -> None:
    problem = content_problem(changed)
    assert problem is not None
    assert (problem.reason, problem.element) == ("MISSING_FIELD", element)


@pytest.mark.parametrize(
    ("manifest", "attachments", "said"),
    [
        ((), (ATTACHMENT,), "not in the manifest"),
        ((REFERENCE,), (), "listed but not attached"),
        ((REFERENCE, REFERENCE), (ATTACHMENT,), "stands twice"),
        ((REFERENCE,), (ATTACHMENT, ATTACHMENT), "stands twice"),
        ((REFERENCE,), (replace(ATTACHMENT, content_id="cid:other"),), "not in the manifest"),
        ((REFERENCE,), (replace(ATTACHMENT, content_id=None),), "not in the manifest"),
    ],
)
def test_manifest_and_attachments_must_agree(
    manifest: tuple, attachments: tuple, said: str
) -> None:
    problem = content_problem(replace(GOOD, manifest=manifest, attachments=attachments))
    assert problem is not None
    assert problem.reason == "ATTACHMENTS_DISAGREE"
    assert said in problem.detail


def test_cid_before_a_content_id_makes_no_difference() -> None:
    bare = str(ATTACHMENT.content_id).removeprefix("cid:")
    assert bare != ATTACHMENT.content_id
    mixed = replace(GOOD, attachments=(replace(ATTACHMENT, content_id=bare),))
    assert content_problem(mixed) is None


@pytest.mark.parametrize(
    "word", ["Mật", "TỐI MẬT", "Tuyệt  mật", " tuyet mat ", "Tô\u0301i Mâ\u0323t"]
)
def test_a_secret_classification_is_refused_wherever_it_stands(word: str) -> None:
    for changed in (
        replace(GOOD, other_info=OtherInfo(priority_text=word)),
        replace(GOOD, other_info=OtherInfo(sphere_of_promulgation=word)),
        replace(GOOD, document_type=DocumentType(type_name=word)),
    ):
        problem = content_problem(changed)
        assert problem is not None
        assert problem.reason == "SECRET"


@pytest.mark.parametrize("word", ["Thường", "Mật ong", "Bảo mật thông tin", "Lưu hành nội bộ", ""])
def test_the_word_inside_other_words_is_none(word: str) -> None:
    info = OtherInfo(priority_text="0", sphere_of_promulgation=word)
    assert content_problem(replace(GOOD, other_info=info)) is None
    assert content_problem(replace(GOOD, subject="Mật")) is None
