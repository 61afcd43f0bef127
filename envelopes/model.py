"""What an edXML message says: frozen records named after the elements of QCVN 102:2016/BTTTT.

Values are the strings of the wire, so that reading what was written gives the same record: None is
an element that is absent, "" one that is present and empty. Element names, order and namespaces
are known to `edxml` alone. Child elements that nobody knows are kept as text in `unknown`, and
attributes that nobody knows in `attributes`.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, field

SHA256 = "http://www.w3.org/2001/04/xmlenc#sha256"


@dataclass(frozen=True, slots=True)
class Attribute:
    """An attribute that the standard does not know, as `xlink:href` of a Reference.

    Args:
        name: as {namespace}name, or name without a namespace; its prefix is not kept.
        value: as the parser gives it.
        element: "" if it stands on the record's own element; else the child that is no record:
            a text as Subject, or of a Document or Status a part of the frame as edXMLHeader.
        position: which of several texts of that name, from 0.
    """

    name: str
    value: str
    element: str = ""
    position: int = 0


@dataclass(frozen=True, slots=True)
class Stranger:
    """An element that nobody knows, in a part of the frame as edXMLHeader; a message has them in
    the order of the frame, edXML first.

    Args:
        parent: name of that part.
        text: the element as exclusive C14N text.
    """

    parent: str
    text: str


NO_ATTRIBUTES: frozenset[Attribute] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What every record has: child elements that nobody knows, each as exclusive C14N text, and
    attributes that nobody knows, which have no order."""

    unknown: tuple[str, ...] = ()
    attributes: frozenset[Attribute] = NO_ATTRIBUTES


@dataclass(frozen=True, slots=True, kw_only=True)
class Organization(Record):
    """Cơ quan: sender (From) or recipient (To)."""

    organ_id: str = ""
    in_charge: str | None = None
    name: str | None = None
    address: str | None = None
    email: str | None = None
    telephone: str | None = None
    fax: str | None = None
    website: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Code(Record):
    """Số, ký hiệu văn bản, as 98 and QĐ-UBND."""

    number: str | None = None
    notation: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PromulgationInfo(Record):
    """Nơi và ngày ban hành; the date as yyyy/MM/dd."""

    place: str | None = None
    date: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentType(Record):
    """Tên loại văn bản; `type_name` is the field that people agree on."""

    type: str | None = None
    type_detail: str | None = None
    type_name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Signatory(Record):
    """Người ký ban hành (SignerInfo): the person, not the key."""

    competence: str | None = None
    position: str | None = None
    full_name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Texts(Record):
    """A list of texts: ToPlaces/Place, Appendixes/Appendix, ResponseForTask/TaskCode."""

    items: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherInfo(Record):
    """Thông tin khác."""

    priority_text: str | None = None
    sphere_of_promulgation: str | None = None
    typer_notation: str | None = None
    promulgation_amount: str | None = None
    page_amount: str | None = None
    reply_fors: str | None = None
    direction: str | None = None
    reference_codes: str | None = None
    appendixes: Texts | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponseFor(Record):
    """Phản hồi cho văn bản: the document that this one answers; `code` is number/notation."""

    organ_id: str | None = None
    code: str | None = None
    promulgation_date: str | None = None
    document_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StaffInfo(Record):
    """The clerk (văn thư)."""

    department: str | None = None
    department_id: str | None = None
    staff: str | None = None
    staff_id: str | None = None
    mobile: str | None = None
    email: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace(Record):
    """Vết gửi nhận: one hop; time as yyyy/MM/dd HH:mm:ss, Vietnam, no zone."""

    organ_id: str | None = None
    timestamp: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Receiver(Record):
    """A recipient removed ("0") or added ("1") by an update."""

    organ_id: str | None = None
    receiver_type: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Receivers(Record):
    """ReceiverList."""

    items: tuple[Receiver, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class BusinessDocumentInfo(Record):
    """What an update changes: content, recipients."""

    document_info: str | None = None
    document_receiver: str | None = None
    receivers: Receivers | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplacementInfo(Record):
    """A document that is replaced, and for whom."""

    document_id: str | None = None
    organs: Texts | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Replacements(Record):
    """ReplacementInfoList."""

    items: tuple[ReplacementInfo, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Business(Record):
    """Nghiệp vụ (Bussiness): 0 new, 1 recall, 2 update, 3 replace."""

    document_id: str | None = None
    type: str | None = None
    reason: str | None = None
    paper: str | None = None
    document_info: tuple[BusinessDocumentInfo, ...] = ()
    replacements: Replacements | None = None
    staff: tuple[StaffInfo, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceHeaderList(Record):
    """The hops so far and the business operation."""

    traces: tuple[Trace, ...] = ()
    paper: str | None = None
    business: Business | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorItem(Record):
    """One Error of an ErrorList."""

    code: str | None = None
    description: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorList(Record):
    """Errors that an exchange wrote into the header."""

    items: tuple[ErrorItem, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference(Record):
    """An entry of the manifest."""

    content_id: str | None = None
    content_type: str | None = None
    description: str | None = None
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Stored:
    """A content or an envelope that is not in memory but in a file.

    Args:
        size: bytes.
        sha256: hex digest of them, "" if nobody read so far.
        begin: of the content of an attachment, where its base64 text begins in the envelope.
    """

    size: int
    sha256: str
    begin: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment(Record):
    """Tệp đính kèm; `content` are the decoded bytes, zip-wrapped or not as the sender made them.

    Of a large one `stored` tells what and where it is, and `content` is empty.
    """

    content_id: str | None = None
    name: str | None = None
    description: str | None = None
    field_name: str | None = None
    mime_type: str | None = None
    content_type: str | None = None
    content: bytes = field(default=b"", repr=False)
    stored: Stored | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Received(Record):
    """Which bytes a status speaks of: our extension {urn:docexchange:1}Received.

    Args:
        algorithm: URI of the digest.
        value: base64 of the digest of the exact bytes received.
        checkpoint: how the journal of whoever received them stood (`evidence.checkpoint`), "" if
            it does not say.
    """

    algorithm: str = ""
    value: str = ""
    checkpoint: str = ""

    @classmethod
    def sha256(cls, hex_digest: str, checkpoint: str = "") -> Received:
        """Of a hex SHA-256."""
        value = base64.b64encode(bytes.fromhex(hex_digest)).decode()
        return cls(algorithm=SHA256, value=value, checkpoint=checkpoint)


@dataclass(frozen=True, slots=True, kw_only=True)
class Document(Record):
    """An official document (văn bản điện tử) with its attachments."""

    sender: Organization
    to: tuple[Organization, ...] = ()
    document_id: str | None = None
    code: Code | None = None
    promulgation: PromulgationInfo | None = None
    document_type: DocumentType | None = None
    subject: str | None = None
    content: str | None = None
    signatory: Signatory | None = None
    due_date: str | None = None
    other_info: OtherInfo | None = None
    responses_to: tuple[ResponseFor, ...] = ()
    steering_type: str | None = None
    response_for_task: Texts | None = None
    application_type: str | None = None
    to_places: Texts | None = None
    trace: TraceHeaderList | None = None
    errors: ErrorList | None = None
    manifest_version: str = "1.0"
    manifest: tuple[Reference, ...] = ()
    attachments: tuple[Attachment, ...] = ()
    strangers: tuple[Stranger, ...] = ()

    @property
    def recipients(self) -> tuple[str, ...]:
        """OrganIds of To, in order."""
        return tuple(organ.organ_id for organ in self.to)

    @property
    def business(self) -> int:
        """BussinessDocType 0..3; absent or unreadable counts as 0, a new document."""
        text = self.trace.business.type if self.trace and self.trace.business else None
        return int(text) if text in ("0", "1", "2", "3") else 0

    @property
    def priority(self) -> int:
        """Priority 0..4; absent or unreadable counts as 0."""
        text = self.other_info.priority_text if self.other_info else None
        return int(text) if text in ("0", "1", "2", "3", "4") else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Status(Record):
    """A status message (thông báo trạng thái) about a document."""

    sender: Organization
    response_for: ResponseFor = field(default_factory=ResponseFor)
    staff: StaffInfo | None = None
    status_code: str = ""
    description: str | None = None
    timestamp: str | None = None
    received: Received | None = None
    strangers: tuple[Stranger, ...] = ()


Message = Document | Status
