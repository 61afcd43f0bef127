"""The layout of edXML: which record is which element, in which order, and how often.

One table drives reader and writer (`edxml`). Order is that of the official SDK; names keep the
spelling of the wire (`Bussiness`, `TyperNotation`, `Appendixes`). Beside each text stands what is
expected of it (`Rule`); whatever it holds is read all the same, with a finding.

Source: QCVN 102:2016/BTTTT as written by the official SDK; lengths: NĐ 30/2020, Appendix VI.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final

from . import model

NS: Final = "http://www.mic.gov.vn/TBT/QCVN_102_2016"
DX: Final = "urn:docexchange:1"

# The frame of an envelope: element -> what may stand in it, once; Reference and Attachment often.
FRAME: Final[Mapping[str, tuple[str, ...]]] = {
    "edXML": ("edXMLEnvelope", "AttachmentEncoded"),
    "edXMLEnvelope": ("edXMLHeader", "edXMLBody"),
    "edXMLHeader": ("MessageHeader", "TraceHeaderList", "ErrorList"),
    "edXMLBody": ("edXMLManifest",),
    "edXMLManifest": ("Reference",),
    "AttachmentEncoded": ("Attachment",),
}
# A second one of these, anywhere, and a strict reader refuses the envelope.
FRAME_NAMES: Final = frozenset({*FRAME, "MessageHeader", "TraceHeaderList"})
STATUS_FRAME: Final = ("edXML", "edXMLEnvelope", "edXMLHeader")  # a status has no body
SIGNATURE_NAMES: Final = ("{*}Signature", "{*}DigitalSignature")
SIGNATURE_IDS: Final = frozenset({"Signature", "Envelope", "SignedProperties"})  # those of `dsig`
ATTRIBUTES: Final = frozenset({("edXMLManifest", "version"), ("DigestMethod", "Algorithm")})
# Prefixes under which attributes of other namespaces are written; any further one is a0, a1, ...
PREFIXES: Final[Mapping[str, str]] = {
    "http://www.w3.org/1999/xlink": "xlink",
    "http://www.w3.org/2001/XMLSchema-instance": "xsi",
    "http://schemas.xmlsoap.org/soap/envelope/": "soap",
    "http://www.w3.org/XML/1998/namespace": "xml",
    NS: "edXML",
    DX: "dx",
}


class Source(Enum):
    """Where a length comes from."""

    LAW = "NĐ 30/2020, PL VI"
    CODES = "QĐ 20/2020, Đ.4"  # where NĐ 30 still says 13
    OTHERS = "Bkav"  # what the checker of another system refuses; no rule of ours


class Form(Enum):
    """How a text has to look."""

    ORGAN = "organ"  # any code, but not the word null
    TIME = "yyyy/MM/dd HH:mm:ss"
    NUMBER = "number"


@dataclass(frozen=True, slots=True)
class Rule:
    """What is expected of a text.

    Args:
        most: characters (code points) it may have, 0 for any number.
        source: who says so.
        form: how it looks, None for anything.
        values: the texts that are known, () for any.
        binding: we do not send what is too long by law, or none of `values`.
    """

    most: int = 0
    source: Source = Source.OTHERS
    form: Form | None = None
    values: tuple[str, ...] = ()
    binding: bool = False


class Kind(Enum):
    """What a field holds."""

    TEXT = "text"  # str, or None when absent
    TEXTS = "texts"  # tuple of str, one element each
    REQUIRED = "required"  # str; absent reads as "" with a finding
    DATE = "date"  # text of the form yyyy/MM/dd
    RECORD = "record"  # a record, or None when absent
    REQUIRED_RECORD = "required record"  # a record; absent reads as an empty one with a finding
    RECORDS = "records"  # tuple of records, one element each


@dataclass(frozen=True, slots=True)
class Field:
    """One child element of a record: attribute of the record, element name, kind, its record, and
    what is expected of its text. The date of an answer is that of another organ's document, so it
    is sent as it is (`echoed`)."""

    attribute: str
    element: str
    kind: Kind = Kind.TEXT
    record: type[model.Record] | None = None
    rule: Rule | None = None
    echoed: bool = False

    @property
    def repeats(self) -> bool:
        """True if the element may stand any number of times."""
        return self.kind in (Kind.TEXTS, Kind.RECORDS)

    @property
    def required(self) -> bool:
        """True if the record always has it."""
        return self.kind in (Kind.REQUIRED, Kind.REQUIRED_RECORD)


def _text(attribute: str, element: str, rule: Rule | None = None) -> Field:
    return Field(attribute, element, rule=rule)


def _date(attribute: str, element: str) -> Field:
    return Field(attribute, element, Kind.DATE)


def _one(attribute: str, element: str, record: type[model.Record]) -> Field:
    return Field(attribute, element, Kind.RECORD, record)


def _many(attribute: str, element: str, record: type[model.Record]) -> Field:
    return Field(attribute, element, Kind.RECORDS, record)


def _law(most: int, form: Form | None = None) -> Rule:
    return Rule(most, Source.LAW, form, binding=True)


def _others(most: int, form: Form | None = None) -> Rule:
    return Rule(most, Source.OTHERS, form)


_NUMBER = Rule(form=Form.NUMBER)
_TIME = Rule(form=Form.TIME)
_ORGAN = Rule(form=Form.ORGAN)
_FLAG = Rule(values=("0", "1"))
ORGAN_ID_MAX: Final = 35  # characters; QĐ 20/2020 Art 4, where NĐ 30 still says 13
TO_PLACES_MAX: Final = 1000  # characters of all Place together; NĐ 30/2020 Appendix VI
STATUS_CODES: Final = ("01", "02", "03", "04", "05", "06", "13", "15", "16")  # official SDK

# `Texts` stands under four names; each has its own shape, chosen by the parent's element.
TEXTS: Final[Mapping[str, Field]] = {
    "ToPlaces": Field("items", "Place", Kind.TEXTS, rule=_others(150)),
    "Appendixes": Field("items", "Appendix", Kind.TEXTS),
    "ResponseForTask": Field("items", "TaskCode", Kind.TEXTS),
    "OrganIdList": Field("items", "OrganId", Kind.TEXTS, rule=_ORGAN),
}

_RESPONSE_FOR = (
    _text("organ_id", "OrganId", _ORGAN),
    _text("code", "Code"),
    Field("promulgation_date", "PromulgationDate", Kind.DATE, echoed=True),
    _text("document_id", "DocumentId"),
)

LAYOUT: Final[Mapping[type[model.Record], tuple[Field, ...]]] = {
    model.Document: (
        Field("sender", "From", Kind.REQUIRED_RECORD, model.Organization),
        _many("to", "To", model.Organization),
        _text("document_id", "DocumentId"),
        _one("code", "Code", model.Code),
        _one("promulgation", "PromulgationInfo", model.PromulgationInfo),
        _one("document_type", "DocumentType", model.DocumentType),
        _text("subject", "Subject", _law(500)),
        _text("content", "Content", _others(500)),
        _one("signatory", "SignerInfo", model.Signatory),
        _date("due_date", "DueDate"),
        _one("other_info", "OtherInfo", model.OtherInfo),
        _many("responses_to", "ResponseFor", model.ResponseFor),
        _text("steering_type", "SteeringType", _NUMBER),
        _one("response_for_task", "ResponseForTask", model.Texts),
        _text("application_type", "ApplicationType"),
        _one("to_places", "ToPlaces", model.Texts),
    ),
    model.Status: (
        Field("sender", "From", Kind.REQUIRED_RECORD, model.Organization),
        Field("response_for", "ResponseFor", Kind.REQUIRED_RECORD, model.ResponseFor),
        _one("staff", "StaffInfo", model.StaffInfo),
        Field(
            "status_code",
            "StatusCode",
            Kind.REQUIRED,
            rule=Rule(values=STATUS_CODES, binding=True),
        ),
        _text("description", "Description"),
        _text("timestamp", "Timestamp", _TIME),
    ),
    model.Organization: (
        Field(
            "organ_id",
            "OrganId",
            Kind.REQUIRED,
            rule=Rule(ORGAN_ID_MAX, Source.CODES, Form.ORGAN, binding=True),
        ),
        _text("in_charge", "OrganizationInCharge", _others(500)),
        _text("name", "OrganName", _law(200)),
        _text("address", "OrganAdd", _others(500)),
        _text("email", "Email", _others(100)),
        _text("telephone", "Telephone", _others(20)),
        _text("fax", "Fax", _others(20)),
        _text("website", "Website"),
    ),
    model.Code: (
        _text("number", "CodeNumber", _law(11)),
        _text("notation", "CodeNotation", _law(30)),
    ),
    model.PromulgationInfo: (
        _text("place", "Place", _others(50)),
        _date("date", "PromulgationDate"),
    ),
    model.DocumentType: (
        _text("type", "Type", _NUMBER),
        _text("type_detail", "TypeDetail", _NUMBER),
        _text("type_name", "TypeName", _law(100)),
    ),
    model.Signatory: (
        _text("competence", "Competence", _others(100)),
        _text("position", "Position", _law(100)),
        _text("full_name", "FullName", _law(50)),
    ),
    model.OtherInfo: (
        _text("priority_text", "Priority", _law(1, Form.NUMBER)),
        _text("sphere_of_promulgation", "SphereOfPromulgation", _others(100)),
        _text("typer_notation", "TyperNotation", _others(10)),
        _text("promulgation_amount", "PromulgationAmount", _law(3, Form.NUMBER)),
        _text("page_amount", "PageAmount", _law(3, Form.NUMBER)),
        _text("reply_fors", "ReplyFors"),
        _text("direction", "Direction", Rule(values=("true", "false"))),
        _text("reference_codes", "ReferenceCodes"),
        _one("appendixes", "Appendixes", model.Texts),
    ),
    model.ResponseFor: _RESPONSE_FOR,
    model.StaffInfo: (
        _text("department", "Department"),
        _text("department_id", "DepartmentId"),
        _text("staff", "Staff"),
        _text("staff_id", "StaffId"),
        _text("mobile", "Mobile"),
        _text("email", "Email"),
    ),
    model.TraceHeaderList: (
        _one("business", "Bussiness", model.Business),
        _many("traces", "TraceHeader", model.Trace),
        _text("paper", "Paper"),
    ),
    model.Trace: (
        _text("organ_id", "OrganId", _ORGAN),
        _text("timestamp", "Timestamp", _TIME),
    ),
    model.Business: (
        _text("document_id", "DocumentId"),
        _text("type", "BussinessDocType", Rule(values=("0", "1", "2", "3"), binding=True)),
        _text("reason", "BussinessDocReason"),
        _text("paper", "Paper", _FLAG),
        _many("document_info", "BussinessDocumentInfo", model.BusinessDocumentInfo),
        _one("replacements", "ReplacementInfoList", model.Replacements),
        _many("staff", "StaffInfo", model.StaffInfo),
    ),
    model.BusinessDocumentInfo: (
        _text("document_info", "DocumentInfo", _FLAG),
        _text("document_receiver", "DocumentReceiver", _FLAG),
        _one("receivers", "ReceiverList", model.Receivers),
    ),
    model.Receivers: (_many("items", "Receiver", model.Receiver),),
    model.Receiver: (
        _text("organ_id", "OrganId", _ORGAN),
        _text("receiver_type", "ReceiverType", _FLAG),
    ),
    model.Replacements: (_many("items", "ReplacementInfo", model.ReplacementInfo),),
    model.ReplacementInfo: (
        _text("document_id", "DocumentId"),
        _one("organs", "OrganIdList", model.Texts),
    ),
    model.ErrorList: (_many("items", "Error", model.ErrorItem),),
    model.ErrorItem: (_text("code", "Code"), _text("description", "Description")),
    model.Reference: (
        _text("content_id", "ContentId"),
        _text("content_type", "ContentType"),
        _text("description", "Description"),
        _text("name", "AttachmentName", _others(500)),
    ),
    model.Attachment: (
        _text("content_id", "ContentId"),
        _text("name", "AttachmentName", _others(500)),
        _text("description", "Description"),
        _text("field_name", "FieldName"),
        _text("mime_type", "MimeType"),
        _text("content_type", "ContentType"),
    ),
}


def fields_of(record: type[model.Record], element: str) -> tuple[Field, ...]:
    """The child elements of a record that stands as `element`."""
    return (TEXTS[element],) if record is model.Texts else LAYOUT[record]


def records(message: model.Message) -> Iterator[tuple[model.Record, str]]:
    """Every record of a message, each with the name of its element, in the order of writing."""
    yield from _records(message, "MessageHeader")
    if isinstance(message, model.Status):
        if message.received is not None:
            yield message.received, "Received"
        return
    for part, name in ((message.trace, "TraceHeaderList"), (message.errors, "ErrorList")):
        if part is not None:
            yield from _records(part, name)
    yield from ((one, "Reference") for one in message.manifest)
    yield from ((one, "Attachment") for one in message.attachments)


def _records(record: model.Record, element: str) -> Iterator[tuple[model.Record, str]]:
    yield record, element
    for field in fields_of(type(record), element):
        value = getattr(record, field.attribute)
        if field.record is not None and value is not None:
            for one in value if field.repeats else (value,):
                yield from _records(one, field.element)
