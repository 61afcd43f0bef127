"""Signing in two steps: a request that goes to whoever holds the key, and the envelope made of the
signature that comes back.

    request = ask(document, key, at=now, expires=later)
    done = complete(request, value, at=now)            # done.data is the signed envelope

Only five facts of a request decide anything: the envelope without its signature, the certificates,
the algorithm, the signing time and the expiry. All the rest (bytes to sign, digests, words, names)
follows from them; in a file (`request_json`) it is written down for those who sign, and derived
again and compared when the file is read. So the words are those of the very bytes whose digest is
signed, and a request in which anything was changed is refused; a changed envelope has another
digest, for which the signature is none.

The signing time is that of the request, since the signature covers it: XAdES SigningTime is what
the signer claims, and the key signs a digest that has it inside.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from typing import Final

from keys.remote import RemoteKey, read_value, value_size, why_not

from . import dsig, edxml
from .errors import Malformed, RequestExpired, SignatureRefused
from .findings import Finding
from .gate import BYTES_MAX
from .model import Document
from .pack import Unsigned, prepare
from .pack import complete as finish

_FORMS: Final[Mapping[str, str]] = {
    "base64": "W-SIG-011",
    "der": "W-SIG-012",
    "high s": "W-SIG-013",
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
        facts = self.to_sign + utc_text(self.expires).encode()
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
            f"the certificate {leaf.subject} is valid from {utc_text(leaf.not_before)} to "
            f"{utc_text(leaf.not_after)}, not now",
            f"chứng thư {leaf.subject} có hiệu lực từ {utc_text(leaf.not_before)} đến "
            f"{utc_text(leaf.not_after)}, không phải lúc này",
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
        until = utc_text(request.expires)
        raise RequestExpired(
            f"the request was good until {until}; prepare a new one and have that signed",
            f"yêu cầu ký đã hết hạn lúc {until}; hãy lập yêu cầu mới rồi ký lại",
        )
    found = read_value(request.key, given, request.to_sign)
    if found is None:
        raise _refused(request, why_not(request.key, given, request.to_sign))
    normal = dsig.normal(request.key.algorithm, found.value)
    was = found.was if normal == found.value else (*found.was, "high s")
    findings = (Finding(_FORMS[form], 0, "SignatureValue", "") for form in was)
    return Completed(finish(request.unsigned, normal), tuple(findings))


def _refused(request: SigningRequest, why: str) -> SignatureRefused:
    facts = {"subject": request.key.chain[0].subject, "size": value_size(request.key)}
    english, vietnamese = (text.format(**facts) for text in _REFUSALS[why])
    return SignatureRefused(why.upper(), english, vietnamese)


def utc_text(at: datetime) -> str:
    """A time as requests write it: 2026-11-22T08:00:00Z."""
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
