"""Timestamp tokens (dấu thời gian, RFC 3161): what to ask an authority, and what a token proves.

A token says: the bytes of this digest existed at `gen_time`, and the authority's key signed that.
It counts only when every question has a good answer; each has its own reason (`timestamp_refused`).

Source: RFC 3161, RFC 5816. Not judged here: whether the authority's certificate was revoked.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from asn1crypto import cms, core, tsp

from keys import signed_data
from keys.certificates import Certificate
from keys.signed_data import HASHES, MALFORMED, Refusal
from keys.timestamp_refused import TOKEN_MAX, TimestampRefused
from keys.trust import Path, Trust

RESPONSE_MAX: Final = TOKEN_MAX + 4 * 1024  # bytes; a status and its text around the token
ACCURACY_MAX: Final = timedelta(minutes=1)  # ours; public authorities say 1 s or better
NONCE_BITS: Final = 64  # of a request; RFC 3161, clause 2.4.1 asks for "large"


class _Response(core.Sequence):  # type: ignore[misc]  # asn1crypto has no types
    """TimeStampResp; a refusal has no token, which asn1crypto's own class does not allow."""

    _fields = [  # noqa: RUF012  # of asn1crypto
        ("status", tsp.PKIStatusInfo),
        ("time_stamp_token", cms.ContentInfo, {"optional": True}),
    ]


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked of an authority.

    Args:
        imprint: SHA-256 of what is to be stamped, 32 bytes.
        nonce: a random number that nobody could guess; the token has to repeat it.
        policy: dotted OID under which to stamp, "" for the authority's own choice.
    """

    imprint: bytes
    nonce: int
    policy: str = ""

    def to_der(self) -> bytes:
        """TimeStampReq; it asks for the authority's certificate, too."""
        asked = {
            "version": "v1",
            "message_imprint": {
                "hash_algorithm": {"algorithm": "sha256"},
                "hashed_message": self.imprint,
            },
            "nonce": self.nonce,
            "cert_req": True,
        }
        if self.policy:
            asked["req_policy"] = self.policy
        der: bytes = tsp.TimeStampReq(asked).dump()
        return der


@dataclass(frozen=True, slots=True)
class Token:
    """A token that passed every question.

    Args:
        gen_time: when the bytes existed, aware UTC.
        accuracy: by how much the authority says that may be wrong; None if it says nothing.
        policy: dotted OID.
        serial: of the token, with this authority.
        nonce: None if there is none.
        digest: name of the digest of the imprint.
        imprint: the digest of what was stamped.
        signer: the authority's certificate.
        path: from it to an anchor, valid at `gen_time`.
    """

    gen_time: datetime
    accuracy: timedelta | None
    policy: str
    serial: int
    nonce: int | None
    digest: str
    imprint: bytes
    signer: Certificate = field(repr=False)
    path: Path = field(repr=False)


def token_of(response: bytes) -> bytes:
    """The token in an authority's answer, DER; nothing of it is proven.

    Raises:
        TimestampRefused: TSA_REFUSED with the authority's own words, TOKEN_MALFORMED.

    Source: RFC 3161, clause 2.4.2.
    """
    if len(response) > RESPONSE_MAX:
        raise TimestampRefused("TOKEN_MALFORMED", f"an answer of over {RESPONSE_MAX:,} bytes")
    try:
        answer = _Response.load(response, strict=True)
        status = answer["status"]
        granted = status["status"].native in ("granted", "granted_with_mods")
        said = [str(one) for one in status["status_string"].native or ()]
        failed = sorted(status["fail_info"].native or ())
        token = answer["time_stamp_token"]
        der: bytes = b"" if token.native is None else token.dump()
    except MALFORMED as error:
        raise TimestampRefused("TOKEN_MALFORMED", f"{error}"[:200]) from error
    except RecursionError as error:
        raise TimestampRefused("TOKEN_MALFORMED", "nested too deeply") from error
    if not granted:
        words = ", ".join([*failed, *said])[:200] or "it gives no reason"
        raise TimestampRefused("TSA_REFUSED", f"{status['status'].native}: {words}")
    if not der:
        raise TimestampRefused("TOKEN_MALFORMED", "granted, and no token in it")
    return der


def verify(
    token: bytes,
    *,
    trust: Trust,
    imprint: bytes | None = None,
    stamped: bytes | None = None,
    nonce: int | None = None,
    policies: Collection[str] = (),
) -> Token:
    """Check a token; when this returns, what it is about existed at `gen_time`.

    Args:
        token: DER of the ContentInfo.
        trust: anchors for timestamps (`Trust.for_timestamps`).
        imprint: SHA-256 that it has to be about; or
        stamped: the bytes themselves, digested as the token says (SHA-256, -384 or -512).
        nonce: of our request; None of a token that was not just asked for.
        policies: dotted OIDs that are accepted; () for any.

    Raises:
        TimestampRefused: with its reason; never anything else, whatever the bytes are.
    """
    if imprint is None and stamped is None:
        raise ValueError("a token is checked against something")
    if len(token) > TOKEN_MAX:
        raise TimestampRefused("TOKEN_MALFORMED", f"a token of over {TOKEN_MAX:,} bytes")
    try:
        signed = signed_data.read(token, "tst_info")
        found = _facts(signed)
        _fits(found, imprint, stamped, nonce, policies)
        path = trust.path(signed.signer, signed.others, found["gen_time"])
    except Refusal as refusal:
        raise TimestampRefused(refusal.reason, refusal.detail) from refusal
    except MALFORMED as error:
        raise TimestampRefused("TOKEN_MALFORMED", f"{error}"[:200]) from error
    if path.problem:
        raise TimestampRefused("TOKEN_UNTRUSTED", f"{path.problem}: {path.detail}")
    return Token(**found, signer=signed.signer, path=path)


def _facts(signed: signed_data.SignedContent) -> dict[str, Any]:
    """What TSTInfo says. Raises Refusal, and what asn1crypto raises."""
    info = tsp.TSTInfo.load(signed.content, strict=True)
    if info["version"].native != "v1":
        raise Refusal("TOKEN_MALFORMED", f"version {info['version'].native}")
    for extension in info["extensions"]:
        if extension["critical"].native:
            raise Refusal("TOKEN_MALFORMED", f"critical extension {extension['extn_id'].native}")
    gen_time = info["gen_time"].native
    if not bytes(info["gen_time"].contents).endswith(b"Z"):  # RFC 3161, clause 2.4.2
        raise Refusal("TOKEN_MALFORMED", "its time is not written in UTC")
    named = info["tsa"]
    if (
        named.native is not None
        and named.name == "directory_name"
        and named.chosen != cms.Certificate.load(signed.signer.der).subject
    ):
        raise Refusal("TOKEN_SIGNER", f"it names another authority than {signed.signer.subject}")
    return {
        "gen_time": gen_time,
        "accuracy": _accuracy(info["accuracy"].native),
        "policy": info["policy"].dotted,
        "serial": info["serial_number"].native,
        "nonce": info["nonce"].native,
        "digest": str(info["message_imprint"]["hash_algorithm"]["algorithm"].native),
        "imprint": info["message_imprint"]["hashed_message"].native,
    }


def _accuracy(given: dict[str, int | None] | None) -> timedelta | None:
    if given is None:
        return None
    accuracy = timedelta(
        seconds=given["seconds"] or 0,
        milliseconds=given["millis"] or 0,
        microseconds=given["micros"] or 0,
    )
    if not timedelta(0) <= accuracy <= ACCURACY_MAX:
        raise Refusal("TOKEN_ACCURACY", f"{accuracy}; at most {ACCURACY_MAX}")
    return accuracy


def _fits(
    found: dict[str, Any],
    imprint: bytes | None,
    stamped: bytes | None,
    nonce: int | None,
    policies: Collection[str],
) -> None:
    """Whether the token is the one that was wanted."""
    digest = str(found["digest"])
    if digest not in HASHES:
        raise Refusal("TOKEN_ALGORITHM", f"imprint by {digest}")
    if imprint is not None and digest != "sha256":
        raise Refusal("TOKEN_IMPRINT", f"an imprint by {digest}; SHA-256 was asked for")
    wanted = imprint if stamped is None else hashlib.new(digest, stamped).digest()
    if found["imprint"] != wanted:
        raise Refusal("TOKEN_IMPRINT", "its digest is not that of what should be stamped")
    if nonce is not None and found["nonce"] != nonce:
        raise Refusal("TOKEN_NONCE", "its nonce is not that of the request")
    if policies and found["policy"] not in policies:
        raise Refusal("TOKEN_POLICY", f"{found['policy']}; accepted: {', '.join(policies)}")
