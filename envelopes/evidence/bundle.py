"""Evidence bundles (hồ sơ bằng chứng): what is in one, and making it.

    mimetype, META-INF/       `asic`: one signature over all that follows
    README.txt                for people
    bundle.json               who made it, about which document, how each delivery stood
    directory.json            what the maker's directory says of the organs concerned
    envelope.edxml            the document, byte for byte
    certificates/             those that signed, from the envelopes; <SHA-256 of the DER>.pem
    evidence/                 CRLs and OCSP answers as they came, DER: <name>.crl, <name>.ocsp
    journal/proof.json        journal lines with their paths to a signed checkpoint (`proof`)
    receipts/                 every status about the document: <organ>-<code>-<n>.edxml
    timestamps/               stamps (`stamp`): <SHA-256 of the stamped file>-<n>.tst, a token in
                              DER; or .tst.json, a token and its path
    SHA256SUMS                for sha256sum; the signature holds the same digests

Nothing here is proven by being in a bundle; `bundle_judge` judges.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, BinaryIO, Final

from keys.signer import Signer

from ..errors import Malformed
from . import asic
from .archive import Writer
from .asic import File

CONTENTS_SCHEMA: Final = "docexchange/bundle-contents/v1"
CONTENTS, DIRECTORY, ENVELOPE = "bundle.json", "directory.json", "envelope.edxml"
JOURNAL, README, SUMS = "journal/proof.json", "README.txt", "SHA256SUMS"
RECEIPTS, CERTIFICATES = "receipts/", "certificates/"
EVIDENCE, TIMESTAMPS = "evidence/", "timestamps/"
REQUIRED: Final = (README, CONTENTS, DIRECTORY, ENVELOPE, JOURNAL, SUMS)
_KNOWN: Final = re.compile(
    r"receipts/[^/]+\.edxml|certificates/[0-9a-f]{64}\.pem|evidence/[^/]+\.(?:crl|ocsp)"
    r"|timestamps/[0-9a-f]{64}-[0-9]+\.tst(?:\.json)?"
)
CONTENTS_MAX: Final = 8 * 1024 * 1024  # bytes of bundle.json: 5,000 deliveries of 300
SENDER, RECEIVER = "sender", "receiver"

Parts = Callable[[], Iterable[bytes]]  # gives a content, piece by piece, when it is its turn


@dataclass(frozen=True, slots=True)
class Account:
    """How a delivery stood, in the maker's words (lượt gửi).

    Args:
        organ: the recipient.
        state: queued, sent, acknowledged or undeliverable; of an arrival, arrived.
        reason: why it is so, "" if there is nothing to explain.
        code: processing status, "" if none.
    """

    organ: str
    state: str
    reason: str = ""
    code: str = ""


@dataclass(frozen=True, slots=True)
class Contents:
    """What bundle.json says: the maker's word.

    Args:
        role: SENDER or RECEIVER.
        organ: whose node made the bundle.
        tracking_id: under which its journal speaks of the document.
        sha256, size: of envelope.edxml.
        at: when the document was queued, or arrived; aware.
        accounts: one for each delivery; of an arrival, the one.
    """

    role: str
    organ: str
    tracking_id: str
    sha256: str
    size: int
    at: datetime
    accounts: tuple[Account, ...]

    def to_json_dict(self) -> dict[str, Any]:
        """As it is written."""
        return {
            "schema": CONTENTS_SCHEMA,
            "role": self.role,
            "organ": self.organ,
            "tracking_id": self.tracking_id,
            "envelope": {"sha256": self.sha256, "size": self.size},
            "at": self.at.astimezone(UTC).isoformat().replace("+00:00", "Z"),
            "deliveries": [
                {"organ": one.organ, "state": one.state, "reason": one.reason, "code": one.code}
                for one in self.accounts
            ],
        }


def read_contents(data: bytes) -> Contents:
    """Read bundle.json. Raises Malformed."""
    given = read_json(data, CONTENTS)
    if given.get("schema") != CONTENTS_SCHEMA:
        raise Malformed(f"schema is not {CONTENTS_SCHEMA}", element=CONTENTS)
    try:
        found = Contents(
            _text(given["role"]),
            _text(given["organ"]),
            _text(given["tracking_id"]),
            _text(given["envelope"]["sha256"]),
            int(given["envelope"]["size"]),
            datetime.fromisoformat(_text(given["at"])),
            tuple(
                Account(*(_text(one[name]) for name in ("organ", "state", "reason", "code")))
                for one in given["deliveries"]
            ),
        )
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise Malformed(f"{type(error).__name__}: {error}", element=CONTENTS) from error
    if found.role not in (SENDER, RECEIVER) or found.at.tzinfo is None:
        raise Malformed("role or time is none", element=CONTENTS)
    return found


def read_json(data: bytes, name: str) -> Mapping[str, Any]:
    """A JSON object of a bundle. Raises Malformed."""
    try:
        given = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise Malformed(f"no JSON: {error}", element=name) from error
    if not isinstance(given, dict):
        raise Malformed("no JSON object", element=name)
    return given


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value


def write_json(value: Mapping[str, Any]) -> bytes:
    """JSON as it stands in a bundle: the same value makes the same bytes."""
    return (json.dumps(value, ensure_ascii=False, indent=1) + "\n").encode()


def known(name: str) -> bool:
    """Whether a file of this name has a place in a bundle."""
    return name in REQUIRED or bool(_KNOWN.fullmatch(name))


def order(names: Iterable[str]) -> tuple[str, ...]:
    """The order of the signed files in a bundle: by name, the sums last."""
    return tuple(sorted(names, key=lambda name: (name == SUMS, name)))


def sums(files: Sequence[File]) -> bytes:
    """SHA256SUMS of the files before it."""
    return "".join(f"{one.sha256}  {one.name}\n" for one in files if one.name != SUMS).encode()


def names_of(receipts: Iterable[tuple[str, str]]) -> list[str]:
    """Names for receipts, given as (organ, code), in this order: <organ>-<code>-<n>, where n counts
    those of the same organ and code; whatever no file name should have becomes a hyphen."""
    seen: dict[str, int] = {}
    names = []
    for organ, code in receipts:
        plain = re.sub(r"[^A-Za-z0-9.]", "-", f"{organ[:64]}-{code[:8]}").strip("-.") or "status"
        seen[plain.lower()] = count = seen.get(plain.lower(), 0) + 1
        names.append(f"{RECEIPTS}{plain}-{count}.edxml")
    return names


def make(out: BinaryIO, files: Mapping[str, Parts], signer: Signer, at: datetime) -> None:
    """Write a bundle, in a few megabytes of memory.

    The same files, signer and time make the same bytes, if the signer makes the same value twice
    (RSA PKCS#1 v1.5 does).

    Args:
        out: seekable, empty.
        files: all but SHA256SUMS and those of `asic`, each name one that `known` knows.
        signer: of the organ that makes it.
        at: when, aware.

    Raises:
        ArchiveRefused: too many files, 4 GiB or more; `out` is worth nothing then.
        OSError, what a content or the signer raises: likewise.
    """
    names = order([*files, SUMS])
    archive = Writer(out)
    archive.add(asic.MIMETYPE_FILE, [asic.MIMETYPE])
    archive.add(asic.MANIFEST_FILE, [asic.manifest([File(name, "") for name in names])])
    signed: list[File] = []
    for name in names:
        parts = [sums(signed)] if name == SUMS else files[name]()
        _, digest = archive.add(name, parts)
        signed.append(File(name, digest))
    archive.add(asic.SIGNATURES_FILE, [asic.sign(signed, signer, at)])
    archive.finish()
