"""A document that a mailroom submits as JSON: read, checked, its attachments fetched.

    read          body -> Asked               every fault at once, with its pointer
    check_parts   whether all parts came
    assemble      Asked + parts -> Document   the same JSON always gives the same document

Its identity is what was submitted: the digest over all fields, attachments by their SHA-256, so
that it does not matter how the JSON was laid out, nor whether an attachment came inline or in
parts.

Schema: contract/asyncapi.yaml, `Submission`.
"""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

import pybase64

from envelopes.codes import document_types
from envelopes.model import Attachment, Document, ResponseFor, Signatory, Stored, Texts
from envelopes.pack import new_document

from ..core.errors import SubmissionRefused
from ..core.problems import PROBLEMS
from ..core.recalls import REPLACE, UPDATE, Change
from .forms import FAULTS_MAX, Faults, Form, NotJson

SHA256_FORM = "[0-9a-f]{64}"
DAY_FORM = "[0-9]{4}-[0-9]{2}-[0-9]{2}"
CONTENT_TYPE_FORM = r"[\w.+-]+/[\w.+-]+"
SIZE_MAX = 2**30  # bytes of one attachment; the largest envelope is smaller anyway

# Where a fault that a rule found in the envelope stands in the JSON it was made of.
PLACES: Mapping[str, str] = {
    "MessageHeader/From": "/organ_from",
    "MessageHeader/To": "/organs_to",
    "MessageHeader/Code/CodeNumber": "/code/number",
    "MessageHeader/Code/CodeNotation": "/code/notation",
    "MessageHeader/Code": "/code",
    "MessageHeader/DocumentId": "/code",
    "MessageHeader/Subject": "/subject",
    "MessageHeader/PromulgationInfo/Place": "/promulgation_place",
    "MessageHeader/PromulgationInfo": "/promulgation_date",
    "MessageHeader/DocumentType": "/document_type",
    "MessageHeader/SignerInfo/FullName": "/signer/full_name",
    "MessageHeader/SignerInfo/Position": "/signer/position",
    "MessageHeader/SignerInfo/Competence": "/signer/competence",
    "MessageHeader/DueDate": "/due_date",
    "MessageHeader/OtherInfo": "/priority",
    "MessageHeader/ResponseFor": "/responses_to",
    "MessageHeader/ToPlaces": "/to_places",
    "Attachment": "/attachments",
    "Reference": "/attachments",
}


@dataclass(frozen=True, slots=True)
class File:
    """An attachment as it was asked for.

    Args:
        name, content_type, description: as given; "" when absent.
        sha256: hex digest of the content.
        size: bytes.
        parts: SHA-256 of each part in order, when it was sent ahead; else empty.
        content: the bytes, when they came inline.
        pointer: where it stands in the JSON.
    """

    name: str
    content_type: str
    description: str
    sha256: str
    size: int
    parts: tuple[str, ...]
    content: bytes = field(repr=False)
    pointer: str


@dataclass(frozen=True, slots=True)
class Asked:
    """A submission that was read: the document without its files, the files, the identity.

    Args:
        organ_from: sending organ.
        facts: keyword arguments of `envelopes.pack.new_document`, without files and names.
        extra: fields of Document beyond those.
        files: in order.
        content_sha256: identity of what was submitted.
        change: what it updates or replaces, None if it is new.
    """

    organ_from: str
    facts: Mapping[str, Any]
    extra: Mapping[str, Any]
    files: tuple[File, ...]
    content_sha256: str
    change: Change | None = None

    @property
    def size(self) -> int:
        """Bytes of all contents."""
        return sum(one.size for one in self.files)

    @property
    def in_parts(self) -> tuple[File, ...]:
        """The files that were sent ahead."""
        return tuple(one for one in self.files if one.parts)

    @property
    def parts(self) -> tuple[str, ...]:
        """Digests of all parts that it is made of, each once."""
        return tuple(dict.fromkeys(part for one in self.files for part in one.parts))


def read(body: bytes) -> Asked:
    """Read a JSON submission.

    Raises:
        SubmissionRefused: E-FMT-008 with every place at fault; E-FMT-009 when an inline content
            is not what its size or SHA-256 says.
    """
    faults: Faults = []
    try:
        form = Form.of(body, faults)
    except NotJson as bad:
        raise _refused("E-FMT-008", [("", f"không phải JSON / not JSON: {bad}")]) from bad
    facts, extra, change = _facts(form), _extra(form), _change(form)
    files = tuple(_file(one) for one in form.each("attachments"))
    form.close()
    if faults:
        raise _refused("E-FMT-008", faults)
    wrong = [fault for one in files if not one.parts for fault in _disagreeing(one)]
    if wrong:
        raise _refused("E-FMT-009", wrong)
    sender = str(facts["sender"])
    return Asked(sender, facts, extra, files, _identity(form.members, files), change)


def check_parts(asked: Asked, here: Collection[str]) -> None:
    """Refuse a submission some parts of which did not come.

    Raises:
        SubmissionRefused: E-PRT-001 naming each of them.
    """
    missing = [
        (f"{one.pointer}/parts/{position}", digest)
        for one in asked.files
        for position, digest in enumerate(one.parts)
        if digest not in here
    ]
    if missing:
        raise _refused("E-PRT-001", missing)


def check_whole(asked: Asked, found: Mapping[str, tuple[int, str]]) -> None:
    """Refuse a submission whose parts are together not what it says.

    Args:
        asked: what was read.
        found: size and SHA-256 of each file that was sent in parts, by its pointer.

    Raises:
        SubmissionRefused: E-FMT-009.
    """
    wrong = [
        fault
        for one in asked.files
        if one.pointer in found
        for fault in _differing(one, *found[one.pointer])
    ]
    if wrong:
        raise _refused("E-FMT-009", wrong)


def outline(asked: Asked, names: Callable[[str], str]) -> Document:
    """Make a large document: files that were sent in parts stay where they are."""
    files = [
        (one.name, Stored(one.size, one.sha256) if one.parts else one.content)
        for one in asked.files
    ]
    return _made(asked, names, files)


def assemble(asked: Asked, names: Callable[[str], str], parts: Mapping[str, bytes]) -> Document:
    """Make the document.

    Args:
        asked: what was read.
        names: name of an organ by its code, "" when unknown.
        parts: the bytes of each of its parts by their SHA-256.

    Raises:
        SubmissionRefused: E-FMT-009 when the parts are together not what the submission says.
    """
    whole = [
        replace(one, content=b"".join(parts[digest] for digest in one.parts)) if one.parts else one
        for one in asked.files
    ]
    wrong = [fault for one in whole if one.parts for fault in _disagreeing(one)]
    if wrong:
        raise _refused("E-FMT-009", wrong)
    return _made(asked, names, [(one.name, one.content) for one in whole])


def _made(
    asked: Asked, names: Callable[[str], str], files: Sequence[tuple[str, bytes | Stored]]
) -> Document:
    facts = dict(asked.facts)
    to = {organ: names(organ) for organ in facts.pop("to")}
    made = new_document(to=to, files=files, sender_name=names(asked.organ_from), **facts)
    described = tuple(map(_described, made.attachments, asked.files))
    manifest = tuple(
        replace(reference, content_type=one.content_type)
        for reference, one in zip(made.manifest, described, strict=True)
    )
    return replace(made, attachments=described, manifest=manifest, **asked.extra)


def placed(refused: SubmissionRefused) -> SubmissionRefused:
    """A refusal by a rule on the envelope, its place told in the JSON that was submitted."""
    refused.pointer = json_place(refused.pointer)
    return refused


def json_place(element: str) -> str:
    """Where a path of the envelope stands in the JSON; recipients are counted from 1 there, from
    0 here."""
    if not element or element.startswith(("/", "properties/")):
        return element
    plain, bracket, after = element.partition("[")
    position = after.partition("]")[0]
    for path in sorted(PLACES, key=len, reverse=True):
        if plain == path or plain.startswith(f"{path}/"):
            return PLACES[path] + (f"/{int(position) - 1}" if bracket else "")
    return ""


def _facts(form: Form) -> dict[str, Any]:
    code = form.inner("code", required=True)
    facts = {
        "sender": form.text("organ_from", required=True),
        "to": _recipients(form),
        "number": _typed(code.text("number", required=True)),
        "notation": _typed(code.text("notation", required=True)),
        "subject": form.text("subject", required=True),
        "date": _day(form, "promulgation_date", required=True),
        "type_name": _type_name(form.text("document_type")),
        "place": form.text("promulgation_place"),
        "priority": form.whole("priority", 0, 4) or 0,
    }
    code.close()
    return facts


def _recipients(form: Form) -> tuple[str, ...]:
    """Kept as given: that one stands twice, or none at all, the rules on recipients tell."""
    organs = form.texts("organs_to", required=True)
    seen: set[str] = set()
    for position, organ in enumerate(organs):
        if organ and organ in seen:
            form.faults.append(
                (f"{form.place('organs_to')}/{position}", "ghi hai lần / named twice")
            )
        seen.add(organ)
    if form.has("organs_to") and not organs and form.members["organs_to"] == []:
        form.fault("organs_to", "cần ít nhất một nơi nhận / at least one recipient is needed")
    return organs


def _extra(form: Form) -> dict[str, Any]:
    extra: dict[str, Any] = {}
    due = _day(form, "due_date")
    if due is not None:
        extra["due_date"] = due.strftime("%Y/%m/%d")
    signer = form.inner("signer")
    signatory = Signatory(
        competence=signer.text("competence") or None,
        position=signer.text("position") or None,
        full_name=signer.text("full_name") or None,
    )
    signer.close()
    if signatory != Signatory():
        extra["signatory"] = signatory
    places = form.texts("to_places")
    if places:
        extra["to_places"] = Texts(items=places)
    responses = tuple(_response(one) for one in form.each("responses_to"))
    if responses:
        extra["responses_to"] = responses
    return extra


def _change(form: Form) -> Change | None:
    older, replaced = form.text("updates"), form.texts("replaces")
    reason = form.text("reason")
    if older and replaced:
        form.fault("updates", "không đi cùng replaces / does not go with replaces")
    if reason and not older and not replaced:
        form.fault("reason", "cần updates hoặc replaces / needs updates or replaces")
    if older:
        return Change(UPDATE, (older,), reason)
    return Change(REPLACE, tuple(dict.fromkeys(replaced)), reason) if replaced else None


def _response(form: Form) -> ResponseFor:
    day = _day(form, "promulgation_date")
    response = ResponseFor(
        organ_id=form.text("organ_id", required=True),
        code=_typed(form.text("code")) or None,
        promulgation_date=day.strftime("%Y/%m/%d") if day else None,
        document_id=form.text("document_id") or None,
    )
    form.close()
    return response


def _file(form: Form) -> File:
    inline = form.has("base64")
    parts = form.texts("parts")
    for position, digest in enumerate(parts):
        if digest and not _is_sha256(digest):
            form.faults.append((f"{form.place('parts')}/{position}", "SHA-256, 64 x 0-9 a-f"))
    if inline == form.has("parts"):
        form.faults.append(
            (form.pointer, "cần đúng một trong hai: base64, parts / exactly one of both is needed")
        )
    elif form.has("parts") and not parts:
        form.fault("parts", "không được rỗng / must not be empty")
    content = _decoded(form) if inline else b""
    given = form.text("sha256", required=not inline, pattern=SHA256_FORM, form="64 x 0-9 a-f")
    size = form.whole("size", 0, SIZE_MAX)
    if size is None and not inline and not form.has("size"):
        form.fault("size", "còn thiếu / is missing")
    file = File(
        name=form.text("name", required=True),
        content_type=form.text("content_type", pattern=CONTENT_TYPE_FORM, form="type/subtype"),
        description=form.text("description"),
        sha256=given or (hashlib.sha256(content).hexdigest() if inline else ""),
        size=len(content) if size is None else size,
        parts=parts,
        content=content,
        pointer=form.pointer,
    )
    form.close()
    return file


def _decoded(form: Form) -> bytes:
    text = form.members.get("base64")
    if not isinstance(text, str):
        form.fault("base64", "phải là một chuỗi / must be a string")
        return b""
    try:
        return pybase64.b64decode(text, validate=True)
    except ValueError:
        form.fault("base64", "không phải base64 chuẩn (RFC 4648 §4) / not standard base64")
        return b""


def _disagreeing(one: File) -> Faults:
    """Where a content is not what was said of it."""
    return _differing(one, len(one.content), hashlib.sha256(one.content).hexdigest())


def _differing(one: File, size: int, found: str) -> Faults:
    faults: Faults = []
    if size != one.size:
        faults.append((f"{one.pointer}/size", f"{one.size:,} != {size:,} byte"))
    if found != one.sha256:
        faults.append((f"{one.pointer}/sha256", f"nội dung là / the content is {found}"))
    return faults


def _described(made: Attachment, asked: File) -> Attachment:
    return replace(
        made,
        content_type=asked.content_type or made.content_type,
        description=asked.description or None,
    )


def _identity(members: Mapping[str, Any], files: Sequence[File]) -> str:
    """SHA-256 of the canonical JSON with each attachment by its name and digest."""
    attachments = [
        {
            "name": one.name,
            "content_type": one.content_type,
            "description": one.description,
            "sha256": one.sha256,
        }
        for one in files
    ]
    kept = {name: value for name, value in members.items() if value is not None}
    text = json.dumps(
        kept | {"attachments": attachments},
        ensure_ascii=False,
        sort_keys=True,
        separators=(",", ":"),
    )
    return hashlib.sha256(text.encode()).hexdigest()


def _day(form: Form, name: str, *, required: bool = False) -> date | None:
    text = form.text(name, required=required, pattern=DAY_FORM, form="yyyy-MM-dd")
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        form.fault(name, "không có ngày này / no such day")
        return None


def _type_name(text: str) -> str:
    """The official name of a type that was given in any way; a text of no type as it is."""
    found = document_types.find(text) if text else None
    return found.name if found else text


def _typed(text: str) -> str:
    """Typed on any keyboard, number and notation name the same document."""
    return unicodedata.normalize("NFC", text)


def _is_sha256(text: str) -> bool:
    return len(text) == 64 and set(text) <= set("0123456789abcdef")  # hex digits


def _refused(code: str, faults: Faults) -> SubmissionRefused:
    known = PROBLEMS[code]
    pointer, first = faults[0]
    more = f" (+{len(faults) - 1})" if len(faults) > 1 else ""
    return SubmissionRefused(
        code,
        known.vi,
        known.en,
        detail=f"{pointer or '/'}: {first}{more}",
        pointer=pointer,
        retryable=known.again,
        errors=faults[:FAULTS_MAX],
    )
