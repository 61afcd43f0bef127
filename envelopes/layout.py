"""The layout of edXML: which record is which element, in which order, and how often.

One table drives reader and writer (`edxml`). Order is that of the official SDK; names keep the
spelling of the wire (`Bussiness`, `TyperNotation`, `Appendixes`).

Source: QCVN 102:2016/BTTTT as written by the official SDK.
"""

from __future__ import annotations

from collections.abc import Mapping
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
SIGNATURE_NAMES: Final = ("{*}Signature", "{*}DigitalSignature")
SIGNATURE_IDS: Final = frozenset({"Signature", "Envelope", "SignedProperties"})  # those of `dsig`
ATTRIBUTES: Final = frozenset({("edXMLManifest", "version"), ("DigestMethod", "Algorithm")})


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
    """One child element of a record: attribute of the record, element name, kind, its record."""

    attribute: str
    element: str
    kind: Kind = Kind.TEXT
    record: type[model.Record] | None = None

    @property
    def repeats(self) -> bool:
        """True if the element may stand any number of times."""
        return self.kind in (Kind.TEXTS, Kind.RECORDS)

    @property
    def required(self) -> bool:
        """True if the record always has it."""
        return self.kind in (Kind.REQUIRED, Kind.REQUIRED_RECORD)


def _text(attribute: str, element: str) -> Field:
    return Field(attribute, element)


def _date(attribute: str, element: str) -> Field:
    return Field(attribute, element, Kind.DATE)


def _one(attribute: str, element: str, record: type[model.Record]) -> Field:
    return Field(attribute, element, Kind.RECORD, record)


def _many(attribute: str, element: str, record: type[model.Record]) -> Field:
    return Field(attribute, element, Kind.RECORDS, record)


# `Texts` stands under three names; each has its own shape, chosen by the parent's element.
TEXTS: Final[Mapping[str, Field]] = {
    "ToPlaces": Field("items", "Place", Kind.TEXTS),
    "Appendixes": Field("items", "Appendix", Kind.TEXTS),
    "ResponseForTask": Field("items", "TaskCode", Kind.TEXTS),
    "OrganIdList": Field("items", "OrganId", Kind.TEXTS),
}

_RESPONSE_FOR = (
    _text("organ_id", "OrganId"),
    _text("code", "Code"),
    _date("promulgation_date", "PromulgationDate"),
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
        _text("subject", "Subject"),
        _text("content", "Content"),
        _one("signatory", "SignerInfo", model.Signatory),
        _date("due_date", "DueDate"),
        _one("other_info", "OtherInfo", model.OtherInfo),
        _many("responses_to", "ResponseFor", model.ResponseFor),
        _text("steering_type", "SteeringType"),
        _one("response_for_task", "ResponseForTask", model.Texts),
        _text("application_type", "ApplicationType"),
        _one("to_places", "ToPlaces", model.Texts),
    ),
    model.Status: (
        Field("sender", "From", Kind.REQUIRED_RECORD, model.Organization),
        Field("response_for", "ResponseFor", Kind.REQUIRED_RECORD, model.ResponseFor),
        _one("staff", "StaffInfo", model.StaffInfo),
        Field("status_code", "StatusCode", Kind.REQUIRED),
        _text("description", "Description"),
        _text("timestamp", "Timestamp"),
    ),
    model.Organization: (
        Field("organ_id", "OrganId", Kind.REQUIRED),
        _text("in_charge", "OrganizationInCharge"),
        _text("name", "OrganName"),
        _text("address", "OrganAdd"),
        _text("email", "Email"),
        _text("telephone", "Telephone"),
        _text("fax", "Fax"),
        _text("website", "Website"),
    ),
    model.Code: (_text("number", "CodeNumber"), _text("notation", "CodeNotation")),
    model.PromulgationInfo: (_text("place", "Place"), _date("date", "PromulgationDate")),
    model.DocumentType: (
        _text("type", "Type"),
        _text("type_detail", "TypeDetail"),
        _text("type_name", "TypeName"),
    ),
    model.Signatory: (
        _text("competence", "Competence"),
        _text("position", "Position"),
        _text("full_name", "FullName"),
    ),
    model.OtherInfo: (
        _text("priority_text", "Priority"),
        _text("sphere_of_promulgation", "SphereOfPromulgation"),
        _text("typer_notation", "TyperNotation"),
        _text("promulgation_amount", "PromulgationAmount"),
        _text("page_amount", "PageAmount"),
        _text("reply_fors", "ReplyFors"),
        _text("direction", "Direction"),
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
    model.Trace: (_text("organ_id", "OrganId"), _text("timestamp", "Timestamp")),
    model.Business: (
        _text("document_id", "DocumentId"),
        _text("type", "BussinessDocType"),
        _text("reason", "BussinessDocReason"),
        _text("paper", "Paper"),
        _many("document_info", "BussinessDocumentInfo", model.BusinessDocumentInfo),
        _one("replacements", "ReplacementInfoList", model.Replacements),
        _many("staff", "StaffInfo", model.StaffInfo),
    ),
    model.BusinessDocumentInfo: (
        _text("document_info", "DocumentInfo"),
        _text("document_receiver", "DocumentReceiver"),
        _one("receivers", "ReceiverList", model.Receivers),
    ),
    model.Receivers: (_many("items", "Receiver", model.Receiver),),
    model.Receiver: (_text("organ_id", "OrganId"), _text("receiver_type", "ReceiverType")),
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
        _text("name", "AttachmentName"),
    ),
    model.Attachment: (
        _text("content_id", "ContentId"),
        _text("name", "AttachmentName"),
        _text("description", "Description"),
        _text("field_name", "FieldName"),
        _text("mime_type", "MimeType"),
        _text("content_type", "ContentType"),
    ),
}


def fields_of(record: type[model.Record], element: str) -> tuple[Field, ...]:
    """The child elements of a record that stands as `element`."""
    return (TEXTS[element],) if record is model.Texts else LAYOUT[record]
