"""Signing requests as files: JSON, `schema` docexchange/sign-request/v1.

text = json.dumps(as_json(request))      # to the phone
request = read_request(text)             # refused if anything in it was changed
"""

from __future__ import annotations

import base64
import binascii
import json
from datetime import datetime
from hashlib import new as new_hash
from hashlib import sha256
from typing import Any, Final

from keys.certificates import Certificate
from keys.errors import KeysError
from keys.remote import remote_key

from . import dsig
from .errors import Malformed, SignatureRefused
from .gate import BYTES_MAX
from .model import Document
from .request import SigningRequest, restore, utc_text
from .request_words import in_words

SCHEMA: Final = "docexchange/sign-request/v1"


def as_json(request: SigningRequest) -> dict[str, Any]:
    """The request as it is written to a file: `schema` docexchange/sign-request/v1."""
    algorithm, leaf = request.key.algorithm, request.key.chain[0]
    envelope = request.envelope
    return {
        "schema": SCHEMA,
        "request_id": request.request_id,
        "created_at": utc_text(request.signing_time),
        "expires_at": utc_text(request.expires),
        "signing_time": utc_text(request.signing_time),
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
            "not_after": utc_text(leaf.not_after),
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
        raise _changed(f"its certificates: {error}", f"chứng thư trong đó: {error.vi}") from error
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
