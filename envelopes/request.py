"""Signing in two steps: a request that goes to whoever holds the key, and the envelope made of the
signature that comes back.

    request = ask(document, key, at=now, expires=later)
    text = as_json(request)                            # to the phone
    done = complete(read_request(text), value, at=now) # done.data is the signed envelope

Only five facts of a request decide anything: the envelope without its signature, the certificates,
the algorithm, the signing time and the expiry. All the rest (bytes to sign, digests, words, names)
follows from them, is written down for those who sign, and is derived again and compared when a
request is read. So the words are those of the very bytes whose digest is signed, and a request in
which anything was changed is refused; a changed envelope has another digest, for which the
signature is none.

The signing time is that of the request, since the signature covers it: XAdES SigningTime is what
the signer claims, and the key signs a digest that has it inside.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import new as new_hash
from hashlib import sha256
from typing import Any, Final

from keys.certificates import Certificate
from keys.errors import KeysError
from keys.remote import RemoteKey, read_value, remote_key, value_size, why_not

from . import dsig, edxml
from .errors import Malformed, RequestExpired, SignatureRefused
from .findings import Finding
from .gate import BYTES_MAX
from .model import Document
from .pack import Unsigned, prepare
from .pack import complete as finish
from .request_words import in_words

SCHEMA: Final = "docexchange/sign-request/v1"

_FORMS: Final[Mapping[str, tuple[str, str]]] = {
    "base64": ("W-SIG-011", "the value came as base64 text; decoded"),
    "der": ("W-SIG-012", "the ECDSA value came in DER; written as r || s (XML Signature 6.4.3)"),
    "high s": ("W-SIG-013", "the ECDSA value had the larger s; written with the smaller one"),
}
_REFUSALS: Final[Mapping[str, tuple[str, str]]] = {
    "damaged": (
        "this is no signature value of the key of {subject}: it is cut off or damaged, or of "
        "another kind of key; give the {size} bytes as the signer returned them",
        "đây không phải giá trị chữ ký của khoá {subject}: bị cắt, bị hỏng, hoặc của loại khoá "
        "khác; hãy đưa đúng {size} byte mà thiết bị ký trả về",
    ),
    "hashed_twice": (
        "the key of {subject} signed the digest as if it were the data (hashed twice): let it "
        "sign to_sign, or take to_sign_digest as the digest",
        "khoá {subject} đã ký giá trị băm như ký dữ liệu (băm hai lần): hãy ký to_sign, hoặc "
        "dùng to_sign_digest làm giá trị băm",
    ),
    "other_data": (
        "the key is the right one ({subject}), but it signed something else: take the signature "
        "that answers this request",
        "đúng khoá ({subject}) nhưng ký cho nội dung khác: hãy lấy chữ ký trả lời đúng yêu cầu này",
    ),
    "other_key": (
        "the signature is not one of {subject} over this document: another key signed, or "
        "something else was signed",
        "chữ ký không phải của {subject} cho văn bản này: khoá khác đã ký, hoặc ký nội dung khác",
    ),
}


@dataclass(frozen=True, slots=True)
class SigningRequest:
    """What somebody elsewhere is asked to sign; made by `ask` or `restore`, so its parts agree.

    Args:
        message: what the envelope says.
        key: certificates and algorithm that must sign.
        unsigned: the envelope up to the signature's value.
        signing_time: when it was asked; the SigningTime of the signature, whole seconds.
        expires: first instant at which the signature comes too late.
    """

    message: Document = field(repr=False)
    key: RemoteKey
    unsigned: Unsigned = field(repr=False)
    signing_time: datetime
    expires: datetime

    @property
    def to_sign(self) -> bytes:
        """Canonical SignedInfo: the bytes for the key."""
        return self.unsigned.to_sign

    @property
    def envelope(self) -> bytes:
        """The canonical envelope without its signature."""
        return self.unsigned.before + self.unsigned.after

    @property
    def request_id(self) -> str:
        """Its name: 32 hex digits that follow from what is to be signed and until when."""
        facts = self.to_sign + _time(self.expires).encode()
        return sha256(facts).hexdigest()[:32]

    @property
    def signed_size(self) -> int:
        """Bytes of the envelope once it is signed."""
        element = dsig.complete(self.unsigned.signature, bytes(value_size(self.key)))
        return len(self.unsigned.before) + len(element) + len(self.unsigned.after)


@dataclass(frozen=True, slots=True)
class Completed:
    """A signed envelope, and what was odd about the value that completed it."""

    data: bytes = field(repr=False)
    findings: tuple[Finding, ...] = ()


def ask(document: Document, key: RemoteKey, *, at: datetime, expires: datetime) -> SigningRequest:
    """Make a request.

    Args:
        document: what is to be sent, its trace included.
        key: who must sign.
        at: now, aware; becomes the signing time.
        expires: aware; the end of the certificate, if that is earlier, takes its place.

    Raises:
        Malformed: as `envelopes.pack.prepare`.
        SignatureRefused: CERTIFICATE, it is not valid at `at`.
    """
    leaf = key.chain[0]
    if not leaf.not_before <= at < leaf.not_after:
        raise SignatureRefused(
            "CERTIFICATE",
            f"the certificate {leaf.subject} is valid from {_time(leaf.not_before)} to "
            f"{_time(leaf.not_after)}, not now",
            f"chứng thư {leaf.subject} có hiệu lực từ {_time(leaf.not_before)} đến "
            f"{_time(leaf.not_after)}, không phải lúc này",
        )
    signing_time = at.astimezone(UTC).replace(microsecond=0)
    until = min(expires, leaf.not_after).astimezone(UTC).replace(microsecond=0)
    envelope = edxml.write(document)
    return restore(envelope, key, signing_time=signing_time, expires=until)


def restore(
    envelope: bytes,
    key: RemoteKey,
    *,
    signing_time: datetime,
    expires: datetime,
    limit: int = BYTES_MAX,
) -> SigningRequest:
    """Make a request of the facts that decide it, as `ask` made it.

    Raises:
        Malformed: the envelope is none that our writer wrote, or not a document.
    """
    message, _ = edxml.read(envelope, limit=limit)
    if not isinstance(message, Document):
        raise Malformed("a status is signed by the node itself; only documents are sent to sign")
    unsigned = prepare(message, key.chain, key.algorithm, signing_time)
    if unsigned.before + unsigned.after != envelope:
        raise Malformed("the envelope is not in our canonical form: what it says is not all of it")
    return SigningRequest(message, key, unsigned, signing_time, expires)


def complete(request: SigningRequest, given: bytes, *, at: datetime) -> Completed:
    """The signed envelope, of the value that the key gave.

    Args:
        request: what was asked.
        given: as the signer returned it: raw, ECDSA in DER or r || s, or base64 text of these.
        at: now, aware.

    Raises:
        RequestExpired: it came too late, whatever it is.
        SignatureRefused: the reason says whether it is damaged, of another key, or over other
            data; nothing was made.
    """
    if at >= request.expires:
        until = _time(request.expires)
        raise RequestExpired(
            f"the request was good until {until}; prepare a new one and have that signed",
            f"yêu cầu ký đã hết hạn lúc {until}; hãy lập yêu cầu mới rồi ký lại",
        )
    found = read_value(request.key, given, request.to_sign)
    if found is None:
        raise _refused(request, why_not(request.key, given, request.to_sign))
    normal = dsig.normal(request.key.algorithm, found.value)
    was = found.was if normal == found.value else (*found.was, "high s")
    findings = (
        Finding(code, 0, "SignatureValue", text) for code, text in map(_FORMS.__getitem__, was)
    )
    return Completed(finish(request.unsigned, normal), tuple(findings))


def _refused(request: SigningRequest, why: str) -> SignatureRefused:
    facts = {"subject": request.key.chain[0].subject, "size": value_size(request.key)}
    english, vietnamese = (text.format(**facts) for text in _REFUSALS[why])
    return SignatureRefused(why.upper(), english, vietnamese)


# -- as JSON ----------------------------------------------------------------------------------


def as_json(request: SigningRequest) -> dict[str, Any]:
    """The request as it is written to a file: `schema` docexchange/sign-request/v1."""
    algorithm, leaf = request.key.algorithm, request.key.chain[0]
    envelope = request.envelope
    return {
        "schema": SCHEMA,
        "request_id": request.request_id,
        "created_at": _time(request.signing_time),
        "expires_at": _time(request.expires),
        "signing_time": _time(request.signing_time),
        "words": {lang: in_words(request.message, lang) for lang in ("vi", "en")},
        "algorithm": {
            "name": algorithm.name,
            "uri": algorithm.uri,
            "digest": algorithm.digest,
            "value": "r || s, or DER" if algorithm.key_type == "ec" else algorithm.padding,
        },
        "to_sign": _base64(request.to_sign),
        "to_sign_digest": _digest(algorithm.digest, request.to_sign),
        "certificate": {
            "subject": leaf.subject,
            "issuer": leaf.issuer,
            "organ_id": leaf.organ_id,
            "serial": leaf.serial,
            "sha256": leaf.fingerprint,
            "not_after": _time(leaf.not_after),
        },
        "chain": [_base64(one.der) for one in request.key.chain],
        "document": _document(request.message),
        "envelope": {
            "sha256": sha256(envelope).hexdigest(),
            "size": len(envelope),
            "base64": _base64(envelope),
        },
    }


def read_request(data: bytes, *, limit: int = BYTES_MAX) -> SigningRequest:
    """Read a request file; all that follows from its facts is derived again and compared.

    Args:
        data: the JSON.
        limit: largest envelope in it, bytes.

    Raises:
        SignatureRefused: CHANGED_REQUEST, it is none, or something in it was changed.
    """
    try:
        given = json.loads(data, object_pairs_hook=_once)
        request = _restored(given, limit)
    except Malformed as error:
        raise _changed(f"its envelope: {error}", f"phong bì trong đó: {error}") from error
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        what = f"{type(error).__name__} {error}"
        raise _changed(f"not of {SCHEMA}: {what}", f"không đúng {SCHEMA}: {what}") from error
    except KeysError as error:
        raise _changed(f"its certificates: {error}", f"chứng thư trong đó: {error}") from error
    derived = as_json(request)
    wrong = [key for key in {**derived, **given} if derived.get(key) != given.get(key)]
    if wrong:
        names = ", ".join(map(str, wrong))
        raise _changed(
            f"{names}: not what follows from the envelope and certificates in it",
            f"{names}: không khớp với phong bì và chứng thư trong đó",
        )
    return request


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose names differ: of a name that stands twice, another reader takes the other."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice in one object")
    return found


def _restored(given: Any, limit: int) -> SigningRequest:
    if given["schema"] != SCHEMA:
        raise ValueError(f"schema {given['schema']}")
    chain = tuple(Certificate.from_der(_decoded(text)) for text in given["chain"])
    if not 1 <= len(chain) <= dsig.CERTIFICATES_MAX:
        raise ValueError(f"{len(chain)} certificates")
    return restore(
        _decoded(given["envelope"]["base64"]),
        remote_key(chain, given["algorithm"]["name"]),
        signing_time=datetime.fromisoformat(given["signing_time"]),
        expires=datetime.fromisoformat(given["expires_at"]),
        limit=limit,
    )


def _changed(english: str, vietnamese: str) -> SignatureRefused:
    return SignatureRefused(
        "CHANGED_REQUEST",
        f"the signing request is damaged or was changed, it cannot be used: {english}",
        f"tệp yêu cầu ký bị hỏng hoặc đã bị sửa, không dùng được: {vietnamese}",
    )


def _document(message: Document) -> dict[str, Any]:
    code, promulgation, kind = message.code, message.promulgation, message.document_type
    return {
        "from": {"organ_id": message.sender.organ_id, "name": message.sender.name},
        "to": [{"organ_id": one.organ_id, "name": one.name} for one in message.to],
        "document_id": message.document_id,
        "business": message.business,
        "number": code.number if code else None,
        "notation": code.notation if code else None,
        "type": kind.type_name if kind else None,
        "date": promulgation.date if promulgation else None,
        "subject": message.subject,
        "priority": message.priority,
        "attachments": [
            {
                "name": one.name,
                "content_type": one.content_type,
                "size": len(one.content),
                "sha256": sha256(one.content).hexdigest(),
            }
            for one in message.attachments
        ],
    }


def _digest(name: str, data: bytes) -> dict[str, str]:
    value = new_hash(name, data).digest()
    return {"algorithm": name, "hex": value.hex(), "base64": _base64(value)}


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError(f"not base64: {error}") from error


def _time(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
