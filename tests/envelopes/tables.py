"""The tables of envelopes/README.md, made from the tables of the code.

`python -m tests.envelopes.tables` writes them anew.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import envelopes
from envelopes import findings, gate, layout, model, record_reader
from envelopes.finding_codes import FINDING_CODES
from envelopes.layout import FRAME, Field, Form, Kind
from envelopes.wording import REASONS, STEPS

# What each element is, in the words of the law and of clerks.
TERMS = {
    "From": "cơ quan gửi: sender",
    "To": "cơ quan nhận: recipient",
    "OrganId": "mã định danh cơ quan: organ code",
    "OrganName": "tên cơ quan: name",
    "OrganizationInCharge": "cơ quan chủ quản: parent organ",
    "OrganAdd": "địa chỉ: address",
    "Email": "thư điện tử: e-mail",
    "Telephone": "điện thoại: telephone",
    "Fax": "fax",
    "Website": "trang thông tin: web site",
    "DocumentId": "định danh văn bản: document id",
    "Code": "số, ký hiệu: number and notation",
    "CodeNumber": "số: number",
    "CodeNotation": "ký hiệu: notation",
    "PromulgationInfo": "nơi, ngày ban hành: issue",
    "Place": "nơi: place",
    "PromulgationDate": "ngày ban hành: date of issue",
    "DocumentType": "loại văn bản: type",
    "Type": "nhóm loại: group or code",
    "TypeDetail": "mã trong nhóm: code in the group",
    "TypeName": "tên loại: name of type",
    "Subject": "trích yếu: subject",
    "Content": "tóm tắt: summary",
    "SignerInfo": "người ký ban hành: signatory",
    "Competence": "thẩm quyền ký: TM., KT., TL.",
    "Position": "chức vụ: position",
    "FullName": "họ tên: name",
    "DueDate": "hạn trả lời: reply due",
    "OtherInfo": "thông tin khác: other",
    "Priority": "độ khẩn: urgency, 0 thường to 4 hỏa tốc hẹn giờ",
    "SphereOfPromulgation": "phạm vi lưu hành: circulation",
    "TyperNotation": "ký hiệu người soạn: typist",
    "PromulgationAmount": "số bản: copies",
    "PageAmount": "số trang: pages",
    "ReplyFors": "trả lời cho: replies to",
    "Direction": "văn bản chỉ đạo: directive",
    "ReferenceCodes": "mã hồ sơ: dossier codes",
    "Appendixes": "phụ lục: annexes",
    "Appendix": "phụ lục: annex",
    "ResponseFor": "phản hồi cho văn bản: document answered",
    "SteeringType": "loại chỉ đạo: 1 none, 2 directive, 3 report on one; 0 counts as 1",
    "ResponseForTask": "trả lời nhiệm vụ: tasks answered",
    "TaskCode": "mã nhiệm vụ: task",
    "ApplicationType": "loại ứng dụng: application",
    "ToPlaces": "nơi nhận: further recipients",
    "StaffInfo": "cán bộ văn thư: clerk",
    "Department": "phòng ban: department",
    "DepartmentId": "mã phòng ban: its id",
    "Staff": "họ tên: name",
    "StaffId": "mã cán bộ: id",
    "Mobile": "di động: mobile",
    "StatusCode": "mã trạng thái: status",
    "Description": "mô tả, lý do: description",
    "Timestamp": "thời điểm: time, Vietnam",
    "Bussiness": "nghiệp vụ: business operation",
    "Paper": "có gửi bản giấy: paper copy too",
    "BussinessDocType": "0 văn bản mới, 1 thu hồi, 2 cập nhật, 3 thay thế",
    "BussinessDocReason": "lý do: reason",
    "BussinessDocumentInfo": "nội dung cập nhật: update",
    "DocumentInfo": "đổi nội dung: content changed",
    "ReceiverList": "nơi nhận: recipients",
    "DocumentReceiver": "đổi nơi nhận: recipients changed",
    "Receiver": "nơi nhận: recipient",
    "ReceiverType": "0 bớt, 1 thêm: removed, added",
    "ReplacementInfoList": "văn bản bị thay thế: documents replaced",
    "ReplacementInfo": "văn bản bị thay thế: one of them",
    "OrganIdList": "cho cơ quan: for whom",
    "TraceHeader": "vết gửi nhận: hop",
    "Error": "lỗi: error",
    "ContentId": "định danh nội dung: content id",
    "ContentType": "kiểu nội dung: content type",
    "AttachmentName": "tên tệp: file name",
    "FieldName": "tên trường: field",
    "MimeType": "kiểu MIME",
    "ContentTransferEncoded": "nội dung tệp: content, base64",
}
# Not of the standard's numbering: extensions of the official SDK.
SDK_ONLY = {
    *("ReplyFors", "Direction", "ReferenceCodes", "ResponseForTask", "TaskCode"),
    *("ApplicationType", "FieldName", "MimeType", "DepartmentId", "StaffId"),
}


def element_tables() -> Iterator[str]:
    """A table for every record: its elements in the order of writing."""
    seen: set[tuple[type[model.Record], str]] = set()
    for record, title in (
        (model.Document, "MessageHeader"),
        (model.Status, "MessageHeader"),
        (model.TraceHeaderList, "TraceHeaderList"),
        (model.ErrorList, "ErrorList"),
        (model.Reference, "Reference"),
        (model.Attachment, "Attachment"),
    ):
        yield from _record(record, title, seen)


def _record(
    record: type[model.Record], element: str, seen: set[tuple[type[model.Record], str]]
) -> Iterator[str]:
    key = (record, element if record is model.Texts else "")
    if key in seen:
        return
    seen.add(key)
    fields = layout.fields_of(record, element)
    names = {model.Document: "of a document", model.Status: "of a status"}
    title = f"`{element}` {names[record]}" if record in names else f"`{element}`"
    yield f"**{'`From`, `To`' if record is model.Organization else title}**\n"
    yield "| element | what it is | how often | expected | most | source |"
    yield "|---|---|---|---|---|---|"
    for field in fields:
        source = "SDK" if field.element in SDK_ONLY else "QCVN 102"
        yield (
            f"| `{field.element}` | {TERMS[field.element]} | {_often(field)} | {_expected(field)} "
            f"| {_most(field)} | {source} |"
        )
    if record is model.Attachment:
        name = "ContentTransferEncoded"
        yield f"| `{name}` | {TERMS[name]} | 1 | base64 | | QCVN 102 |"
    yield ""
    for field in fields:
        if field.record is not None:
            yield from _record(field.record, field.element, seen)


def _often(field: Field) -> str:
    if field.element == "To":
        return "1..n"
    return "0..n" if field.repeats else "1" if field.required else "0..1"


def _expected(field: Field) -> str:
    if field.record is not None:
        return f"`{field.element}` below"
    if field.kind is Kind.DATE:
        return "yyyy/MM/dd"
    rule = field.rule
    if rule is None or (rule.form is None and not rule.values):
        return "text"
    forms = {Form.ORGAN: "organ code", Form.NUMBER: "number", Form.TIME: Form.TIME.value}
    return ", ".join(rule.values) if rule.form is None else forms[rule.form]


def _most(field: Field) -> str:
    rule = field.rule
    if rule is None or not rule.most:
        return ""
    return f"{rule.most} ({rule.source.value})"


def frame_table() -> list[str]:
    """The frame: part, what may stand in it."""
    rows = ["| part | in it |", "|---|---|"]
    return rows + [f"| `{name}` | {', '.join(inner)} |" for name, inner in FRAME.items()]


def finding_table() -> list[str]:
    """Every code of a finding."""
    rows = ["| code | meaning | nghĩa |", "|---|---|---|"]
    return rows + [f"| {code} | {one.en} | {one.vi} |" for code, one in FINDING_CODES.items()]


def limit_table() -> list[str]:
    """Every limit: its name, value, reason code."""
    limits = (
        (gate, "BYTES_MAX", "TOO_LARGE"),
        (gate, "ELEMENTS_MAX", "TOO_MANY_ELEMENTS"),
        (gate, "DEPTH_MAX", "TOO_DEEP"),
        (gate, "ATTRIBUTES_MAX", "TOO_MANY_ATTRIBUTES"),
        (gate, "NAMESPACES_MAX", "TOO_MANY_NAMESPACES"),
        (gate, "TAG_BYTES_MAX", "TOO_MANY_ATTRIBUTES"),
        (gate, "DECLARATION_BYTES_MAX", "NOT_XML"),
        (record_reader, "ATTRIBUTES_KEPT_MAX", "finding W-FMT-037"),
        (findings, "FINDINGS_MAX", "finding W-FMT-099"),
        (layout, "ORGAN_ID_MAX", "FIELD_TOO_LONG"),
        (layout, "TO_PLACES_MAX", "FIELD_TOO_LONG"),
    )
    rows = ["| limit | value | beyond it |", "|---|---|---|"]
    return rows + [
        f"| `{module.__name__.rpartition('.')[2]}.{name}` | {getattr(module, name):,} | {reason} |"
        for module, name, reason in limits
    ]


def step_table() -> list[str]:
    """The steps of verify."""
    rows = ["| step | name | tên |", "|---|---|---|"]
    return rows + [
        f"| {number} | {step.words.en} | {step.words.vi} |" for number, step in STEPS.items()
    ]


def reason_table() -> list[str]:
    """Every reason code, what it means and what would change the verdict."""
    rows = ["| reason | sub-indication | meaning |", "|---|---|---|"]
    return rows + [
        f"| {name} | {reason.sub_indication or ''} | {reason.words.en} |"
        for name, reason in REASONS.items()
    ]


README = Path(envelopes.__file__).with_name("README.md")
_MARKED = re.compile(r"<!-- (\w+) -->\n.*?\n<!-- end -->", re.DOTALL)


def filled(text: str) -> str:
    """The text with every marked table as the code has it now."""
    return _MARKED.sub(lambda found: _marked(found[1]), text)


def _marked(name: str) -> str:
    rows = "\n".join(globals()[name]()).rstrip()
    return f"<!-- {name} -->\n{rows}\n<!-- end -->"


if __name__ == "__main__":  # python -m tests.envelopes.tables
    README.write_text(filled(README.read_text(encoding="utf-8")), encoding="utf-8")
